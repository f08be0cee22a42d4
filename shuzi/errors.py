"""The errors a person can cause or give.

ShuziError        one sentence: what was found, what was expected, what to do
    Stopped       a person pressed Ctrl-C; says what was kept and how to go on

The command line prints them on stderr and exits with their `exit_code`; nothing else that shuzi raises is
meant for a person to act on.
"""


class ShuziError(Exception):
    """Bad input or bad surroundings (file, network, disk, device), said in one sentence."""

    exit_code = 1


class Stopped(ShuziError):
    """A person stopped the work; the sentence says what was kept."""

    exit_code = 130  # as shells report a process ended by Ctrl-C

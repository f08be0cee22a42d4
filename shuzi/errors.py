"""The one error a person can cause.

ShuziError
    One sentence: what was found, what was expected, what to do. The command line prints it on stderr
    and exits with 1; nothing else that shuzi raises is meant for a person to act on.
"""


class ShuziError(Exception):
    """Bad input or a bad surrounding (file, network, disk, device), said in one sentence."""

"""The errors a person can cause or give.

ShuziError        one sentence: what was found, what was expected, what to do
    Stopped       a person pressed Ctrl-C; says what was kept and how to go on

The command line prints them on stderr and exits with their `exit_code`; nothing else that shuzi raises is
meant for a person to act on.
"""

import gc
import importlib
from typing import Any


class ShuziError(Exception):
    """Bad input or bad surroundings (file, network, disk, device), said in one sentence."""

    exit_code = 1


class Stopped(ShuziError):
    """A person stopped the work; the sentence says what was kept."""

    exit_code = 130  # as shells report a process ended by Ctrl-C


def needs(extra: str, module: str) -> Any:  # noqa: ANN401
    """Import a module that takes an extra; say in one sentence how to get what it lacks."""
    gc.disable()  # torch's thousands of modules make no garbage; looking for some takes a tenth of their import
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "shuzi":
            raise
        raise ShuziError(
            f"this needs {error.name}; in the folder of shuzi's source, install it with: pip install '.[{extra}]'"
        ) from error
    finally:
        gc.enable()

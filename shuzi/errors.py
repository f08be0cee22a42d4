"""The errors a person can cause or give.

ShuziError        one sentence: what was found, what was expected, what to do
    Stopped       a person pressed Ctrl-C; says what was kept and how to go on
    OutOfMemory   memory ran out, which says nothing about what was being read

The command line prints them on stderr and exits with their `exit_code`; nothing else that shuzi raises is
meant for a person to act on.
"""

import contextlib
import errno
import gc
import importlib
from collections.abc import Iterator
from typing import Any

# What onnxruntime, OpenCV, the dynamic linker, CUDA and the standard library call a lack of memory.
NO_MEMORY = (
    "bad_alloc",
    "BFCArena",
    "Failed to allocate",
    "Insufficient memory",
    "failed to map segment",
    "out of memory",
    "can't start new thread",
)


class ShuziError(Exception):
    """Bad input or bad surroundings (file, network, disk, device), said in one sentence."""

    exit_code = 1


class Stopped(ShuziError):
    """A person stopped the work; the sentence says what was kept."""

    exit_code = 130  # as shells report a process ended by Ctrl-C


class OutOfMemory(ShuziError):
    """Memory ran out. The same may succeed later, or on a machine with more."""


@contextlib.contextmanager
def enough_memory(doing: str) -> Iterator[None]:
    """Raise OutOfMemory, "Out of memory while `doing`", where an error of any library says that memory ran out."""
    try:
        yield
    except ShuziError:
        raise
    except Exception as error:
        lacking = isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
        if not lacking and not any(words in str(error) for words in NO_MEMORY):
            raise
        raise OutOfMemory(
            f"Out of memory while {doing}; free some memory or read smaller pictures."
        ) from error


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

"""The errors that a person can cause.

ShuziError             what happened, and what to do
    Renamed            a program uses a name that has changed since
    Stopped            a person pressed Ctrl-C; says what was kept and how to continue
    SystemFailure      a disk failed, or memory ran out: the input may be fine, and trying again may help
        OutOfMemory    memory ran out, which says nothing about what was being read

Notice                 a warning: what shuzi has made of the input, where a person might expect something else

The command line prints them on stderr and exits with the `exit_code` of an error. Anything else that shuzi raises is a
bug.
"""

import contextlib
import errno
import functools
import gc
import importlib
import mmap
import re
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, TypeVar

# Words for a lack of memory in errors of onnxruntime, OpenCV, pdfium, the dynamic linker, torch, CUDA and Python.
NO_MEMORY = re.compile(
    "bad_alloc|BFCArena|Failed to allocate|Insufficient memory|Failed to create bitmap|failed to map segment|"
    "out of memory|can't allocate memory|not enough memory|can't start new thread"
)
ENOUGH_BYTES = 900_000_000  # if so many can be had, memory isn't lacking
# The system's errors about the file itself; those of the second line, if a damaged one sends Pillow beyond its end
OF_THE_FILE = (
    *(errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG),
    *(errno.EINVAL, errno.EOVERFLOW, errno.EILSEQ),
)


class ShuziError(Exception):
    """A problem with the input or its surroundings (file, network, disk, device), and what to do about it."""

    exit_code = 1


class Renamed(ShuziError, AttributeError):
    """A program uses a public name that has changed; the sentence says the new one."""


class Stopped(ShuziError):
    """A person stopped the work; the message says what was kept."""

    exit_code = 130  # as shells report a process ended by Ctrl-C


class SystemFailure(ShuziError):
    """The system failed, not the input: a disk or network couldn't be read, or memory ran out."""


class OutOfMemory(SystemFailure):
    """Memory ran out. The same may succeed later, or on a machine with more."""


class Notice(UserWarning):
    """What shuzi has made of the input; the command line prints it, and in Python it is a warning."""


T = TypeVar("T")


def renamed(**names: str) -> Callable[[type[T]], type[T]]:
    """Decorate a class whose fields or methods were renamed: names given as old="new" raise Renamed when used."""

    def decorate(cls: type[T]) -> type[T]:
        initialise = cls.__init__

        def refuse(name: str) -> None:
            if name in names:
                raise Renamed(f"{cls.__name__}: {name} is now called {names[name]}; use the new name")

        @functools.wraps(initialise)
        def __init__(self: T, *args: Any, **kwargs: Any) -> None:
            for name in kwargs:
                refuse(name)
            initialise(self, *args, **kwargs)

        def __getattr__(self: T, name: str) -> None:
            refuse(name)
            raise AttributeError(f"{cls.__name__!r} object has no attribute {name!r}", name=name, obj=self)

        for method in (__init__, __getattr__):
            setattr(cls, method.__name__, method)
        return cls

    return decorate


@contextlib.contextmanager
def enough_memory(doing: str) -> Iterator[None]:
    """Raise OutOfMemory, "Out of memory while `doing`", if any library reports that memory ran out."""
    try:
        yield
    except ShuziError:
        raise
    except Exception as error:
        if (failure := out_of_memory(error, doing)) is None:
            raise
        raise failure from error


def out_of_memory(error: BaseException, doing: str) -> OutOfMemory | None:
    """Return OutOfMemory if an error of any library reports that memory ran out, else None."""
    lacking = isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
    if not lacking and not NO_MEMORY.search(str(error)):
        return None
    return OutOfMemory(f"Out of memory while {doing}. Free some memory or read smaller pictures.")


def system_failure(error: Exception, name: str) -> SystemFailure | None:
    """Return SystemFailure if the system caused an error, None if the input may have caused it.

    A damaged picture can raise MemoryError too, so lack of memory is believed only if ENOUGH_BYTES can't be had.
    name: of what was being read.
    """
    if isinstance(error, SystemFailure):
        return error
    if isinstance(error, ShuziError):
        return None
    if (failure := out_of_memory(error, f"reading {name}")) is not None:
        try:
            mmap.mmap(-1, ENOUGH_BYTES).close()
        except (OSError, MemoryError):
            return failure
    if not isinstance(error, OSError) or error.errno is None or error.errno in OF_THE_FILE:
        return None
    return SystemFailure(f"{name}: {error.strerror}. The system failed, not the file. Fix that and try again.")


@contextlib.contextmanager
def system_failures(name: str) -> Iterator[None]:
    """Turn errors that the system caused into SystemFailure; others pass. name: of what is read."""
    try:
        yield
    except Exception as error:
        raise_system_failure(error, name)
        raise


def raise_system_failure(error: Exception, name: str) -> None:
    """Raise SystemFailure if the system caused an error; see `system_failure`."""
    if (failure := system_failure(error, name)) is not None:
        raise failure from error


def needs(extra: str, module: str) -> ModuleType:
    """Import a module that needs an extra. Raises ShuziError that says how to install it."""
    collecting = gc.isenabled()
    gc.disable()  # torch's thousands of modules make no garbage; looking for it takes a tenth of their import
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "shuzi":
            raise
        raise ShuziError(
            f"This needs {error.name}. Install it in the folder of shuzi's source: pip install '.[{extra}]'"
        ) from error
    finally:
        if collecting:
            gc.enable()

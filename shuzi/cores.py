"""The processor's cores: how many this process may use, and work shared among them."""

import contextlib
import functools
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_share: int | None = None  # of this process; None: all


def cores() -> int:
    """Count the cores that this process may use, at least 1: its share, or all that the system allows it."""
    if _share is not None:
        return _share
    if hasattr(os, "sched_getaffinity"):  # neither macOS nor Windows has it
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Use only `count` cores, OpenCV too, within the block."""
    global _share
    import cv2

    before = _share, cv2.getNumThreads()
    _share = count
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        _share = before[0]
        cv2.setNumThreads(before[1])


def in_parallel(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """Call a function on each item, on all cores; return the answers in order. It must not call in_parallel itself.

    All callers share one pool, so that reading in many threads takes no more threads than there are cores.
    """
    items = list(items)
    if len(items) < 2 or cores() == 1:
        return list(map(function, items))
    return list(_pool(os.getpid(), cores()).map(function, items))


@functools.lru_cache(maxsize=1)
def _pool(process: int, count: int) -> ThreadPoolExecutor:
    """Return the pool of a process: a fork has none of its parent's threads."""
    return ThreadPoolExecutor(count, "shuzi")

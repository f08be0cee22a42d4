"""The processor's cores: how many this process may use, and work that is shared out among them."""

from __future__ import annotations

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
    """How many cores this process may use, at least 1: those the system lets it, or its share of them."""
    if _share is not None:
        return _share
    if hasattr(os, "sched_getaffinity"):  # neither macOS nor Windows has it
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def on_cores(count: int) -> Iterator[None]:
    """Use so many cores, OpenCV too, while other processes use the others; and afterwards as many as before."""
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
    """Call a function, which doesn't do so itself, on each item, on all cores; give the answers in their order.

    All threads of the process that do so share the same few, so that reading in many threads takes no more of them.
    """
    items = list(items)
    if len(items) < 2 or cores() == 1:
        return list(map(function, items))
    return list(_pool(os.getpid(), cores()).map(function, items))


@functools.lru_cache(maxsize=1)
def _pool(
    process: int, count: int
) -> ThreadPoolExecutor:  # of this process: a fork has none of its parent's threads
    return ThreadPoolExecutor(count, "shuzi")

"""The cores that reading uses, and what it leaves of them."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest

import shuzi
from shuzi.cores import cores, in_parallel, on_cores


@pytest.fixture(scope="module")
def page(mnist):
    """Lines of small digits, in parts that are enlarged."""
    page = np.full((200, 320), 255, np.uint8)
    for i, image in enumerate(mnist[0].images[-30:]):
        y, x = 60 * (i // 10) + 20, 30 * (i % 10) + 10
        page[y : y + 28, x : x + 28] -= image
    return cv2.resize(np.tile(page, (4, 4)), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)


def test_where_the_system_says_nothing_of_a_process_it_has_all_cores(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)  # as on macOS and Windows
    assert cores() == (os.cpu_count() or 1)


def test_a_share_of_the_cores_is_given_back():
    before = cores(), cv2.getNumThreads()
    with on_cores(3):
        assert (cores(), cv2.getNumThreads()) == (3, 3)
    with pytest.raises(ZeroDivisionError), on_cores(3):
        raise ZeroDivisionError
    assert (cores(), cv2.getNumThreads()) == before


@pytest.mark.slow
def test_many_threads_that_read_share_as_many_as_there_are_cores(page):
    reader, before = shuzi.Reader(), {*threading.enumerate()}
    with on_cores(3), ThreadPoolExecutor(8) as threads:
        texts = [*threads.map(lambda _: reader.read(page).text, range(8))]
        assert len({*texts}) == 1
        started = {*threading.enumerate()} - before
        assert 2 <= sum(thread.name.startswith("shuzi") for thread in started) <= 3
    with on_cores(1):
        assert reader.read(page).text == texts[0]


def test_answers_come_in_the_order_of_the_items_and_errors_come_through():
    with on_cores(2):
        assert in_parallel(abs, range(-9, 0)) == [*range(9, 0, -1)]
        with pytest.raises(ZeroDivisionError):
            in_parallel(lambda n: 1 // n, range(9))

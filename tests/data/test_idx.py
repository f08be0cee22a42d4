"""The IDX format: strict to read, whole to write."""

import gzip
import struct

import hypothesis.extra.numpy as numpy_strategies
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given

from shuzi.data import idx, sources
from shuzi.errors import ShuziError

ARRAYS = st.sampled_from(["u1", "i1", "i2", "i4", "f4", "f8"]).flatmap(
    lambda dtype: numpy_strategies.arrays(
        dtype, numpy_strategies.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)
    )
)
WHOLE = idx.to_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@given(ARRAYS)
def test_what_was_written_is_read_again(array):
    again = idx.parse(idx.to_bytes(array))
    assert again.shape == array.shape
    assert again.dtype.newbyteorder("=") == array.dtype
    assert again.tobytes() == array.astype(again.dtype).tobytes()


@pytest.mark.parametrize("name", ["digits-idx3-ubyte", "digits-idx3-ubyte.gz"])
def test_a_written_file_is_read_again(tmp_path, name):
    array = np.arange(3 * 28 * 28, dtype=np.uint8).reshape(3, 28, 28)
    idx.write(tmp_path / "sub" / name, array)
    assert (idx.read(tmp_path / "sub" / name) == array).all()
    assert [path.name for path in (tmp_path / "sub").iterdir()] == [name]


def test_the_bytes_are_those_of_the_published_format():
    assert WHOLE[:16] == bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 3, 4)
    assert idx.to_bytes(np.array([-2], "i2"))[-2:] == b"\xff\xfe"  # big-endian


def test_a_gz_file_has_the_same_bytes_each_time(tmp_path):
    for name in ("a.gz", "b.gz"):
        idx.write(tmp_path / name, np.arange(5, dtype=np.uint8))
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def parses_or_says_why(data):
    try:
        array = idx.parse(data)
    except ShuziError:
        return
    assert len(data) == 4 + 4 * array.ndim + array.nbytes


@given(st.binary(max_size=64) | st.binary(max_size=64).map(lambda tail: b"\0\0" + tail))
@example(b"\0\0\x08\x03" + struct.pack(">3I", 0, 2**32 - 1, 2**32 - 1))
@example(b"\0\0\x08\x20" + struct.pack(">32I", *[1] * 31, 0))
@example(b"\0\0\x08\x20" + struct.pack(">32I", *[2**32 - 1] * 32))
@example(b"\0\0\x08\x01" + struct.pack(">I", 0))
def test_any_bytes_parse_or_say_why_not(data):
    parses_or_says_why(data)


@given(st.integers(0, len(WHOLE) - 1))
def test_every_truncation_is_refused(length):
    with pytest.raises(ShuziError):
        idx.parse(WHOLE[:length])


@given(st.integers(0, 15), st.integers(1, 255))
def test_a_flip_in_the_header_never_passes_for_the_same_array(position, flip):
    changed = bytearray(WHOLE)
    changed[position] ^= flip
    parses_or_says_why(changed)
    if changed != WHOLE and changed[2:4] == WHOLE[2:4]:  # int8 for uint8 is as long, and is caught by Digits
        with pytest.raises(ShuziError):
            idx.parse(changed)


@given(st.integers(0, 200), st.integers(1, 255), st.data())
def test_a_damaged_gz_file_is_read_or_refused_in_a_sentence(tmp_path_factory, cut, flip, data):
    whole = bytearray(gzip.compress(WHOLE, mtime=0))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= flip
    path = tmp_path_factory.getbasetemp() / "damaged-idx3-ubyte.gz"
    path.write_bytes(whole[: len(whole) - cut] if cut < len(whole) else b"")
    try:
        read = idx.read_bytes(path)
    except ShuziError:
        return
    assert bytes(read) in (WHOLE, b"")  # gzip does not check its time stamp, nor miss anything in an empty file


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html><title>Moved</title>", "two zero bytes"),
        (b"", "two zero bytes"),
        (b"\0\0\x07\x01" + struct.pack(">I", 0), "type code 0x07"),
        (b"\0\0\x08\x00", "0 dimensions"),
        (b"\0\0\x08\x03" + struct.pack(">2I", 1, 28), "12 bytes, fewer than its header of 16"),
        (WHOLE[:-1], "39 bytes, expected 40 for shape (2, 3, 4)"),
        (WHOLE + b"\0", "41 bytes, expected 40"),
    ],
)
def test_a_wrong_file_is_refused_with_what_was_found_and_expected(data, words):
    with pytest.raises(ShuziError) as raised:
        idx.parse(data, "digits")
    assert str(raised.value).startswith("digits: ")
    assert words in str(raised.value)


@pytest.mark.parametrize(
    "array", [np.zeros(3, np.uint16), np.zeros(3, bool), np.array(1, np.uint8), np.zeros(3, complex)]
)
def test_an_array_that_the_format_cannot_hold_is_refused(array):
    with pytest.raises(ShuziError, match="IDX"):
        idx.to_bytes(array)


def test_a_missing_file_is_one_sentence(tmp_path):
    with pytest.raises(ShuziError, match="can't be read"):
        idx.read(tmp_path / "nothing")


def test_mnist_has_its_published_shapes(mnist):
    train, test = mnist
    assert (train.images.shape, test.images.shape) == ((60000, 28, 28), (10000, 28, 28))
    assert idx.to_bytes(test.labels)[:8] == struct.pack(">4BI", 0, 0, 8, 1, 10000)
    assert sources.mismatch(sources.SOURCES["mnist"], sources.NAMES[3], idx.to_bytes(test.labels)) is None

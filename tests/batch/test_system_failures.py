"""Where the system fails, reading stops in one sentence; what it could not read then is read the next time."""

import contextlib
import errno
import io
import resource
from pathlib import Path

import pyarrow.dataset as ds
import pytest
from PIL import Image

import shuzi
from shuzi.batch import folders, shards
from shuzi.data import pdf, picture
from shuzi.errors import SystemFailure, system_failure

BIG = 5_000  # pixels a side


@pytest.fixture(scope="module")
def reader():
    return shuzi.Reader()


@pytest.fixture
def source(tmp_path):
    """A small picture, a large one, and a large one that is damaged."""
    (tmp_path / "in").mkdir()
    Image.new("L", (90, 90), 255).save(tmp_path / "in" / "1.png")
    Image.new("RGB", (BIG, BIG), "white").save(tmp_path / "in" / "2.png", compress_level=1)
    whole = (tmp_path / "in" / "2.png").read_bytes()
    (tmp_path / "in" / "3.png").write_bytes(whole[: len(whole) // 2])
    return tmp_path / "in"


@contextlib.contextmanager
def limited(kind, most):
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


def little_memory():
    """Room for a small picture, and for none of BIG."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return limited(resource.RLIMIT_AS, pages * resource.getpagesize() + 40_000_000)


def results(reader, source):
    return list(folders.read_files([source], reader, workers=1))


def test_want_of_memory_ends_the_reading_of_files(reader, source):
    with little_memory(), pytest.raises(SystemFailure, match=r"Out of memory while reading .*2\.png"):
        results(reader, source)
    assert [result.error is None for result in results(reader, source)] == [True, True, False]


def test_want_of_memory_is_no_row_and_the_picture_is_read_when_it_goes_on(reader, source, tmp_path):
    out = str(tmp_path / "out")
    with little_memory(), pytest.raises(SystemFailure, match="Out of memory while reading"):
        list(shards.read_folder(reader, str(source), out)[1])
    count, rest = shards.read_folder(reader, str(source), out, resume=True)
    assert (count, list(rest)) == (3, [True, True, False])
    errors = ds.dataset(out).to_table()["error"].to_pylist()
    assert errors[:2] == [None, None]
    assert "3.png" not in errors[2]
    assert "a damaged picture" in errors[2]


def test_a_damaged_picture_is_damaged_where_there_is_memory():
    assert system_failure(MemoryError(), "x") is None
    assert system_failure(OSError("out of memory error when reading image file"), "x") is None


def test_a_disk_that_cannot_be_read_ends_the_reading(reader, source, tmp_path):
    (source / "2.png").unlink()
    (source / "2.png").symlink_to("/proc/self/mem")  # answers EIO
    with pytest.raises(SystemFailure, match=r"2\.png: Input/output error\. The system failed, not the file"):
        results(reader, source)
    with pytest.raises(SystemFailure, match="Input/output error"):
        list(shards.read_folder(reader, str(source), str(tmp_path / "out"))[1])


def test_want_of_descriptors_ends_the_reading(reader, source):
    (job, *_) = folders.list_pictures([source]).jobs
    with limited(resource.RLIMIT_NOFILE, 3), pytest.raises(SystemFailure, match="Too many open files"):
        list(folders.read_all(reader, [job]))


def test_what_is_the_files_own_fault_is_no_failure_of_the_system(reader, source):
    (source / "0.png").symlink_to("nowhere")
    (source / "4.png").symlink_to("4.png")
    errors = [result.error for result in results(reader, source)]
    assert "no such file" in errors[0]
    assert "Too many levels of symbolic links" in errors[4]


class Failing(io.BytesIO):
    """A file of which no more than the first bytes can be read."""

    def read(self, size=-1):
        if self.tell() > 100 or not 0 <= size <= 100:
            raise OSError(errno.EIO, "Input/output error")
        return super().read(size)


def test_a_pdf_that_cannot_be_read_to_its_end_is_not_damaged(source):
    stream = io.BytesIO()
    Image.new("L", (90, 90), 255).save(stream, "PDF")
    assert pdf.count(io.BytesIO(stream.getvalue()), "x.pdf") == 1
    with pytest.raises(SystemFailure, match=r"x\.pdf: Input/output error"):
        pdf.count(Failing(stream.getvalue()), "x.pdf")


def test_a_damaged_tiff_that_points_beyond_its_end_is_damaged(tmp_path):
    (tmp_path / "x.tif").write_bytes(b"II*\0\xf0\xff\xff\xff" + bytes(100))
    with pytest.raises(shuzi.ShuziError) as error:
        picture.load(tmp_path / "x.tif")
    assert not isinstance(error.value, SystemFailure)

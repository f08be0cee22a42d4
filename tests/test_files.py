"""A file is whole or not there, also when its process is killed or its disk is full."""

import io
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from shuzi.errors import ShuziError
from shuzi.files import locked, whole_file, write_png, write_whole


@pytest.mark.parametrize("data", [b"bytes", "text 数字", bytearray(b"array"), b""])
def test_what_is_written_is_there_and_nothing_else(tmp_path, data):
    write_whole(tmp_path / "new" / "file", data)
    assert (tmp_path / "new" / "file").read_bytes() == (data.encode() if isinstance(data, str) else data)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


def test_a_process_killed_while_it_writes_leaves_the_old_file(tmp_path):
    write_whole(tmp_path / "file", "old")
    script = """
import pathlib, sys
from shuzi.files import whole_file
with whole_file(pathlib.Path(sys.argv[1])) as part:
    part.write_bytes(b"ne")
    print("half", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "file"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"half\n"
        process.send_signal(signal.SIGKILL)
    assert (tmp_path / "file").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    write_whole(tmp_path / "another", "new")  # whoever writes there next clears up
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another", "file"]


def test_what_another_is_still_writing_is_not_swept(tmp_path):
    with whole_file(tmp_path / "slow") as part:
        part.write_text("slow")
        write_whole(tmp_path / "fast", "fast")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"slow": "slow", "fast": "fast"}


def test_a_symlink_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to("far/target")
    for text in ("one", "two"):
        write_whole(tmp_path / "link", text)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "far" / "target").read_text() == text
    assert len(list(tmp_path.iterdir())) == 2


def test_a_device_or_a_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (Path("/dev/null"), tmp_path / "pipe"):
        with pytest.raises(ShuziError, match="a device or a pipe"):
            write_whole(path, "x")
    assert Path("/dev/null").is_char_device()
    assert (tmp_path / "pipe").is_fifo()


def test_threads_write_side_by_side(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: write_whole(tmp_path / str(n % 20), str(n % 20) * 1000), range(100)))
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {str(n): str(n) * 1000 for n in range(20)}


def test_who_reads_the_old_file_goes_on_reading_it(tmp_path):
    write_whole(tmp_path / "file", "old")
    (tmp_path / "link").hardlink_to(tmp_path / "file")
    write_whole(tmp_path / "file", "new")
    assert [(tmp_path / name).read_text() for name in ("file", "link")] == ["new", "old"]


def write_half_and_fail(path, error):
    with whole_file(path) as part:
        part.write_bytes(b"ne")
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError()])
def test_a_failure_while_writing_leaves_the_old_file_alone(tmp_path, error):
    write_whole(tmp_path / "file", "old")
    with pytest.raises(type(error)):
        write_half_and_fail(tmp_path / "file", error)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_file_has_the_rights_that_other_files_get(tmp_path):
    write_whole(tmp_path / "file", "x")
    (tmp_path / "plain").touch()
    rights = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("file", "plain")]
    assert rights[0] == rights[1]


def test_where_nothing_can_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "inner").mkdir(parents=True)
    for path, way_out in (
        (tmp_path / "file" / "below", "Something is in the way: choose another name"),
        (tmp_path / "folder", "Free space or choose another folder"),
        (tmp_path / ("x" * 300), "Free space or choose another folder"),
    ):
        with pytest.raises(ShuziError, match=rf"cannot be written .* {way_out}"):
            write_whole(path, "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o755])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path, mode):
    (tmp_path / "file").touch()
    (tmp_path / "file").chmod(mode)
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        write_whole(tmp_path / name, name)
        assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode
        assert (tmp_path / "file").read_text() == name


def test_a_private_file_is_private_while_it_is_written(tmp_path):
    (tmp_path / "file").touch(mode=0o600)
    with whole_file(tmp_path / "file") as part:
        assert stat.S_IMODE(part.stat().st_mode) == 0o600


def png(colour):
    stream = io.BytesIO()
    Image.new("L", (9, 9), colour).save(stream, "PNG")
    return stream.getvalue()


def test_a_picture_of_ours_is_replaced_and_anybody_elses_is_not(tmp_path):
    for colour in (10, 20):
        write_png(tmp_path / "ours.png", png(colour))
        with Image.open(tmp_path / "ours.png") as image:
            assert (image.getpixel((0, 0)), image.info["Software"]) == (colour, "shuzi")
    (tmp_path / "theirs.png").write_bytes(png(30))
    with pytest.raises(ShuziError, match="is not a picture made by shuzi and was left unchanged"):
        write_png(tmp_path / "theirs.png", png(40))
    assert (tmp_path / "theirs.png").read_bytes() == png(30)


def test_a_lock_is_held_by_one_and_leaves_nothing_behind(tmp_path):
    (tmp_path / "link").symlink_to("file")
    with locked(tmp_path / "file"):
        for name in ("file", "link"):
            with pytest.raises(ShuziError, match=f"{name}: another shuzi is writing to it"), locked(tmp_path / name):
                pass
        with locked(tmp_path / "other"):
            write_whole(tmp_path / "file", "x")  # sweeps no lock that is held
        assert len(list(tmp_path.glob(".shuzi-*.lock"))) == 1
    with locked(tmp_path / "file"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


def test_threads_that_wait_for_a_lock_take_turns(tmp_path):
    (tmp_path / "count").write_text("0")

    def add(_):
        with locked(tmp_path / "count", patience=60):
            write_whole(tmp_path / "count", str(int((tmp_path / "count").read_text()) + 1))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert (tmp_path / "count").read_text() == "40"
    assert [path.name for path in tmp_path.iterdir()] == ["count"]


def test_the_lock_of_a_killed_process_is_free_and_is_swept(tmp_path):
    script = """
import pathlib, sys
from shuzi.files import locked
with locked(pathlib.Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, tmp_path / "file"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"locked\n"
        with pytest.raises(ShuziError, match="another shuzi"), locked(tmp_path / "file"):
            pass
        process.send_signal(signal.SIGKILL)
    assert len(list(tmp_path.iterdir())) == 1
    write_whole(tmp_path / "another", "new")
    with locked(tmp_path / "file"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["another"]

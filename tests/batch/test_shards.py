"""A folder of pictures into Parquet files: every row once, each file whole, taken up again, and stores that refuse."""

import concurrent.futures.process
import errno
import json
import multiprocessing
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import cv2
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from PIL import Image

import shuzi
from shuzi.batch import folders, shards, stores
from shuzi.errors import SystemFailure


@pytest.fixture(scope="module")
def reader():
    return shuzi.Reader()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory, mnist):
    """50 pictures of one digit each, some in a folder below, a broken one, two pages of a TIFF, and what is none."""
    root = tmp_path_factory.mktemp("pictures")
    (root / "below").mkdir()
    (root / ".hidden").mkdir()
    papers = [255 - np.pad(image, 6) for image in mnist[1].images[:50]]
    for index, paper in enumerate(papers):
        cv2.imwrite(str(root / ("below" if index % 3 == 0 else "") / f"{index:03}.png"), paper)
    first, second = map(Image.fromarray, papers[:2])
    first.save(root / "pages.tif", save_all=True, append_images=[second])
    (root / "broken.png").write_bytes(b"no picture")
    (root / "notes.txt").write_text("no picture either")
    cv2.imwrite(str(root / ".hidden" / "x.png"), papers[0])
    return root


def read(reader, source, out, **options):
    count, results = shards.read_folder(reader, str(source), str(out), **options)
    results = list(results)
    assert len(results) == count
    return results


def table(out) -> pa.Table:
    return ds.dataset(str(out)).to_table()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, reader, pictures):
    out = tmp_path_factory.mktemp("out") / "whole"
    assert read(reader, pictures, out).count(False) == 1
    return out


def test_every_picture_is_a_row_in_order(reader, pictures, whole):
    rows = table(whole).to_pylist()
    names = [row["file"] for row in rows]
    assert len(names) == len(set(names)) == 53
    assert names == sorted(names)
    assert "below/000.png" in names
    assert names[-2:] == ["pages.tif#1", "pages.tif#2"]
    assert table(whole).schema == shards.ROWS
    page = reader.read(pictures / "below" / "003.png")
    row = rows[names.index("below/003.png")]
    assert (row["text"], row["error"]) == (page.text, None)
    assert row["confidence"] == pytest.approx(page.numbers[0].confidence, abs=1e-4)
    assert "not a picture" in rows[names.index("broken.png")]["error"]
    parts = sorted(path.name for path in whole.iterdir())
    assert parts == ["_shuzi.json", "part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]


@pytest.fixture
def scans(tmp_path, mnist):
    """A PDF and a TIFF of three pages each, and a picture whose name is not UTF-8."""
    root = tmp_path / "scans"
    root.mkdir()
    papers = [255 - np.pad(image, 300) for image in mnist[1].images[:3]]
    for name in ("x.pdf", "X.TIF"):
        sheets = [*map(Image.fromarray, papers)]
        sheets[0].save(root / name, save_all=True, append_images=sheets[1:])
    sheets[0].save(root / os.fsdecode(b"\xff.png"))
    return root


PAGES = ["X.TIF#1", "X.TIF#2", "X.TIF#3", "x.pdf#1", "x.pdf#2", "x.pdf#3"]


@pytest.mark.slow
def test_each_page_is_a_row_also_after_it_was_broken_off(reader, scans, tmp_path):
    read(reader, scans, tmp_path / "out")
    rows = table(tmp_path / "out").to_pylist()
    assert [row["file"] for row in rows] == [*PAGES, "\\udcff.png"]
    assert [row["pages"] for row in rows] == [3] * 6 + [1]
    assert [row["error"] for row in rows] == [None] * 7
    expected = [result.page.text for result in folders.read_files(scans, reader)]
    assert [row["text"] for row in rows] == expected
    (tmp_path / "out" / "part-00000.parquet").unlink()  # as if it had been killed
    read(reader, scans, tmp_path / "out", resume=True)
    assert table(tmp_path / "out").to_pylist() == rows


@pytest.mark.parametrize(("name", "files"), [("x.pdf", PAGES[3:]), (os.fsdecode(b"\xff.png"), ["\\udcff.png"])])
def test_a_file_named_directly_is_a_folder_of_one(reader, scans, tmp_path, name, files):
    assert read(reader, scans / name, tmp_path / "out") == [True]
    assert table(tmp_path / "out")["file"].to_pylist() == files


def test_a_folder_need_not_be_named_in_unicode(reader, scans, tmp_path):
    source, out = (tmp_path / os.fsdecode(name) for name in (b"in\xff", b"out\xff"))
    scans.rename(source)
    read(reader, source, out)
    assert sorted(path.name for path in out.iterdir()) == ["_shuzi.json", "part-00000.parquet"]


def test_two_processes_write_the_very_rows_of_one(reader, pictures, whole, tmp_path):
    files = shards.list_pictures(str(pictures))
    parts = shards.split_into_parts(str(pictures), str(tmp_path), files, single=False)
    threads = cv2.getNumThreads()
    assert len(list(shards.read_parts_here(reader, parts, processes=1))) == 3
    assert cv2.getNumThreads() == threads
    assert table(tmp_path).equals(table(whole))


@pytest.mark.slow
def test_what_was_killed_goes_on_where_it_was(command, pictures, whole, tmp_path):
    out = tmp_path / "out"
    with command.start("read", pictures, "--out", out) as process:
        while process.poll() is None and not list(out.glob("*.parquet")):
            pass
        others = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGKILL)
    assert not psutil.wait_procs(others, timeout=60)[1]  # none goes on without it
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*.parquet")}
    assert kept
    again = command("read", pictures, "--out", out)
    assert (again.code, again.stderr.count("\n")) == (1, 1)
    assert "Use --continue to continue them" in again.stderr
    told = command("read", pictures, "--out", out, "--continue", "--json")
    assert told.code == (1 if json.loads(told.stdout)["failed"] else 0)
    assert table(out).equals(table(whole))
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


def test_the_command_tells_how_many_were_read(command, pictures, tmp_path):
    told = command("read", pictures, "--out", tmp_path / "out", "--json")
    assert told.code == 1
    assert json.loads(told.stdout) | {"seconds": 0} == {
        "out": str(tmp_path / "out"), "read": 51, "failed": 1, "seconds": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"single": True}, "was started with single False, not True"),
        ({"threshold": 0.25}, "was started with threshold"),
        ({"more": True}, "was started with pictures 52, not 53"),
    ],
)
def test_rows_of_other_settings_are_not_joined(reader, pictures, tmp_path, change, words):
    source = tmp_path / "source"
    source.mkdir()
    for path in list(pictures.glob("*.png"))[:3]:
        (source / path.name).symlink_to(path)
    read(reader, source, tmp_path / "out")
    if change.get("more"):
        (source / "new.png").symlink_to(path)
        words = "was started with pictures 3, not 4"
    other = shuzi.Reader(threshold=change["threshold"]) if "threshold" in change else reader
    with pytest.raises(shuzi.ShuziError, match=words):
        shards.read_folder(other, str(source), str(tmp_path / "out"), resume=True, single="single" in change)


def test_of_two_runs_in_one_folder_the_first_stops(reader, pictures, tmp_path):
    out = str(tmp_path / "out")
    _, first = shards.read_folder(reader, str(pictures), out)
    with pytest.raises(shuzi.ShuziError, match=r"another run is writing there\. Use --continue"):
        shards.read_folder(reader, str(pictures), out)
    shards.read_folder(reader, str(pictures), out, resume=True)
    with pytest.raises(shuzi.ShuziError, match="another run has continued there, so this one stops"):
        list(first)
    assert not multiprocessing.active_children()
    assert not concurrent.futures.process._threads_wakeups  # whose threads would fail at the interpreter's exit


def test_a_folder_of_something_else_is_left_alone(reader, pictures, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(shuzi.ShuziError, match="already holds other files"):
        shards.read_folder(reader, str(pictures), str(tmp_path))


def test_what_can_be_no_source_is_named(reader, tmp_path, pictures):
    for source, words in [
        (tmp_path / "none", "no such folder or file"),
        (tmp_path / "none.pdf", "no such folder or file"),
        ("nofs://x/y", "the store refused"),
    ]:
        with pytest.raises(shuzi.ShuziError, match=words):
            shards.read_folder(reader, str(source), str(tmp_path / "out"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(shuzi.ShuziError, match="holds no pictures"):
        shards.read_folder(reader, str(tmp_path / "empty"), str(tmp_path / "out"))


class Refuses(BaseHTTPRequestHandler):
    """A store of which nothing may be had."""

    def do_GET(self):
        body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_PUT = do_POST = do_GET

    def log_message(self, *args):
        pass


@pytest.fixture
def refusing():
    server = HTTPServer(("127.0.0.1", 0), Refuses)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"s3://me:secret@bucket/rows?scheme=http&region=x&endpoint_override=127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_store_that_refuses_is_one_sentence(command, pictures, refusing):
    ended = command("read", pictures, "--out", refusing)
    assert (ended.code, ended.stdout) == (1, "")
    assert ended.stderr.count("\n") == 1
    assert "the store refused" in ended.stderr
    assert "ACCESS_DENIED" in ended.stderr
    assert "secret" not in ended.stderr


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--engine", "spark", "--out", "x"], 2, "'spark' is not one of 'local', 'ray'"),
        (["--engine", "ray"], 1, "name their folder with --out"),
        (["--address", "auto", "--out", "x"], 1, "use it with --engine ray"),
        (["--out", "x", "--csv", "y"], 1, "--out reads one folder or file"),
    ],
)
def test_options_that_do_not_go_together_are_refused(command, pictures, tmp_path, options, code, words):
    ended = command("read", pictures, *options, cwd=tmp_path)
    assert (ended.code, ended.stderr.count("\n")) == (code, 1)
    assert words in ended.stderr
    assert not list(tmp_path.iterdir())


def test_parts_are_the_same_each_time_and_hold_everything():
    for count in (1, 20, 21, 2_000, 30_000, 2_500_000):
        files = [str(index) for index in range(count)]
        parts = shards.split_into_parts("in", "out", files, single=False)
        assert [file for part in parts for file in part.files] == files
        assert len(parts[0].files) == min(count, max(20, min(1000, count // 1000)))


def test_a_part_is_written_whole_onto_any_file_system(tmp_path):
    files = pa.fs.SubTreeFileSystem(str(tmp_path), pa.fs.LocalFileSystem())  # no LocalFileSystem, no store
    data = pa.BufferOutputStream()
    pq.write_table(pa.table({"a": [1]}), data)
    stores.Remote(files, "a/b").write("part-0.parquet", data.getvalue().to_pybytes())
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["part-0.parquet"]
    assert pq.read_table(tmp_path / "a" / "b" / "part-0.parquet").num_rows == 1


def test_a_folder_here_and_one_of_a_store_answer_alike(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "1.png").write_bytes(b"12345")
    (tmp_path / "a" / "2.png").symlink_to("b/1.png")
    (tmp_path / "a" / "3.png").symlink_to("nowhere")
    for store in (stores.Local(tmp_path / "a"), stores.Remote(pa.fs.LocalFileSystem(), str(tmp_path / "a"))):
        assert (store.kind(), store.kind("b/1.png"), store.kind("none")) == ("folder", "file", None)
        assert sorted(store.walk()) == ["2.png", "b/1.png"]
        assert (store.size("2.png"), store.read("2.png")) == (5, b"12345")
        assert {"2.png", "b"} <= {*store.names()}
        parent, name = store.parent()
        assert (parent.kind(name), name) == ("folder", "a")


def test_a_store_that_fails_is_not_the_files_fault():
    assert not isinstance(stores.read_error("x", FileNotFoundError(2, "none")), SystemFailure)
    assert not isinstance(stores.read_error("x", OSError("AWS Error ACCESS_DENIED")), SystemFailure)
    assert isinstance(stores.read_error("x", OSError("AWS Error NETWORK_CONNECTION")), SystemFailure)
    assert isinstance(stores.read_error("x", OSError(errno.ESTALE, "Stale file handle")), SystemFailure)

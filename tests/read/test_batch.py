"""Many pictures: folders, broken files, CSV that can be taken up again, overlays and inputs."""

import csv
import json
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

import shuzi
from shuzi.read import batch


@pytest.fixture(scope="module")
def reader():
    return shuzi.Reader()


@pytest.fixture
def folder(tmp_path):
    """Three pictures, one in a sub-folder, a broken one and a text."""
    root = tmp_path / "pictures"
    (root / "more").mkdir(parents=True)
    for name, count in (("a.png", 2), ("more/b.jpg", 1), ("c.bmp", 0)):
        paper = np.full((200, 300), 240, np.uint8)
        for i in range(count):
            cv2.line(paper, (80 + 60 * i, 50), (80 + 60 * i, 150), (20,), 9, cv2.LINE_AA)
        Image.fromarray(paper).save(root / name)
    (root / "d.png").write_bytes(b"no picture")
    (root / "notes.txt").write_text("no picture either")
    return root


def test_folders_are_searched_in_order(folder):
    assert [job.name for job in batch.jobs_in([folder])] == ["a.png", "c.bmp", "d.png", "more/b.jpg"]


def test_two_folders_may_hold_the_same_name(folder, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(folder, tmp_path / "both" / name)
    names = [job.name for job in batch.jobs_in([tmp_path / "both" / "one", tmp_path / "both" / "two"])]
    assert names == [
        f"{each}/{name}" for each in ("one", "two") for name in ("a.png", "c.bmp", "d.png", "more/b.jpg")
    ]


def test_a_picture_named_twice_is_read_once(folder):
    assert len(batch.jobs_in([folder, folder, folder / "a.png"])) == 4


def test_a_missing_path_and_an_empty_folder_are_named(tmp_path):
    with pytest.raises(shuzi.ShuziError, match="no such file or folder"):
        batch.jobs_in([tmp_path / "none"])
    with pytest.raises(shuzi.ShuziError, match="without pictures"):
        batch.jobs_in([tmp_path])


@pytest.mark.parametrize("workers", [1, 3])
def test_a_broken_file_is_reported_and_passed_over(reader, folder, workers):
    results = list(batch.read_all(reader, batch.jobs_in([folder]), workers=workers))
    assert [r.page.text if r.page else None for r in results] == ["11", "", None, "1"]
    assert "not a picture" in results[2].error


def test_a_page_becomes_json(reader, folder):
    page = reader.read(folder / "a.png")
    told = json.loads(json.dumps(batch.as_json(page, "a.png")))
    assert told["file"] == "a.png"
    assert told["text"] == "11"
    digit = told["numbers"][0]["digits"][0]
    assert digit["digit"] == 1
    assert digit["box"] == list(page.digits[0].box)
    assert len(digit["probabilities"]) == 10
    assert digit["confidence"] == pytest.approx(page.digits[0].confidence, abs=1e-4)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv_has_a_row_a_digit_and_one_for_an_empty_page(reader, folder, tmp_path):
    path = tmp_path / "out.csv"
    with batch.CsvFile(path) as out:
        for result in batch.read_all(reader, batch.jobs_in([folder])):
            if result.page:
                out.write(result.job.name, result.page)
    found = rows(path)
    assert [(r["file"], r["digit"]) for r in found] == [
        ("a.png", "1"),
        ("a.png", "1"),
        ("c.bmp", ""),
        ("more/b.jpg", "1"),
    ]
    assert found[1]["position"] == "1"
    assert found[1]["text"] == "11"


@pytest.mark.parametrize("cut", range(1, 120, 7))
def test_a_csv_cut_anywhere_is_taken_up_again(reader, folder, tmp_path, cut):
    path, jobs = tmp_path / "out.csv", batch.jobs_in([folder])
    pages = {r.job.name: r.page for r in batch.read_all(reader, jobs, workers=1) if r.page}
    with batch.CsvFile(path) as out:
        for name, page in pages.items():
            out.write(name, page)
    whole = path.read_bytes()
    path.write_bytes(whole[: max(len(",".join(batch.COLUMNS)) + 1, len(whole) - cut)])
    with batch.CsvFile(path, resume=True) as out:
        for name, page in pages.items():
            if name not in out.done:
                out.write(name, page)
    assert path.read_bytes() == whole


def test_another_csv_is_not_continued(tmp_path):
    (tmp_path / "other.csv").write_text("name,age\nx,3\n")
    with pytest.raises(shuzi.ShuziError, match="not a CSV file of readings"):
        batch.CsvFile(tmp_path / "other.csv", resume=True)


def test_overlay_and_inputs_are_pngs(reader, folder, tmp_path):
    (job, *_) = batch.jobs_in([folder])
    page = reader.read(job.path)
    drawn = np.asarray(Image.open(batch.write_overlay(tmp_path / "overlay", job, page)))
    assert drawn.shape == (400, 600, 3)  # a small picture is enlarged, to leave room for the readings
    assert (drawn == batch.SURE).all(2).any()
    inputs = batch.write_inputs(tmp_path / "inputs", job, page)
    assert [p.name for p in inputs] == ["a.png-000-1.png", "a.png-001-1.png"]
    assert (np.asarray(Image.open(inputs[0])) == page.digits[0].image).all()


def test_an_output_that_cannot_be_written_is_named(reader, folder, tmp_path):
    (job, *_) = batch.jobs_in([folder])
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(shuzi.ShuziError, match="cannot be written"):
        batch.write_overlay(tmp_path / "file", job, reader.read(job.path))
    with pytest.raises(shuzi.ShuziError, match="cannot be written"):
        batch.CsvFile(tmp_path / "file" / "out.csv")

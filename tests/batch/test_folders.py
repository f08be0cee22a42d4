"""Many pictures: folders, broken files, CSV that can be taken up again, overlays and inputs."""

import csv
import json
import os
import shutil
import stat
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import shuzi
from shuzi.batch import csv_file, folders, overlay
from shuzi.data import picture
from shuzi.page import Digit, Mark, Number, Page


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
            seven = np.array([[60 + 90 * i, 50], [115 + 90 * i, 50], [85 + 90 * i, 150]])
            cv2.polylines(paper, [seven], False, (20,), 9, cv2.LINE_AA)
        Image.fromarray(paper).save(root / name)
    (root / "d.png").write_bytes(b"no picture")
    (root / "notes.txt").write_text("no picture either")
    return root


def jobs_in(paths):
    return folders.list_pictures(paths).jobs


def test_folders_are_searched_in_order(folder):
    assert [job.name for job in jobs_in([folder])] == ["a.png", "c.bmp", "d.png", "more/b.jpg"]


def test_two_folders_may_hold_the_same_name(folder, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(folder, tmp_path / "both" / name)
    names = [job.name for job in jobs_in([tmp_path / "both" / "one", tmp_path / "both" / "two"])]
    assert names == [f"{each}/{name}" for each in ("one", "two") for name in ("a.png", "c.bmp", "d.png", "more/b.jpg")]


def test_a_picture_named_twice_is_read_once(folder):
    assert len(jobs_in([folder, folder, folder / "a.png"])) == 4


def test_a_missing_path_and_an_empty_folder_are_named(tmp_path):
    with pytest.raises(shuzi.ShuziError, match="no such file or folder"):
        jobs_in([tmp_path / "none"])
    with pytest.raises(shuzi.ShuziError, match="holds no pictures"):
        jobs_in([tmp_path])


@pytest.mark.parametrize("workers", [1, 3])
def test_a_broken_file_is_reported_and_passed_over(reader, folder, workers):
    results = list(folders.read_all(reader, jobs_in([folder]), workers=workers))
    assert [r.page.text if r.page else None for r in results] == ["77", "", None, "7"]
    assert "not a picture" in results[2].error


def test_a_page_becomes_json(reader, folder):
    page = reader.read(folder / "a.png")
    told = json.loads(json.dumps(folders.as_json(page, "a.png")))
    assert told["file"] == "a.png"
    assert told["text"] == "77"
    digit = told["numbers"][0]["digits"][0]
    assert digit["digit"] == 7
    assert digit["box"] == list(page.digits[0].box)
    assert len(digit["probabilities"]) == 10
    assert digit["confidence"] == pytest.approx(page.digits[0].confidence, abs=1e-4)


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_csv_of_digits_has_a_row_for_each_and_one_for_an_empty_page(reader, folder, tmp_path):
    path = tmp_path / "out.csv"
    with csv_file.CsvFile(path, csv_file.DIGITS) as out:
        for result in folders.read_all(reader, jobs_in([folder])):
            if result.page:
                out.write(result.job.name, result.page)
    found = rows(path)
    assert [(r["file"], r["digit"]) for r in found] == [
        ("a.png", "7"),
        ("a.png", "7"),
        ("c.bmp", ""),
        ("more/b.jpg", "7"),
    ]
    assert found[1]["position"] == "1"
    assert found[1]["text"] == "77"


def written(*texts, line=0, confidence=0.9):
    """A line's numbers of sevens and marks, forty pixels from one to the next."""
    ink = np.zeros((28, 28), np.uint8)
    for place, text in enumerate(texts):
        boxes = [(40 * place + 8 * i, 30 * line, 7, 12) for i in range(len(text))]
        digits = [
            Digit(7, 7, confidence, np.eye(10)[7], box, ink)
            for sign, box in zip(text, boxes, strict=True)
            if sign == "7"
        ]
        marks = [Mark(sign, 1.0, box) for sign, box in zip(text, boxes, strict=True) if sign != "7"]
        yield Number(tuple(digits), line, marks=tuple(marks))


def test_csv_has_a_row_for_each_number_and_one_for_an_empty_page(tmp_path):
    path = tmp_path / "out.csv"
    page = Page(tuple(written("7.77", "-7", "7/7")), (300, 200), unread=((1, 2, 3, 4),))
    with csv_file.CsvFile(path) as out:
        out.write("a.png", page)
        out.write("c.pdf#2", Page((), (300, 200)), 2)
    first, *_, last = rows(path)
    assert first == {
        "file": "a.png", "page": "1", "line": "0", "column": "0", "text": "7.77", "value": "7.77",
        "confidence": "0.7290",
        "x": "0", "y": "0", "width": "31", "height": "12", "turned": "0", "unread": "1", "checked": "",
    }  # fmt: skip
    assert [row["text"] for row in rows(path)] == ["7.77", "-7", "7/7", ""]
    assert [row["value"] for row in rows(path)] == ["7.77", "-7", "", ""]
    assert [row["column"] for row in rows(path)] == ["0", "1", "2", ""]
    assert (last["file"], last["page"], last["unread"]) == ("c.pdf#2", "2", "0")


def test_a_table_has_a_row_for_each_line_and_a_column_for_each_of_the_page(tmp_path):
    lines = [*written("7.77", "77", "7"), *written("7.7", line=1), *written("77", "7", line=2, confidence=0.6)]
    with csv_file.table_file(str(tmp_path / "out.csv"), sys.stdout) as pages:
        pages.append(("a.png", 1, Page(tuple(lines), (300, 200))))
        pages.append(("b.png", 1, Page(tuple(written("7")), (300, 200))))
    with (tmp_path / "out.csv").open(newline="") as file:
        header, *table = csv.reader(file)
    assert header == ["file", "page", "line", "column 0", "column 1", "column 2", "turned", "boxes"]
    assert [row[:6] for row in table] == [
        ["a.png", "1", "0", "7.77", "77", "7"],
        ["a.png", "1", "1", "7.7", "", ""],
        ["a.png", "1", "2", "77?", "7", ""],  # more likely wrong than right
        ["b.png", "1", "0", "7", "", ""],
    ]
    assert table[1][-1] == "0 30 23 12;;"
    with (
        pytest.raises(shuzi.ShuziError, match="exists already"),
        csv_file.table_file(str(tmp_path / "out.csv"), sys.stdout),
    ):
        pass


def test_json_has_values_marks_and_what_is_not_read():
    page = Page(tuple(written("7,7")), (300, 200), unread=((1, 2, 3, 4),), turned=90)
    told = json.loads(json.dumps(folders.as_json(page, "a.png")))
    assert (told["turned"], told["unread"]) == (90, [[1, 2, 3, 4]])
    (number,) = told["numbers"]
    assert (number["text"], number["value"], number["column"]) == (page.text, "7.7", 0)
    assert number["marks"] == [{"sign": ",", "confidence": 1.0, "box": [8, 0, 7, 12]}]


def test_a_csv_cut_anywhere_is_taken_up_again(reader, folder, tmp_path):
    path, jobs = tmp_path / "out.csv", jobs_in([folder])
    pages = {r.job.name: r.page for r in folders.read_all(reader, jobs, workers=1) if r.page}
    with csv_file.CsvFile(path) as out:
        for name, page in pages.items():
            out.write(name, page)
    whole = path.read_bytes()
    for cut in range(1, 120, 7):
        path.write_bytes(whole[: max(len(",".join(csv_file.COLUMNS)) + 1, len(whole) - cut)])
        with csv_file.CsvFile(path, resume=True) as out:
            for name, page in pages.items():
                if name not in out.done:
                    out.write(name, page)
        assert path.read_bytes() == whole, cut


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("content", [b"name,age\nx,3\n", b"\xff\xd8\xff\xe0 a JPEG", b"x", b"file,line\n"])
def test_another_file_is_neither_continued_nor_replaced(tmp_path, content, resume):
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(shuzi.ShuziError, match="is not a CSV file of readings and was left unchanged"):
        csv_file.CsvFile(tmp_path / "other", resume=resume)
    assert (tmp_path / "other").read_bytes() == content


@pytest.mark.parametrize("begun", ["", ",".join(csv_file.COLUMNS) + "\n", ",".join(csv_file.COLUMNS) + "\na.png,0"])
def test_a_csv_without_a_whole_row_is_begun_anew(reader, folder, tmp_path, begun):
    (tmp_path / "out.csv").write_text(begun)
    with csv_file.CsvFile(tmp_path / "out.csv") as out:
        out.write("c.bmp", reader.read(folder / "c.bmp"))
    assert [row["file"] for row in rows(tmp_path / "out.csv")] == ["c.bmp"]


def test_readings_are_added_to_only_when_asked_to_and_never_replaced(reader, folder, tmp_path):
    with csv_file.CsvFile(tmp_path / "out.csv") as out:
        out.write("c.bmp", reader.read(folder / "c.bmp"))
    before = (tmp_path / "out.csv").read_bytes()
    with pytest.raises(shuzi.ShuziError, match=r"already holds readings\. Add to it with --continue"):
        csv_file.CsvFile(tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == before
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_two_cannot_write_readings_to_a_csv_at_once(reader, folder, tmp_path):
    page = reader.read(folder / "c.bmp")
    with csv_file.CsvFile(tmp_path / "out.csv") as out:
        out.write("1", page)
        with pytest.raises(shuzi.ShuziError, match=r"out.csv: another shuzi is writing to it"):
            csv_file.CsvFile(tmp_path / "out.csv", resume=True)
        out.write("2", page)
    csv_file.CsvFile(tmp_path / "out.csv", resume=True).__exit__(None, None, None)
    assert [row["file"] for row in rows(tmp_path / "out.csv")] == ["1", "2"]


def test_a_picture_may_be_called_as_the_first_column(reader, folder, tmp_path):
    page = reader.read(folder / "a.png")
    with csv_file.CsvFile(tmp_path / "out.csv") as out:
        out.write("file", page)
    whole = (tmp_path / "out.csv").read_bytes()
    for _ in range(2):
        with csv_file.CsvFile(tmp_path / "out.csv", resume=True) as out:
            out.write("file", page)
        assert (tmp_path / "out.csv").read_bytes() == whole


def test_a_csv_that_was_removed_meanwhile_is_begun_anew(reader, folder, tmp_path):
    page = reader.read(folder / "c.bmp")
    with csv_file.CsvFile(tmp_path / "out.csv") as out:
        out.write("1", page)
        (tmp_path / "out.csv").unlink()
        out.write("2", page)
    assert [row["file"] for row in rows(tmp_path / "out.csv")] == ["2"]


def test_a_csv_onto_a_symlink_writes_its_target(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target.csv")
    csv_file.CsvFile(tmp_path / "link").__exit__(None, None, None)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target.csv").read_text() == ",".join(csv_file.COLUMNS) + "\n"


def test_a_device_is_no_csv_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/null", tmp_path / "pipe"):
        with pytest.raises(shuzi.ShuziError, match=r"is not a file\. Choose a file, or - for stdout"):
            csv_file.CsvFile(path)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)  # noqa: PTH116


NAMES = ["a.png", "a,b.png", 'a"b.png', "a\nb.png", "a\rb.png", "\udcff.png", "数字.png"]


def test_names_of_every_kind_come_back_from_a_csv(reader, folder, tmp_path):
    page = reader.read(folder / "a.png")
    with csv_file.CsvFile(tmp_path / "out.csv") as out:
        for name in [*NAMES, "last.png"]:
            out.write(name, page)
    with csv_file.CsvFile(tmp_path / "out.csv", resume=True) as out:
        assert out.done == {*NAMES}


def test_the_rows_of_the_last_picture_stay_until_it_is_read_again(reader, folder, tmp_path):
    path, page, empty = tmp_path / "out.csv", reader.read(folder / "a.png"), reader.read(folder / "c.bmp")
    with csv_file.CsvFile(path, csv_file.DIGITS) as out:
        out.write("first", page)
        out.write("last", page)
    with csv_file.CsvFile(path, csv_file.DIGITS, resume=True) as out:
        assert out.done == {"first"}
        out.write("new", empty)
    assert [r["file"] for r in rows(path)] == ["first", "first", "last", "last", "new"]
    with csv_file.CsvFile(path, csv_file.DIGITS, resume=True) as out:
        out.write("newer", empty)
        out.write("new", page)
    assert [r["file"] for r in rows(path)] == ["first", "first", "last", "last", "newer", "new", "new"]


def test_a_picture_that_somebody_has_checked_is_not_read_again(reader, folder, tmp_path):
    path, page = tmp_path / "out.csv", reader.read(folder / "a.png")
    with csv_file.CsvFile(path) as out:
        out.write("first", page)
        out.write("last", page)
    path.write_text(path.read_text().rstrip("\n") + "yes\n")
    with csv_file.CsvFile(path, resume=True) as out:
        assert out.done == {"first", "last"}


def test_a_picture_is_told_from_others_by_its_place(tmp_path):
    job = folders.Job(tmp_path / "a" / "1.png", "1.png")
    assert job.unique_name(tmp_path) == "a/1.png"
    assert job.unique_name(tmp_path / "b") == str(job.path)


def test_overlay_and_inputs_are_pngs(reader, folder, tmp_path):
    (job, *_) = jobs_in([folder])
    page = reader.read(job.path)
    drawn = np.asarray(Image.open(overlay.write_overlay(tmp_path / "overlay", job, page)))
    assert drawn.shape == (400, 600, 3)  # a small picture is enlarged, to leave room for the readings
    assert (drawn == overlay.SURE).all(2).any()
    inputs = overlay.write_inputs(tmp_path / "inputs", job, page)
    assert [p.name for p in inputs] == ["a.png-000-7.png", "a.png-001-7.png"]
    assert (np.asarray(Image.open(inputs[0])) == page.digits[0].image).all()


def test_labels_of_an_overlay_hide_no_digit_of_close_rows():
    image, named = np.zeros((28, 28), np.uint8), np.full(10, 0.1, np.float32)
    rows = [
        tuple(Digit(1, 1, 0.9, named, (30 + 24 * i, 20 + 34 * row, 20, 30), image) for i in range(4))
        for row in range(5)
    ]
    page = Page(tuple(Number(digits, row) for row, digits in enumerate(rows)), (600, 400))
    drawn = overlay.draw_overlay(np.full((400, 600), 200, np.uint8), page)
    assert (drawn == 200).all(2).mean() > 0.5
    for x, y, w, h in (digit.box for digits in rows for digit in digits):
        assert (drawn[y + 2 : y + h - 2, x + 2 : x + w - 2] == 200).all()


def test_an_overlay_replaces_an_earlier_one_and_no_picture_of_ones_own(reader, folder):
    (job, *_) = jobs_in([folder])
    page = reader.read(job.path)
    for name, write in (("a.png.png", overlay.write_overlay), ("a.png-000-7.png", overlay.write_inputs)):
        for _ in range(2):
            write(folder / "new", job, page)
        mine = (folder / "c.bmp").read_bytes()
        (folder / name).write_bytes(mine)
        with pytest.raises(shuzi.ShuziError, match=f"{name} is not a picture made by shuzi"):
            write(folder, job, page)
        assert (folder / name).read_bytes() == mine


def test_an_output_that_cannot_be_written_is_named(reader, folder, tmp_path):
    (job, *_) = jobs_in([folder])
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(shuzi.ShuziError, match="cannot be written"):
        overlay.write_overlay(tmp_path / "file", job, reader.read(job.path))
    with pytest.raises(shuzi.ShuziError, match="cannot be written"):
        csv_file.CsvFile(tmp_path / "file" / "out.csv")


def test_what_is_no_picture_is_told_and_what_is_hidden_is_not(folder):
    for name in ("a.docx", "b.SVG", ".DS_Store", ".hidden/x.png", "more/.b.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    found = folders.list_pictures([folder])
    assert [path.name for path in found.skipped] == ["a.docx", "b.SVG", "notes.txt"]
    assert [job.name for job in found.jobs] == ["a.png", "c.bmp", "d.png", "more/b.jpg"]
    assert folders.name_some(found.skipped * 3) == "a.docx, b.SVG, notes.txt, a.docx, b.SVG and 4 more"


@pytest.mark.parametrize("ending", ["avif", "jp2", "webp", "tiff", "gif", "ppm", "tga", "jfif", "PNG"])
def test_every_ending_that_pillow_knows_is_found(reader, folder, tmp_path, ending):
    (tmp_path / "one").mkdir()
    with Image.open(folder / "a.png") as image:
        image.convert("RGB").save(tmp_path / "one" / f"x.{ending}")
    (result,) = folders.read_all(reader, jobs_in([tmp_path / "one"]))
    assert result.page.text == "77"


def test_each_page_of_a_tiff_is_read(reader, folder, tmp_path):
    pages = [Image.open(folder / name).convert("L") for name in ("a.png", "c.bmp", "more/b.jpg")]
    pages[0].save(tmp_path / "scan.tif", save_all=True, append_images=pages[1:])
    results = list(folders.read_all(reader, jobs_in([tmp_path / "scan.tif"])))
    assert [(r.job.name, r.page.text) for r in results] == [
        ("scan.tif#1", "77"),
        ("scan.tif#2", ""),
        ("scan.tif#3", "7"),
    ]
    assert results[2].job.unique_name(tmp_path) == "scan.tif#3"
    assert overlay.write_overlay(tmp_path / "o", results[2].job, results[2].page).name == "scan.tif#3.png"


def test_one_path_is_a_list_of_one(reader, folder):
    for path in (folder / "a.png", str(folder / "a.png")):
        assert [result.page.text for result in shuzi.read_files(path, reader)] == ["77"]


@pytest.mark.parametrize("workers", [0, -1, 1.5])
def test_there_is_at_least_one_worker(reader, folder, workers):
    with pytest.raises(shuzi.ShuziError, match=f"workers={workers}: expected a whole number of 1 or more"):
        shuzi.read_files(folder, reader, workers=workers)


def test_no_path_is_no_picture():
    with pytest.raises(shuzi.ShuziError, match="'': no such file or folder"):
        folders.list_pictures([""])


@pytest.fixture
def nobody():
    """Somebody without root's right to look into every folder."""
    before = os.geteuid()
    picture.suffixes()  # imports what nobody may not
    if before == 0:
        os.seteuid(65534)
    yield
    os.seteuid(before)


def test_a_folder_that_cannot_be_looked_into_is_told(nobody):
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "locked").mkdir(mode=0)
        Image.new("L", (9, 9)).save(root / "a.png")
        found = folders.list_pictures([root])
    assert [job.name for job in found.jobs] == ["a.png"]
    assert [result.error for result in found.failed] == [f"{root}/locked: can't be read (Permission denied)."]


def test_readings_side_by_side_leave_opencv_as_it_was(reader, folder):
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        with ThreadPoolExecutor(2) as pool:
            both = [pool.submit(lambda: [*folders.read_all(reader, jobs_in([folder]), workers=2)]) for _ in "ab"]
            assert [len(each.result()) for each in both] == [4, 4]
        assert cv2.getNumThreads() == 3
    finally:
        cv2.setNumThreads(before)


def test_a_file_whose_pages_cannot_be_counted_is_not_read_as_one_page(reader, tmp_path, monkeypatch):
    monkeypatch.setattr(picture, "MAX_TIFF_PAGES", 2)
    pages = [Image.new("L", (40, 40), 255) for _ in range(3)]
    pages[0].save(tmp_path / "many.tif", save_all=True, append_images=pages[1:])
    (result,) = shuzi.read_files([tmp_path / "many.tif"], reader)
    assert result.page is None
    assert "a TIFF of more than 2 pages. Split it" in result.error

"""PDFs: each page a picture, drawn at a scanner's resolution."""

import concurrent.futures
import sys

import numpy as np
import pytest
from PIL import Image

import shuzi
from shuzi.batch import folders
from shuzi.data import picture

DOTS_AN_INCH = 200


@pytest.fixture(scope="module")
def sheets(mnist):
    """Three A5 sheets, each with a number of one more digit than the last, and a box around where it stands."""
    _, test = mnist
    sevens = test.images[test.labels == 7][:3]
    pages = []
    for count in (1, 2, 3):
        sheet = np.full((1654, 1165), 255, np.uint8)  # at 200 dots an inch
        for place in range(count):
            digit = Image.fromarray(sevens[place]).resize((84, 84))
            sheet[400:484, 300 + 90 * place : 384 + 90 * place] = 255 - np.asarray(digit)
        pages.append(Image.fromarray(sheet))
    return pages


@pytest.fixture(scope="module")
def document(sheets, tmp_path_factory):
    path = tmp_path_factory.mktemp("pdf") / "scan.pdf"
    sheets[0].save(path, save_all=True, append_images=sheets[1:], resolution=DOTS_AN_INCH)
    return path


def test_a_page_is_drawn_as_it_was_scanned(document, sheets):
    for number, sheet in enumerate(sheets):
        for source in (document, document.read_bytes()):
            drawn = picture.load(source, number)
            assert drawn.size == sheet.size
            assert np.abs(drawn.pixels[:, :, 0].astype(int) - np.asarray(sheet)).mean() < 1


def test_pages_are_read_in_order_each_with_its_boxes(document):
    results = list(folders.read_all(shuzi.Reader(), folders.list_pictures([document]).jobs))
    assert [result.job.name for result in results] == ["scan.pdf#1", "scan.pdf#2", "scan.pdf#3"]
    assert [result.page.text for result in results] == ["7", "77", "777"]
    for count, result in enumerate(results, start=1):
        (number,) = result.page.numbers
        left, top, width, height = number.box
        assert left >= 300
        assert top >= 400
        assert left + width <= 300 + 90 * count
        assert top + height <= 484 + 4  # blur of the drawing


def test_many_threads_may_draw_one_document(document):
    alone = [picture.load(document, number).pixels for number in range(3)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        together = pool.map(lambda number: picture.load(document, number % 3).pixels, range(12))
        for number, pixels in enumerate(together):
            assert np.array_equal(pixels, alone[number % 3])


def test_a_poster_is_drawn_no_larger_than_a_picture_may_be(tmp_path):
    Image.new("L", (400, 300), 255).save(tmp_path / "poster.pdf", resolution=4)  # 100 by 75 inches
    drawn = picture.load(tmp_path / "poster.pdf")
    assert drawn.size[0] * drawn.size[1] == pytest.approx(picture.MAX_PICTURE_PIXELS, rel=0.01)


def test_a_pdf_that_cannot_be_read_gets_one_sentence(document, tmp_path, monkeypatch):
    whole = document.read_bytes()
    half = tmp_path / "half.pdf"
    half.write_bytes(whole[: len(whole) // 20])
    with pytest.raises(shuzi.ShuziError, match=r"half\.pdf: a PDF that can't be read"):
        picture.load(half)
    with pytest.raises(shuzi.ShuziError, match=r"scan\.pdf: no page 4\. Choose 1 to 3"):
        picture.load(document, 3)
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(shuzi.ShuziError, match=r"a PDF\. .*pip install '\.\[pdf\]'"):
        picture.load(whole)


def test_shuzi_read_takes_a_pdf_and_a_broken_one_stops_nothing(command, document, tmp_path):
    (tmp_path / "scan.pdf").write_bytes(document.read_bytes())
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    ended = command("read", tmp_path, "--csv", tmp_path / "out.csv")
    assert ended.code == 1
    assert ended.stderr.startswith("shuzi: ")
    assert ended.stderr.count("\n") == 1
    assert "broken.pdf: a PDF that can't be read" in ended.stderr
    assert [line.split()[:2] for line in ended.stdout.splitlines()] == [
        ["scan.pdf#1", "7"], ["scan.pdf#2", "77"], ["scan.pdf#3", "777"],
    ]  # fmt: skip

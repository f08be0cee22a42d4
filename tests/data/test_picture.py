"""Decoding: every kind of file that people have, and one sentence for what is none."""

import contextlib
import io
import os
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

import shuzi
from shuzi.data import picture


@pytest.fixture(scope="module")
def seven():
    """A blue 7 on yellowish paper, RGB."""
    paper = np.full((200, 160, 3), (250, 245, 225), np.uint8)
    cv2.polylines(paper, [np.array([[40, 50], [115, 48], [70, 150]])], False, (30, 40, 120), 10, cv2.LINE_AA)
    return Image.fromarray(paper)


def encoded(image, **how):
    stream = io.BytesIO()
    image.save(stream, **how)
    return stream.getvalue()


@pytest.fixture(scope="module")
def reader():
    return shuzi.Reader()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"])
def test_formats_are_read(reader, seven, format):
    assert reader.read(encoded(seven, format=format), single=True).text == "7"


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "RGBA", "LA", "I;16"])
def test_modes_are_read(reader, seven, mode):
    if mode == "I;16":
        image = Image.fromarray(np.asarray(seven.convert("L")).astype(np.uint16) * 257)
    else:
        image = seven.convert(mode)
    assert reader.read(encoded(image, format="TIFF"), single=True).text == "7"


@pytest.mark.parametrize("ink_colour", [0, 255], ids=["black", "white"])
def test_ink_on_transparency_is_read(reader, seven, ink_colour):
    rgba = np.full((200, 160, 4), ink_colour, np.uint8)
    rgba[:, :, 3] = 255 - np.asarray(seven.convert("L"))
    assert reader.read(Image.fromarray(rgba), single=True).text == "7"
    assert reader.read(rgba, single=True).text == "7"


def test_the_first_frame_of_an_animation_is_read(reader, seven):
    gif = encoded(seven, format="GIF", save_all=True, append_images=[Image.new("RGB", seven.size)] * 3)
    assert reader.read(gif, single=True).text == "7"


def test_path_bytes_image_and_array_are_one(reader, seven, tmp_path):
    seven.save(tmp_path / "seven.png")
    sources = [tmp_path / "seven.png", str(tmp_path / "seven.png"), encoded(seven, format="PNG"), seven]
    boxes = {reader.read(source, single=True).digits[0].box for source in [*sources, np.asarray(seven)]}
    assert len(boxes) == 1


def test_a_large_jpeg_is_reduced_and_boxes_are_in_its_own_pixels(reader):
    paper = np.full((3000, 4000), 240, np.uint8)
    for left in (1980, 2580):  # two sevens
        bends = np.array([[left + 20, 1300], [left + 240, 1300], [left + 100, 1700]], np.int32)
        cv2.polylines(paper, [bends], False, (20,), 40)
    page = reader.read(encoded(Image.fromarray(paper), format="JPEG"))
    assert page.size == (4000, 3000)
    assert page.text == "77"
    for digit, left in zip(page.digits, (1980, 2580), strict=True):
        assert np.abs(np.subtract(digit.box, (left, 1280, 280, 440))).max() < 80


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb():
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


BROKEN = {
    "text": (b"hello there", "not a picture"),
    "empty": (b"", "an empty file"),
    "bomb": (bomb(), "million pixels"),
    "pdf": (b"%PDF-1.7 and so on", "a PDF that can't be read"),
    "heic": (b"\0\0\0\x18ftypheic0000", "HEIC"),
    "svg": (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50 50\n%%EndComments\n", "not a picture"),
    "webp bomb": (b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xff\xff\xff\x0f\0\0\0\0\0", "16384x16384 pixels"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_picture_gets_one_sentence(reader, name):
    data, sentence = BROKEN[name]
    with pytest.raises(shuzi.ShuziError, match=sentence) as caught:
        reader.read(data)
    assert "\n" not in str(caught.value)


@given(cut=st.floats(0.02, 0.95), format=st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"]))
def test_half_a_file_is_an_error_or_a_page_but_no_crash(reader, seven, cut, format):
    data = encoded(seven, format=format)
    with contextlib.suppress(shuzi.ShuziError):
        assert reader.read(data[: int(len(data) * cut)], single=True).digits


def test_a_single_pixel_is_too_small(reader):
    with pytest.raises(shuzi.ShuziError, match="1x1"):
        reader.read(np.zeros((1, 1), np.uint8))


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.full((30, 30), np.nan), "NaN"),
        (np.zeros((30, 30)), "float64"),
        (np.zeros((3, 30, 30), np.uint8), r"\(3, 30, 30\)"),
        (np.zeros((0, 0), np.uint8), "empty"),
        ([[0, 1]], r"of type list\. Give a path"),
        (7, r"7 is of type int\. Give a path"),
    ],
)
def test_other_arrays_are_told_what_was_expected(reader, array, sentence):
    with pytest.raises(shuzi.ShuziError, match=sentence):
        reader.read(array)


def test_a_folder_and_a_missing_file_are_named(reader, tmp_path):
    with pytest.raises(shuzi.ShuziError, match="can't be read"):
        reader.read(tmp_path)
    with pytest.raises(shuzi.ShuziError, match="no such file"):
        reader.read(tmp_path / "none.png")


def test_a_pillow_image_stays_as_it_was_and_reads_the_same_again(reader, seven):
    photo = Image.open(io.BytesIO(encoded(seven.resize((3200, 4000)), format="JPEG")))
    first, second = reader.read(photo), reader.read(photo)
    assert photo.size == first.size == second.size == (3200, 4000)
    assert first.digits[0].box == second.digits[0].box


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_turns_a_picture_as_pillow_does(seven, orientation, format):
    exif = Image.Exif()
    exif[picture.ORIENTATION] = orientation
    data = encoded(seven, format=format, exif=exif)
    found = picture.load(data)
    with Image.open(io.BytesIO(data)) as image:
        expected = ImageOps.exif_transpose(image).convert("RGB")
    assert found.size == expected.size
    assert (found.pixels == np.asarray(expected)).all()


def test_a_tiff_is_turned_once(seven):
    exif = Image.Exif()
    exif[picture.ORIENTATION] = 6
    found = picture.load(encoded(seven, format="TIFF", exif=exif))
    assert found.size == (200, 160)
    assert (found.pixels == np.rot90(np.asarray(seven), -1)).all()


def jpeg_with_exif(image, exif):
    """A JPEG with these bytes for its EXIF, right or wrong."""
    return encoded(image, format="JPEG", exif=b"Exif\0\0" + exif)


ORIENTED = b"II*\0\x08\0\0\0\x01\0\x12\x01"  # one tag, the orientation; its type, count and value follow
BAD_EXIF = {
    "text": ORIENTED + b"\x02\0\x04\0\0\0abc\0\0\0\0\0",
    "out of range": ORIENTED + b"\x03\0\x01\0\0\0\x63\0\0\0\0\0\0\0",
    "short": b"II*\0\x08\0",
    "empty": b"",
    "no TIFF": b"garbage, not a TIFF header",
}


@pytest.mark.filterwarnings("ignore")  # Pillow's own, of the damage
@pytest.mark.parametrize("exif", BAD_EXIF)
def test_bad_exif_is_passed_over(reader, seven, exif):
    assert reader.read(jpeg_with_exif(seven, BAD_EXIF[exif]), single=True).text == "7"


@pytest.mark.parametrize("format", ["AVIF", "DDS", "TIFF", "PNG", "JPEG2000", "PCX", "SGI", "TGA", "QOI"])
def test_a_damaged_picture_is_one_sentence(seven, format):
    random = np.random.default_rng(0)
    whole = encoded(seven, format=format)
    for _ in range(30):
        data = bytearray(whole)
        for place in random.integers(0, min(len(data), 200), 8):
            data[place] = random.integers(256)
        with warnings.catch_warnings(), contextlib.suppress(shuzi.ShuziError):
            warnings.simplefilter("ignore")
            assert picture.load(bytes(data[: random.integers(50, len(data) + 1)])).pixels.dtype == np.uint8


PEAK = """
import resource, sys
import numpy as np, PIL.Image, onnxruntime
from shuzi.data import picture
rest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    picture.load(path)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - rest) * 1024)
"""


@pytest.mark.slow
def test_a_picture_at_the_size_limit_is_decoded_in_bounded_memory(tmp_path):
    side = int((picture.MAX_DECODING_BYTES / picture.DEFAULT_BYTES_PER_PIXEL) ** 0.5) - 100
    rows = zlib.compressobj(1)
    row = b"\0" + b"\xff\xf0" * 4 * side  # 16 bits each of red, green, blue, alpha
    data = b"".join(rows.compress(row) for _ in range(side)) + rows.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0))
    path = tmp_path / "wide.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    told = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, check=True)
    assert int(told.stdout) < 1_000_000_000


def test_what_is_no_file_is_named_and_not_waited_for(reader, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(shuzi.ShuziError, match="a pipe or a device"):
            reader.read(path)
    with pytest.raises(shuzi.ShuziError, match="can't be read"):
        reader.read("a\0b")


def test_each_page_of_a_tiff_can_be_loaded(seven):
    blank = Image.new("RGB", (50, 60), "white")
    data = encoded(seven, format="TIFF", save_all=True, append_images=[blank, seven])
    assert picture.pages(data) == 3
    assert [picture.load(data, page).size for page in range(3)] == [(160, 200), (50, 60), (160, 200)]
    gif = encoded(seven, format="GIF", save_all=True, append_images=[Image.new("RGB", seven.size)])
    assert picture.pages(gif) == 1


def tiff(pages: int, last: list[tuple[int, int]] | None = None) -> bytes:
    """Pages of 8x8 black pixels. last: the tags and values of the last page's directory, if it has others."""
    tags = [(256, 8), (257, 8), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 8), (279, 64)]
    data, at = bytearray(b"II*\0" + struct.pack("<I", 72) + bytes(64)), 72
    for page in range(1, pages + 1):
        entries = tags if last is None or page < pages else last
        at += 2 + 12 * len(entries) + 4
        data += struct.pack("<H", len(entries))
        data += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
        data += struct.pack("<I", at if page < pages else 0)
    return bytes(data)


def test_a_damaged_page_of_a_tiff_counts_and_the_others_are_loaded():
    data = tiff(3, last=[(256, 8)])
    assert picture.pages(data) == 3
    assert picture.load(data, 1).size == (8, 8)
    with pytest.raises(shuzi.ShuziError, match="a damaged picture"):
        picture.load(data, 2)


def test_a_tiff_of_endless_pages_is_refused():
    with pytest.raises(shuzi.ShuziError, match="more than 5,000 pages\\. Split it"):
        picture.pages(tiff(picture.MAX_TIFF_PAGES + 1))


def test_threads_load_side_by_side(seven):
    data = [encoded(seven, format=format) for format in ("PNG", "JPEG", "WEBP", "TIFF")] * 8
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        sizes = {found.size for found in pool.map(picture.load, data)}
    assert sizes == {seven.size}
    assert warnings.filters == before

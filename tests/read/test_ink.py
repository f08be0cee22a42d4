"""Decoding: every kind of file that people have, and one sentence for what is none."""

import contextlib
import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import shuzi
from shuzi.read import ink


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
    cv2.line(paper, (2000, 1300), (2000, 1700), (20,), 40)
    cv2.line(paper, (2600, 1300), (2600, 1700), (20,), 40)
    page = reader.read(encoded(Image.fromarray(paper), format="JPEG"))
    assert page.size == (4000, 3000)
    for digit, left in zip(page.digits, (1980, 2580), strict=True):
        assert np.abs(np.subtract(digit.box, (left, 1280, 40, 440))).max() < 30


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb():
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


BROKEN = {
    "text": (b"hello there", "not a picture"),
    "empty": (b"", "0 bytes"),
    "bomb": (bomb(), "million pixels"),
    "pdf": (b"%PDF-1.7 and so on", "export its pages as pictures"),
    "heic": (b"\0\0\0\x18ftypheic0000", "HEIC"),
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
        (7, "a int"),
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


def test_a_hard_shadow_edge_is_no_ink():
    paper = np.full((200, 300), 220, np.uint8)
    paper[:, 140:] = 110
    dark, light = ink.contrasts(paper, 41)
    assert dark.max() == light.max() == 0


def test_ruled_lines_go_and_the_stroke_across_them_stays():
    paper = np.zeros((200, 400), np.uint8)
    paper[40:180, 195:201] = 255  # a 1
    ruled = paper.copy()
    ruled[50::40] = ruled[51::40] = 255
    left = ink.without_lines(ruled, ruled // 2, 20)
    assert np.count_nonzero(left[:, :190]) == np.count_nonzero(left[:, 206:]) == 0
    assert (left[40:180, 196:200] == 255).all()

"""Pictures: every format that Pillow writes, of random size and mode, damaged anywhere; EXIF of all sorts."""

import io
import os
import resource
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from idx import mutated
from PIL import Image

import shuzi
from shuzi.data import picture
from shuzi.errors import SystemFailure
from shuzi.serve import samples

FORMATS = (
    "PNG",
    "JPEG",
    "WEBP",
    "TIFF",
    "BMP",
    "GIF",
    "AVIF",
    "JPEG2000",
    "PPM",
    "ICO",
    "PCX",
    "SGI",
    "TGA",
    "QOI",
    "DDS",
)
MODES = ("L", "1", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "I", "F", "YCbCr")
READER = shuzi.Reader()


def encoded(random):
    width, height = (int(side) for side in random.integers(1, 80, 2))
    grain = random.integers(0, 256, (height, width, 3), np.uint8)
    image, kind = Image.fromarray(grain), FORMATS[random.integers(len(FORMATS))]
    stream = io.BytesIO()
    exif = mutated(random, b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0")
    try:
        image = image.convert(MODES[random.integers(len(MODES))])
        more = {"exif": exif} if kind in ("JPEG", "PNG", "WEBP", "AVIF") and random.random() < 0.5 else {}
        pages = {"save_all": True, "append_images": [image] * 2} if kind in ("TIFF", "GIF") else {}
        image.save(stream, kind, **more, **pages)
    except Exception:  # not every format takes every mode, nor broken EXIF
        stream = io.BytesIO()
        Image.fromarray(grain).save(stream, kind)
    return stream.getvalue()


def starved(data, room):
    """Decodes a picture that could be decoded before, with so many more bytes of memory."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + room, before[1]))
    try:
        picture.load(data)
    except SystemFailure:
        pass
    except shuzi.ShuziError as error:
        raise AssertionError(f"called damaged for want of memory: {error}") from error
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def case(random, folder):
    data = encoded(random)
    if random.random() < 0.9:
        data = mutated(random, data, 4)
    found = picture.load(data)
    assert found.pixels.dtype == np.uint8
    assert found.pixels.shape[2] == 3
    assert picture.pages(data) >= 1
    if random.random() < 0.1:  # too little memory may stop any of them, but never makes one damaged
        starved(data, int(10 ** random.uniform(5, 7.5)))
    if random.random() < 0.1:
        page = READER.read(found, single=bool(random.integers(2)))
        assert page.size == found.size
        for x, y, width, height in (part.box for part in (*page.numbers, *page.digits)):
            assert 0 <= x < x + width <= page.size[0]
            assert 0 <= y < y + height <= page.size[1]


def read(make):
    """A picture made and read, as a page and as a digit."""

    def known(folder):
        for single in (False, True):
            READER.read(make(folder), single=single)

    return known


def dots(folder):
    paper = np.full((2000, 2000), 255, np.uint8)
    paper[::9, ::9] = 0
    return paper


def dithered(folder):
    grey = np.tile(np.linspace(0, 255, 160).astype(np.uint8), (160, 1))
    return np.asarray(Image.fromarray(grey).convert("1").convert("L"))


def full(folder):
    """12 megapixels full of digits of 30, 60 and 120 pixels, so that it is looked at again and again."""
    images, rows = samples.load().images, []
    for index in range(0, 33, 3):
        for digit, side in zip(images[index : index + 3], (42, 84, 168), strict=True):
            large = cv2.resize(255 - digit, (side, side), interpolation=cv2.INTER_CUBIC)
            rows.append(np.tile(large, (1, 1 + 4000 // side))[:, :4000])
    return np.concatenate(rows)


def wide():
    """16 bits each of red, green, blue and alpha at the size limit."""
    side = 9400
    rows, row = zlib.compressobj(1), bytes(1 + 8 * side)
    data = b"".join(rows.compress(row) for _ in range(side)) + rows.flush()
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", side, side, 16, 6, 0, 0, 0)), (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def exif(value):
    stream = io.BytesIO()
    Image.new("L", (50, 60), 255).save(stream, "JPEG", exif=b"Exif\0\0" + value)
    return stream.getvalue()


def many_samples(folder):
    stream = io.BytesIO()
    Image.new("RGB", (50, 60)).save(stream, "TIFF")
    return stream.getvalue().replace(b"\x15\x01\x03\0\x01\0\0\0\x03\0", b"\x15\x01\x03\0\x01\0\0\0\x03\xc7")


def pipe(folder):
    os.mkfifo(folder / "pipe")
    return folder / "pipe"


KNOWN = {
    "dots": read(dots),
    "dithered": read(dithered),
    "full of digits": lambda folder: READER.read(full(folder)),
    "blank strip": read(lambda folder: np.full((4, 1_000_000), 255, np.uint8)),
    "16-bit RGBA": lambda folder: picture.load(wide()),
    "WebP of 34 bytes": read(lambda folder: b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\xff\xff\xff\x0f" + bytes(9)),
    "EXIF text": read(lambda folder: exif(b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x04\0\0\0abc\0\0\0\0\0")),
    "short EXIF": read(lambda folder: exif(b"II*\0\x08\0")),
    "samples a pixel": read(many_samples),
    "pipe": read(pipe),
    "device": read(lambda folder: "/dev/zero"),
    "no name": read(lambda folder: ""),
}

"""Any file, bytes or array to upright pixels: formats, orientation, alpha, depth, in MAX_DECODING_BYTES of memory."""

from __future__ import annotations

import io
import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import cv2
import numpy as np

from shuzi.data import pdf
from shuzi.errors import ShuziError, raise_system_failure, system_failure, system_failures
from shuzi.files import cannot_read

if TYPE_CHECKING:
    from PIL import Image

logging.getLogger("PIL").addHandler(logging.NullHandler())  # damage is reported below, in one sentence
# Larger pictures are reduced to it: a 12 MP photo is halved; 20-pixel digits of a 3 MP picture keep their size.
MAX_PICTURE_PIXELS = 4_000_000
MIN_JPEG_PIXELS = 2_900_000  # that a JPEG keeps when it is decoded reduced
MIN_PICTURE_SIDE = 4  # pixels; nobody can read a digit in fewer
MAX_DECODING_BYTES = 900_000_000  # of memory, at the peak of decoding one picture
# Bytes per pixel at that peak, measured. Most formats are decoded row by row and take less than the default.
BYTES_PER_PIXEL = {"JPEG2000": 28, "WEBP": 20, "AVIF": 16, "HEIF": 16, "TIFF": 12}
DEFAULT_BYTES_PER_PIXEL = 10
MAX_PICTURE_BYTES = 500_000_000  # of a file: more than any picture of so many pixels takes
MAX_TIFF_PAGES = 5_000  # Pillow counts them in a second, and twice as many in four
HEAD_BYTES = 1024  # in which a file says what it is
STRIP_PIXELS = 1 << 20  # converted at a time
ORIENTATION = 0x0112  # the EXIF tag: 1 is upright, 2 to 8 are flips and turns of it
# Formats of Pillow in which people save, scan or draw. It knows the first five without importing more. EPS is left out
# because it runs Ghostscript; TGA comes last because it has no signature.
FORMATS = (
    *("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000", "DIB", "ICO", "PCX"),
    *("DCX", "PSD", "QOI", "SGI", "SUN", "DDS", "XBM", "TGA"),
)
HEIF = (".heic", ".heif")  # with pillow-heif
PDF = ".pdf"  # with pypdfium2
PAGED_SUFFIXES = (".tif", ".tiff", PDF)  # endings of files that may hold several pages
USUAL_FORMATS = "PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF, JPEG 2000"


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright.

    pixels: uint8 (H, W, 3), RGB, perhaps reduced; size: width, height of the upright original, in pixels; scale:
    pixels of the original per pixel of `pixels`.
    """

    pixels: np.ndarray
    size: tuple[int, int]
    scale: float


File: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview
"""A path, or the bytes of a file."""
FILE_TYPES = (str, os.PathLike, bytes, bytearray, memoryview)
if TYPE_CHECKING:
    Source: TypeAlias = File | Image.Image | np.ndarray | Picture


def load(source: Source, page: int = 0) -> Picture:
    """Decode a picture upright, in RGB, with at most MAX_PICTURE_PIXELS. The source is not changed.

    source: a path, the bytes of a file, a Pillow image, or an array uint8 (H, W), (H, W, 3) RGB or (H, W, 4) RGBA;
    a Picture is returned as it is. page: of a TIFF or PDF, from 0; a PDF is drawn at 200 dots per inch.
    Raises ShuziError for what is not a picture, is damaged, too large, or has a side of fewer than 4 pixels.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, np.ndarray):
        return _picture("the array", _from_array(source), (source.shape[1], source.shape[0]))
    if isinstance(source, FILE_TYPES):
        with _opened(source, page) as image:
            return _decoded(image, _name(source), page, ours=True)
    from PIL import Image

    if not isinstance(source, Image.Image):
        raise ShuziError(
            f"{source!r:.40} is of type {type(source).__name__}. Give a path, the bytes of a file, a Pillow image or "
            "a uint8 array."
        )
    return _decoded(source, "the image", 0, ours=False)


def pages(source: File) -> int:
    """Count the pages of a TIFF or a PDF; any other picture, animated or not, has 1.

    A TIFF's page with a damaged directory counts as its last: the way to the next is lost.
    Raises ShuziError as `load` does, and for a TIFF of more than MAX_TIFF_PAGES, because counting takes time.
    """
    with _stream(source) as stream:
        if pdf.is_pdf(stream.read(HEAD_BYTES)):
            return pdf.count(stream, _name(source))
    with _opened(source) as image, _damaged_picture_as_error(_name(source)):
        return _tiff_pages(image, _name(source)) if image.format == "TIFF" else 1


def _tiff_pages(image: Image.Image, name: str) -> int:
    """Count a TIFF's pages one after another: if it jumps past the last, Pillow miscounts them."""
    for page in range(1, MAX_TIFF_PAGES + 1):
        try:
            image.seek(page)
        except EOFError:
            return page
        except Exception as error:  # Pillow raises a dozen kinds for damage; loading this page reports it
            raise_system_failure(error, name)
            return page + 1
    raise ShuziError(f"{name}: a TIFF of more than {MAX_TIFF_PAGES:,} pages. Split it.")


def suffixes() -> frozenset[str]:
    """List the suffixes, in lower case, of the pictures that can be read."""
    from PIL import Image

    endings = Image.registered_extensions()
    return frozenset(ending for ending, kind in endings.items() if kind in FORMATS).union(HEIF, [PDF])


def resize_by(image: np.ndarray, factor: float, method: int = cv2.INTER_AREA) -> np.ndarray:
    """Resize an image, uint8 (H, W) or (H, W, 3), by a factor, to sides of one pixel or more."""
    height, width = image.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return cv2.resize(image, size, interpolation=method)


# ---- files ----------------------------------------------------------------------------------------------------


def _name(source: File) -> str:
    return f"{len(source):,} bytes" if isinstance(source, bytes | bytearray | memoryview) else str(source)


@contextmanager
def _opened(source: File, page: int = 0) -> Iterator[Image.Image]:
    """Open a Pillow image of a size that can be decoded; raise ShuziError with what the file is instead."""
    with _stream(source) as stream:
        name = _name(source)
        head = stream.read(HEAD_BYTES)
        stream.seek(0)
        if pdf.is_pdf(head):
            yield pdf.draw(stream, name, page, MAX_PICTURE_PIXELS)
            return
        if not head:
            raise ShuziError(f"{name}: an empty file. Give a picture.")
        if b"<svg" in head:
            raise ShuziError(f"{name}: an SVG drawing. Export it as a PNG and read that.")
        if _is_heif(head) and not _heif_registered():
            raise ShuziError(f"{name}: a HEIC photo. Save it as JPEG, or install its decoder: pip install pillow-heif")
        _check_size(name, "WEBP", _webp_size(head))  # Pillow takes memory for all of it when it opens one
        from PIL import Image, UnidentifiedImageError

        try:
            with _damaged_picture_as_error(name):
                image = Image.open(stream, formats=("HEIF",) if _is_heif(head) else FORMATS)
        except UnidentifiedImageError:
            raise ShuziError(f"{name}: not a picture that can be read ({USUAL_FORMATS}).") from None
        _check_size(name, image.format or "", image.size)
        yield image


@contextmanager
def _stream(source: File) -> Iterator[BinaryIO]:
    """Open a file or bytes for reading; raise ShuziError if there is no file, or something else."""
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source)
        return
    path = Path(source)
    try:
        kind = path.stat()
        if stat.S_ISDIR(kind.st_mode):
            raise ShuziError(f"{path}: can't be read (a folder).")
        if not stat.S_ISREG(kind.st_mode):
            raise ShuziError(f"{path}: can't be read (a pipe or a device). Pipe into shuzi read -")
        if kind.st_size > MAX_PICTURE_BYTES:
            raise ShuziError(f"{path}: {kind.st_size:,} bytes, more than {MAX_PICTURE_BYTES:,}. Reduce it.")
        file = path.open("rb")
    except FileNotFoundError:
        raise ShuziError(f"{path}: no such file.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise system_failure(error, str(path)) or cannot_read(path, error) from None
    with file, system_failures(str(path)):
        yield file


def _is_heif(head: bytes) -> bool:
    return head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1")


def _heif_registered() -> bool:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def _webp_size(head: bytes) -> tuple[int, int]:
    """Read width and height from a WebP's header (RFC 9649, 2.5 to 2.7); 0, 0 for any other file."""
    if head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return 0, 0

    def number(start: int, end: int) -> int:
        return int.from_bytes(head[start:end], "little")

    if head[12:16] == b"VP8X":
        return number(24, 27) + 1, number(27, 30) + 1
    if head[12:16] == b"VP8L":
        return (number(21, 25) & 0x3FFF) + 1, (number(21, 25) >> 14 & 0x3FFF) + 1
    return number(26, 28) & 0x3FFF, number(28, 30) & 0x3FFF


def _check_size(name: str, kind: str, size: tuple[int, int]) -> None:
    most = MAX_DECODING_BYTES // BYTES_PER_PIXEL.get(kind, DEFAULT_BYTES_PER_PIXEL)
    if size[0] * size[1] > most:
        raise ShuziError(f"{name}: {size[0]}x{size[1]} pixels, more than {most // 1_000_000} million. Reduce it.")


@contextmanager
def _damaged_picture_as_error(name: str) -> Iterator[None]:
    """Raise ShuziError for any of the two dozen kinds of errors that Pillow's plugins raise for damaged files.

    Lack of memory and errors of the disk are raised as SystemFailure.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except (ShuziError, UnidentifiedImageError):
        raise
    except Image.DecompressionBombError:
        most = MAX_DECODING_BYTES // DEFAULT_BYTES_PER_PIXEL // 1_000_000
        raise ShuziError(f"{name}: more than {most} million pixels. Reduce it.") from None
    except Exception as error:
        raise_system_failure(error, name)
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ShuziError(f"{name}: a damaged picture ({reason}). Save it again.") from None


# ---- pixels ---------------------------------------------------------------------------------------------------


def _decoded(image: Image.Image, name: str, page: int, ours: bool) -> Picture:
    """Decode a Pillow image. ours: it was opened here, and may be changed."""
    with _damaged_picture_as_error(name):
        if page and image.format is not None:  # a PDF's page is already drawn
            image.seek(page)
            _check_size(name, image.format or "", image.size)
        width, height = image.size
        if ours:
            # a JPEG decodes at a half, a quarter or an eighth for a fraction of the time
            halvings = int(np.log2(max(1.0, width * height / MIN_JPEG_PIXELS)) / 2)
            image.draft("RGB", (width >> halvings, height >> halvings))
        image.load()
        orientation = _orientation(image)
        rgb = _rgb(image)
    return _picture(name, rgb, (width, height), orientation)


def _picture(name: str, rgb: np.ndarray, size: tuple[int, int], orientation: int = 1) -> Picture:
    """Make a picture of RGB pixels (h, w, 3), turned upright. size: width, height of the original."""
    if min(size) < MIN_PICTURE_SIDE:
        raise ShuziError(f"{name}: {size[0]}x{size[1]} pixels, too few for a digit. Give a larger picture.")
    shrink = (rgb.shape[0] * rgb.shape[1] / MAX_PICTURE_PIXELS) ** 0.5
    if shrink > 1:
        rgb = resize_by(rgb, 1 / shrink)
    if orientation >= 5:
        rgb, size = rgb.transpose(1, 0, 2), size[::-1]
    if orientation in (2, 3, 6, 7):
        rgb = rgb[:, ::-1]
    if orientation in (3, 4, 7, 8):
        rgb = rgb[::-1]
    rgb = np.ascontiguousarray(rgb)
    return Picture(rgb, size, size[0] / rgb.shape[1])


def _orientation(image: Image.Image) -> int:
    """Read EXIF's orientation, 1 to 8; 1 if it can't be read, because the pixels may be fine all the same."""
    try:
        orientation = image.getexif().get(ORIENTATION, 1)
    except Exception as error:  # Pillow raises a dozen kinds for damaged EXIF
        raise_system_failure(error, "the picture")
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _from_array(array: np.ndarray) -> np.ndarray:
    """Convert an array to RGB, alpha over white; raise ShuziError for any other type or shape."""
    expected = "Give uint8 (H, W), (H, W, 3) for RGB or (H, W, 4) for RGBA"
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ShuziError(f"the array holds NaN or infinity. {expected}.")
    if array.dtype != np.uint8:
        raise ShuziError(f"the array is of type {array.dtype}. {expected}.")
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise ShuziError(f"the array is of shape {array.shape}. {expected}.")
    if not array.size:
        raise ShuziError(f"the array is empty, of shape {array.shape}. {expected}.")
    if array.ndim == 2:
        return cv2.merge([np.ascontiguousarray(array)] * 3)
    if array.shape[2] == 3:
        return np.array(array)
    return _over_paper(array.shape[:2], lambda rows: array[rows])


def _rgb(image: Image.Image) -> np.ndarray:
    """Convert a Pillow image of any mode to RGB, some rows at a time."""
    width, height = image.size

    def part(rows: slice) -> Image.Image:
        return image.crop((0, rows.start, width, rows.stop))

    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return _over_paper((height, width), lambda rows: np.asarray(part(rows).convert("RGBA")))
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _from_wide((height, width), lambda rows: np.asarray(part(rows), np.float32))
    return _rgb_of((height, width), lambda rows: np.asarray(part(rows).convert("RGB")))


def _rgb_of(shape: tuple[int, ...], convert: Callable[[slice], np.ndarray]) -> np.ndarray:
    """Assemble a picture, uint8 (H, W, 3). convert: returns some of its rows, of which there are few in memory."""
    rgb = np.empty((*shape, 3), np.uint8)
    for rows in _strips(*shape):
        rgb[rows] = convert(rows)
    return rgb


def _strips(height: int, width: int) -> Iterator[slice]:
    step = max(1, STRIP_PIXELS // max(1, width))
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


def _over_paper(shape: tuple[int, ...], rgba: Callable[[slice], np.ndarray]) -> np.ndarray:
    """Lay RGBA on white paper, or on black if all of it would vanish on white. rgba: returns some of its rows."""

    def laid(paper: int, rows: slice) -> np.ndarray:
        strip = rgba(rows)
        alpha = strip[:, :, 3:].astype(np.uint16)
        return (strip[:, :, :3] * alpha + paper * (255 - alpha) + 127) // 255

    rgb = _rgb_of(shape, partial(laid, 255))
    vanished = rgb.size and rgb.min() == rgb.max()
    return _rgb_of(shape, partial(laid, 0)) if vanished else rgb


def _from_wide(shape: tuple[int, ...], values: Callable[[slice], np.ndarray]) -> np.ndarray:
    """Convert grey samples of more than 8 bits to RGB. values: returns some of their rows."""
    brightest = max((float(np.nan_to_num(values(rows)).max(initial=0)) for rows in _strips(*shape)), default=0)
    # the sample's depth isn't recorded: 8, 12 and 16 bits all occur, and the brightest pixel tells which
    top = next((t for t in (1.0, 255.0, 4095.0, 65535.0) if brightest <= t), brightest)
    return _rgb_of(shape, lambda rows: np.clip(np.nan_to_num(values(rows)) / np.float32(top), 0, 1)[..., None] * 255)

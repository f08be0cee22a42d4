"""Any file, bytes or array to upright pixels: formats, orientation, alpha, depth; never more memory than MEMORY."""

from __future__ import annotations

import io
import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import cv2
import numpy as np

from shuzi.data import pdf
from shuzi.errors import ShuziError, SystemFailure, system_failure, system_failures

if TYPE_CHECKING:
    from PIL import Image

logging.getLogger("PIL").addHandler(logging.NullHandler())  # of damage we tell ourselves, in one sentence
LARGEST = (
    4_000_000  # pixels worked on: a 12 MP photo halved; 20-pixel digits of a 3 MP picture keep their size
)
ENOUGH = 2_900_000  # pixels that a JPEG keeps at least when it is decoded reduced
SMALLEST_SIDE = 4  # pixels; nobody can read a digit in fewer
MEMORY = 900_000_000  # bytes that decoding one picture may take at its peak
# Bytes a pixel at that peak, as measured; most formats are decoded row by row, and take less than the last.
COSTS = {"JPEG2000": 28, "WEBP": 20, "AVIF": 16, "HEIF": 16, "TIFF": 12}
COST = 10
MOST_BYTES = 500_000_000  # of a file: more than any picture of so many pixels takes
MOST_PAGES = 5_000  # of a TIFF: Pillow counts them in a second, and twice as many in four
HEAD = 1024  # bytes in which a file says what it is
ROWS = 1 << 20  # pixels converted at a time
ORIENTATION = 0x0112  # the EXIF tag: 1 is upright, 2 to 8 are flips and turns of it
# What Pillow opens of what people write, scan or draw into. The first five are those it knows without importing more;
# EPS isn't among them, for it runs Ghostscript; TGA is last, for it has no signature.
FORMATS = (
    *("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF", "AVIF", "JPEG2000", "DIB", "ICO", "PCX"),
    *("DCX", "PSD", "QOI", "SGI", "SUN", "DDS", "XBM", "TGA"),
)
HEIF = (".heic", ".heif")  # with pillow-heif
PDF = ".pdf"  # with pypdfium2
PAGED = (".tif", ".tiff", PDF)  # endings of files that may hold several pages
USUAL = "PNG, JPEG, WebP, TIFF, BMP, GIF, AVIF, JPEG 2000"


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright.

    pixels: uint8 (H, W, 3), RGB, perhaps reduced; size: (width, height) of the upright original in pixels;
    scale: original pixels to one of `pixels`.
    """

    pixels: np.ndarray
    size: tuple[int, int]
    scale: float


if TYPE_CHECKING:
    Source: TypeAlias = str | os.PathLike[str] | bytes | Image.Image | np.ndarray | Picture


def load(source: Source, page: int = 0) -> Picture:
    """Decode a picture upright, in RGB, at no more than LARGEST pixels. The source stays as it is.

    source: a path, the bytes of a file, a Pillow image, or an array uint8 (H, W), (H, W, 3) RGB or (H, W, 4) RGBA;
    a Picture is given back. page: which of a TIFF's or a PDF's, from 0; a PDF's are drawn at 200 dots an inch.
    Raises ShuziError on whatever is no picture, is damaged, too large, or smaller than 4 pixels a side.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, np.ndarray):
        return _picture("the array", _from_array(source), (source.shape[1], source.shape[0]))
    if isinstance(source, str | os.PathLike | bytes | bytearray | memoryview):
        with _opened(source, page) as image:
            return _decoded(image, _name(source), page, ours=True)
    from PIL import Image

    if not isinstance(source, Image.Image):
        raise ShuziError(
            f"{source!r:.40}: of type {type(source).__name__}, expected a path, the bytes of a file, a Pillow image "
            "or a uint8 array."
        )
    return _decoded(source, _name(source), 0, ours=False)


def pages(source: str | os.PathLike[str] | bytes | bytearray | memoryview) -> int:
    """How many pages a TIFF or a PDF has; 1 of any other picture, animated or not.

    A page of a TIFF whose directory is damaged counts, and is the last: the way to the next is lost.
    Raises ShuziError as `load` does, and for a TIFF of more than MOST_PAGES: counting takes time.
    """
    with _stream(source) as stream:
        if pdf.is_pdf(stream.read(HEAD)):
            return pdf.count(stream, _name(source))
    with _opened(source) as image, _damage_told(_name(source)):
        return _frames(image, _name(source)) if image.format == "TIFF" else 1


def _frames(image: Image.Image, name: str) -> int:
    """How many pages a TIFF has. One after another: on a jump past the last, Pillow miscounts them."""
    for page in range(1, MOST_PAGES + 1):
        try:
            with system_failures(name):
                image.seek(page)
        except SystemFailure:
            raise
        except EOFError:
            return page
        except Exception:  # Pillow raises a dozen kinds on damage; loading this page tells which
            return page + 1
    raise ShuziError(f"{name}: a TIFF of more than {MOST_PAGES:,} pages; split it.")


def suffixes() -> frozenset[str]:
    """The endings of file names, in lower case, of the pictures that can be read."""
    from PIL import Image

    endings = Image.registered_extensions()
    return frozenset(ending for ending, kind in endings.items() if kind in FORMATS).union(HEIF, [PDF])


def zoomed(image: np.ndarray, zoom: float, method: int = cv2.INTER_AREA) -> np.ndarray:
    """The image resized by a factor, but to no less than one pixel a side. uint8 (H, W) or (H, W, 3)."""
    height, width = image.shape[:2]
    return cv2.resize(
        image, (max(1, round(width * zoom)), max(1, round(height * zoom))), interpolation=method
    )


# ---- files ----------------------------------------------------------------------------------------------------


def _name(source: object) -> str:
    if isinstance(source, bytes | bytearray | memoryview):
        return f"{len(source):,} bytes"
    return str(source) if isinstance(source, str | os.PathLike) else "the image"


@contextmanager
def _opened(
    source: str | os.PathLike[str] | bytes | bytearray | memoryview, page: int = 0
) -> Iterator[Image.Image]:
    """A Pillow image, not decoded yet, of a size that can be; raises ShuziError with what the file is instead."""
    with _stream(source) as stream:
        name = _name(source)
        head = stream.read(HEAD)
        stream.seek(0)
        if pdf.is_pdf(head):
            yield pdf.draw(stream, name, page, LARGEST)
            return
        if (instead := _no_picture(head)) is not None:
            raise ShuziError(f"{name}: {instead}.")
        if _is_heif(head) and not _heif_registered():
            raise ShuziError(f"{name}: a HEIC photo; pip install pillow-heif, or save it as JPEG.")
        _check_size(name, "WEBP", _webp_size(head))  # Pillow makes room for all of it when it opens one
        from PIL import Image, UnidentifiedImageError

        try:
            with _damage_told(name):
                image = Image.open(stream, formats=("HEIF",) if _is_heif(head) else FORMATS)
        except UnidentifiedImageError:
            raise ShuziError(f"{name}: not a picture that can be read ({USUAL}).") from None
        _check_size(name, image.format or "", image.size)
        yield image


@contextmanager
def _stream(source: str | os.PathLike[str] | bytes | bytearray | memoryview) -> Iterator[BinaryIO]:
    """A file or bytes, to read from; raises ShuziError where there is no file, or another kind of one."""
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source)
        return
    path = Path(source)
    try:
        kind = path.stat()
        if stat.S_ISDIR(kind.st_mode):
            raise ShuziError(f"{path}: can't be read (a folder).")
        if not stat.S_ISREG(kind.st_mode):
            raise ShuziError(f"{path}: can't be read (a pipe or a device); shuzi read - takes a pipe.")
        if kind.st_size > MOST_BYTES:
            raise ShuziError(f"{path}: {kind.st_size:,} bytes, more than {MOST_BYTES:,}; reduce the picture.")
        file = path.open("rb")
    except FileNotFoundError:
        raise ShuziError(f"{path}: no such file.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise system_failure(error, str(path)) or ShuziError(f"{path}: can't be read ({reason}).") from None
    with file, system_failures(str(path)):
        yield file


def _no_picture(head: bytes) -> str | None:
    """What a file is that begins so, with what to do, where it is known to be no picture."""
    if not head:
        return "0 bytes, expected a picture"
    if b"<svg" in head:
        return "an SVG drawing; export it as a picture (PNG) and read that"
    return None


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
    """(width, height) that a WebP's header states (RFC 9649, 2.5 to 2.7); (0, 0) of any other file."""
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
    most = MEMORY // COSTS.get(kind, COST)
    if size[0] * size[1] > most:
        raise ShuziError(
            f"{name}: {size[0]}x{size[1]} pixels, more than {most // 1_000_000} million; reduce it and read that."
        )


@contextmanager
def _damage_told(name: str) -> Iterator[None]:
    """Pillow's plugins raise two dozen kinds of errors on damaged files: all mean that it can't be decoded.

    Except lack of memory and errors of the disk, which are raised as SystemFailure.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except (ShuziError, UnidentifiedImageError):
        raise
    except Image.DecompressionBombError:
        raise ShuziError(
            f"{name}: more than {MEMORY // COST // 1_000_000} million pixels; reduce it and read that."
        ) from None
    except Exception as error:
        if (failure := system_failure(error, name)) is not None:
            raise failure from None
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ShuziError(f"{name}: a damaged picture ({reason}); save it anew.") from None


# ---- pixels ---------------------------------------------------------------------------------------------------


def _decoded(image: Image.Image, name: str, page: int, ours: bool) -> Picture:
    """The picture of a Pillow image. ours: it was opened here, and may be changed."""
    with _damage_told(name):
        if page and image.format is not None:  # of a PDF the page is drawn already
            image.seek(page)
            _check_size(name, image.format or "", image.size)
        width, height = image.size
        if ours:
            # a JPEG decodes at a half, a quarter or an eighth for a fraction of the time
            halvings = int(np.log2(max(1.0, width * height / ENOUGH)) / 2)
            image.draft("RGB", (width >> halvings, height >> halvings))
        image.load()
        orientation = _orientation(image)
        rgb = _rgb(image)
    return _picture(name, rgb, (width, height), orientation)


def _picture(name: str, rgb: np.ndarray, size: tuple[int, int], orientation: int = 1) -> Picture:
    """The picture of pixels RGB (h, w, 3), of (width, height) in the original, turned as EXIF says it is."""
    if min(size) < SMALLEST_SIDE:
        raise ShuziError(f"{name}: {size[0]}x{size[1]} pixels, too small to hold a digit.")
    shrink = (rgb.shape[0] * rgb.shape[1] / LARGEST) ** 0.5
    if shrink > 1:
        rgb = zoomed(rgb, 1 / shrink)
    if orientation >= 5:
        rgb, size = rgb.transpose(1, 0, 2), size[::-1]
    if orientation in (2, 3, 6, 7):
        rgb = rgb[:, ::-1]
    if orientation in (3, 4, 7, 8):
        rgb = rgb[::-1]
    rgb = np.ascontiguousarray(rgb)
    return Picture(rgb, size, size[0] / rgb.shape[1])


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1 where none can be read: then the pixels are whole all the same."""
    try:
        with system_failures("the picture"):
            orientation = image.getexif().get(ORIENTATION, 1)
    except SystemFailure:
        raise
    except Exception:  # Pillow raises a dozen kinds on damaged EXIF
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1


def _from_array(array: np.ndarray) -> np.ndarray:
    """RGB of an array, alpha over white; raises ShuziError on any other type or shape."""
    expected = "expected uint8 (H, W), (H, W, 3) for RGB or (H, W, 4) for RGBA"
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ShuziError(f"the array holds NaN or infinity; {expected}.")
    if array.dtype != np.uint8:
        raise ShuziError(f"the array is of type {array.dtype}; {expected}.")
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] in (3, 4)):
        raise ShuziError(f"the array is of shape {array.shape}; {expected}.")
    if not array.size:
        raise ShuziError(f"the array is of shape {array.shape}, and empty; {expected}.")
    if array.ndim == 2:
        return cv2.merge([np.ascontiguousarray(array)] * 3)
    if array.shape[2] == 3:
        return np.array(array)
    return _over_paper(array.shape[:2], lambda rows: array[rows])


def _rgb(image: Image.Image) -> np.ndarray:
    """RGB uint8 of a Pillow image in whatever mode, converted some rows at a time."""
    width, height = image.size

    def part(rows: slice) -> Image.Image:
        return image.crop((0, rows.start, width, rows.stop))

    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return _over_paper((height, width), lambda rows: np.asarray(part(rows).convert("RGBA")))
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _from_wide((height, width), lambda rows: np.asarray(part(rows), np.float32))
    rgb = np.empty((height, width, 3), np.uint8)
    for rows in _strips(height, width):
        rgb[rows] = np.asarray(part(rows).convert("RGB"))
    return rgb


def _strips(height: int, width: int) -> Iterator[slice]:
    step = max(1, ROWS // max(1, width))
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


def _over_paper(shape: tuple[int, ...], rgba: Callable[[slice], np.ndarray]) -> np.ndarray:
    """RGBA on white paper; ink that would vanish there, white on nothing, is laid on black. rgba: some rows of it."""
    height, width = shape
    rgb = np.empty((height, width, 3), np.uint8)
    for paper in (255, 0):
        for rows in _strips(height, width):
            strip = rgba(rows)
            alpha = strip[:, :, 3:].astype(np.uint16)
            rgb[rows] = (strip[:, :, :3] * alpha + paper * (255 - alpha) + 127) // 255
        if rgb.size and rgb.min() < rgb.max():
            break
    return rgb


def _from_wide(shape: tuple[int, int], values: Callable[[slice], np.ndarray]) -> np.ndarray:
    """RGB of grey samples of more than 8 bits. values: some rows of them."""
    strips = [*_strips(*shape)]
    brightest = max((float(np.nan_to_num(values(rows)).max(initial=0)) for rows in strips), default=0)
    # the sample's depth isn't recorded: 8, 12 and 16 bits all occur, and the brightest pixel tells which
    top = next((t for t in (1.0, 255.0, 4095.0, 65535.0) if brightest <= t), brightest)
    grey = np.empty(shape, np.uint8)
    for rows in strips:
        grey[rows] = np.clip(np.nan_to_num(values(rows)) / np.float32(top), 0, 1) * 255
    return _from_array(grey)

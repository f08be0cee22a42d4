"""Draw a PDF's pages as pictures, with pdfium."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, BinaryIO

from shuzi.errors import ShuziError, system_failure, system_failures

if TYPE_CHECKING:
    import pypdfium2
    from PIL import Image

DPI = 200  # at which forms are scanned: a digit of 4 mm is 31 pixels high
POINTS_PER_INCH = 72
ROUNDING = 1 - 1e-5  # sizes are float32 and pixels are rounded up: 1,654 would become 1,655
_alone = threading.Lock()  # pdfium serves one thread at a time


def is_pdf(head: bytes) -> bool:
    """Tell whether a file with this beginning is a PDF."""
    return b"%PDF-" in head


def count(stream: BinaryIO, name: str) -> int:
    """Count a PDF's pages, 1 or more. name: of the file, for errors. Raises ShuziError as `draw` does."""
    with _document(stream, name) as document:
        return len(document)


def draw(stream: BinaryIO, name: str, page: int, max_pixels: int) -> Image.Image:
    """Draw a page, from 0, at 200 dots per inch in RGB on white, or at fewer if it would have more than `max_pixels`.

    Raises ShuziError if pypdfium2 isn't installed, or the file is locked, damaged or has no such page.
    """
    with _document(stream, name) as document:
        if page >= len(document):
            raise ShuziError(f"{name}: no page {page + 1}. Choose 1 to {len(document)}.")
        sheet = document[page]
        width, height = sheet.get_size()
        scale = min(DPI / POINTS_PER_INCH, (max_pixels / max(1.0, width * height)) ** 0.5) * ROUNDING
        return sheet.render(scale=scale).to_pil().convert("RGB")


@contextmanager
def _document(stream: BinaryIO, name: str) -> Iterator[pypdfium2.PdfDocument]:
    try:
        import pypdfium2
    except ImportError:
        raise ShuziError(
            f"{name}: a PDF. Install what reads it, in the folder of shuzi's source: pip install '.[pdf]'; or "
            "export its pages as pictures."
        ) from None
    with _alone, system_failures(name):
        stream.seek(0)
        try:
            with closing(pypdfium2.PdfDocument(stream.read())) as document:
                if not len(document):
                    raise ShuziError(f"{name}: a PDF without pages. Export it again.")
                yield document
        except pypdfium2.PdfiumError as error:
            reason = str(error).rstrip(".")
            raise system_failure(error, name) or ShuziError(
                f"{name}: a PDF that can't be read ({reason}). Save it again, without a password."
            ) from None

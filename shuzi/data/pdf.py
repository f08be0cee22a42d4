"""A PDF's pages as pictures, drawn by pdfium."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from shuzi.errors import ShuziError, system_failure, system_failures

if TYPE_CHECKING:
    from PIL import Image

DPI = 200  # at which forms are scanned: a digit of 4 mm is 31 pixels high
POINTS = 72  # an inch has so many
ROUNDING = 1 - 1e-5  # sizes are float32 and pixels are rounded up: 1,654 of them would become 1,655
_alone = threading.Lock()  # pdfium serves one thread at a time


def is_pdf(head: bytes) -> bool:
    """Say whether a file that begins so is a PDF."""
    return b"%PDF-" in head


def count(stream: BinaryIO, name: str) -> int:
    """How many pages a PDF has, 1 or more. name: of the file, for errors. Raises ShuziError as `draw` does."""
    with _document(stream, name) as document:
        return len(document)


def draw(stream: BinaryIO, name: str, page: int, most: int) -> Image.Image:
    """Draw a page at 200 dots an inch, RGB on white; larger sheets at as many as make `most` pixels.

    page: from 0. Raises ShuziError where pypdfium2 isn't installed, the file is locked or damaged, or has no such page.
    """
    with _document(stream, name) as document:
        if page >= len(document):
            raise ShuziError(f"{name}: page {page + 1}, expected 1 to {len(document)}.")
        sheet = document[page]
        width, height = sheet.get_size()
        scale = min(DPI / POINTS, (most / max(1.0, width * height)) ** 0.5) * ROUNDING
        image: Image.Image = sheet.render(scale=scale).to_pil().convert("RGB")
        return image


class _File(io.RawIOBase):
    """A file for pdfium, which can't pass on the error of a read: it is kept here."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.error: OSError | None = None
        self.seek, self.tell = stream.seek, stream.tell  # type: ignore[method-assign]

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401
        """Fill a buffer; nothing of it where the file can't be read."""
        try:
            data = self._stream.read(len(buffer))
        except OSError as error:
            self.error, data = error, b""
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def _document(stream: BinaryIO, name: str) -> Iterator[Any]:
    try:
        import pypdfium2
    except ImportError:
        raise ShuziError(
            f"{name}: a PDF; in the folder of shuzi's source, pip install '.[pdf]', or export its pages as pictures "
            "and read those."
        ) from None
    with _alone, system_failures(name):
        file = _File(stream)
        try:
            document = pypdfium2.PdfDocument(file)
            try:
                if not len(document):
                    raise ShuziError(f"{name}: a PDF without pages.")
                yield document
            finally:
                document.close()
        except pypdfium2.PdfiumError as error:
            if file.error is not None:
                raise file.error from None
            reason = str(error).rstrip(".")
            raise system_failure(error, name) or ShuziError(
                f"{name}: a PDF that can't be read ({reason}); save it anew, without a password."
            ) from None

"""Notebook displays of digits, pages, runs and evaluations: small pictures by Pillow, and tables. No matplotlib."""

import html
import io
from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Box = tuple[int, int, int, int]  # x, y, width, height
PAPER, INK, ACCENT, UNSURE, FAINT = "#ffffff", "#1f2933", "#0b6e99", "#c2410c", "#d9e2ec"
MAX_WIDTH = 900  # pixels of a page's picture
SCALE = 5  # pixels per pixel of a 28x28
GRID = 5, 10  # rows and columns of a sample, one column per digit


def png(picture: Image.Image) -> bytes:
    """Encode a picture as the bytes of a PNG file."""
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def enlarged(image: np.ndarray, width: int, height: int, smooth: bool = False) -> Image.Image:
    """Resize an image uint8 (28, 28), 255 is ink, to black on white."""
    how = Image.Resampling.BICUBIC if smooth else Image.Resampling.NEAREST
    return Image.fromarray(255 - image).resize((max(1, width), max(1, height)), how)


def font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Load Pillow's own font, of a size in pixels."""
    return ImageFont.load_default(size)


def digit(image: np.ndarray, probabilities: np.ndarray, guess: int, sure: bool) -> bytes:
    """Draw a digit as read, with bars of its probabilities, as the bytes of a PNG file.

    Args:
        image: uint8 (28, 28), what the network saw, 255 is ink.
        probabilities: (10,), of each digit.
        guess: 0..9, the likeliest digit.
        sure: whether it is the answer.
    """
    side = 28 * SCALE
    picture = Image.new("RGB", (side + 190, side + 2), PAPER)
    picture.paste(enlarged(image, side, side), (1, 1))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, side + 1, side + 1), outline=FAINT)
    row = (side + 2) / 10
    for label, p in enumerate(map(float, probabilities)):
        top = label * row
        likeliest = label == guess
        colour = INK if not likeliest else ACCENT if sure else UNSURE
        draw.text((side + 12, top + row / 2), str(label), colour, font(12), anchor="lm")
        draw.rectangle((side + 26, top + 3, side + 26 + 100 * p, top + row - 3), fill=colour)
        share = f"{100 * p:.1f} %" + (" ?" if likeliest and not sure else "")
        draw.text((side + 30 + 100 * p, top + row / 2), share, colour, font(11), anchor="lm")
    return png(picture)


def boxes(parts: Iterable[tuple[Box, np.ndarray, str]], frame: Box) -> bytes:
    """Draw digits and marks in their places, with boxes and readings, as the bytes of a PNG file.

    Args:
        parts: for each one its box in pixels of the picture; the image uint8 (28, 28) that the network saw, or an empty
            one; and its sign, "?" if unsure.
        frame: the part of the picture to draw.
    """
    left, top, width, height = frame
    scale = min(1.0, MAX_WIDTH / max(1, width))
    picture = Image.new("RGB", (max(1, round(width * scale)), max(1, round(height * scale))), PAPER)
    draw = ImageDraw.Draw(picture)
    for box, image, sign in parts:
        x, y = (box[0] - left) * scale, (box[1] - top) * scale
        w, h = box[2] * scale, box[3] * scale
        ink = image[np.ix_(image.any(axis=1), image.any(axis=0))]
        if ink.size:
            picture.paste(enlarged(ink, round(w), round(h), smooth=True), (round(x), round(y)))
        colour = UNSURE if sign == "?" else ACCENT
        draw.rectangle((x, y, x + w, y + h), outline=colour)
        draw.text((x + w / 2, max(y - 2, 12)), sign, colour, font(max(12, min(h / 3, 28))), anchor="mb")
    draw.rectangle((0, 0, picture.width - 1, picture.height - 1), outline=FAINT)
    return png(picture)


def sample(images: np.ndarray, labels: np.ndarray) -> bytes:
    """Draw the first images of each digit, one column per digit, as the bytes of a PNG file.

    images: uint8 (N, 28, 28), 255 is ink; labels: (N,), 0..9.
    """
    rows, columns = GRID
    picture = Image.new("L", (columns * 58, rows * 58 + 20), 255)
    draw = ImageDraw.Draw(picture)
    for label in range(columns):
        draw.text((label * 58 + 28, 10), str(label), 0, font(13), anchor="mm")
        for row, index in enumerate(np.flatnonzero(labels == label)[:rows]):
            picture.paste(enlarged(images[index], 56, 56), (label * 58, 20 + row * 58))
    return png(picture)


def table(header: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """Build an HTML table of text cells."""

    def line(cells: Sequence[object], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    title = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    body = "".join(line(row, "td") for row in rows)
    return f"<table>{title}<thead>{line(header, 'th')}</thead><tbody>{body}</tbody></table>"


def bar(done: float, text: str) -> str:
    """Build a progress bar in HTML, with a text beside it. done: 0..1."""
    return f'<progress value="{done:.3f}" max="1"></progress> {html.escape(text)}'

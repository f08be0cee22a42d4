"""The lesson's figures: shapes, a flattened image, logits and probabilities."""

from collections.abc import Sequence
from itertools import chain, repeat

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from shuzi.show.plots import ACCENT, DIVERGING, INK, SECOND, blank, styled


@styled
def product(m: int = 100) -> Figure:
    """Draw x (m, 784) times W (784, 10) plus b (10,) as rectangles labelled with their sizes."""
    figure = blank(7.2, 2.6)
    axes = figure.subplots()
    axes.set(xlim=(0, 14.4), ylim=(0, 5.2), aspect="equal")
    axes.set_axis_off()
    x, W, b, y = (0.9, 1.9, 4.2, 1.4), (6.6, 0.6, 1.0, 4.0), (8.9, 2.45, 1.0, 0.3), (12.0, 1.9, 1.0, 1.4)
    for (left, bottom, width, height), name, down, across, colour in (
        (x, "x", f"{m}", "784", ACCENT),
        (W, "W", "784", "10", SECOND),
        (b, "b", "", "10", SECOND),
        (y, "z", f"{m}", "10", ACCENT),
    ):
        axes.add_patch(Rectangle((left, bottom), width, height, facecolor=colour, alpha=0.2, edgecolor=colour))
        middle = (left + width / 2, bottom + height / 2)
        axes.text(*middle, name, ha="center", va="center", style="italic", fontsize=12)
        axes.text(left - 0.15, middle[1], down, ha="right", va="center", fontsize=8)
        axes.text(middle[0], bottom + height + 0.12, across, ha="center", va="bottom", fontsize=8)
    row = (x[0], x[1] + x[3] * 0.7, x[2], 0.12), (W[0] + 0.3, W[1], 0.12, W[3])
    meet = (y[0] + 0.3, y[1] + y[3] * 0.7, 0.12, 0.12)
    for left, bottom, width, height in (*row, meet):
        axes.add_patch(Rectangle((left, bottom), width, height, facecolor=INK))
    for place, sign in ((5.45, "×"), (8.25, "+"), (10.7, "=")):
        axes.text(place, 2.6, sign, ha="center", va="center", fontsize=16)
    return figure


@styled
def flattened(image: np.ndarray) -> Figure:
    """Draw an image (28, 28), with every fourth row framed, above the row of 784 pixels that it becomes."""
    figure = blank(7.2, 3.2)
    above, below = figure.subplots(2, 1, height_ratios=(5, 1))
    above.imshow(image, cmap="gray_r", interpolation="nearest")
    below.imshow(np.repeat(image.reshape(1, -1), 24, axis=0), cmap="gray_r", interpolation="nearest")
    for row in range(0, 28, 4):
        above.add_patch(Rectangle((-0.5, row - 0.5), 28, 1, fill=False, edgecolor=ACCENT))
        below.add_patch(Rectangle((28 * row - 0.5, -0.5), 28, 24, fill=False, edgecolor=ACCENT))
    above.set(xticks=(0, 27), yticks=range(0, 28, 4))
    below.set(xticks=range(0, 785, 112), yticks=[])
    return figure


@styled
def bars(logits: Sequence[float], probabilities: Sequence[float]) -> Figure:
    """Draw ten logits, and next to them their softmax, ten probabilities."""
    figure = blank(7.2, 2.2)
    parts = (logits, "z, logits"), (probabilities, "p = softmax(z)")
    for axes, (values, title) in zip(figure.subplots(1, 2), parts, strict=True):
        likeliest = int(np.argmax(values))
        axes.bar(range(10), values, color=[SECOND if k == likeliest else ACCENT for k in range(10)])
        axes.axhline(0, color=INK, linewidth=0.6)
        axes.set(xticks=range(10), title=title)
    return figure


def images(pictures: Sequence[np.ndarray], titles: Sequence[str] = ()) -> Figure:
    """Draw images (H, W) of values from 0 in a row, as ink, each on its own scale: the largest value is black."""
    return in_a_row(pictures, titles, "gray_r", 0)


def pixels(pictures: Sequence[np.ndarray], titles: Sequence[str] = ()) -> Figure:
    """Draw images uint8 (H, W) in a row as they are: 0 is black, 255 is white."""
    return in_a_row(pictures, titles, "gray", 0, 255)


def signed(pictures: Sequence[np.ndarray], titles: Sequence[str] = ()) -> Figure:
    """Draw images (H, W) in a row on one scale: red is positive, blue is negative, white is 0."""
    limit = max(float(np.abs(each).max()) for each in pictures)
    return in_a_row(pictures, titles, DIVERGING, -limit, limit)


@styled
def in_a_row(
    pictures: Sequence[np.ndarray], titles: Sequence[str], colours: str, low: float, high: float | None = None
) -> Figure:
    """Draw images (H, W) side by side, in a colour map from low to high, by default its largest value."""
    figure = blank(min(9.0, 1.3 * len(pictures)), 1.6)
    row = figure.subplots(1, len(pictures), squeeze=False)[0]
    for axes, each, title in zip(row, pictures, chain(titles, repeat("")), strict=False):
        axes.imshow(each, cmap=colours, vmin=low, vmax=high, interpolation="nearest")
        axes.set(xticks=[], yticks=[], title=title)
        axes.spines[:].set_visible(True)
    return figure

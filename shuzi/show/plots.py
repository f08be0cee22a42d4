"""Figures of images, templates, learning curves and mistakes. The functions draw; they compute no metrics."""

import io
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from shuzi.data.digits import Digits
from shuzi.files import write_png

DPI, NOTEBOOK_DPI = 150, 90
ACCENT, SECOND = "#0b6e99", "#c2410c"  # distinct to people with any colour vision, and in grey
DIVERGING = "RdBu_r"  # blue against, red for
STYLE = mpl.rc_params_from_file(Path(__file__).with_name("shuzi.mplstyle"), use_default_template=False)
INK = STYLE["text.color"]
styled = mpl.rc_context(STYLE)  # while a function draws
TITLE_CHARACTERS = 24  # of a dataset's name


class NotebookFigure(Figure):
    """A figure that a notebook shows, whatever matplotlib's backend is."""

    def _repr_png_(self) -> bytes:
        return png(self, NOTEBOOK_DPI)


def blank(width: float, height: float) -> Figure:
    """Return an empty figure, size in inches, that pyplot doesn't manage."""
    return NotebookFigure(figsize=(width, height), layout="constrained")


@styled
def png(figure: Figure, dpi: int) -> bytes:
    """Draw a figure as the bytes of a PNG file."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a folder's name may be in any script
        figure.savefig(file, format="png", dpi=dpi)
    return file.getvalue()


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG, completely or not at all, and return its path.

    Raises:
        ShuziError: it can't be written, or another file is there that shuzi didn't draw.
    """
    write_png(path, png(figure, DPI))
    return path


def short(name: str) -> str:
    """Return a dataset's name, shortened to fit a title."""
    return name if len(name) <= TITLE_CHARACTERS else f"{name[: TITLE_CHARACTERS - 1]}…"


def image(axes: Axes, pixels: np.ndarray, title: str = "") -> Axes:
    """Draw one image (28, 28), ink black on white paper."""
    axes.imshow(pixels, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(True)
    axes.set_title(title, pad=3)
    return axes


@styled
def sample(digits: Digits, index: int) -> Figure:
    """Draw one image with its label, large enough to count the pixels."""
    figure = blank(3.4, 3.6)
    axes = image(
        figure.subplots(), digits.images[index], f"{short(digits.name)}[{index}]: label {digits.labels[index]}"
    )
    axes.set(xticks=range(0, 28, 4), yticks=range(0, 28, 4))
    return figure


@styled
def grid(digits: Digits, rows: int = 5, columns: int = 10) -> Figure:
    """Draw `rows` images of each digit, one column per digit: the first ones of the dataset."""
    figure = blank(columns * 0.72, rows * 0.74 + 0.3)
    axes = figure.subplots(rows, columns)
    for digit in range(columns):
        for row, index in enumerate(np.flatnonzero(digits.labels == digit)[:rows]):
            image(axes[row, digit], digits.images[index], str(digit) if row == 0 else "")
    for empty in axes.flat:
        if not empty.images:
            empty.set_axis_off()
    figure.suptitle(f"{short(digits.name)}: {len(digits):,} images", fontsize=10)
    return figure


@styled
def templates(W: np.ndarray, says: str = "weight: ink here speaks against the digit (blue) or for it (red)") -> Figure:
    """Draw the ten columns of W (784, 10) as 28x28 images on one scale centred on zero, which `says` explains."""
    figure = blank(9, 1.75)
    axes = figure.subplots(1, 10)
    limit = float(np.abs(W).max())
    for digit, each in enumerate(axes.flat):
        drawn = each.imshow(
            W[:, digit].reshape(28, 28), cmap=DIVERGING, vmin=-limit, vmax=limit, interpolation="nearest"
        )
        each.set(xticks=[], yticks=[], title=str(digit))
        each.spines[:].set_visible(False)
    bar = figure.colorbar(drawn, ax=axes, orientation="horizontal", aspect=60, pad=0.04, fraction=0.08)
    bar.set_label(says)
    bar.outline.set_visible(False)
    return figure


@styled
def learning_curve(curves: Sequence[Sequence[float]], accuracy: Mapping[str, Sequence[float]]) -> Figure:
    """Draw the training loss in nats within each epoch, and accuracies, 0..1, at each epoch's end."""
    several = len(curves) > 1  # one epoch has only one accuracy, and one point is no curve
    figure = blank(7.2 if several else 4, 2.8)
    left, *rest = figure.subplots(1, 2 if several else 1, squeeze=False)[0]
    times = [epoch + (point + 0.5) / len(curve) for epoch, curve in enumerate(curves) for point in range(len(curve))]
    left.plot(times, [loss for curve in curves for loss in curve], color=ACCENT)
    left.set(xlabel="epochs", ylabel="cross-entropy, nats", title="training loss", xlim=(0, len(curves)))
    left.set_ylim(bottom=0)
    for right in rest:
        for (name, values), colour in zip(accuracy.items(), (ACCENT, SECOND), strict=False):
            epochs = range(1, len(curves) + 1)
            right.plot(epochs, [100 * value for value in values], "o-", color=colour, markersize=3, label=name)
        right.set(xlabel="epochs", ylabel="%", title="accuracy", xlim=(0, len(curves) + 0.5))
        right.legend(frameon=False)
        right.xaxis.get_major_locator().set_params(integer=True)
    for axes in (left, *rest):
        axes.grid(color="#e4e7eb", linewidth=0.6)
        axes.set_axisbelow(True)
    return figure


@styled
def confusion(matrix: np.ndarray, title: str) -> Figure:
    """Draw counts (10, 10), one row per label and one column per prediction; only mistakes are coloured."""
    figure = blank(5, 5)
    axes = figure.subplots()
    mistakes = np.where(np.eye(10, dtype=bool), 0, matrix)
    top = max(int(mistakes.max()), 1)
    axes.imshow(np.ma.masked_where(np.eye(10, dtype=bool), matrix), cmap="Reds", vmin=0, vmax=top)
    for label, read in np.argwhere(matrix):
        light = label != read and matrix[label, read] > 0.6 * top
        weight = "bold" if label == read else "normal"
        axes.text(read, label, f"{matrix[label, read]}", ha="center", va="center", fontsize=8, weight=weight,
                  color="white" if light else INK)  # fmt: skip
    axes.set(xticks=range(10), yticks=range(10), xlabel="predicted", ylabel="true", title=title)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


@styled
def mistakes(images: np.ndarray, captions: Sequence[str], title: str, columns: int = 8) -> Figure:
    """Draw misread images (N, 28, 28), each below its caption; if there are none, the title says so."""
    rows = max(1, -(-len(images) // columns))
    figure = blank(columns * 0.95, rows * 1.2 + 0.4)
    axes = figure.subplots(rows, columns, squeeze=False)
    for each, pixels, caption in zip(axes.flat, images, captions, strict=False):
        image(each, pixels, caption)
        each.title.set_fontsize(7.5)
    for empty in axes.flat[len(images) :]:
        empty.set_axis_off()
    figure.suptitle(title if len(images) else f"{title}: none", fontsize=10)
    return figure

"""Arrays of any usual shape, type and range as the uint8 images and labels that a `Digits` holds."""

import math
import warnings
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from shuzi.data.normalise import SIDE, normalise
from shuzi.errors import Notice, ShuziError

FULL_INK = (1, 16, 255)  # the largest value of a set: of floats, of scikit-learn's digits, of bytes
SHAPES = "(N, 784), (N, 28, 28), (N, 28, 28, 1), (N, 1, 28, 28), or other square images"
ROWS = 2_000  # converted at a time


def to_images(values: object, name: str) -> np.ndarray:
    """Convert an array to images uint8 (N, 28, 28), 0 is paper and 255 is ink.

    Values are whole or fractions, from 0 to 1, 16 or 255: whichever is the least that none exceeds. Images of another
    size than 28x28 are laid out by `normalise`. Where the paper is light in most of the set, all of it is turned, and
    a Notice says so.

    Raises:
        ShuziError: another shape, or values that aren't numbers in that range; the sentence has the image's number.
    """
    array = to_array(values, name)
    images = square(array, name)
    turned = to_bytes(images, name)
    border = np.concatenate([turned[:, [0, -1]].ravel(), turned[:, :, [0, -1]].ravel()])
    if len(border) and np.median(border) > 127:
        warnings.warn(f"{name}: dark ink on light paper; shuzi has swapped dark and light.", Notice, stacklevel=2)
        turned = 255 - turned
    if turned.shape[1:] == (SIDE, SIDE):
        return np.ascontiguousarray(turned)
    return np.stack([normalise(image) for image in turned])


def to_array(values: object, name: str) -> np.ndarray:
    """Convert what is like an array (of numpy, torch, pandas or lists) to one of numpy, of numbers."""
    if hasattr(values, "detach"):  # a tensor, perhaps on a GPU
        values = values.detach().cpu()
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise ShuziError(f"{name}: not an array ({error}). Give images of one size, {SHAPES}.") from error
    if array.dtype.kind not in "buif":
        raise ShuziError(f"{name}: values of type {array.dtype}, expected numbers from 0 to 1 or from 0 to 255.")
    return array


def square(array: np.ndarray, name: str) -> np.ndarray:
    """Return images of one channel as (N, side, side). Raises ShuziError for any other shape."""
    shape = array.shape
    if len(shape) == 4:
        shape = tuple(size for place, size in enumerate(shape) if place not in (1, 3) or size != 1)
    side = shape[1] if len(shape) == 3 else math.isqrt(shape[1]) if len(shape) == 2 else 0
    if side < 4 or side * side != math.prod(shape[1:]):
        raise ShuziError(f"{name}: images of shape {array.shape}, expected {SHAPES}.")
    return array.reshape(len(array), side, side)


def to_bytes(images: np.ndarray, name: str) -> np.ndarray:
    """Scale images to uint8. Raises ShuziError, with the image's number from 1, for a value out of range or NaN."""
    with np.errstate(invalid="ignore"):
        low, high = float(images.min(initial=0)), float(images.max(initial=0))
    if not 0 <= low <= high <= FULL_INK[-1]:
        first = tuple(np.argwhere(~((images >= 0) & (images <= FULL_INK[-1])))[0])
        raise ShuziError(f"{name}: image {first[0] + 1:,} has the value {images[first]}, expected 0 to 1 or 0 to 255.")
    full = next(each for each in FULL_INK if high <= each)
    if images.dtype == np.uint8 and (full == FULL_INK[-1] or high == 0):
        return images
    scaled = np.empty(images.shape, np.uint8)
    for start in range(0, len(images), ROWS):
        part = images[start : start + ROWS].astype(np.float64)
        scaled[start : start + ROWS] = np.rint(part * (255 / full))
    return scaled


def to_labels(values: object, name: str) -> np.ndarray:
    """Convert labels to uint8 or, if some are above 255, int64 (N,).

    Args:
        values: whole numbers, or texts such as "3" or "3.0"; (N,) or (N, 1).
        name: what errors call the set.

    Raises:
        ShuziError: another shape, or a label that is no whole number; the sentence has its number.
    """
    array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise ShuziError(f"{name}: labels of shape {array.shape}, expected one for each image, (N,).")
    try:
        numbers = array.astype(np.float64)
    except (ValueError, TypeError):
        numbers = np.array([number_in(each) for each in array])
    wrong = np.flatnonzero(~(np.isfinite(numbers) & (numbers == np.rint(numbers)) & (np.abs(numbers) < 2**53)))
    if len(wrong):
        label = array[wrong[0]]
        shown = "no label" if label is None or label != label else f"the label {label!s:.40}"
        raise ShuziError(f"{name}: image {wrong[0] + 1:,} has {shown}, expected a digit from 0 to 9.")
    return numbers.astype(np.uint8 if len(numbers) and 0 <= numbers.min() <= numbers.max() < 256 else np.int64)


def number_in(value: object) -> float:
    """Convert a label to a number, NaN if it is none."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return math.nan


def grey(image: object, name: str) -> np.ndarray:
    """Convert one image of a dataset to an array (H, W): of Pillow by its luma, of numpy or torch as it is."""
    if hasattr(image, "convert"):
        return np.asarray(image.convert("L"))
    array = to_array(image, name)
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array.reshape(array.shape[1:] if array.shape[0] == 1 else array.shape[:2])
    if array.ndim == 3 and array.dtype == np.uint8 and array.shape[2] == 3:
        return cv2.cvtColor(array, cv2.COLOR_RGB2GRAY)
    if array.ndim != 2:
        raise ShuziError(f"{name}: an image of shape {array.shape}, expected (H, W), (H, W, 1) or (1, H, W).")
    return array


def rows_of(dataset: Any, name: str) -> Iterator[tuple[np.ndarray, object]]:  # noqa: ANN401
    """Yield each image, (H, W), and its label of a `datasets.Dataset`, or of any torch `Dataset` of such pairs.

    Raises:
        ShuziError: it is something else, or its images are of several sizes.
    """
    if not (hasattr(dataset, "__len__") and hasattr(dataset, "__getitem__")):
        raise ShuziError(f"{name}: a {type(dataset).__name__}, expected images and labels, or a dataset of both.")
    for index in range(len(dataset)):
        row = dataset[index]
        pair = (row.get("image"), row.get("label")) if isinstance(row, dict) else row
        if not isinstance(pair, tuple | list) or len(pair) != 2 or pair[0] is None:
            raise ShuziError(f"{name}: row {index + 1:,} is no pair of an image and a label.")
        image, label = pair
        yield grey(image, f"{name}, row {index + 1:,}"), label


def stack(images: list[np.ndarray], name: str) -> np.ndarray:
    """Stack images (H, W) of one size. Raises ShuziError, with the first row of another size, if there are several."""
    for number, image in enumerate(images, 1):
        if image.shape != images[0].shape:
            height, width = image.shape
            raise ShuziError(
                f"{name}: row {number:,} has an image of {width}x{height}, expected {images[0].shape[1]}x"
                f"{images[0].shape[0]} as in row 1. Put images of several sizes into folders 0 to 9."
            )
    return np.stack(images) if images else np.zeros((0, SIDE, SIDE), np.uint8)

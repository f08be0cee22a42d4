"""MNIST under the fifteen corruptions of MNIST-C, our own implementation: a benchmark, never trained on.

Names and strengths are those of N. Mu and J. Gilmer, "MNIST-C: a robustness benchmark for computer vision"
(2019, arXiv 1906.02337). What is random is drawn anew, so that figures agree with theirs but for chance.
"""

import itertools
from collections.abc import Callable

import cv2
import numpy as np

from shuzi.errors import ShuziError
from shuzi.synth.raster import rotation

SIDE = 28
CENTRE = (SIDE - 1) / 2


def corrupted(images: np.ndarray, name: str, generator: np.random.Generator) -> np.ndarray:
    """Apply a corruption to images.

    Args:
        images: uint8 (N, 28, 28), 0 is paper and 255 is ink.
        name: one of CORRUPTIONS.
        generator: draws what is random.

    Returns:
        uint8 (N, 28, 28).

    Raises:
        ShuziError: an unknown name.
    """
    if name not in CORRUPTIONS:
        raise ShuziError(f"no corruption is called {name!r}; there are {', '.join(CORRUPTIONS)}")
    if not len(images):
        return images.copy()
    changed = CORRUPTIONS[name](images.astype(np.float32) / 255, generator)
    return (np.clip(changed, 0, 1) * 255).astype(np.uint8)


def shot_noise(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Three photons a pixel of full ink."""
    return g.poisson(x * 3) / 3


def impulse_noise(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """17 % of the pixels set to black or white."""
    hit = g.random(x.shape)
    return np.where(hit < 0.085, 0, np.where(hit < 0.17, 1, x))


def glass_blur(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Soften, swap pixels with neighbours twice over, soften again."""
    x = softened(x, 0.7)
    every = np.arange(len(x))
    for _ in range(2):
        for row in range(SIDE - 1, 1, -1):
            for column in range(SIDE - 1, 1, -1):
                dy, dx = g.integers(-1, 1, (2, len(x))) * (g.random(len(x)) < 0.5)
                here, there = x[:, row, column].copy(), x[every, row + dy, column + dx]
                x[:, row, column], x[every, row + dy, column + dx] = there, here
    return softened(x, 0.7)


def motion_blur(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Smear to one side along a direction within 45 degrees of the row, by a Gaussian tail of 3 pixels."""
    reach = np.arange(21)
    weights = np.exp(-(reach**2) / (2 * 3.0**2))
    out = np.empty_like(x)
    for i, angle in enumerate(g.uniform(-np.pi / 4, np.pi / 4, len(x))):
        kernel = np.zeros((41, 41), np.float32)
        at = np.round(20 + np.outer([np.sin(angle), np.cos(angle)], reach)).astype(int)
        np.add.at(kernel, (at[0], at[1]), weights / weights.sum())
        out[i] = cv2.filter2D(x[i], -1, kernel, borderType=cv2.BORDER_REPLICATE)
    return out


def shear(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Lean by 0.4 radians to either side."""
    return affine(x, [[[1, -np.sin(a)], [0, np.cos(a)]] for a in g.choice([-0.4, 0.4], len(x))])


def rotate(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Turn by 0.4 radians, 23 degrees, to either side."""
    return affine(x, [rotation(turn) for turn in g.choice([-0.4, 0.4], len(x))])


def scale(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Shrink to 70 %."""
    return affine(x, [[[1 / 0.7, 0], [0, 1 / 0.7]]] * len(x))


def translate(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Shift by three pixels across and three up or down."""
    return affine(x, [np.eye(2)] * len(x), g.choice([-3.0, 3.0], (len(x), 2)))


def brightness(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Add half of full ink to every pixel."""
    return x + 0.5


def stripe(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Invert seven columns at either side."""
    inverted = x.copy()
    inverted[:, :, :7] = 1 - x[:, :, :7]
    inverted[:, :, 21:] = 1 - x[:, :, 21:]
    return inverted


def fog(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Lay a plasma fractal three times as strong as the ink over the picture."""
    clouds = np.concatenate([plasma(len(part), g) for part in np.array_split(x, -(-len(x) // 100))])
    brightest = x.max((1, 2), keepdims=True)
    return (x + 3 * clouds) * brightest / (brightest + 3)


def spatter(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Splash dark mud where smoothed noise runs high."""
    liquid = softened(g.normal(0.65, 0.3, x.shape).astype(np.float32), 1)
    cover = softened((liquid > 0.65).astype(np.float32), 1.5)
    cover[cover < 0.8] = 0
    return x * (1 - cover) + 63 / 255 * cover


def dotted_line(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Draw a line from edge to edge, every other pair of columns left out."""
    shown = np.repeat(np.arange(SIDE // 2) % 2 == 1, 2)
    sides = g.integers(0, 27, (len(x), 2)).tolist()  # the rows where it enters and leaves
    return np.stack([image + line(0, left, 27, right) * shown for image, (left, right) in zip(x, sides, strict=True)])


def zigzag(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Draw a zigzag of 2 pixels up and down from left to right."""
    out = np.empty_like(x)
    for i, image in enumerate(x):
        left = int(g.integers(0, 27))
        rise = np.arctan2(int(g.integers(-5, 5)), 23)
        length = 23 / np.cos(rise)
        turns = np.arange(2, length, 4.0)
        along = np.concatenate([[0], turns, [length]])
        across = np.concatenate([[0], 2.0 * (-1) ** np.arange(len(turns)), [0]])
        columns = 2 + along * np.cos(rise) - across * np.sin(rise)
        heights = left + along * np.sin(rise) + across * np.cos(rise)
        for start, end in itertools.pairwise(zip(columns, heights, strict=True)):
            image = np.minimum(image + line(*start, *end), 1)
        out[i] = image
    return out


def canny_edges(x: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Leave the edges that Canny's filter finds (sigma 1, thresholds 0.1 and 0.2 of full ink)."""
    smooth = (softened(x, 1) * 255).astype(np.uint8)
    return np.stack([cv2.Canny(image, 25.5, 51, L2gradient=True) / 255 for image in smooth])


CORRUPTIONS: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    each.__name__: each
    for each in (
        *(shot_noise, impulse_noise, glass_blur, motion_blur, shear, scale, rotate, brightness),
        *(translate, stripe, fog, spatter, dotted_line, zigzag, canny_edges),
    )
}


def softened(x: np.ndarray, sigma: float) -> np.ndarray:
    """Blur every image by a Gaussian of so many pixels."""
    return np.stack([cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE) for image in x])


def affine(x: np.ndarray, back: list, shift: np.ndarray | None = None) -> np.ndarray:
    """Map every image about its centre; `back` leads from a place in the result to one in the image."""
    out = np.empty_like(x)
    for i, matrix in enumerate(np.asarray(back, np.float64)):
        offset = CENTRE - matrix @ [CENTRE, CENTRE] + (0 if shift is None else shift[i])
        move = np.column_stack([matrix, offset]).astype(np.float32)
        out[i] = cv2.warpAffine(x[i], move, (SIDE, SIDE), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return out


def line(c0: float, r0: float, c1: float, r1: float) -> np.ndarray:
    """Draw a line between two points as ink (28, 28): 1 on it, falling as log(1 - distance / 2.3)."""
    column, row = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    distance = np.abs(row - (r0 + (r1 - r0) / (c1 - c0) * (column - c0)))
    ink = np.clip(1 + np.log(1 - np.minimum(distance, 2.299) / 2.3), 0, 1)
    ink[:, : max(int(np.floor(c0)), 0)] = 0
    ink[:, max(int(np.ceil(c1)), 0) :] = 0
    return ink


def plasma(count: int, g: np.random.Generator, side: int = 256, decay: float = 1.4) -> np.ndarray:
    """Draw clouds (count, 28, 28) in 0..1: a corner of diamond-square fractals that wrap around."""
    height = np.zeros((count, side, side), np.float32)
    step, wobble = side, 100.0
    while step >= 2:
        half = step // 2

        def middle(corners: np.ndarray, much: float = wobble) -> np.ndarray:
            return corners / 4 + g.uniform(-(much**2), much**2, corners.shape).astype(np.float32)

        corner = height[:, ::step, ::step]
        pairs = corner + np.roll(corner, -1, 1)
        height[:, half::step, half::step] = middle(pairs + np.roll(pairs, -1, 2))
        inner, corner = height[:, half::step, half::step], height[:, ::step, ::step]
        height[:, ::step, half::step] = middle(inner + np.roll(inner, 1, 1) + corner + np.roll(corner, -1, 2))
        height[:, half::step, ::step] = middle(inner + np.roll(inner, 1, 2) + corner + np.roll(corner, -1, 1))
        step, wobble = half, wobble / decay
    low, high = height.min((1, 2), keepdims=True), height.max((1, 2), keepdims=True)
    return ((height - low) / (high - low))[:, :SIDE, :SIDE]

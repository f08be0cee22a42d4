"""Images and pictures of what is not a digit, and how often a reader confidently takes one for a digit."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from shuzi.data.digits import SIDE
from shuzi.data.normalise import normalise
from shuzi.evaluate.figures import CONFIDENT
from shuzi.read.reader import Reader
from shuzi.synth.fonts import held_out_fonts
from shuzi.synth.negatives import scribble

SEED = 0
IMAGES = 2000  # of each kind of synthetic non-digit
SCRIBBLES = 500  # pictures
PAPERS = Path("/usr/share/mypaint/backgrounds")
LETTERS = "ACEFHKMNPRUVWXacdefhkmnprtuvwxy"  # that nobody takes for a digit


def non_digits() -> dict[str, np.ndarray]:
    """Return images uint8 (N, 28, 28) of non-digits, by kind.

    Blank paper, noise and scribbles are synthetic, the scribbles from the generator that training uses too. The others
    are there only where their package is: patches of scikit-learn's two photographs, letters of handwriting fonts.
    """
    generator = np.random.default_rng(SEED)
    half = IMAGES // 2
    grey = np.broadcast_to(generator.integers(0, 256, half)[:, None, None], (half, SIDE, SIDE))
    dots = generator.random((half, SIDE, SIDE)) < generator.uniform(0.02, 0.5, half)[:, None, None]
    synthetic = {
        "blank": np.concatenate([np.zeros((half, SIDE, SIDE)), grey]),
        "noise": np.concatenate([generator.uniform(0, 255, (half, SIDE, SIDE)), 255 * dots]),
        "scribble": np.stack([scribble(generator) for _ in range(IMAGES)]),
    }
    normalised = [normalise(letter) for letter in letters()]
    found = {"photographs": photographs(generator), "handwritten letters": np.array(normalised)}
    return {name: images.astype(np.uint8) for name, images in (synthetic | found).items() if len(images)}


def photographs(generator: np.random.Generator) -> np.ndarray:
    """Return squares of scikit-learn's two photographs, uint8 (N, 28, 28), dark is 255; none without scikit-learn."""
    patches = []
    for photograph in sample_photographs():
        ink = 255 - photograph
        for _ in range(IMAGES // 2):
            side = int(generator.integers(SIDE, 200))
            top, left = (int(generator.integers(0, size - side + 1)) for size in ink.shape)
            patch = ink[top : top + side, left : left + side]
            patches.append(cv2.resize(patch, (SIDE, SIDE), interpolation=cv2.INTER_AREA))
    return np.stack(patches) if patches else np.zeros((0, SIDE, SIDE), np.uint8)


def sample_photographs() -> list[np.ndarray]:
    """Load scikit-learn's two photographs, uint8 (H, W); none without scikit-learn."""
    try:
        from sklearn.datasets import load_sample_images
    except ModuleNotFoundError:
        return []
    return [cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY) for photograph in load_sample_images().images]


def letters(fonts: Sequence[Path] | None = None) -> np.ndarray:
    """Return LETTERS in each font, default the held-out handwriting fonts: uint8 (N, 220, 220), 255 is ink."""
    drawn = []
    for path in held_out_fonts() if fonts is None else fonts:
        font = ImageFont.truetype(str(path), 100)
        for letter in LETTERS:
            picture = Image.new("L", (220, 220))
            ImageDraw.Draw(picture).text((110, 110), letter, 255, font, anchor="mm")
            drawn.append(np.asarray(picture))
    return np.stack(drawn) if drawn else np.zeros((0, 220, 220), np.uint8)


def blank_papers() -> np.ndarray:
    """Return blank papers for painters, uint8 (N, 256, 256), dark is 255; none where Debian's mypaint-data is not.

    Each is four by four of its tiles of 64 pixels.
    """
    tiles = [Image.open(path).convert("L") for path in sorted(PAPERS.glob("paper*_*.png"))]
    papers = [255 - np.tile(np.asarray(tile), (4, 4)) for tile in tiles if tile.size == (64, 64)]
    return np.stack(papers) if papers else np.zeros((0, 256, 256), np.uint8)


def count_false_alarms(reader: Reader) -> dict[str, float]:
    """Return the shares of letters, scribbles and blank papers that a reader confidently takes for a digit."""
    generator = np.random.default_rng(SEED)
    scribbles = [cv2.resize(scribble(generator), (84, 84), interpolation=cv2.INTER_CUBIC) for _ in range(SCRIBBLES)]
    kinds: dict[str, Iterable[np.ndarray]] = {
        "handwritten letters": letters(), "scribbles": scribbles, "blank papers": blank_papers(),
    }  # fmt: skip
    pictures = {name: [255 - ink for ink in inks] for name, inks in kinds.items()}
    return shares_taken(reader, pictures, single=True)


def shares_taken(reader: Reader, kinds: Mapping[str, Iterable[np.ndarray]], single: bool) -> dict[str, float]:
    """Return the share of each kind's pictures, uint8 (H, W), that a reader confidently takes for a digit.

    single: whole pictures, else also parts of them. Kinds without pictures are left out.
    """
    taken = {}
    for name, pictures in kinds.items():
        pages = (reader.read(picture, single=single) for picture in pictures)
        taken[name] = [any(digit.confidence > CONFIDENT for digit in page.digits) for page in pages]
    return {f"{name} surely taken for digits": float(np.mean(each)) for name, each in taken.items() if each}

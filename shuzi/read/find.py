"""Pixels to proposals: a network looks for digits and marks at several scales, as in an image pyramid.

It sees the whole picture reduced first, larger if there may be small writing, then smaller still, and then enlarges the
parts where it says that the writing is too small to be read, beyond the picture's own size if need be. At each scale it
finds digits of 12 to 64 pixels.
"""

import functools
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from shuzi.cores import in_parallel
from shuzi.data.picture import resize_by
from shuzi.maps import CHANNELS, CLASS, FINER, HEAT, STRIDE
from shuzi.network import Network
from shuzi.read.calibration import UNFITTED, Calibration
from shuzi.read.fuse import SAME_IOU, absorb_second_look, fuse_proposals
from shuzi.read.proposals import BEST_SIZE, MIN_CHANCE, MIN_DIGIT_CHANCE, Level, Proposal, covered, iou, level_proposals

log = logging.getLogger(__name__)
SHIPPED_FINDER = Path(__file__).parent / "weights" / "finder.onnx"
EXPECTED = "images uint8 (N, H, W) to maps float32 (N, 30, H/4, W/4) and ink float32 (N, 2, H, W)"
GRID = 16  # the sides of the network's pictures are multiples of it
FIRST_PIXELS = 0.2e6  # of the picture that is looked at first: a twentieth of a second's work
# How likely a cell of it holds writing too small to be read. With more such cells than clear digits, four times as many
# pixels are looked at: the network hardly notices digits of 5 pixels, as many pages have in the first look.
SMALL_HINT = 0.02
MAX_PIXELS = 12e6  # of all levels, three seconds of a core: enough for the largest page
MIN_SIDE = 64  # pixels: a picture with a shorter side is enlarged to it
LAST_SIDE = 24  # pixels: the smallest level's shorter side is at least as long
MAX_ENLARGEMENT = 4.0  # times
FULL_FROM = 0.85  # of the picture's size: larger levels are made as large as the picture
TILE = 640  # pixels a side of the parts that are enlarged
TILE_MARGIN = 32  # pixels around such a part or digit, as context for the network; more is no better, and slower
ENLARGE_FROM = 0.1  # how likely a cell holds writing too small to be read
# The same beyond the picture's own size, where there is nothing new to see but for the network: writing of 17 pixels
# and less passes it, writing of 20 does not.
ENLARGE_BEYOND_FROM = 0.5
FAR_HIGHER = 2.0  # times: than the page's digits
RATHER = 0.3  # heat of what is rather a digit than not
# Of which way up a page is, by how clearly its digits are seen, 0..1: these are seen; on average so clear only upright.
CLEAR, UPRIGHT_FROM = 0.2, 0.7
# Fewer digits say nothing about the turn; of more a part is looked at in other turns.
SEVERAL_DIGITS, ENOUGH_DIGITS = 5, 40
# A turn's sum of squares must be so many times that of the picture as it is, and so large: a few clear digits. Upright
# pages and tables have 1.5 times the sum of their best turn and more, short numbers less than once.
TURN_RATIO, CLEAR_DIGITS = 1.5, 3.0
LETTER_REACH = np.ones((5, 5), np.uint8)  # cells around a letter's middle where no turned digit counts
SURE = 0.9  # how likely it is a digit, and which: with less it gets a second look
MAX_SECOND_LOOKS = 32  # a tenth of a second of a core
MIN_RESCALE = 1.2  # times: scales that differ less show the network nothing new


class Finder:
    """Finds digits and marks. path: an ONNX network as the model card describes it; default: the shipped one.

    providers: what onnxruntime runs it on, as for `Network`. Raises ShuziError for a file that is no finder.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, providers: Sequence[str] | None = None) -> None:
        random, shapes = np.random.default_rng(0), ((1, 2 * GRID, GRID), (1, GRID, 3 * GRID))
        examples = [random.integers(0, 256, shape, np.uint8) for shape in shapes]
        path = SHIPPED_FINDER if path is None else Path(path)
        self._network = Network(path, examples, {"maps": _maps_shapes, "ink": _ink_shapes}, EXPECTED, providers)
        self.calibration = Calibration.from_network(self._network) or UNFITTED

    @property
    def sha256(self) -> str:
        """The SHA-256 of the network's file, in hexadecimal."""
        return self._network.sha256

    def __call__(
        self, grey: np.ndarray, first: Sequence[Level] = (), letters: bool = True
    ) -> tuple[list[Proposal], list[Level]]:
        """Find all that may be digits or marks in a picture, uint8 (H, W), each once; return them and all levels.

        first: the first looks at the picture, if they were taken; letters: whether there may be letters in it.
        """
        levels = list(self.levels(grey, first))
        seen = [p for level in levels for p in level_proposals(level, letters)]
        found = fuse_proposals(seen, self.calibration)
        self.look_again(grey, found, letters)
        return drop_overlaid(found, levels[0]), levels

    def look(self, grey: np.ndarray, scale: float) -> Level:
        """Run the network on a picture, uint8 (H, W), already at its scale."""
        height, width = grey.shape
        padded = cv2.copyMakeBorder(grey, 0, -height % GRID, 0, -width % GRID, cv2.BORDER_REPLICATE)
        maps, ink = self._network.run(padded[None])
        return Level(scale, 0, 0, (0, 0, width, height), maps[0], *ink[0, :, :height, :width])

    def look_at_part(self, grey: np.ndarray, scale: float, part: tuple[int, int, int, int]) -> Level:
        """Resize a part of a picture, uint8 (H, W), and its surroundings to a scale, and run the network on them.

        part: left, top, right, bottom, in pixels at this scale.
        """
        left, top = (max(0, int((low - TILE_MARGIN) / scale)) for low in part[:2])
        right, bottom = (int(np.ceil((high + TILE_MARGIN) / scale)) for high in part[2:])
        level = self.look(resize(grey[top:bottom, left:right], scale), scale)
        return replace(level, left=round(left * scale), top=round(top * scale), part=part)

    def look_in_halves(self, grey: np.ndarray, scale: float) -> Level:
        """Run the network on a picture, uint8 (H, W), already at its scale, on two cores: one level as if at once."""
        height, width = grey.shape
        middle = width // 2 // GRID * GRID
        margin = min(middle, TILE_MARGIN)
        halves = [grey[:, : middle + margin], grey[:, middle - margin :]]
        one, other = in_parallel(functools.partial(self.look, scale=scale), halves)
        maps = np.concatenate([one.maps[..., : middle // STRIDE], other.maps[..., margin // STRIDE :]], 2)
        ink, writing = (
            np.concatenate([left[:, :middle], right[:, margin:]], 1)
            for left, right in ((one.ink, other.ink), (one.writing, other.writing))
        )
        return Level(scale, 0, 0, (0, 0, width, height), maps, ink, writing)

    def first_looks(self, grey: np.ndarray) -> list[Level]:
        """Look at a whole picture, uint8 (H, W), reduced to FIRST_PIXELS, or enlarged if it is tiny.

        Where it may hold small writing it is looked at in twice that size too; that level comes first.
        """
        height, width = grey.shape
        enlarged = max(1.0, min(MAX_ENLARGEMENT, MIN_SIDE / min(height, width)))
        scale = float(min(enlarged, np.sqrt(FIRST_PIXELS / (height * width))))
        looks = [self.look(resize(grey, scale), scale)]
        small, digits = looks[0].maps[FINER] >= SMALL_HINT, clearness(looks[0]) >= CLEAR
        if 2 * scale <= 1 and small.sum() > digits.sum():
            looks.insert(0, self.look_in_halves(resize(grey, 2 * scale), 2 * scale))
        return looks

    def turn(self, grey: np.ndarray) -> tuple[int, list[Level]]:
        """Find by how many quarter turns, clockwise, a picture, uint8 (H, W), becomes upright: 0 to 3.

        The sums of how clearly each digit is seen are compared. A page is turned only where several digits are much
        clearer: most pages are upright, and short numbers can be read both ways. Returns the first looks too, none if
        turned.
        """
        first_looks = self.first_looks(grey)
        first = first_looks[0]
        clear = clearness(first)
        seen = clear[clear >= CLEAR]
        if len(seen) < SEVERAL_DIGITS or seen.mean() >= UPRIGHT_FROM:
            return 0, first_looks
        cells = [slice(0, count) for count in clear.shape]
        if len(seen) > ENOUGH_DIGITS:  # a quarter of the page will do
            middle = (int(median(at.tolist())) for at in np.nonzero(clear >= CLEAR))
            cells = [slice(max(0, at - n // 4), at + n // 4) for at, n in zip(middle, clear.shape, strict=True)]
        pixels = tuple(slice(STRIDE * each.start, STRIDE * each.stop) for each in cells)
        part = resize(grey, first.scale)[pixels]
        upright = replace(first, maps=first.maps[:, *cells], ink=first.ink[pixels])
        looks = [upright, *(self.look(turned(part, times), first.scale) for times in (1, 2, 3))]
        sums = [float((clear_digits(look, looks[0], times) ** 2).sum()) for times, look in enumerate(looks)]
        best = int(np.argmax(sums))
        if sums[best] < max(CLEAR_DIGITS, TURN_RATIO * sums[0]):
            return 0, first_looks
        return best, [] if best else first_looks

    def levels(self, grey: np.ndarray, first: Sequence[Level] = ()) -> Iterator[Level]:
        """Yield all levels worth looking at, of MAX_PIXELS together: the first looks, smaller ones, enlarged parts."""
        coarse = [*first] or self.first_looks(grey)
        yield from coarse
        scale = coarse[-1].scale / 2
        while min(grey.shape) * scale >= LAST_SIDE:
            coarse.append(self.look(resize(grey, scale), scale))
            yield coarse[-1]
            scale /= 2
        looked, scale = [coarse[0]], coarse[0].scale
        pixels = MAX_PIXELS - sum(level.ink.size for level in coarse)
        while scale < 1 or 2 * scale <= MAX_ENLARGEMENT:
            scale = next_scale(scale)
            parts = parts_to_enlarge(looked, scale, grey.shape, pixels)
            if not parts:
                return
            looked = in_parallel(functools.partial(self.look_at_part, grey, scale), parts)
            yield from looked
            pixels -= sum(level.ink.size for level in looked)

    def look_again(self, grey: np.ndarray, found: list[Proposal], letters: bool = True) -> None:
        """Look again at the first MAX_SECOND_LOOKS unsure digits, each at the size that the network knows best."""
        unsure = [p for p in found if not p.mark and p.chance >= MIN_CHANCE and min(p.chance, p.classes.max()) < SURE]
        looks = in_parallel(functools.partial(self.second_look, grey, letters=letters), unsure[:MAX_SECOND_LOOKS])
        for proposal, seen in zip(unsure, looks, strict=False):
            absorb_second_look(proposal, seen, self.calibration)

    def second_look(self, grey: np.ndarray, digit: Proposal, letters: bool = True) -> list[Proposal]:
        """Look at a digit and its neighbours alone, at another scale; return all proposals for its place."""
        scale = min(MAX_ENLARGEMENT, BEST_SIZE / digit.size)
        if 1 / MIN_RESCALE < scale / digit.level.scale < MIN_RESCALE:
            scale *= MIN_RESCALE
        left, top = (digit.box[:2] * scale).astype(int)
        right, bottom = np.ceil((digit.box[:2] + digit.box[2:]) * scale).astype(int)
        level = self.look_at_part(grey, scale, (left, top, right, bottom))
        return [p for p in level_proposals(level, letters) if iou(p.box, digit.box[None])[0] > SAME_IOU]


def _maps_shapes(images: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [(images[0], CHANNELS, images[1] // STRIDE, images[2] // STRIDE)]


def _ink_shapes(images: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [(images[0], 2, *images[1:])]


def next_scale(scale: float) -> float:
    """Double a level's scale, but don't pass the picture's own size: it is looked at before it is enlarged."""
    return 1.0 if scale < 1 and 2 * scale > FULL_FROM else 2 * scale


def resize(grey: np.ndarray, scale: float) -> np.ndarray:
    """Resize a picture, uint8 (H, W)."""
    if scale == 1:
        return grey
    return resize_by(grey, scale, cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def turned(grey: np.ndarray, times: int) -> np.ndarray:
    """Turn a picture (H, W) clockwise by quarter turns."""
    return np.ascontiguousarray(np.rot90(grey, -times))


def clearness(level: Level) -> np.ndarray:
    """Compute how likely a digit stands at each cell of a level and which it is, at most: float32 (h, w), 0..1."""
    return np.asarray(level.maps[HEAT][0] * level.maps[CLASS].max(0))


def clear_digits(level: Level, upright: Level, times: int) -> np.ndarray:
    """Compute the clearness of a turned level without what is more clearly a letter as it is: float32 (h, w), 0..1.

    Upside down, a word looks like digits. upright: the same picture, which `level` shows turned by so many quarters.
    """
    height, width = (-(-side // STRIDE) for side in upright.ink.shape)
    letters = turned(cv2.dilate(upright.maps[HEAT][-1, :height, :width], LETTER_REACH), times)
    clear = clearness(level)[: letters.shape[0], : letters.shape[1]]
    return np.where(clear > letters, clear, 0)


def drop_overlaid(found: list[Proposal], first: Level) -> list[Proposal]:
    """Leave out digits that lie over likelier ones: one that covers several, such as a table's frame, or is in one.

    A second look may move a digit onto another. What is far higher than the page's digits and in pieces is a
    column of letters. first: the first look at the whole picture.
    """
    likely = [p for p in found if not p.mark and p.chance >= MIN_DIGIT_CHANCE]
    boxes, chances = np.array([p.box for p in likely]).reshape(-1, 4), np.array([p.chance for p in likely])
    usual = median(p.box[3] for p in likely) if likely else np.inf
    kept = []
    for p in found:
        if not p.mark:
            if p.box[3] > FAR_HIGHER * usual and in_pieces(p, first):
                continue
            over = boxes[chances > p.chance]
            over = over[covered(p.box, over)]
            if len(over) > 1 or (p.chance >= MIN_DIGIT_CHANCE and (iou(p.box, over) > SAME_IOU).any()):
                continue
        kept.append(p)
    return kept


def in_pieces(proposal: Proposal, first: Level) -> bool:
    """Tell whether no connected writing is half of all in a proposal's box, in its level or the first if that is finer.

    Lines of writing run into each other in a coarse level.
    """
    level = max(proposal.level, first, key=lambda level: level.scale)
    left, top, right, bottom = level.box_bounds(proposal.box)
    written = (level.writing[top:bottom, left:right] >= 0.5).astype(np.uint8)
    pieces = cv2.connectedComponentsWithStats(written)[2][1:, cv2.CC_STAT_AREA] if written.any() else np.zeros(1)
    return bool(2 * pieces.max() < pieces.sum())


def parts_to_enlarge(
    levels: list[Level], scale: float, shape: tuple[int, ...], pixels: float = np.inf
) -> list[tuple[int, int, int, int]]:
    """Find where the picture is worth enlarging to a scale, because its writing is too small in levels of another.

    shape: the picture's; pixels: that may be looked at. Parts with the least small writing are left out first.
    Returns left, top, right, bottom of each part, in pixels at this scale.
    """
    height, width = (max(1, round(n * scale)) for n in shape)
    cells = [np.zeros((2, 0))]
    for level in levels:
        small = level.maps[FINER] >= (ENLARGE_FROM if scale <= 1 else ENLARGE_BEYOND_FROM)
        digits = int((level.maps[HEAT][0] >= RATHER).sum())
        if scale > 1 and not 2 <= digits <= small.sum():
            continue  # a texture, or usual writing: of small writing each digit covers some ten such cells
        y, x = np.nonzero(small)
        cells.append(np.array([x, y]) * STRIDE + [[level.left], [level.top]])
    low = np.concatenate(cells, 1).T * (scale / levels[0].scale)  # each cell's corner
    low = low[(low < (width, height)).all(1)]
    if not len(low):
        return []
    high = np.minimum(low + STRIDE * scale / levels[0].scale, (width, height))
    _, tile_of, counts = np.unique(low // TILE, axis=0, return_inverse=True, return_counts=True)
    parts: list[tuple[int, int, int, int]] = []
    for tile in np.argsort(-counts, kind="stable"):
        own = tile_of.reshape(-1) == tile
        (left, top), (right, bottom) = low[own].min(0).astype(int), np.ceil(high[own].max(0)).astype(int)
        pixels -= (right - left + 2 * TILE_MARGIN) * (bottom - top + 2 * TILE_MARGIN)
        if pixels < 0:
            left_out = len(counts) - len(parts)
            log.info("%d of %d parts of a picture with small writing are left out", left_out, len(counts))
            break
        parts.append((int(left), int(top), int(right), int(bottom)))
    return parts

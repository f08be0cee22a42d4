"""What the finder's network should say of a scene."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from shuzi.data.digits import CLASSES
from shuzi.maps import HEATS, STRIDE
from shuzi.synth.canvas import ANYTHING
from shuzi.synth.layouts import MAX_SIZE, MIN_SIZE
from shuzi.synth.scene import VISIBLE, Scene

FAR = 16.0  # pixels: the unit of displacements
READ_FINER = 20  # pixels: smaller digits are better read from a picture with more of them, if there is one
PARTLY = 0.1  # of a digit's ink: with less in the frame it counts as not there
# Pixels: nothing is asked about digits from this size to MIN_SIZE; smaller ones count as not there.
SMALLEST = 6
# A middle's gaussian in the heatmap: its deviation as a share of the box's side, of a narrow box's at least as if that
# were a share of the longer side, and at least so many cells.
SPREAD, NARROW, LEAST_SPREAD = 0.13, 0.4, 0.55
NEAR = 0.3  # a gaussian above this makes a cell its digit's; below it nothing is asked beside others
INKED = 0.3  # of a pixel: ink from which on a cell is its digit's

Where = tuple[slice, slice]


class Targets(NamedTuple):
    """What the network should say of pictures, (B, ...) tensors; h and w are H/4 and W/4.

    Attributes:
        pictures: uint8 (B, 1, H, W).
        heat: float32 (B, HEATS, h, w), 1 in the middles and less around; -1 where nothing is asked.
        weight: float32 (B, h, w), how much a cell's class and box count, above 0 near middles of digits.
        label: int64 (B, h, w), 0..9.
        place: float32 (B, 4, h, w): offset in cells, and the logarithm of width and height over FAR.
        link: float32 (B, h, w), whether another digit of the number follows; -1 where nothing is asked.
        next: float32 (B, 2, h, w), how far off its middle is, in digits' sizes.
        marked: float32 (B, h, w), how much a cell's box counts, near middles of marks.
        owner: float32 (B, 2, h, w), from a cell with ink to its digit's middle, in FAR.
        owned: float32 (B, h, w), where there is a digit's ink.
        finer: float32 (B, h, w), where there is writing too small to be read well.
        ink: float32 (B, 2, H, W), 0..1, how much digits cover each pixel, and any writing; -1 where nothing is asked.
    """

    pictures: Tensor
    heat: Tensor
    weight: Tensor
    label: Tensor
    place: Tensor
    link: Tensor
    next: Tensor
    marked: Tensor
    owner: Tensor
    owned: Tensor
    finer: Tensor
    ink: Tensor


class _Maps:
    """The targets of one scene in the making, by the names in Targets; h by w cells."""

    def __init__(self, h: int, w: int) -> None:
        self.y, self.x = np.mgrid[0:h, 0:w].astype(np.float32)
        self.heat, self.place, self.next = (np.zeros((n, h, w), np.float32) for n in (HEATS, 4, 2))
        self.weight, self.marked, self.finer = np.zeros((3, h, w), np.float32)
        self.label, self.link = np.zeros((h, w), np.int64), np.full((h, w), -1, np.float32)
        self.best = np.zeros((h, w), np.float32)  # the largest gaussian of a digit so far

    def add(self, scene: Scene, i: int, middles: np.ndarray) -> None:
        """Add the digit, mark or letter i. middles: of all boxes, (N, 2), in pixels."""
        kind, box = int(scene.labels[i]), scene.boxes[i]
        middle = middles[i] / STRIDE - 0.5  # in cells
        spread = np.maximum(SPREAD * np.maximum(box[2:], NARROW * box[2:].max()) / STRIDE, LEAST_SPREAD)
        near = np.exp(-(((self.x - middle[0]) / spread[0]) ** 2 + ((self.y - middle[1]) / spread[1]) ** 2) / 2)
        h, w = self.best.shape
        near[min(max(round(float(middle[1])), 0), h - 1), min(max(round(float(middle[0])), 0), w - 1)] = 1
        channel = _channel(kind)
        np.maximum(self.heat[channel], near, out=self.heat[channel])
        mine = (near > self.best) & (near > NEAR)
        if kind < CLASSES:
            self.best[mine] = near[mine]
            self.weight[mine], self.label[mine], self.marked[mine] = near[mine], kind, 0
            self._link(scene, i, middles, mine)
        else:
            mine &= self.best == 0
            self.marked[mine] = near[mine]
        self.place[0][mine], self.place[1][mine] = middle[0] - self.x[mine], middle[1] - self.y[mine]
        self.place[2:, mine] = np.log(np.maximum(box[2:], 1) / FAR)[:, None]

    def _link(self, scene: Scene, i: int, middles: np.ndarray, mine: np.ndarray) -> None:
        """Say in a digit's cells whether another digit of its number follows, and where."""
        j = scene.following[i]
        known = j >= 0 and scene.visible[j] >= VISIBLE
        self.link[mine] = 1 if known else -1 if j >= 0 else 0
        if known:
            self.next[:, mine] = ((middles[j] - middles[i]) / scene.sizes[i])[:, None]


def targets(scene: Scene) -> dict[str, np.ndarray]:
    """Return a scene as the targets of one picture, by the names in Targets, which `collate` picks."""
    height, width = scene.picture.shape
    maps = _Maps(height // STRIDE, width // STRIDE)
    ink = scene.ink.astype(np.float32) / 255
    middles = scene.boxes[:, :2] + scene.boxes[:, 2:] / 2
    unasked: list[tuple[int, Where]] = []
    for box in scene.small:
        maps.finer[_cells(box)] = 1
        if box[3] >= SMALLEST:
            unasked += [(channel, _cells(box)) for channel in (0, HEATS - 1)]
    for i, (kind, size, share) in enumerate(zip(scene.labels, scene.sizes, scene.visible, strict=True)):
        where = _cells(scene.boxes[i])
        if kind == ANYTHING:
            unasked += [(channel, where) for channel in range(HEATS)]
            continue
        if size < READ_FINER and kind < CLASSES and share > PARTLY:
            maps.finer[where] = 1
        if share >= VISIBLE and MIN_SIZE <= size <= MAX_SIZE:
            maps.add(scene, i, middles)
            continue
        if share > PARTLY and SMALLEST <= size <= 2 * MAX_SIZE:
            unasked.append((_channel(int(kind)), where))
        if kind < CLASSES and share < VISIBLE:
            ink[scene.owner == i] = -1
    for channel, where in unasked:
        region = maps.heat[channel][where]
        region[region < NEAR] = -1
    owner, owned = _owners(scene, ink, middles, maps)
    inks = np.stack([ink, np.where(ink < 0, -1, scene.writing.astype(np.float32) / 255)])
    return vars(maps) | {"pictures": scene.picture[None], "owner": owner, "owned": owned, "ink": inks}


def _channel(kind: int) -> int:
    """Return a label's heatmap: 0 for digits, then one for each mark, then that for letters."""
    return 0 if kind < CLASSES else kind - CLASSES + 1


def _cells(box: np.ndarray) -> Where:
    """Return the cells that a box (x, y, width, height), in pixels, reaches into."""
    left, top, right, bottom = box[0], box[1], box[0] + box[2], box[1] + box[3]
    return (
        slice(max(0, int(top // STRIDE)), max(0, int(bottom // STRIDE) + 1)),
        slice(max(0, int(left // STRIDE)), max(0, int(right // STRIDE) + 1)),
    )


def _owners(scene: Scene, ink: np.ndarray, middles: np.ndarray, maps: _Maps) -> tuple[np.ndarray, np.ndarray]:
    """Return the way from each cell with ink to its digit's middle, (2, h, w) in FAR, and which cells have some."""
    h, w = maps.best.shape
    owner, owned = np.zeros((2, h, w), np.float32), np.zeros((h, w), np.float32)
    if not len(middles):
        return owner, owned
    inked = _blocks(np.where(scene.owner >= 0, ink, 0))
    whose = np.take_along_axis(_blocks(scene.owner), inked.argmax(2)[..., None], 2)[..., 0]
    owned = ((inked.max(2) > INKED) & (whose >= 0)).astype(np.float32)
    to = middles[np.maximum(whose, 0)] / STRIDE - 0.5
    owner[0], owner[1] = (to[..., 0] - maps.x) * (STRIDE / FAR), (to[..., 1] - maps.y) * (STRIDE / FAR)
    return owner, owned


def _blocks(pixels: np.ndarray) -> np.ndarray:
    """Return the pixels of each cell, (h, w, STRIDE * STRIDE), of (H, W)."""
    h, w = pixels.shape[0] // STRIDE, pixels.shape[1] // STRIDE
    return pixels.reshape(h, STRIDE, w, STRIDE).transpose(0, 2, 1, 3).reshape(h, w, -1)


def collate(many: Sequence[dict[str, np.ndarray]]) -> Targets:
    """Stack targets of several pictures of one shape to a batch."""
    return Targets(*(torch.from_numpy(np.stack([one[name] for one in many])) for name in Targets._fields))

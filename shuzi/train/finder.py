"""The finder: a network that says for each place of a picture whether a digit stands there, which, and in what box.

U-shaped, of 3x3 convolutions with batch norm and residuals (He et al. 2016), at strides 2, 4, 8, 16 and back to 4. It
answers as CenterNet does (X. Zhou et al., "Objects as points", arXiv 1904.07850): heatmaps whose peaks are the
middles of digits, and beside each peak its class, its box and, beyond CenterNet, where the number goes on. A second
answer, at the picture's own size, says how much of each pixel is a digit's ink.
"""

import functools
import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from shuzi.data.digits import CLASSES, Digits
from shuzi.synth.glyphs import MARKS, Glyphs
from shuzi.synth.layouts import MAX_SIZE, MIN_SIZE, SQUARE, STRIP
from shuzi.synth.scene import VISIBLE, Scene, scene
from shuzi.train.graph import graph, in_eight_bits

STRIDE = 4  # pixels of the picture to a cell of the maps
HEATS = 1 + len(MARKS)  # a heatmap for digits, and one for each mark
READ_FINER = 20  # pixels: lower digits are better read from a picture with more of them, if there is one
RISE, FALL = 0.02, 0.4  # shares of the steps in which the learning rate rises and falls
MOST_WORKERS = 8  # processes that draw scenes: as many as a GPU's step waits for
JUDGED = 12  # batches of scenes on which a finder is judged
RANGED = 96  # scenes whose activations tell what the file's 8 bits span
# Convolutions that stay as they are in the file: their channels have units of their own, which no 8 bits span.
WHOLE = frozenset({"finder.maps.1.weight", "finder.ink.1.weight"})
FAR = 16.0  # pixels: the unit of displacements
FLOOR = 5 / 255  # of grey: what varies less than that counts as even
# Channels of the maps, in this order.
HEAT, CLASS, OFFSET, SIZE, LINK, NEXT, OWNER, FINER = (
    slice(0, HEATS),
    slice(HEATS, HEATS + 10),
    slice(HEATS + 10, HEATS + 12),
    slice(HEATS + 12, HEATS + 14),
    HEATS + 14,
    slice(HEATS + 15, HEATS + 17),
    slice(HEATS + 17, HEATS + 19),
    HEATS + 19,
)
CHANNELS = HEATS + 20


def convolution(before: int, after: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch norm, ReLU."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    """Two convolutions whose answer is added to what they were given."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = convolution(channels, channels)
        self.second = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Give a tensor of the same shape."""
        return F.relu(x + self.second(self.first(x)))


def contrast_normalised(grey: Tensor) -> Tensor:
    """Local contrast normalisation: each pixel less the mean around it, over the spread around it, within -8 to 8.

    grey: float32 (B, 1, H, W) in [0, 1], H and W multiples of 16. The mean is of about 80 pixels a side, the
    spread of 144. After K. Jarrett et al., "What is the best multi-stage architecture for object recognition?" (2009).
    """

    def around(values: Tensor, blocks: int) -> Tensor:
        coarse = F.avg_pool2d(F.avg_pool2d(values, 16), blocks, 1, blocks // 2, count_include_pad=False)
        return F.interpolate(coarse, scale_factor=16.0, mode="bilinear", align_corners=False)

    apart = grey - around(grey, 5)
    spread = (around(apart * apart, 9) + FLOOR**2).sqrt()
    return (apart / spread).clamp(-8, 8)


class Finder(nn.Module):
    """Grey pictures to maps and ink."""

    def __init__(self, widths: Sequence[int] = (24, 48, 96, 128)) -> None:
        super().__init__()
        two, four, eight, sixteen = widths
        self.down2 = nn.Sequential(convolution(1, two, 2), Residual(two))
        self.down4 = nn.Sequential(convolution(two, four, 2), Residual(four), Residual(four))
        self.down8 = nn.Sequential(convolution(four, eight, 2), Residual(eight), Residual(eight))
        self.down16 = nn.Sequential(convolution(eight, sixteen, 2), Residual(sixteen), Residual(sixteen))
        self.to8, self.up8 = nn.Conv2d(sixteen, eight, 1), Residual(eight)
        self.to4, self.up4 = nn.Conv2d(eight, four, 1), Residual(four)
        self.maps = nn.Sequential(convolution(four, 96), nn.Conv2d(96, CHANNELS, 1))
        self.to2 = nn.Conv2d(four, two, 1)
        self.ink = nn.Sequential(convolution(two, two), nn.Conv2d(two, 8, 3, padding=1), nn.PixelShuffle(2))
        last = self.maps[-1]
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        nn.init.constant_(
            last.bias[HEAT], -4.0
        )  # at first nothing is likely anywhere, as Lin et al. 2017 advise

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Give maps (B, CHANNELS, H/4, W/4) and the logits of digits' ink and of any writing (B, 2, H, W).

        pictures: uint8 or float (B, 1, H, W), 0..255; H and W multiples of 16.
        """
        x2 = self.down2(contrast_normalised(pictures.float() / 255))  # (B, 24, H/2, W/2)
        x4 = self.down4(x2)  # (B, 48, H/4, W/4)
        x8 = self.down8(x4)  # (B, 96, H/8, W/8)
        x16 = self.down16(x8)  # (B, 128, H/16, W/16)
        x8 = self.up8(x8 + F.interpolate(self.to8(x16), scale_factor=2.0))
        x4 = self.up4(x4 + F.interpolate(self.to4(x8), scale_factor=2.0))
        return self.maps(x4), self.ink(x2 + F.interpolate(self.to2(x4), scale_factor=2.0))


@dataclass(frozen=True)
class Targets:
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
        finer: float32 (B, h, w), where there is writing too low to be read well.
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


def targets(scene: Scene) -> dict[str, np.ndarray]:
    """A scene as the targets of one picture, by the names in Targets."""
    height, width = scene.picture.shape
    h, w = height // STRIDE, width // STRIDE
    y, x = np.mgrid[0:h, 0:w].astype(np.float32)
    heat = np.zeros((HEATS, h, w), np.float32)
    best = np.zeros((h, w), np.float32)  # the largest gaussian of a digit so far
    weight, label = np.zeros((h, w), np.float32), np.zeros((h, w), np.int64)
    place, link = np.zeros((4, h, w), np.float32), np.full((h, w), -1, np.float32)
    following, marked = np.zeros((2, h, w), np.float32), np.zeros((h, w), np.float32)
    finer = np.zeros((h, w), np.float32)
    ink = scene.ink.astype(np.float32) / 255
    middles = scene.boxes[:, :2] + scene.boxes[:, 2:] / 2
    unasked: list[tuple[int, tuple[slice, slice]]] = []

    def cells(box: np.ndarray, wider: float = 0) -> tuple[slice, slice]:
        left, top, right, bottom = box[0], box[1], box[0] + box[2], box[1] + box[3]
        return (
            slice(max(0, int((top - wider) // STRIDE)), max(0, int((bottom + wider) // STRIDE) + 1)),
            slice(max(0, int((left - wider) // STRIDE)), max(0, int((right + wider) // STRIDE) + 1)),
        )

    for box in scene.small:
        finer[cells(box)] = 1
        if box[3] >= 6:
            unasked.append((0, cells(box)))
    for i, (kind, box, size, share) in enumerate(
        zip(scene.labels, scene.boxes, scene.sizes, scene.visible, strict=True)
    ):
        channel = 0 if kind < CLASSES else int(kind) - CLASSES + 1
        if size < READ_FINER and kind < CLASSES and share > 0.1:
            finer[cells(box)] = 1
        if share < VISIBLE or not MIN_SIZE <= size <= MAX_SIZE:
            if share > 0.1 and 6 <= size <= 2 * MAX_SIZE:
                unasked.append((channel, cells(box)))
            if kind < CLASSES and share < VISIBLE:
                part = scene.owner == i
                ink[part] = -1
            continue
        middle = middles[i] / STRIDE - 0.5  # in cells
        spread = np.maximum(0.13 * np.maximum(box[2:], 0.4 * box[2:].max()) / STRIDE, 0.55)
        near = np.exp(-(((x - middle[0]) / spread[0]) ** 2 + ((y - middle[1]) / spread[1]) ** 2) / 2)
        at = (min(max(round(float(middle[1])), 0), h - 1), min(max(round(float(middle[0])), 0), w - 1))
        near[at] = 1
        np.maximum(heat[channel], near, out=heat[channel])
        mine = (near > best) & (near > 0.3)
        if kind < CLASSES:
            best[mine] = near[mine]
            weight[mine], label[mine], marked[mine] = near[mine], kind, 0
            j = scene.following[i]
            known = j >= 0 and scene.visible[j] >= VISIBLE
            link[mine] = 1 if known else -1 if j >= 0 else 0
            if known:
                following[:, mine] = ((middles[j] - middles[i]) / size)[:, None]
        else:
            mine &= best == 0
            marked[mine] = near[mine]
        place[0][mine], place[1][mine] = middle[0] - x[mine], middle[1] - y[mine]
        place[2:, mine] = np.log(np.maximum(box[2:], 1) / FAR)[:, None]
    for channel, where in unasked:
        region = heat[channel][where]
        region[region < 0.3] = -1
    owner, owned = np.zeros((2, h, w), np.float32), np.zeros((h, w), np.float32)
    if len(middles):
        blocks = (
            np.where(scene.owner >= 0, ink, 0)
            .reshape(h, STRIDE, w, STRIDE)
            .transpose(0, 2, 1, 3)
            .reshape(h, w, -1)
        )
        most = blocks.argmax(2)
        whose = scene.owner.reshape(h, STRIDE, w, STRIDE).transpose(0, 2, 1, 3).reshape(h, w, -1)
        whose = np.take_along_axis(whose, most[..., None], 2)[..., 0]
        owned = ((blocks.max(2) > 0.3) & (whose >= 0)).astype(np.float32)
        to = middles[np.maximum(whose, 0)] / STRIDE - 0.5
        owner[0], owner[1] = (to[..., 0] - x) * (STRIDE / FAR), (to[..., 1] - y) * (STRIDE / FAR)
    return {
        "pictures": scene.picture[None],
        "heat": heat,
        "weight": weight,
        "label": label,
        "place": place,
        "link": link,
        "next": following,
        "marked": marked,
        "owner": owner,
        "owned": owned,
        "finer": finer,
        "ink": np.stack([ink, np.where(ink < 0, -1, scene.writing.astype(np.float32) / 255)]),
    }


def collate(many: Sequence[dict[str, np.ndarray]]) -> Targets:
    """Targets of several pictures of one shape as a batch."""
    return Targets(
        **{f.name: torch.from_numpy(np.stack([one[f.name] for one in many])) for f in fields(Targets)}
    )


def losses(maps: Tensor, ink: Tensor, wanted: Targets) -> dict[str, Tensor]:
    """The parts of the loss, by name; their sum is minimised.

    The heatmaps' is CenterNet's penalty-reduced focal loss per digit or mark, the class's the cross-entropy at the
    middles, boxes' and displacements' the smooth L1, link's, finer's and ink's the binary cross-entropy.
    """
    maps, ink = maps.float(), ink.float()
    heat, truth = maps[:, HEAT], wanted.heat
    middle = truth == 1
    count = middle.sum().clamp(min=1)
    p = heat.sigmoid()
    hit = -((1 - p) ** 2) * F.logsigmoid(heat)
    miss = -((1 - truth.clamp(min=0)) ** 4) * p**2 * F.logsigmoid(-heat)
    focal = (torch.where(middle, hit, miss) * (truth >= 0)).sum() / count
    weight, both = wanted.weight, wanted.weight + wanted.marked
    total, all_of = weight.sum().clamp(min=1), both.sum().clamp(min=1)
    named = (F.cross_entropy(maps[:, CLASS], wanted.label, reduction="none") * weight).sum() / total
    place = torch.cat([maps[:, OFFSET], maps[:, SIZE]], 1)
    boxes = (F.smooth_l1_loss(place, wanted.place, reduction="none", beta=0.1).sum(1) * both).sum() / all_of
    asked = (wanted.link >= 0) * weight
    chained = (
        F.binary_cross_entropy_with_logits(maps[:, LINK], wanted.link.clamp(min=0), reduction="none") * asked
    ).sum() / asked.sum().clamp(min=1)
    linked = (wanted.link > 0) * weight
    ahead = (F.smooth_l1_loss(maps[:, NEXT], wanted.next, reduction="none", beta=0.1).sum(1) * linked).sum()
    belongs = F.smooth_l1_loss(maps[:, OWNER], wanted.owner, reduction="none", beta=0.1).sum(1) * wanted.owned
    known = wanted.ink >= 0
    inked = F.binary_cross_entropy_with_logits(ink, wanted.ink.clamp(min=0), reduction="none")
    return {
        "heat": focal,
        "class": named,
        "box": 0.5 * boxes,
        "link": 0.3 * chained,
        "next": 0.3 * ahead / linked.sum().clamp(min=1),
        "owner": 0.5 * belongs.sum() / wanted.owned.sum().clamp(min=1),
        "finer": 0.3 * F.binary_cross_entropy_with_logits(maps[:, FINER], wanted.finer),
        "ink": 2.0 * (inked * known).sum() / known.sum().clamp(min=1),
    }


class Answers(nn.Module):
    """A finder as it is shipped: probabilities in place of logits, and of the heatmaps their peaks alone."""

    def __init__(self, finder: Finder) -> None:
        super().__init__()
        self.finder = finder

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Give maps float32 (B, CHANNELS, H/4, W/4) and ink float32 (B, 2, H, W), 0..1, of uint8 (B, H, W)."""
        maps, ink = self.finder(pictures.unsqueeze(1))
        heat = maps[:, HEAT].sigmoid()
        peaks = heat * (F.max_pool2d(heat, 3, 1, 1) == heat)
        rest = [peaks, maps[:, CLASS].softmax(1), maps[:, OFFSET], maps[:, SIZE].exp() * FAR]
        rest += [
            maps[:, LINK : LINK + 1].sigmoid(),
            maps[:, NEXT],
            maps[:, OWNER] * FAR,
            maps[:, FINER:].sigmoid(),
        ]
        return torch.cat(rest, 1), ink.sigmoid()


def to_onnx(finder: Finder, digits: Digits | None) -> bytes:
    """Give a finder as an ONNX file's bytes.

    digits: convolutions are of 8 bits, and scenes of these tell what the bits have to span; None: all is float32.
    """
    wrapped = Answers(finder).eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    batch, height, width = (
        torch.export.Dim("N"),
        torch.export.Dim("h", min=1, max=1024),
        torch.export.Dim("w", min=1, max=1024),
    )
    sample = torch.randint(0, 256, (2, 48, 64), dtype=torch.uint8)
    shapes = {0: batch, 1: 16 * height, 2: 16 * width}
    proto = graph(wrapped, sample, shapes, ["maps", "ink"], {"shuzi.name": "finder"})
    if digits is not None:
        glyphs = Glyphs(digits)
        made = [
            scene(glyphs, np.random.default_rng(n), STRIP if n % 2 else SQUARE).picture[None]
            for n in range(RANGED)
        ]
        proto = in_eight_bits(proto, made, WHOLE)
    data: bytes = proto.SerializeToString()
    return data


class Scenes(Dataset[tuple[Tensor, tuple[Tensor, ...]]]):
    """Batches of scenes, each drawn from the seed and its own number alone; strips and squares in turn."""

    def __init__(self, digits: Digits, batch_size: int, seed: int, first: int) -> None:
        self.glyphs, self.batch_size, self.seed, self.first = Glyphs(digits), batch_size, seed, first

    def __len__(self) -> int:
        return 2**31  # more than anybody trains

    def __getitem__(self, index: int) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Give pictures uint8 (B, 1, H, W) and the other fields of Targets."""
        number = self.first + index
        g = np.random.default_rng([self.seed, number])
        shape = STRIP if number % 2 else SQUARE
        made = collate([targets(scene(self.glyphs, g, shape)) for _ in range(self.batch_size)])
        pictures, *rest = (getattr(made, f.name) for f in fields(Targets))
        return pictures, tuple(rest)


def made(
    digits: Digits, batch_size: int, seed: int, first: int
) -> Generator[tuple[Tensor, tuple[Tensor, ...]]]:
    """Give batches of scenes without end, drawn by other processes while this one learns: half as many as cores."""
    scenes = Scenes(digits, batch_size, seed, first)
    workers = min(MOST_WORKERS, max(1, (os.cpu_count() or 1) // 2))
    yield from DataLoader(scenes, batch_size=None, num_workers=workers, prefetch_factor=6)


def loss(answers: tuple[Tensor, Tensor], wanted: tuple[Tensor, ...]) -> Tensor:
    """The sum of `losses`, of the network's maps and ink and what `made` gives beside the pictures."""
    maps, ink = answers
    return torch.stack([*losses(maps, ink, Targets(maps, *wanted)).values()]).sum()


@functools.lru_cache(maxsize=1)
def judged(digits: Digits) -> list[Targets]:
    """The scenes on which a finder is judged, the same after each epoch."""
    batches = (Scenes(digits, 16, JUDGED, 0)[number] for number in range(JUDGED))
    return [Targets(pictures, *rest) for pictures, rest in batches]


def judge(finder: nn.Module, digits: Digits, device: torch.device) -> tuple[int, int]:
    """Count the digits of some scenes, written with given digits, that are found and named right, and all of them."""
    right = count = 0
    for wanted in judged(digits):
        maps = finder(wanted.pictures.to(device))[0].float().cpu()
        middles = wanted.heat[:, 0] == 1
        found = (maps[:, HEAT][:, 0] > 0) & (maps[:, CLASS].argmax(1) == wanted.label)
        right += int((found & middles).sum())
        count += int(middles.sum())
    return right, count


def trapezoid(done: float) -> float:
    """The learning rate's factor: a short rise, level for three fifths of the steps, then down to nothing."""
    return min(1.0, done / RISE + RISE, max(0.0, (1 - done) / FALL))

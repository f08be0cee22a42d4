"""A finder's ONNX file."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shuzi.data import pens
from shuzi.data.digits import Digits
from shuzi.maps import CLASS, FINER, HEAT, LINK, NEXT, OFFSET, OWNER, SIZE
from shuzi.synth.glyphs import Glyphs
from shuzi.train.finder.batches import squares_and_strips
from shuzi.train.finder.network import Finder
from shuzi.train.finder.targets import FAR
from shuzi.train.graph import graph, in_eight_bits

RANGED = 96  # scenes whose activations tell what the file's 8 bits span
# Convolutions that stay as they are in the file: their channels have units of their own, which no 8 bits span.
WHOLE = frozenset({"finder.maps.1.weight", "finder.ink.1.weight"})


class ShippedFinder(nn.Module):
    """A finder as it is shipped: probabilities in place of logits, and of the heatmaps their peaks alone."""

    def __init__(self, finder: Finder) -> None:
        super().__init__()
        self.finder = finder

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return maps float32 (B, CHANNELS, H/4, W/4) and ink float32 (B, 2, H, W), 0..1, of uint8 (B, H, W)."""
        maps, ink = self.finder(pictures.unsqueeze(1))
        heat = maps[:, HEAT].sigmoid()
        peaks = heat * (F.max_pool2d(heat, 3, 1, 1) == heat)
        rest = [peaks, maps[:, CLASS].softmax(1), maps[:, OFFSET], maps[:, SIZE].exp() * FAR]
        rest += [maps[:, LINK : LINK + 1].sigmoid(), maps[:, NEXT], maps[:, OWNER] * FAR]
        rest += [maps[:, FINER : FINER + 1].sigmoid()]
        return torch.cat(rest, 1), ink.sigmoid()


def to_onnx(finder: Finder, digits: Digits | None) -> bytes:
    """Return a finder as an ONNX file's bytes.

    digits: convolutions are of 8 bits, and scenes of these tell what the bits have to span; None: all is float32.
    Raises ShuziError where the pens are missing.
    """
    wrapped = ShippedFinder(finder).eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    height, width = (torch.export.Dim(name, min=1, max=1024) for name in ("h", "w"))
    sample = torch.randint(0, 256, (2, 48, 64), dtype=torch.uint8)
    shapes = {0: torch.export.Dim("N"), 1: 16 * height, 2: 16 * width}
    proto = graph(wrapped, sample, shapes, ["maps", "ink"], {"shuzi.name": "finder"})
    if digits is not None:
        glyphs = Glyphs(digits, pens.load().part(held_out=False))
        pictures = [made.picture[None] for made in squares_and_strips(glyphs, RANGED)]
        proto = in_eight_bits(proto, pictures, WHOLE)
    return proto.SerializeToString()

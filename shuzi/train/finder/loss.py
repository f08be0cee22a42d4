"""The finder's loss."""

import torch
import torch.nn.functional as F
from torch import Tensor

from shuzi.maps import CLASS, FINER, HEAT, LINK, NEXT, OFFSET, OWNER, SIZE
from shuzi.train.finder.targets import Targets

BETA = 0.1  # where the smooth L1 turns from squares to lengths
# What each part counts beside the heatmaps and the classes.
BOX, LINKED, AHEAD, OWNED, FINE, INK, LETTERS = 0.5, 0.3, 0.3, 0.5, 0.3, 2.0, 0.5


def losses(maps: Tensor, ink: Tensor, wanted: Targets) -> dict[str, Tensor]:
    """Return the parts of the loss, by name; their sum is minimised.

    The heatmaps' are CenterNet's penalty-reduced focal loss per digit or mark, and per letter, the class's the
    cross-entropy at the middles, boxes' and displacements' the smooth L1, link's, finer's and ink's the binary
    cross-entropy.
    """
    maps, ink = maps.float(), ink.float()
    weight, both = wanted.weight, wanted.weight + wanted.marked
    total, all_of = weight.sum().clamp(min=1), both.sum().clamp(min=1)
    named = (F.cross_entropy(maps[:, CLASS], wanted.label, reduction="none") * weight).sum() / total
    place = torch.cat([maps[:, OFFSET], maps[:, SIZE]], 1)
    boxes = (_length(place, wanted.place) * both).sum() / all_of
    asked = (wanted.link >= 0) * weight
    follows = F.binary_cross_entropy_with_logits(maps[:, LINK], wanted.link.clamp(min=0), reduction="none")
    linked = (wanted.link > 0) * weight
    ahead = (_length(maps[:, NEXT], wanted.next) * linked).sum()
    belongs = _length(maps[:, OWNER], wanted.owner) * wanted.owned
    known = wanted.ink >= 0
    inked = F.binary_cross_entropy_with_logits(ink, wanted.ink.clamp(min=0), reduction="none")
    return {
        "heat": _focal(maps[:, HEAT][:, :-1], wanted.heat[:, :-1]),
        "letter": LETTERS * _focal(maps[:, HEAT][:, -1:], wanted.heat[:, -1:]),
        "class": named,
        "box": BOX * boxes,
        "link": LINKED * ((follows * asked).sum() / asked.sum().clamp(min=1)),
        "next": AHEAD * ahead / linked.sum().clamp(min=1),
        "owner": OWNED * belongs.sum() / wanted.owned.sum().clamp(min=1),
        "finer": FINE * F.binary_cross_entropy_with_logits(maps[:, FINER], wanted.finer),
        "ink": INK * (inked * known).sum() / known.sum().clamp(min=1),
    }


def _focal(heat: Tensor, truth: Tensor) -> Tensor:
    """Return CenterNet's focal loss per middle, of logits and heatmaps (B, k, h, w); below 0 nothing is asked."""
    middle = truth == 1
    count = middle.sum().clamp(min=1)
    p = heat.sigmoid()
    hit = -((1 - p) ** 2) * F.logsigmoid(heat)
    miss = -((1 - truth.clamp(min=0)) ** 4) * p**2 * F.logsigmoid(-heat)
    return (torch.where(middle, hit, miss) * (truth >= 0)).sum() / count


def _length(answer: Tensor, wanted: Tensor) -> Tensor:
    """Return the smooth L1 between vectors (B, k, h, w): (B, h, w)."""
    return F.smooth_l1_loss(answer, wanted, reduction="none", beta=BETA).sum(1)


def loss(answers: tuple[Tensor, Tensor], wanted: tuple[Tensor, ...]) -> Tensor:
    """Return the sum of `losses`, of the network's maps and ink and what `scene_batches` gives beside the pictures."""
    maps, ink = answers
    return torch.stack([*losses(maps, ink, Targets(maps, *wanted)).values()]).sum()

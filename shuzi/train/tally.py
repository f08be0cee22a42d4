"""The running figures of an epoch in torch."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from shuzi.errors import ShuziError
from shuzi.train.settings import CURVE_POINTS, Epoch, kind


@dataclass
class Tally:
    """The steps of an epoch so far: the loss and the images of each, all right answers, and seconds."""

    losses: list[Tensor] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    right: Tensor = field(default_factory=lambda: torch.tensor(0))
    seconds: float = 0.0
    answers: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # logits and labels not yet in `right`

    def add(self, loss: Tensor, count: int) -> None:
        """Count a step."""
        self.losses.append(loss)
        self.counts.append(count)

    def settle(self) -> None:
        """Count how many of the answers are right, many steps at once for speed."""
        if self.answers:
            logits, labels = map(torch.cat, zip(*self.answers, strict=True))
            self.right = self.right + (logits.argmax(dim=1) == labels).sum().cpu()
            self.answers = []

    def state(self) -> dict[str, Tensor]:
        """Return it as named tensors."""
        self.settle()
        return {
            "losses": torch.stack(self.losses).cpu() if self.losses else torch.zeros(0),
            "counts": torch.tensor(self.counts, dtype=torch.int64),
            "right": self.right,
            "seconds": torch.tensor(self.seconds, dtype=torch.float64),
        }

    @classmethod
    def restored(cls, state: Mapping[str, Tensor], device: torch.device) -> "Tally":
        """Return the tally of a `state`. Raises ShuziError if it is damaged."""
        losses, counts, right, seconds = (state[name] for name in ("losses", "counts", "right", "seconds"))
        if (
            kind(losses) != f"float32 of shape ({counts.numel()},)"
            or kind(counts) != f"int64 of shape {(*losses.shape,)}"
        ):
            raise ShuziError(f"the losses are {kind(losses)}, their steps {kind(counts)}; it is damaged")
        if not torch.isfinite(losses).all() or (counts < 1).any():
            raise ShuziError("a step has no loss or no images; it is damaged")
        return cls(list(losses.to(device)), counts.tolist(), right, float(seconds))

    def epoch(self, number: int, classifies: bool) -> Epoch:
        """Compute the figures of the epoch, without validation."""
        self.settle()
        losses, counts = torch.stack(self.losses).double().cpu().numpy(), np.array(self.counts)
        every = math.ceil(len(losses) / CURVE_POINTS)
        parts = [slice(start, start + every) for start in range(0, len(losses), every)]
        images = int(counts.sum())
        return Epoch(
            epoch=number,
            loss=float(np.average(losses, weights=counts)),
            accuracy=int(self.right) / images if classifies else None,
            seconds=self.seconds,
            images_per_second=images / self.seconds,
            validation_accuracy=None,
            curve=tuple(float(np.average(losses[part], weights=counts[part])) for part in parts),
        )

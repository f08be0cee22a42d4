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

    losses: list[Tensor | float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    right: Tensor = field(default_factory=lambda: torch.tensor(0))
    seconds: float = 0.0
    answers: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # logits and labels not yet in `right`

    def settle(self) -> None:
        """Count how many of the answers are right, many steps at once for speed."""
        if self.answers:
            logits, labels = map(torch.cat, zip(*self.answers, strict=True))
            self.right = self.right + (logits.argmax(dim=1) == labels).sum().cpu()
            self.answers = []

    def state(self) -> dict[str, Tensor]:
        """Return it as named tensors; `steps` (N, 2) has the loss and the images of each step."""
        self.settle()
        steps = [(float(loss), count) for loss, count in zip(self.losses, self.counts, strict=True)]
        return {
            "steps": torch.tensor(steps, dtype=torch.float64).view(-1, 2),
            "right": self.right,
            "seconds": torch.tensor(self.seconds, dtype=torch.float64),
        }

    @classmethod
    def restored(cls, state: Mapping[str, Tensor]) -> "Tally":
        """Return the tally of a `state`. Raises ShuziError if it is damaged."""
        steps = state["steps"]
        if kind(steps) != (expected := f"float64 of shape ({steps.numel() // 2}, 2)"):
            raise ShuziError(f"the steps are {kind(steps)}, expected {expected}; it is damaged")
        losses, counts = steps.T
        if not steps.isfinite().all() or (counts < 1).any():
            raise ShuziError("a step has no loss or no images; it is damaged")
        return cls(losses.tolist(), counts.int().tolist(), state["right"], float(state["seconds"]))

    def epoch(self, number: int, classifies: bool) -> Epoch:
        """Compute the figures of the epoch, without validation."""
        self.settle()
        losses, counts = np.array([float(loss) for loss in self.losses]), np.array(self.counts)
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

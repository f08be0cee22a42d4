"""What a recipe is: a model and how it is trained, as data."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor

from shuzi.data.digits import Digits
from shuzi.errors import renamed
from shuzi.train.settings import RENAMED_FIELDS

Tensors: TypeAlias = Tensor | tuple[Tensor, ...]
"""A model's outputs, or a batch's targets."""
Batch: TypeAlias = tuple[Tensor, Tensors]
"""Images float32 (B, 1, H, W) and their targets."""


class Model(Protocol):
    """What `fit` can train: an nn.Module, or any callable that shows its tensors."""

    def __call__(self, images: Tensor, /) -> Any: ...  # noqa: ANN401, D102
    def parameters(self) -> Iterable[Tensor]: ...  # noqa: D102
    def state_dict(self) -> dict[str, Tensor]: ...  # noqa: D102


class Optimizer(Protocol):
    """What takes the steps: a torch.optim.Optimizer, or anything that is used like one."""

    param_groups: list[dict[str, Any]]

    def zero_grad(self) -> None: ...  # noqa: D102
    def step(self) -> object: ...  # noqa: D102
    def state_dict(self) -> dict[str, Any]: ...  # noqa: D102


@renamed(**RENAMED_FIELDS)
@dataclass(frozen=True)
class Recipe:
    """A model and how it is trained.

    Attributes:
        summary: one line for people.
        build: makes the untrained model on a device, its randomness drawn from the generator.
        epochs, batch_size, lr: defaults that a person may change.
        optimizer: makes the optimiser from the parameters and the learning rate.
        schedule: the learning rate's factor at a fraction, 0..1, of a cycle's steps; default constant.
        second_cycle_at: share of the epochs, 0..1, after which a second cycle starts from the weights kept so far, at
            half the rate, with a new optimiser and a new seed. None: there is one cycle.
        augment: changes a batch of images float32 (B, 1, 28, 28), drawing from a generator on their device.
        extend: adds synthetic digits to the training digits, drawing from a generator.
        batch_source: draws batches during training instead of cutting them from the digits. Takes digits, batch size,
            seed and number, and yields without end the batches from that number on. Each depends only on the seed and
            its own number, so that training can resume anywhere. A batch is images float32 (B, 1, H, W) and the
            targets that `loss` takes, a tensor or a tuple of tensors. The global generators of torch, numpy and Python
            are seeded with both numbers before each batch.
        steps_per_epoch: batches per epoch with a `batch_source`.
        loss: mean loss () of a model's outputs, as float32, and the batch's targets; by default the cross-entropy of
            logits (B, classes) and labels (B,).
        onnx: exports a model that doesn't classify 28x28 images as an ONNX file's bytes, in 8 bits if given digits.
        count_correct: counts the right answers of a model on digits on a device, and all answers; by default an answer
            is right if the largest logit is the label's.
        label_smoothing: share of the cross-entropy's target spread evenly over the classes, 0..1.
        ema_decay: decay per step of the exponential moving average of the weights, 0..1, which is kept in place of the
            last weights; None: the last are kept.
        starting_share: share, 0..1, of the weights that a training started from in those it keeps: what it knew before
            is not lost (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022).
        bfloat16: compute in bfloat16 where the device does so in hardware.
        channels_last: keep images as (B, H, W, C) in memory, which convolutions on a CPU like.
    """

    summary: str
    build: Callable[[torch.Generator], Model]
    epochs: int
    batch_size: int
    lr: float
    optimizer: Callable[[Iterable[Tensor], float], Optimizer]
    schedule: Callable[[float], float] | None = None
    second_cycle_at: float | None = None
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None
    extend: Callable[[Digits, np.random.Generator], Digits] | None = None
    batch_source: Callable[[Digits, int, int, int], Generator[Batch]] | None = None
    steps_per_epoch: int = 0
    loss: Callable[[Any, Any], Tensor] | None = None
    count_correct: Callable[[Any, Digits, torch.device], tuple[int, int]] | None = None
    onnx: Callable[[Any, Digits | None], bytes] | None = None
    label_smoothing: float = 0.0
    ema_decay: float | None = None
    starting_share: float = 0.0
    bfloat16: bool = False
    channels_last: bool = False

    @property
    def classifies(self) -> bool:
        """Whether the outputs are logits and the targets are labels, so that right answers can be counted."""
        return self.loss is None or (self.batch_source is None and self.count_correct is None)

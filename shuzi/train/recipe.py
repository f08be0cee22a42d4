"""What a recipe is: a model and how it is trained, as data."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from shuzi.data.digits import Digits


class Model(Protocol):
    """What `fit` can train: an nn.Module, or any callable that shows its tensors."""

    def __call__(self, images: Tensor, /) -> Tensor: ...  # noqa: D102
    def parameters(self) -> Iterable[Tensor]: ...  # noqa: D102
    def state_dict(self) -> dict[str, Tensor]: ...  # noqa: D102


@dataclass(frozen=True)
class Recipe:
    """A model and how it is trained.

    Attributes:
        summary: one line for people.
        build: makes the untrained model on a device, its randomness drawn from the generator.
        epochs, batch_size, lr: defaults that a person may change.
        optimizer: makes the optimiser from the parameters and the learning rate.
        schedule: the learning rate's factor at a fraction, 0..1, of a cycle's steps; default constant.
        again: share of the epochs, 0..1, after which a second cycle begins, from the weights kept so far: at half the
            rate, with a new optimiser, and all that is drawn drawn anew. None: there is one cycle.
        augment: changes a batch of images float32 (B, 1, 28, 28), drawing from a generator on their device.
        extend: joins what we make ourselves to the training digits, drawing from a generator.
        made: makes the batches on the way, in place of images cut from the digits: from digits, the size of a batch, a
            seed and a number, gives without end the batches from that number on, each of them drawn from the seed and
            its own number alone, so that training can be taken up anywhere. A batch is images float32 (B, 1, H, W)
            and what `loss` takes, a tensor or a tuple of tensors. The global generators of torch, numpy and Python are
            seeded with both before each batch.
        steps: batches that are an epoch, where they are made.
        loss: of a model's outputs, a tensor or a tuple, as float32, and the batch's targets, a mean over the batch;
            default cross-entropy of logits (B, classes) and labels (B,).
        onnx: makes an ONNX file's bytes of a model that is no classifier of 28x28s; given digits, one in 8 bits.
        judge: how many answers of the model are right, of how many, when it is put to use on digits on a device;
            default of each image, whether the largest logit is its label's.
        label_smoothing: share of the cross-entropy's target spread evenly over the classes, 0..1.
        average: decay a step of the averaged weights that are kept in place of the last, 0..1, or None.
        bfloat16: compute in bfloat16 where the device does so in hardware.
        channels_last: keep images as (B, H, W, C) in memory, which convolutions on a CPU like.
    """

    summary: str
    build: Callable[[torch.Generator], Model]
    epochs: int
    batch_size: int
    lr: float
    optimizer: Callable[[Iterable[Tensor], float], torch.optim.Optimizer]
    schedule: Callable[[float], float] | None = None
    again: float | None = None
    augment: Callable[[Tensor, torch.Generator], Tensor] | None = None
    extend: Callable[[Digits, np.random.Generator], Digits] | None = None
    made: Callable[[Digits, int, int, int], Generator[tuple[Tensor, Any]]] | None = None
    steps: int = 0
    loss: Callable[[Any, Any], Tensor] | None = None
    judge: Callable[[Any, Digits, torch.device], tuple[int, int]] | None = None
    onnx: Callable[[Any, Digits | None], bytes] | None = None
    label_smoothing: float = 0.0
    average: float | None = None
    bfloat16: bool = False
    channels_last: bool = False

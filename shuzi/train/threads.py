"""How many threads of the CPU a step is worth. The weights follow from it, so it depends on the work alone."""

import contextlib
import copy
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from shuzi.data.digits import SIDE

if TYPE_CHECKING:
    from shuzi.train.recipe import Model

# Multiplications of a batch's forward pass. With fewer, a step has dozens of pieces of a fraction of a millisecond, and
# after each the threads wait for each other: beside busy cores the recipe `fast` (2^28) takes twice as long on two
# threads as on one. A step of `best` (2^33) has pieces large enough to be shared.
WORTH_THREADS = 2**30


def threads_for(model: "Model", batch_size: int) -> int:
    """Choose the threads for a batch: one if there is little to compute, else as many as torch uses."""
    return 1 if multiplications(model) * batch_size < WORTH_THREADS else torch.get_num_threads()


def multiplications(model: "Model") -> float:
    """Count the multiplications by weights for an image of 28x28; infinite if that can't be found out.

    Each weight of a layer is multiplied once for each of its channels' outputs. A copy of the model is tried on one
    image, so the model stays as it is.
    """
    if not isinstance(model, nn.Module):
        return sum(weight.numel() for weight in model.parameters())
    total = 0.0

    def count(layer: nn.Module, _: object, output: Tensor) -> None:
        nonlocal total
        weight = getattr(layer, "weight", None)
        if isinstance(weight, Tensor) and weight.ndim > 1:
            total += weight.numel() * output.numel() / len(weight)
        else:
            total += sum(each.numel() for each in layer.parameters(recurse=False) if each.ndim > 1)

    try:
        tried = copy.deepcopy(model).cpu().eval()
        for layer in tried.modules():
            layer.register_forward_hook(count)
        with torch.no_grad():
            tried(torch.zeros(1, 1, SIDE, SIDE))
    except Exception:  # it takes other images than 28x28, or can't be copied
        return math.inf
    return total


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute on so many threads of the CPU, and afterwards on as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)

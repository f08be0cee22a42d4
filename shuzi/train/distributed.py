"""Training on several ranks: DistributedDataParallel, each rank computing its share of every batch.

All ranks have the same parameters after each step. Batch norm and dropout see a rank's share alone, so the loss curve
is close to a single process's, but not equal.
"""

import os
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from shuzi.train.ranks import Ranks, ranks
from shuzi.train.recipe import Model, Tensors


def distribute(among: Ranks, model: Model) -> Callable[[Tensor], Tensors]:
    """Return a model whose gradients are averaged over all ranks, and whose first weights are rank 0's."""
    if among.size == 1:
        return model
    return DistributedDataParallel(model if isinstance(model, nn.Module) else TensorModel(model))


def own_device(device: torch.device) -> torch.device:
    """Return this rank's own GPU where a machine has several."""
    if ranks().size == 1 or device.type != "cuda" or device.index is not None:
        return device
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


def share(among: Ranks, count: int) -> tuple[slice, float]:
    """Return this rank's share of a batch, and the factor of its loss for which the ranks' mean is the batch's.

    A rank whose share is empty takes the first image with the factor 0: DistributedDataParallel waits for all ranks.
    """
    own = among.share(count)
    size = own.stop - own.start
    return (own, size * among.size / count) if size else (slice(0, 1), 0.0)


class TensorModel(nn.Module):
    """A model of raw tensors as a module, for DistributedDataParallel."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model
        for index, tensor in enumerate(model.parameters()):
            tensor._is_param = True  # so it counts as an nn.Parameter and stays itself
            self.register_parameter(str(index), tensor)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensors:
        """Compute the model's outputs."""
        return self.model(images)

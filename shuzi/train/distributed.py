"""A model's step shared among ranks: what comes of it is what one process would have computed.

Each goes through the whole order of batches and draws all noise, and computes its share of every batch. What looks
at a batch as a whole, batch norm and dropout, answers as if the batch were in one process.
"""

import contextlib
import os
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.overrides import TorchFunctionMode

from shuzi.train.ranks import Ranks, ranks


def joined(among: Ranks, model: Any) -> Callable[[Tensor], Any]:  # noqa: ANN401
    """Give a model (nn.Module or `Model`) whose gradients are means over all ranks, as are its first weights."""
    if among.size == 1:
        return model
    return DistributedDataParallel(model if isinstance(model, nn.Module) else Tensors(model))


def whole(among: Ranks, count: int) -> contextlib.AbstractContextManager[Any]:
    """Within it, a model's forward pass on this rank's share of `count` images is that of all of them."""
    return contextlib.nullcontext() if among.size == 1 else WholeBatch(among, count)


def gathered(among: Ranks, outputs: Any, count: int) -> Any:  # noqa: ANN401
    """Give a model's outputs, one tensor or several, for all `count` images; so every rank has the batch's loss."""
    if among.size == 1:
        return outputs
    if isinstance(outputs, Tensor):
        return Gathered.apply(outputs, among, count)
    return tuple(Gathered.apply(each, among, count) for each in outputs)


def here(device: torch.device) -> torch.device:
    """Give this rank's own device where a machine has several of its kind."""
    if ranks().size == 1 or device.type != "cuda" or device.index is not None:
        return device
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())


class Tensors(nn.Module):
    """A model of raw tensors as a module, for DistributedDataParallel."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401
        super().__init__()
        self.model = model
        for index, tensor in enumerate(model.parameters()):
            tensor._is_param = True  # what makes a tensor count as an nn.Parameter, and stay itself
            self.register_parameter(str(index), tensor)

    def forward(self, images: Tensor) -> Tensor:
        """Give the model's logits."""
        return self.model(images)


class Gathered(torch.autograd.Function):
    """All ranks' outputs in one tensor, each rank's own in its share; the gradient goes back to the share."""

    @staticmethod
    def forward(ctx: Any, outputs: Tensor, among: Ranks, count: int) -> Tensor:  # noqa: ANN401
        """Give outputs (count, ...) of this rank's (share, ...)."""
        ctx.among, ctx.count = among, count
        whole = outputs.new_zeros((count, *outputs.shape[1:]))
        whole[among.share(count)] = outputs
        dist.all_reduce(whole)
        return whole

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Give the share's gradient, times the number of ranks, over which parameters' gradients are averaged."""
        return gradients[0][ctx.among.share(ctx.count)] * ctx.among.size, None, None


class WholeBatch(TorchFunctionMode):
    """Lets batch norm and dropout treat each rank's share as a part of one batch of `count` images."""

    def __init__(self, among: Ranks, count: int) -> None:
        super().__init__()
        self.among, self.count = among, count

    def __torch_function__(
        self,
        function: Callable,
        types: Any,  # noqa: ANN401
        args: tuple = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401
        """Do the two functions our way, and any other as it is."""
        own: Any = {F.batch_norm: batch_norm, F.dropout: self.dropout}.get(function, function)
        return own(*args, **(kwargs or {}))

    def dropout(self, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        """Drop what one process would have dropped: `F.dropout`, drawn for the whole batch."""
        if not training:
            return x
        kept = x.new_empty((self.count, *x.shape[1:])).bernoulli_(1 - p)[self.among.share(self.count)]
        return x * kept.div_(1 - p)


def batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Do what `F.batch_norm` does, by the mean and the variance over all ranks (torch's own is for GPUs alone)."""
    if not training:
        return F.batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    if weight is None:
        weight = torch.ones(x.shape[1], device=x.device)
    if bias is None:
        bias = torch.zeros(x.shape[1], device=x.device)
    y, mean, var, count = BatchNorm.apply(x, weight, bias, eps)
    if running_mean is not None and running_var is not None:
        running_mean.lerp_(mean, momentum)
        running_var.lerp_(
            var * (count / (count - 1).clamp(min=1)), momentum
        )  # without bias, as torch keeps it
    return y


class BatchNorm(torch.autograd.Function):
    """Batch norm over all ranks, with one exchange of sums in each direction (Ioffe and Szegedy 2015)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, ...]:  # noqa: ANN401
        """Give y like x (B, C, ...), mean and variance float32 (C,), and over how many they were taken."""
        sums = torch.zeros(3, x.shape[1], dtype=torch.float64, device=x.device)
        if len(x):
            var, mean = torch.var_mean(x.float(), across(x), correction=0)
            mean, var = mean.double(), var.double()
            sums = torch.stack([torch.ones_like(mean), mean, var + mean.square()]) * (x.numel() // len(mean))
        dist.all_reduce(sums)
        count, mean, square = sums[0, 0].float(), sums[1] / sums[0], sums[2] / sums[0]
        var = (square - mean.square()).clamp(min=0).float()
        mean = mean.float()
        ctx.save_for_backward(x, weight, mean, var, count)
        ctx.eps = eps
        ctx.mark_non_differentiable(mean, var, count)
        return F.batch_norm(x, mean, var, weight, bias, False, 0.0, eps), mean, var, count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        """Give the loss's gradient for x, weight and bias; the last two are of this rank's part of it."""
        x, weight, mean, var, count = ctx.saved_tensors
        column = (-1, *[1] * (x.ndim - 2))
        spread = (var + ctx.eps).rsqrt()
        gradient = gradients[0].float()
        normal = (x.float() - mean.view(column)) * spread.view(column)
        of_bias, of_weight = gradient.sum(across(x)), (gradient * normal).sum(across(x))
        sums = torch.stack([of_bias, of_weight]).double()
        dist.all_reduce(sums)
        along, turned = ((sums / count).float() * (spread * weight))[:, :, *[None] * (x.ndim - 2)]
        of_x = gradient * (spread * weight).view(column) - along - normal * turned
        return of_x.to(x.dtype), of_weight, of_bias, None


def across(x: Tensor) -> list[int]:
    """Give the dimensions of (B, C, ...) but the channels."""
    return [0, *range(2, x.ndim)]

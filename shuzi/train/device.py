"""Where torch computes: the device, a model's place on it, and what it can do in hardware."""

import contextlib
from collections.abc import Iterator

import torch
from torch import nn

from shuzi.errors import ShuziError
from shuzi.train.recipe import Model


def pick_device(name: str) -> torch.device:
    """Return the device for "auto" (CUDA, else Apple's MPS, else the CPU) or for a name.

    Raises:
        ShuziError: an unknown name, or a device that this machine or this torch lacks.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    usable = [kind for kind, there in present.items() if there]
    if name == "auto":
        return torch.device(usable[0])
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except Exception as error:  # torch raises RuntimeError, AssertionError or NotImplementedError
        raise ShuziError(
            f"--device {name}: not usable with torch {torch.__version__} here; there is {', '.join(usable)}"
        ) from error
    return device


def place(model: Model, device: torch.device, channels_last: bool = False) -> None:
    """Move a model's tensors to a device, in place."""
    if isinstance(model, nn.Module):
        model.to(device)
        if channels_last:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    else:
        for parameter in model.parameters():
            parameter.data = parameter.data.to(device)


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device computes in bfloat16 in hardware; a CPU that imitates it takes six times as long."""
    if device.type == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)


@contextlib.contextmanager
def deterministic_convolutions() -> Iterator[None]:
    """Let a GPU's convolutions add up in the same order each time, and afterwards as before."""
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic
    cudnn.deterministic = True
    try:
        yield
    finally:
        cudnn.deterministic = before

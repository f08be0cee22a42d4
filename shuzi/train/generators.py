"""The global generators of torch, numpy and Python, from which layers and a person's own functions may draw.

While a recipe trains they are its own: the seed alone decides what they give, and the caller's are put back.
"""

import contextlib
import random
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

CPU_STATE = len(torch.Generator().get_state())  # bytes


@contextlib.contextmanager
def kept(device: torch.device) -> Iterator[None]:
    """Put the global generators back afterwards: of Python, of numpy, and of torch for the CPU and the device."""
    python, numpy, torches = random.getstate(), np.random.get_state(), global_state(device)
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        set_global_state(torches, device)


@contextlib.contextmanager
def seeded(device: torch.device, seed: int, number: int | None = None) -> Iterator[None]:
    """Seed the global generators with a seed, or with a seed and a number, and put them back afterwards."""
    with kept(device):
        seed_torch(device, seed if number is None else mixed(seed, number))
        seed_others(seed, number or 0)
        yield


def seed_torch(device: torch.device, seed: int) -> None:
    """Seed torch's own generators of the CPU and the device: as `torch.manual_seed`, in a hundredth of its time."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


def seed_others(seed: int, number: int) -> None:
    """Seed the global generators of numpy and Python with a seed and a number; torch's stay as they are."""
    both = mixed(seed, number)
    np.random.seed(both % 2**32)
    random.seed(both)


def mixed(seed: int, number: int) -> int:
    """Mix a seed and a number to one seed from 0 to 2^64 - 1 (the finaliser of splitmix64, S. Vigna 2015)."""
    both = (seed + number * 0x9E3779B97F4A7C15) % 2**64
    both = (both ^ (both >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    both = (both ^ (both >> 27)) * 0x94D049BB133111EB % 2**64
    return both ^ (both >> 31)


def global_state(device: torch.device) -> Tensor:
    """Return the state of torch's own generators, uint8 (N,): the CPU's, then the device's if it has its own."""
    states = [torch.get_rng_state()]
    if device.type == "cuda":
        states.append(torch.cuda.get_rng_state(device))
    elif device.type == "mps":
        states.append(torch.mps.get_rng_state())
    return torch.cat(states)


def set_global_state(state: Tensor, device: torch.device) -> None:
    """Restore a state that `global_state` returned."""
    torch.set_rng_state(state[:CPU_STATE])
    if device.type == "cuda":
        torch.cuda.set_rng_state(state[CPU_STATE:], device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state[CPU_STATE:])


def sound(state: Tensor) -> bool:
    """Tell whether a generator's state points within its table of 624 numbers; torch itself doesn't check that."""
    left, following = int(state[8:12].view(torch.int32)), int(state[16:24].view(torch.int64))
    return (left, following) == (1, 0) or (1 <= left <= 624 and left + following == 625)

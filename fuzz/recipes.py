"""Recipes of one's own whose values and functions are nonsense: trained, or refused in one sentence."""

import dataclasses

import numpy as np
import torch
from torch import nn

from shuzi.data.digits import Digits
from shuzi.train.fit import fit
from shuzi.train.recipe import Recipe
from shuzi.train.settings import Settings
from shuzi.train.torch_loop import Training

GOOD = Recipe(
    summary="good", build=lambda generator: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), epochs=1, batch_size=50,
    lr=0.1, optimizer=lambda parameters, lr: torch.optim.SGD(parameters, lr=lr),
)  # fmt: skip
DIGITS = Digits(np.arange(100 * 784, dtype=np.uint8).reshape(100, 28, 28), np.arange(100, dtype=np.uint8) % 10)
NONSENSE = (
    None, True, 0, -1, 1.5, 10**30, float("nan"), "3", "", b"x", [], {}, (1, 2), (3, 2), object(), Digits, DIGITS,
    torch.zeros(()), torch.ones((), requires_grad=True), torch.zeros(50, 10), torch.full((50, 1, 28, 28), torch.nan),
    nn.Flatten(), nn.Linear(1, 1), nn.Dropout(), np.zeros(3), iter(()), (image for image in ()),
)  # fmt: skip
ERRORS = (
    ValueError("two\nlines"),
    KeyError(),
    SystemExit(0),
    StopIteration(),
    MemoryError(),
    RecursionError("x" * 999),
)


def function(random):
    """A function that returns or raises whatever comes, or generates it."""
    value, error = NONSENSE[random.integers(len(NONSENSE))], ERRORS[random.integers(len(ERRORS))]

    def gives(*_):
        return value

    def fails(*_):
        raise error

    def generates(*_):
        yield from (value,) * 3

    return (gives, fails, generates)[random.integers(3)]


def case(random, folder):
    fields = [field.name for field in dataclasses.fields(Recipe) if field.name != "steps"]  # so many may be taken
    change = {
        str(name): function(random) if random.random() < 0.7 else NONSENSE[random.integers(len(NONSENSE))]
        for name in random.choice(fields, random.integers(1, 3), replace=False)
    }
    training = Training(dataclasses.replace(GOOD, **change), Settings(1, 50, 0.1), torch.device("cpu"))
    list(fit(training, DIGITS, DIGITS))


KNOWN = {}

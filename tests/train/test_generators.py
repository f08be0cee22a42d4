"""What is drawn from the global generators of torch, numpy and Python while a recipe trains."""

import dataclasses
import itertools
import random

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from shuzi.data.digits import Digits
from shuzi.train import generators
from shuzi.train.fit import fit
from shuzi.train.recipe import Recipe
from shuzi.train.recipes import adamw
from shuzi.train.settings import Settings
from shuzi.train.torch_loop import Training

CPU = torch.device("cpu")


def drawn():
    """The sum of a number from each of the global generators."""
    return torch.rand(()).item() + np.random.rand() + random.random()


class FromNumbers:
    """Batches that follow from a seed and their number alone."""

    def __init__(self, digits, size, seed, first):
        self.digits, self.size, self.seed, self.first = digits, size, seed, first

    def __len__(self):
        return 10_000

    def __getitem__(self, index):
        order = np.random.default_rng([self.seed, self.first + index]).permutation(len(self.digits))
        chosen = order[: self.size]
        images = torch.from_numpy(self.digits.images[chosen]).unsqueeze(1).float() / 255
        return images, torch.from_numpy(self.digits.labels[chosen]).long()


def loaded(digits, size, seed, first):
    yield from DataLoader(FromNumbers(digits, size, seed, first), batch_size=None)


def drawn_batches(digits, size, seed, first):
    batches = FromNumbers(digits, size, seed, 0)
    for number in itertools.count(first):
        images, labels = batches[number]
        yield images + drawn(), labels


def network(generator):
    layers = nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(784, 10))
    layers[2].bias.data += drawn()
    return layers


def shifted(images, generator):
    return images + 0.01 * drawn()


def darker(digits, generator):
    return Digits(digits.images // (1 + int(10 * drawn())), digits.labels)


def judge(model, digits, device):
    return int(1e6 * drawn()), 10**7


CUT = Recipe(
    summary="draws from the global generators wherever it may", build=network, epochs=3, batch_size=50, lr=1e-3,
    optimizer=adamw, augment=shifted, extend=darker, second_cycle_at=0.6, count_correct=judge,
)  # fmt: skip
MADE = dataclasses.replace(CUT, batch_source=loaded, steps_per_epoch=8)


def trained(recipe, digits, noise, stop=None):
    """Train with the caller's global generators seeded by `noise`; if told, from a state saved at (epoch, step)."""
    settings = Settings(3, 50, 1e-3, seed=4)

    def begun():
        torch.manual_seed(noise), np.random.seed(noise), random.seed(noise)
        return Training(recipe, settings, CPU)

    training = begun()
    if stop is not None:
        stopped, training = training, begun()
        pauses = fit(stopped, digits, pause=0)
        while (stopped.epoch, stopped.step) < stop:
            next(pauses)
        training.restore(stopped.state())
    last = list(fit(training, digits, digits.part(0, 10)))[-1]
    return training.result.state_dict(), last.validation_accuracy


@pytest.mark.parametrize("recipe", [CUT, MADE, dataclasses.replace(MADE, batch_source=drawn_batches)])
@pytest.mark.parametrize("stop", [(0, 5), (2, 3)])
def test_a_recipe_that_draws_from_the_global_generators_is_taken_up_bit_by_bit(small, recipe, stop):
    digits = small[0].part(0, 400)
    straight, accuracy = trained(recipe, digits, noise=1)
    taken_up, again = trained(recipe, digits, noise=2, stop=stop)
    assert all(torch.equal(straight[name], taken_up[name]) for name in straight)
    assert accuracy == again


def test_training_leaves_all_global_generators_as_they_were(small):
    torch.manual_seed(0), np.random.seed(0), random.seed(0)
    expected = drawn()
    torch.manual_seed(0), np.random.seed(0), random.seed(0)
    list(fit(Training(MADE, Settings(1, 50, 1e-3), CPU), small[0]))
    assert drawn() == expected


def test_a_seed_and_a_number_make_a_seed_of_their_own():
    seeds = {generators.mixed(seed, number) for seed in range(100) for number in range(100)}
    assert len(seeds) == 10_000
    with generators.seeded(CPU, 7):
        first = torch.rand(3)
    assert torch.equal(first, torch.rand(3, generator=torch.Generator().manual_seed(7)))

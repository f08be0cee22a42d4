"""Recipes of one's own that misbehave: one sentence naming recipe and field, its cause chained."""

import dataclasses
import sys

import numpy as np
import pytest
import torch
from torch import nn

from shuzi.data.digits import Digits
from shuzi.errors import ShuziError
from shuzi.train import faults
from shuzi.train.fit import fit
from shuzi.train.plan import describe_recipe
from shuzi.train.recipe import Recipe
from shuzi.train.recipes import RECIPES, recipe
from shuzi.train.settings import Settings
from shuzi.train.torch_loop import Training

CPU = torch.device("cpu")
GOOD = Recipe(
    summary="good", build=lambda generator: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), epochs=1, batch_size=500,
    lr=0.1, optimizer=lambda parameters, lr: torch.optim.SGD(parameters, lr=lr),
)  # fmt: skip


def fails(*_):
    return 1 / 0


def gives(value):
    return lambda *_: value


def model(*layers):
    return lambda generator: nn.Sequential(*layers)


class Forgets(nn.Linear):
    def forward(self, images):
        super().forward(images.flatten(1))


class SumsUp(torch.optim.SGD):
    def step(self):
        raise KeyError("momentum")


def batches(*values):
    def made(digits, batch_size, seed, first):
        yield from values

    return made


IMAGES, LABELS = torch.zeros(500, 1, 28, 28), torch.zeros(500, dtype=torch.int64)
ZERO = "failed with ZeroDivisionError: division by zero"
MADE = "its batch_source gives {}, expected batches without end, each images (B, 1, H, W) and what loss takes"
FUNCTIONS = ("build", "optimizer", "schedule", "augment", "extend", "batch_source", "loss", "count_correct")
FAULTY = [
    *(({name: fails}, f"its {name} {ZERO}") for name in FUNCTIONS),
    ({"build": sys.exit}, "its build failed with SystemExit"),
    ({"build": gives(None)}, "its build gives None, expected a model"),
    ({"build": model(nn.Flatten(), nn.Linear(783, 10))}, "its build failed with RuntimeError: mat1 and mat2 shapes"),
    ({"build": model(nn.Flatten(), nn.Linear(784, 5))},
     "the model of its build gives float32 of shape (500, 5), expected logits of shape (500, 10) or (500, 11)"),
    ({"build": lambda generator: Forgets(784, 10)}, "the model of its build gives None, expected logits"),
    ({"build": model(nn.Flatten())}, "its optimizer failed with ValueError: optimizer got an empty parameter list"),
    ({"optimizer": gives(None)}, "its optimizer gives None, expected a torch.optim.Optimizer"),
    ({"optimizer": SumsUp}, "its optimizer failed with KeyError: 'momentum'"),
    ({"schedule": gives("fast")}, "its schedule gives 'fast', expected a number of 0 or more"),
    ({"schedule": gives(float("nan"))}, "its schedule gives nan"),
    ({"augment": gives(None)}, "its augment gives None, expected as many images"),
    ({"augment": gives(torch.zeros(3, 1, 28, 28))}, "its augment gives float32 of shape (3, 1, 28, 28)"),
    ({"augment": lambda images, generator: images / 0}, "its augment gives float32 of shape (500, 1, 28, 28)"),
    ({"extend": gives([1, 2])}, "its extend gives [1, 2], expected shuzi.Digits"),
    ({"extend": lambda digits, generator: Digits(digits.images, digits.labels + np.uint8(9))},
     "its extend failed: digits: label"),
    ({"loss": gives(0.5)}, "its loss gives 0.5, expected a tensor of shape ()"),
    ({"loss": gives(torch.zeros(3))}, "its loss gives float32 of shape (3,)"),
    ({"batch_source": gives(7)}, "its batch_source gives 7, expected a generator of batches"),
    ({"batch_source": batches(), "steps_per_epoch": 2}, MADE.format("None")),
    ({"batch_source": batches((IMAGES, LABELS)), "steps_per_epoch": 2}, MADE.format("None")),
    ({"batch_source": batches(IMAGES), "steps_per_epoch": 2}, MADE.format("float32 of shape (500, 1, 28, 28)")),
    ({"batch_source": batches((IMAGES, [7])), "steps_per_epoch": 1},
     "its batch_source failed with AttributeError: 'int' object has no"),
    ({"batch_source": batches((IMAGES, LABELS.float())), "steps_per_epoch": 1},
     "its batch_source failed with RuntimeError: "),
    ({"count_correct": gives(0.9)}, "its count_correct gives 0.9, expected two whole numbers"),
    ({"count_correct": gives((3, 2))}, "its count_correct gives (3, 2)"),
    ({"epochs": "3"}, "its epochs is '3', expected a whole number"),
    ({"epochs": 0}, "its epochs is 0, expected 1 to inf"),
    ({"batch_size": 1.5}, "its batch_size is 1.5, expected a whole number"),
    ({"lr": float("nan")}, "its lr is nan, expected"),
    ({"second_cycle_at": "half"}, "its second_cycle_at is 'half', expected a number or None"),
    ({"ema_decay": 2.0}, "its ema_decay is 2.0, expected 0 to 1"),
    ({"starting_share": -0.1}, "its starting_share is -0.1, expected 0 to 1"),
    ({"bfloat16": "yes"}, "its bfloat16 is 'yes', expected True or False"),
    ({"summary": None}, "its summary is None, expected text"),
    ({"schedule": 0.1}, "its schedule is 0.1, expected a function or None"),
    ({"build": model}, "its build gives <function model"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), FAULTY)
def test_what_a_recipe_does_wrong_is_one_sentence_that_names_it_and_the_field(small, change, words):
    def trained():
        given = faults.guarded(dataclasses.replace(GOOD, **change), "my:own")
        list(fit(Training(given, Settings(1, 500, 0.1), CPU), small[0], small[1]))

    with pytest.raises(ShuziError) as raised:
        trained()
    assert str(raised.value).startswith("my:own: ")
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    if "failed" in words:
        assert raised.value.__cause__ is not None


def test_the_steps_of_a_recipe_that_makes_no_batches_count_for_nothing(small):
    recipe = dataclasses.replace(GOOD, steps_per_epoch=10**30)
    (epoch,) = fit(Training(recipe, Settings(1, 500, 0.1), CPU), small[0])
    assert len(epoch.curve) == 2


def test_a_recipe_without_a_name_is_named_by_its_summary():
    with pytest.raises(ShuziError, match=r"^the recipe 'good': its build failed with ZeroDivisionError") as raised:
        Training(dataclasses.replace(GOOD, build=fails), Settings(1, 10, 0.1), CPU)
    assert isinstance(raised.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(("change", "words"), [
    ({"build": lambda generator: nn.Linear(10**9, 10**9)}, "too little memory for its network"),
    ({"extend": lambda *_: np.zeros(10**15)}, "ran out of memory in its extend"),
])  # fmt: skip
def test_too_little_memory_is_not_the_recipes_fault(small, change, words):
    with pytest.raises(ShuziError, match=words):
        list(fit(Training(dataclasses.replace(GOOD, **change), Settings(1, 500, 0.1), CPU), small[0]))


def test_what_goes_wrong_in_a_recipe_of_ours_is_not_called_the_recipes_fault():
    ours = faults.guarded(dataclasses.replace(RECIPES["softmax"], build=fails), "softmax", shipped=True)
    with pytest.raises(ZeroDivisionError):
        Training(ours, Settings(1, 10, 0.1), CPU)


def test_guarding_changes_nothing_of_what_a_recipe_says_it_is_made_of():
    assert describe_recipe(recipe("best")) == describe_recipe(RECIPES["best"])
    once = recipe("best")
    assert faults.guarded(once) == once

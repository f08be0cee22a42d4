"""A training's plan: which recipe, on what data, with which settings; and what its recipe is made of."""

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from shuzi.data.sources import SOURCES
from shuzi.errors import needs
from shuzi.train import fit_numpy
from shuzi.train.fit_numpy import NUMPY
from shuzi.train.settings import Settings

if TYPE_CHECKING:
    from shuzi.train.recipe import Recipe


# From weights that are good already: so many epochs, at that share of the rate.
FURTHER_EPOCHS, FURTHER_LR = 4, 0.05


@dataclass(frozen=True)
class Plan:
    """All that decides a run's weights, on one machine and thread count."""

    recipe: str
    settings: Settings
    data: str = "mnist"
    device: str = "auto"
    start: str | None = (
        None  # what the weights are at first: "reader", an ONNX file, a run; None: drawn at random
    )


def make_plan(
    recipe_name: str = NUMPY,
    data: str = "mnist",
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    seed: int = 0,
    validation: int = 0,
    device: str = "auto",
    start: str | None = None,
) -> Plan:
    """Give a plan, what is None filled in by the recipe. Raises ShuziError for a value out of range."""
    known = recipe(recipe_name)
    if start is not None:  # weights that are good already want a few small steps
        known = dataclasses.replace(known, epochs=FURTHER_EPOCHS, lr=known.lr * FURTHER_LR)
    settings = Settings(
        known.epochs if epochs is None else epochs,
        known.batch_size if batch_size is None else batch_size,
        known.lr if lr is None else lr,
        seed,
        validation,
    )
    return Plan(recipe_name, settings, data, device, start)


def start_notice(plan: Plan, epochs: int | None, lr: float | None) -> str:
    """Say what a start from given weights changes of what a recipe sets, where a person has not set it; else ""."""
    if plan.start is None or None not in (epochs, lr):
        return ""
    changed = "trains"
    if epochs is None:
        changed += f" {plan.settings.epochs} epochs"
    if lr is None:
        changed += f" at {FURTHER_LR:g} of the recipe's rate, {plan.settings.lr:g}"
    return f"--start {plan.start}: {changed}; --epochs and --lr set others"


def loop_of(recipe_name: str) -> Any:  # noqa: ANN401
    """Give the module that trains a recipe: `fit`, or for softmax-numpy `fit_numpy`, which needs no torch."""
    return fit_numpy if recipe_name == NUMPY else needs("train", "shuzi.train.fit")


def recipe(name: str) -> "Recipe | fit_numpy.Recipe":
    """Give a recipe by name. Raises ShuziError, naming those there are, if it is none of them."""
    if name == NUMPY:
        return fit_numpy.RECIPE
    found: Recipe = needs("train", "shuzi.train.recipes").recipe(name)
    return found


def recipe_of(plan: Plan) -> "Recipe | fit_numpy.Recipe":
    """Give a plan's recipe.

    From weights that are good already there is one cycle, and to what is no digit no digits of ours are joined.
    """
    known = recipe(plan.recipe)
    if isinstance(known, fit_numpy.Recipe):
        return known
    if plan.start is not None:
        known = dataclasses.replace(known, second_cycle_at=None)
    if plan.data in SOURCES and not SOURCES[plan.data].digits:
        known = dataclasses.replace(known, extend=None)
    return known


def describe_recipe(known: "Recipe | fit_numpy.Recipe") -> dict[str, str]:
    """Say what a recipe is made of, field by field but for those that a person may set."""
    fields = (each.name for each in dataclasses.fields(known))
    return {
        name: describe_value(getattr(known, name))
        for name in fields
        if name not in ("summary", "epochs", "batch_size", "lr")
    }


def describe_value(value: Any) -> str:  # noqa: ANN401
    """Say what a value of a recipe is: a function by its name and settings, all else as Python writes it."""
    value = getattr(value, "__wrapped__", value)  # of a recipe's function that is checked at each call
    if isinstance(value, partial):
        settings = [
            *map(describe_value, value.args),
            *(f"{name}={describe_value(each)}" for name, each in value.keywords.items()),
        ]
        return f"{describe_value(value.func)}({', '.join(settings)})"
    if getattr(value, "__name__", "") == "<lambda>":
        return ".".join(value.__code__.co_names)
    return str(getattr(value, "__qualname__", repr(value)))

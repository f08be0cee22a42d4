"""A training's plan: which recipe, on what data, with which settings; and what its recipe is made of."""

import dataclasses
import inspect
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from shuzi.data.sources import may_be_digits
from shuzi.errors import ShuziError, needs
from shuzi.train.fit import TrainingLoop
from shuzi.train.numpy_loop import SoftmaxTraining
from shuzi.train.settings import NUMPY, SOFTMAX, Settings

if TYPE_CHECKING:
    from shuzi.train.recipe import Recipe

# Defaults of a training that starts from given weights: epochs, and the share of the recipe's learning rate.
FURTHER_EPOCHS, FURTHER_LR = 4, 0.05


@dataclass(frozen=True)
class Plan:
    """All that decides a run's weights, on one machine and thread count."""

    recipe: str
    settings: Settings
    data: str = "mnist"
    device: str = "auto"
    start: str | None = None  # the first weights: "reader", an ONNX file, a run; None: drawn at random
    skip_blank: bool = False  # whether pictures without ink are left out of the data
    labels: str | None = None  # the labels of the images that are taken, such as "0-9"; None: all


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
    skip_blank: bool = False,
    labels: str | None = None,
) -> Plan:
    """Make a plan; None is replaced by the recipe's default. Raises ShuziError for a value out of range."""
    known = SOFTMAX if recipe_name == NUMPY else recipe(recipe_name)
    default_epochs, default_lr = known.epochs, known.lr
    if start is not None:  # weights that are good already need a few small steps
        default_epochs, default_lr = FURTHER_EPOCHS, known.lr * FURTHER_LR
    settings = Settings(
        default_epochs if epochs is None else epochs,
        known.batch_size if batch_size is None else batch_size,
        default_lr if lr is None else lr,
        seed,
        validation,
    )
    return Plan(recipe_name, settings, data, device, start, skip_blank, labels)


def start_notice(plan: Plan, epochs: int | None, lr: float | None) -> str:
    """Say which defaults of the recipe a start from given weights changes; "" if none."""
    if plan.start is None or None not in (epochs, lr):
        return ""
    changed = "trains"
    if epochs is None:
        changed += f" {plan.settings.epochs} epochs"
    if lr is None:
        changed += f" at {FURTHER_LR:g} of the recipe's rate, {plan.settings.lr:g}"
    return f"--start {plan.start}: {changed}; --epochs and --lr set others"


def recipe(name: str) -> "Recipe":
    """Return a recipe by name. Raises ShuziError, which lists the recipes, for an unknown name."""
    return needs("train", "shuzi.train.recipes").recipe(name)


def pick_device(plan: Plan, name: str) -> str:
    """Return the device of a plan for "auto" or a name. Raises ShuziError if it or the recipe can't be used."""
    if plan.recipe != NUMPY:
        recipe(plan.recipe)
        return str(needs("train", "shuzi.train.device").pick_device(name))
    if name not in ("auto", "cpu"):
        raise ShuziError(f"--device {name}: {NUMPY} computes on the CPU; softmax is the same in torch")
    return "cpu"


def training_loop(plan: Plan, device: str, threads: int | None = None) -> TrainingLoop:
    """Build the training of a plan, with weights drawn at random."""
    if plan.recipe == NUMPY:
        return SoftmaxTraining(plan.settings)
    return needs("train", "shuzi.train.torch_loop").Training(recipe_of(plan), plan.settings, device, threads)


def recipe_of(plan: Plan) -> "Recipe":
    """Return a plan's recipe.

    A training from given weights has a single cycle; data that aren't digits are not extended with synthetic digits.
    """
    known = recipe(plan.recipe)
    if plan.start is not None:
        known = dataclasses.replace(known, second_cycle_at=None)
    if not may_be_digits(plan.data):
        known = dataclasses.replace(known, extend=None)
    return known


def describe_plan(plan: Plan) -> dict[str, str]:
    """Describe a plan's recipe as `describe_recipe` does; softmax-numpy has only fields that a person may set."""
    return {} if plan.recipe == NUMPY else describe_recipe(recipe_of(plan))


def describe_recipe(known: "Recipe") -> dict[str, str]:
    """Describe a recipe field by field, without the fields that a person may set."""
    fields = (each.name for each in dataclasses.fields(known))
    return {
        name: describe_value(getattr(known, name))
        for name in fields
        if name not in ("summary", "epochs", "batch_size", "lr")
    }


def describe_value(value: object) -> str:
    """Describe a value of a recipe: a function by its name and settings, anything else as Python writes it."""
    value = getattr(value, "__wrapped__", value)  # of a recipe's function that is checked at each call
    if isinstance(value, partial):
        settings = [
            *map(describe_value, value.args),
            *(f"{name}={describe_value(each)}" for name, each in value.keywords.items()),
        ]
        return f"{describe_value(value.func)}({', '.join(settings)})"
    if inspect.isfunction(value) and value.__name__ == "<lambda>":
        return ".".join(value.__code__.co_names)
    return str(getattr(value, "__qualname__", repr(value)))

"""Faults of a recipe: whatever its functions raise or return wrongly becomes one sentence naming recipe and field.

`guarded` wraps a recipe's functions once, so callers need no checks. The cause stays chained.
"""

import contextlib
import dataclasses
import math
import numbers
import sys
import typing
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any, cast

from torch import Tensor

from shuzi.data.digits import CLASSES, Digits
from shuzi.errors import ShuziError, out_of_memory
from shuzi.train.ranks import lost
from shuzi.train.settings import MAX_LR, kind

if TYPE_CHECKING:
    from shuzi.train.recipe import Batch, Recipe

LONGEST = 160  # characters of another library's message in a sentence of ours
FIX = "Fix the recipe; --traceback shows where"

RANGES = {
    "epochs": (1, math.inf),
    "batch_size": (1, math.inf),
    "lr": (math.ulp(0.0), MAX_LR),
    "second_cycle_at": (0, 1),
    "steps_per_epoch": (0, math.inf),
    "label_smoothing": (0, 1),
    "ema_decay": (0, 1),
    "starting_share": (0, 1),
}


def is_model(value: object) -> bool:
    """Return whether `fit` can train it."""
    return all(map(callable, (value, getattr(value, "parameters", 0), getattr(value, "state_dict", 0))))


def is_optimizer(value: object) -> bool:
    """Return whether it can be used like a torch.optim.Optimizer."""
    return hasattr(value, "param_groups") and all(
        callable(getattr(value, name, None)) for name in ("step", "zero_grad", "state_dict")
    )


def is_number(value: object) -> bool:
    """Return whether it is a finite number of 0 or more."""
    return isinstance(value, numbers.Real | Tensor) and 0 <= float(value) < math.inf


def are_images(value: object, before: Tensor) -> bool:
    """Return whether they are as many images as before, of the same type, and finite."""
    return (
        isinstance(value, Tensor)
        and value.dtype == before.dtype
        and (value.ndim, len(value)) == (4, len(before))
        and bool(value.isfinite().all())
    )


def is_loss(value: object) -> bool:
    """Return whether it is a scalar with a gradient."""
    return isinstance(value, Tensor) and value.ndim == 0 and value.requires_grad


def is_share(value: object) -> bool:
    """Return whether it is a pair of counts: right answers, and all answers."""
    match value:
        case (numbers.Integral() as right, numbers.Integral() as count):
            return 0 <= int(right) <= int(count) > 0
    return False


# What each function of a recipe has to return: whether a value, given the arguments, is that, and in words.
RETURNS: dict[str, tuple[Callable[..., bool], str]] = {
    "build": (lambda value, *_: is_model(value), "a model: callable, with parameters() and state_dict()"),
    "optimizer": (lambda value, *_: is_optimizer(value), "a torch.optim.Optimizer"),
    "schedule": (lambda value, *_: is_number(value), "a number of 0 or more"),
    "augment": (lambda value, before, _: are_images(value, before), "as many images, finite, float32 (B, 1, 28, 28)"),
    "extend": (lambda value, *_: isinstance(value, Digits) and len(value) > 0, "shuzi.Digits"),
    "batch_source": (lambda value, *_: isinstance(value, Generator), "a generator of batches"),
    "loss": (lambda value, *_: is_loss(value), "a tensor of shape () that depends on the outputs"),
    "count_correct": (lambda value, *_: is_share(value), "two whole numbers: how many are right, of how many"),
    "onnx": (lambda value, *_: isinstance(value, bytes), "bytes"),
}  # fmt: skip


@dataclass(frozen=True)
class RecipeField:
    """A function of a recipe. If it fails, that is a ShuziError that names both.

    Attributes:
        recipe: what the recipe is called in messages.
        name: the field's.
        __wrapped__: the function itself.
        folder: where its module may import others from, besides `sys.path`; None: nowhere.
        shipped: the recipe is shuzi's own, so its errors are bugs of shuzi, except a lack of memory.
    """

    recipe: str
    name: str
    __wrapped__: Callable[..., Any]
    folder: Path | None
    shipped: bool

    def __call__(self, *args: Any, **settings: Any) -> Any:  # noqa: ANN401
        """Call the function. Raises ShuziError if it fails or returns a wrong value."""
        try:
            with self.guard():
                value = self.__wrapped__(*args, **settings)
                fits = self.shipped or RETURNS[self.name][0](value, *args)
        except ShuziError as error:  # from a function of ours that got bad input from theirs
            if self.shipped or error.__cause__ is not None:
                raise
            raise ShuziError(f"{self.recipe}: its {self.name} failed: {error}") from error
        if not fits:
            raise self.wrong(value, RETURNS[self.name][1])
        return value

    def wrong(self, value: object, expected: str) -> ShuziError:
        """Return the error for a wrong value of the field, or of the model of `build`."""
        who = "the model of its build" if expected.startswith("logits") else f"its {self.name}"
        return ShuziError(f"{self.recipe}: {who} gives {shown(value)}, expected {expected}. Fix the recipe")

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Turn any exception inside into a ShuziError that names this field."""
        try:
            with importable(self.folder):
                yield
        except ShuziError:
            raise
        except (Exception, SystemExit) as error:
            if isinstance(error, RuntimeError) and lost(error):
                raise
            if out_of_memory(error, "") is not None:
                raise ShuziError(self.too_large()) from error
            if self.shipped:
                raise
            raise ShuziError(f"{self.recipe}: its {self.name} failed with {said(error)}. {FIX}") from error

    def too_large(self) -> str:
        """Say what there is too little memory for."""
        if self.name == "build":
            return (
                f"{self.recipe}: this machine has too little memory for its network. "
                "Train with a smaller --batch-size, or build a smaller network"
            )
        return (
            f"{self.recipe}: this machine ran out of memory in its {self.name}. "
            "Close other programs, or train with a smaller --batch-size"
        )


def guard(field: object) -> contextlib.AbstractContextManager[None]:
    """Turn any exception inside into a ShuziError that names a field of a guarded recipe."""
    return field.guard() if isinstance(field, RecipeField) else contextlib.nullcontext()


def guarded(recipe: "Recipe", name: str | None = None, folder: Path | None = None, shipped: bool = False) -> "Recipe":
    """Wrap a recipe's functions so that each call is checked; functions wrapped already stay as they are.

    Args:
        recipe: what a person made, its values checked here.
        name: what it is called in messages; default its summary.
        folder: where its module may import others from.
        shipped: whether it is one of shuzi's own, which are trusted.

    Raises:
        ShuziError: a value is of another type, or out of its range.
    """
    name = name or getattr(recipe.build, "recipe", None) or f"the recipe {shown(recipe.summary)}"
    if not shipped:
        check_values(recipe, name)
    functions = {each: value for each in RETURNS if (value := getattr(recipe, each)) is not None}
    bare = {each: value for each, value in functions.items() if not isinstance(value, RecipeField)}
    wrapped: dict[str, Any] = {each: RecipeField(name, each, value, folder, shipped) for each, value in bare.items()}
    return dataclasses.replace(recipe, **wrapped)


def check_logits(field: object, outputs: object, count: int) -> None:
    """Raise ShuziError unless a classifier of `build` gives logits (count, 10 or more)."""
    if not (isinstance(outputs, Tensor) and (outputs.ndim, len(outputs)) == (2, count) and outputs.shape[1] >= CLASSES):
        raise cast(RecipeField, field).wrong(
            outputs, f"logits of shape ({count}, {CLASSES}) or ({count}, {CLASSES + 1})"
        )


def checked_batch(field: object, batch: object) -> "Batch":
    """Return a batch of `batch_source`. Raises ShuziError if it is something else."""
    match batch:
        case (Tensor(ndim=4) as images, Tensor() | tuple() | list() as targets):
            return images, targets if isinstance(targets, Tensor) else tuple(targets)
    raise cast(RecipeField, field).wrong(batch, "batches without end, each images (B, 1, H, W) and what loss takes")


def check_values(recipe: "Recipe", name: str) -> None:
    """Raise ShuziError, naming recipe and field, if a value of a recipe is of another type or out of its range."""
    for field, hint in typing.get_type_hints(type(recipe)).items():
        value = getattr(recipe, field)
        kinds = typing.get_args(hint) if NoneType in typing.get_args(hint) else (hint,)
        if not any(is_a(value, each) for each in kinds):
            expected = " or ".join(WORDS.get(each, "a function") for each in kinds)
            raise ShuziError(f"{name}: its {field} is {shown(value)}, expected {expected}. Fix the recipe")
        low, high = RANGES.get(field, (-math.inf, math.inf))
        if isinstance(value, int | float) and not low <= value <= high:
            raise ShuziError(f"{name}: its {field} is {value}, expected {low:g} to {high:g}. Fix the recipe")


WORDS = {int: "a whole number", float: "a number", str: "text", bool: "True or False", NoneType: "None"}
ABSTRACT = {int: numbers.Integral, float: numbers.Real}


def is_a(value: object, hint: type) -> bool:
    """Return whether a value has the type of a recipe's field."""
    if hint not in WORDS:
        return callable(value)
    return isinstance(value, ABSTRACT.get(hint, hint)) and (hint is bool or not isinstance(value, bool))


@contextlib.contextmanager
def importable(folder: Path | None) -> Iterator[None]:
    """Let modules be imported from a folder, and afterwards as before."""
    if folder is None or (entry := str(folder)) in sys.path:
        yield
        return
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):  # somebody else has removed it
            sys.path.remove(entry)


def said(error: BaseException) -> str:
    """Describe an exception by its type and the first line of its message."""
    return short(f"{type(error).__name__}: {error}".strip().removesuffix(":").splitlines()[0].removesuffix("."))


def shown(value: object) -> str:
    """Describe a value briefly; a tensor by its type and shape."""
    return kind(value) if isinstance(value, Tensor) else short(" ".join(repr(value).split()))


def short(text: str) -> str:
    """Cut a text that is too long for a sentence."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."

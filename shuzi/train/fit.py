"""The loop: draw a batch, clear the gradients, forward, backward, step. The same for every model."""

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shuzi.data.digits import CLASSES, Digits
from shuzi.errors import ShuziError
from shuzi.train.recipes import Model, Recipe

POINTS = 20  # of an epoch's loss curve
LAST_SEED = 2**63 - 1
AGAIN_LR = 0.5  # of the second cycle, a share of the first one's


@dataclass(frozen=True)
class Settings:
    """What a person may set for a run: counts 1 or more, `lr` above 0, `validation` images held out.

    Raises:
        ShuziError: a value out of its range.
    """

    epochs: int
    batch_size: int
    lr: float
    seed: int = 0
    validation: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ShuziError(f"--epochs {self.epochs}: training takes 1 epoch or more")
        if self.batch_size < 1:
            raise ShuziError(f"--batch-size {self.batch_size}: a batch holds 1 image or more")
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise ShuziError(f"--lr {self.lr}: the learning rate is a number above 0")
        if not 0 <= self.seed <= LAST_SEED:
            raise ShuziError(f"--seed {self.seed}: a seed is a whole number from 0 to 2^63 - 1")
        if self.validation < 0:
            raise ShuziError(f"--validation {self.validation}: hold out 0 images or more")


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures.

    Attributes:
        loss, accuracy: mean cross-entropy in nats, and share right, over the batches as they were trained on.
        seconds, images_per_second: of the training alone.
        validation_accuracy: share right of the images held out, if any.
        curve: the mean loss of each twentieth of the epoch, or of each step where there are fewer.
    """

    epoch: int
    loss: float
    accuracy: float
    seconds: float
    images_per_second: float
    validation_accuracy: float | None
    curve: tuple[float, ...]


OnStep = Callable[[int, Tensor], None]
"""Called after each step with the images done in this epoch and the batch's loss, still on its device."""


class Training:
    """All that changes while a model learns; `state` and `restore` save it and take it up again."""

    def __init__(self, recipe: Recipe, settings: Settings, device: torch.device) -> None:
        self.recipe, self.settings, self.device = recipe, settings, device
        self.order = torch.Generator().manual_seed(settings.seed)  # of the batches
        self.noise = torch.Generator(device).manual_seed(settings.seed)  # of the augmentation
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            self.model = recipe.build(torch.Generator().manual_seed(settings.seed))
            self.inner = torch.get_rng_state()  # what layers such as dropout draw from
        place(self.model, device, recipe.channels_last)
        self.optimizer = recipe.optimizer(self.model.parameters(), settings.lr)
        self.average = copy.deepcopy(self.model) if recipe.average is not None else None
        self.epoch = 0
        self.turn = settings.epochs if recipe.again is None else round(recipe.again * settings.epochs)

    @property
    def seed(self) -> int:
        """The seed of the cycle that it is in: the second counts from the other end, where nobody else does."""
        return self.settings.seed if self.epoch < self.turn else LAST_SEED - self.settings.seed

    @property
    def cycle(self) -> tuple[int, int, float]:
        """The first epoch of the cycle that it is in, the one after its last, and its learning rate."""
        if self.epoch < self.turn:
            return 0, self.turn, self.settings.lr
        return self.turn, self.settings.epochs, self.settings.lr * AGAIN_LR

    @property
    def result(self) -> Model:
        """The model to keep: the averaged one where the recipe averages."""
        return self.model if self.average is None else self.average

    def state(self) -> dict[str, Tensor]:
        """Give everything as named tensors, ready for safetensors."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        if self.average is not None:
            tensors |= {f"average.{name}": value for name, value in self.average.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            tensors |= {
                f"optimizer.{index}.{name}": torch.as_tensor(value)
                for name, value in values.items()
                if value is not None
            }
        return tensors | {
            "generator.order": self.order.get_state(),
            "generator.noise": self.noise.get_state(),
            "generator.inner": self.inner,
            "epoch": torch.tensor(self.epoch),
        }

    def begin(self, tensors: Mapping[str, Tensor]) -> None:
        """Begin with given weights. Raises ShuziError if they are another model's."""
        load_state(self.model, tensors)
        if self.average is not None:
            load_state(self.average, tensors)

    def again(self) -> None:
        """Begin the second cycle, from the weights kept so far."""
        self.begin(self.result.state_dict())
        self.optimizer = self.recipe.optimizer(self.model.parameters(), self.settings.lr)
        for generator in (self.order, self.noise):
            generator.manual_seed(self.seed)
        self.inner = torch.Generator().manual_seed(self.seed).get_state()

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `state` gave. Raises ShuziError if it is another recipe's."""
        load_state(self.model, below("model.", tensors))
        if self.average is not None:
            load_state(self.average, below("average.", tensors))
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in below("optimizer.", tensors).items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self.order.set_state(tensors["generator.order"])
        self.noise.set_state(tensors["generator.noise"])
        self.inner = tensors["generator.inner"]
        self.epoch = int(tensors["epoch"])


def fit(
    training: Training, train: Digits, validation: Digits | None = None, on_step: OnStep | None = None
) -> Iterator[Epoch]:
    """Train to the planned epoch, giving each epoch's figures as it ends; save between them if you like.

    Raises:
        ShuziError: a batch larger than the set, or a loss that is no longer a number.
    """
    if training.settings.batch_size > len(train):
        raise ShuziError(
            f"--batch-size {training.settings.batch_size}: larger than the {len(train):,} training images"
        )
    extend, digits = training.recipe.extend, None
    while training.epoch < training.settings.epochs:
        if training.epoch == training.turn:
            training.again()
            digits = None
        if digits is None:
            digits = train if extend is None else extend(train, np.random.default_rng(training.seed))
        started = time.perf_counter()
        with torch.random.fork_rng():
            torch.set_rng_state(training.inner)
            loss, accuracy, curve = one_epoch(training, digits, on_step)
            training.inner = torch.get_rng_state()
        seconds = time.perf_counter() - started
        training.epoch += 1
        if not math.isfinite(loss):
            raise ShuziError(
                f"the loss became {loss} in epoch {training.epoch}; "
                f"train with a smaller --lr than {training.settings.lr:g}"
            )
        held_out = None if validation is None else accuracy_of(training.result, validation, training.device)
        yield Epoch(training.epoch, loss, accuracy, seconds, len(digits) / seconds, held_out, curve)


def one_epoch(
    training: Training, train: Digits, on_step: OnStep | None
) -> tuple[float, float, tuple[float, ...]]:
    """Go through the training digits once; give the mean loss, the accuracy and the loss's curve on the way."""
    recipe, settings, model = training.recipe, training.settings, training.model
    set_training(model, True)
    first, end, lr = training.cycle
    steps = math.ceil(len(train) / settings.batch_size)
    step = start = (training.epoch - first) * steps  # of the cycle
    done = 0
    answered: list[tuple[Tensor, Tensor, Tensor]] = []  # loss, logits and labels since the curve's last point
    points: list[tuple[int, Tensor, Tensor]] = []
    for images, labels in train.batches(
        settings.batch_size, generator=training.order, device=training.device
    ):
        factor = 1.0 if recipe.schedule is None else recipe.schedule(step / (steps * (end - first)))
        for group in training.optimizer.param_groups:
            group["lr"] = lr * factor
        if recipe.augment is not None:
            with images.device:  # where all that it draws shall lie
                images = recipe.augment(images, training.noise)
        if recipe.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        training.optimizer.zero_grad()
        with torch.autocast(training.device.type, torch.bfloat16) if recipe.bfloat16 else nullcontext():
            logits = model(images)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)
        loss.backward()
        training.optimizer.step()
        if training.average is not None:
            follow(training.average, model, recipe.average, step)
        step += 1
        done += len(labels)
        answered.append((loss.detach(), logits.detach(), labels))
        if (step - start) % math.ceil(steps / POINTS) == 0 or done == len(train):
            points.append(tally(answered))
            answered = []
        if on_step is not None:
            on_step(done, loss)
    counts, losses, right = zip(
        *((count, float(loss), int(hits)) for count, loss, hits in points), strict=True
    )
    curve = tuple(loss / count for loss, count in zip(losses, counts, strict=True))
    return sum(losses) / len(train), sum(right) / len(train), curve


def tally(answered: list[tuple[Tensor, Tensor, Tensor]]) -> tuple[int, Tensor, Tensor]:
    """Count the images of some batches, their summed loss and how many were right, all at once for speed."""
    losses, logits, labels = zip(*answered, strict=True)
    counts = [len(batch) for batch in labels]
    loss = torch.stack(losses) @ torch.tensor(counts, dtype=losses[0].dtype, device=losses[0].device)
    return sum(counts), loss, (torch.cat(logits).argmax(dim=1) == torch.cat(labels)).sum()


@torch.no_grad()
def follow(average: Model, model: Model, decay: float | None, step: int) -> None:
    """Move averaged weights a step towards the model's; early on faster, so that the start is forgotten."""
    weight = 1 - min(decay or 0.0, (1 + step) / (10 + step))
    for kept, value in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if kept.is_floating_point():
            kept.lerp_(value, weight)
        else:
            kept.copy_(value)


@torch.no_grad()
def predict(model: Model, digits: Digits, device: torch.device, batch_size: int = 1000) -> Tensor:
    """Give the logits of all images, float32 (N, 10 or 11) on the CPU, in the set's order."""
    set_training(model, False)
    return torch.cat([model(images).float().cpu() for images, _ in digits.batches(batch_size, device=device)])


def accuracy_of(model: Model, digits: Digits, device: torch.device) -> float:
    """Give the share of digits whose largest logit is their label's."""
    right = predict(model, digits, device)[:, :CLASSES].argmax(dim=1) == torch.from_numpy(digits.labels)
    return int(right.sum()) / len(digits)


def pick_device(name: str) -> torch.device:
    """Give the device for "auto" (CUDA, else Apple's MPS, else the CPU) or for a name.

    Raises:
        ShuziError: an unknown name, or a device that this machine or this torch lacks.
    """
    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, present in there.items() if present))
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except Exception as error:  # torch raises RuntimeError, AssertionError or NotImplementedError
        usable = ", ".join(kind for kind, present in there.items() if present)
        raise ShuziError(
            f"--device {name}: not usable with torch {torch.__version__} here; there is {usable}"
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


def set_training(model: Model, training: bool) -> None:
    """Tell layers such as dropout and batch norm whether this is training."""
    if isinstance(model, nn.Module):
        model.train(training)


@torch.no_grad()
def load_state(model: Model, tensors: Mapping[str, Tensor]) -> None:
    """Copy saved values into a model. Raises ShuziError if names or shapes differ from the model's."""
    own = model.state_dict()
    for name in (*own, *(tensors.keys() - own.keys())):
        found, expected = (
            f"of shape {tuple(each[name].shape)}" if name in each else "not there" for each in (tensors, own)
        )
        if found != expected:
            raise ShuziError(f"{name} is {found}, expected {expected}; it is another recipe's or damaged")
        if not torch.isfinite(tensors[name]).all():
            raise ShuziError(f"{name} holds values that are no numbers; it is damaged")
    for name, value in own.items():
        value.copy_(tensors[name])


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the tensors whose name starts with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

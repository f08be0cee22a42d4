"""The loop: draw a batch, clear the gradients, forward, backward, step. The same for every model."""

import contextlib
import copy
import dataclasses
import math
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save
from torch import Tensor, nn

from shuzi.data.digits import CLASSES, Digits
from shuzi.errors import ShuziError, renamed
from shuzi.train import generators
from shuzi.train.distributed import gathered, here, joined, whole
from shuzi.train.faults import check_logits, checked_batch, guard, guarded
from shuzi.train.generators import CPU_STATE, global_state, set_global_state, sound
from shuzi.train.ranks import ranks
from shuzi.train.recipe import Model, Recipe
from shuzi.train.settings import LAST_SEED, POINTS, Epoch, OnStep, Settings, kind
from shuzi.train.threads import threads, threads_for

__all__ = ["Epoch", "Settings", "load_file", "save"]  # what else is found here: figures, and a file's tensors

SECOND_CYCLE_LR = 0.5  # the second cycle's learning rate, as a share of the first one's


@dataclass
class Tally:
    """What the steps of an epoch came to so far: each one's loss and images, the images right, the seconds."""

    losses: list[Tensor] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    right: Tensor = field(default_factory=lambda: torch.tensor(0))
    seconds: float = 0.0
    answers: list[tuple[Tensor, Tensor]] = field(default_factory=list)  # logits and labels not yet in `right`

    def add(self, loss: Tensor, count: int) -> None:
        """Count a step."""
        self.losses.append(loss)
        self.counts.append(count)

    def settle(self) -> None:
        """Count how many of the answers are right, all at once for speed."""
        if self.answers:
            logits, labels = map(torch.cat, zip(*self.answers, strict=True))
            self.right = self.right + (logits.argmax(dim=1) == labels).sum().cpu()
            self.answers = []

    def state(self) -> dict[str, Tensor]:
        """Give it as named tensors."""
        self.settle()
        return {
            "losses": torch.stack(self.losses).cpu() if self.losses else torch.zeros(0),
            "counts": torch.tensor(self.counts, dtype=torch.int64),
            "right": self.right,
            "seconds": torch.tensor(self.seconds, dtype=torch.float64),
        }

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> "Tally":
        """Take up what `state` gave."""
        losses, counts, right, seconds = (tensors[name] for name in ("losses", "counts", "right", "seconds"))
        return cls(list(losses), counts.tolist(), right, float(seconds))

    def epoch(self, number: int, classifies: bool) -> Epoch:
        """Give the figures of the whole epoch, but for the validation."""
        self.settle()
        losses, counts = torch.stack(self.losses).double().cpu().numpy(), np.array(self.counts)
        every = math.ceil(len(losses) / POINTS)
        parts = [slice(start, start + every) for start in range(0, len(losses), every)]
        images = int(counts.sum())
        return Epoch(
            epoch=number,
            loss=float(np.average(losses, weights=counts)),
            accuracy=int(self.right) / images if classifies else None,
            seconds=self.seconds,
            images_per_second=images / self.seconds,
            validation_accuracy=None,
            curve=tuple(float(np.average(losses[part], weights=counts[part])) for part in parts),
        )


@renamed(again="start_second_cycle", average="ema_model")  # in 0.3.0
class Training:
    """All that changes while a model learns; `state` and `restore` save it and take it up again."""

    versions: ClassVar[dict[str, str]] = {"torch": torch.__version__}  # of what it computes with

    def __init__(
        self, recipe: Recipe, settings: Settings, device: torch.device, threads: int | None = None
    ) -> None:
        device, recipe = here(device), guarded(recipe)
        self.recipe, self.settings, self.device = recipe, settings, device
        self.order = torch.Generator().manual_seed(settings.seed)  # of the batches
        self.noise = torch.Generator(device).manual_seed(settings.seed)  # of the augmentation
        with generators.seeded(device, settings.seed):
            self.model = recipe.build(torch.Generator().manual_seed(settings.seed))
            self.inner = global_state(device)  # what layers such as dropout draw from
        self.ranks = ranks()
        with guard(recipe.build):
            self.threads = threads or self.worth()
            place(self.model, device, recipe.channels_last)
            self.forward = joined(self.ranks, self.model)
            self.ema_model = copy.deepcopy(self.model) if recipe.ema_decay is not None else None
        self.optimizer = recipe.optimizer(self.model.parameters(), settings.lr)
        self.turn = (
            settings.epochs
            if recipe.second_cycle_at is None
            else round(recipe.second_cycle_at * settings.epochs)
        )
        self.epoch = 0  # so many have ended
        self.tally = Tally()  # of the one that it is in
        self.began = self.order.get_state()  # as that one began

    def worth(self) -> int:
        """Give how many threads a batch is worth; batches that are made are of images of any size."""
        if self.recipe.batch_source is not None:
            return torch.get_num_threads()
        with generators.kept(self.device):
            return threads_for(self.model, self.settings.batch_size)

    @property
    def step(self) -> int:
        """How many steps of the epoch that it is in are done."""
        return len(self.tally.losses)

    @property
    def seed(self) -> int:
        """The seed of the cycle that it is in: the second counts from the other end, where nobody else does."""
        return self.settings.seed if self.epoch < self.turn else LAST_SEED - self.settings.seed

    @property
    def cycle(self) -> tuple[int, int, float]:
        """The first epoch of the cycle that it is in, the one after its last, and its learning rate."""
        if self.epoch < self.turn:
            return 0, self.turn, self.settings.lr
        return self.turn, self.settings.epochs, self.settings.lr * SECOND_CYCLE_LR

    @property
    def result(self) -> Model:
        """The model to keep: the averaged one where the recipe averages."""
        return self.model if self.ema_model is None else self.ema_model

    def state(self) -> dict[str, Tensor]:
        """Give everything as named tensors, ready for safetensors."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        if self.ema_model is not None:
            tensors |= {f"average.{name}": value for name, value in self.ema_model.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            tensors |= {
                f"optimizer.{index}.{name}": torch.as_tensor(value)
                for name, value in values.items()
                if value is not None
            }
        return tensors | {
            "generator.order": self.began if self.step else self.order.get_state(),
            "generator.noise": self.noise.get_state(),
            "generator.inner": self.inner,
            "epoch": torch.tensor(self.epoch),
            **{f"tally.{name}": value for name, value in self.tally.state().items()},
        }

    def begin(self, tensors: Mapping[str, Tensor]) -> None:
        """Begin with given weights. Raises ShuziError if they are another model's."""
        load_state(self.model, tensors)
        if self.ema_model is not None:
            load_state(self.ema_model, tensors)

    def start_second_cycle(self) -> None:
        """Start the second cycle from the weights kept so far."""
        self.begin(self.result.state_dict())
        self.optimizer = self.recipe.optimizer(self.model.parameters(), self.settings.lr)
        for generator in (self.order, self.noise):
            generator.manual_seed(self.seed)
        with generators.seeded(self.device, self.seed):
            self.inner = global_state(self.device)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `state` gave.

        An optimiser makes its moments at its first step, as it likes them to lie in memory. So one step is taken, of
        weights that are then replaced: what was saved is checked against what stands there then, name by name, and
        copied to where it stands. Copied to memory of another order, moments would be read by a fused step as those
        of other weights.

        Raises:
            ShuziError: it is another recipe's or damaged.
        """
        for parameter in self.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        with guard(self.recipe.optimizer):
            self.optimizer.step()
        state = self.state()
        grown = {name: state[name] for name in ("tally.losses", "tally.counts")}  # with the steps done
        compare(state, {**tensors, **grown})
        losses, counts = tensors["tally.losses"], tensors["tally.counts"]
        if (
            kind(losses) != f"float32 of shape ({counts.numel()},)"
            or kind(counts) != f"int64 of shape {(*losses.shape,)}"
        ):
            raise ShuziError(f"the losses are {kind(losses)}, their steps {kind(counts)}; it is damaged")
        if not torch.isfinite(losses).all() or (counts < 1).any():
            raise ShuziError("a step has no loss or no images; it is damaged")
        tally = Tally.of({**below("tally.", tensors), "losses": losses.to(self.device)})
        epoch = int(tensors["epoch"])
        if not 0 <= epoch <= self.settings.epochs:
            raise ShuziError(f"{epoch} epochs are done, expected 0 to {self.settings.epochs}")
        for generator, name in (
            (self.order, "generator.order"),
            (self.noise, "generator.noise"),
            (torch.Generator(), "generator.inner"),
        ):
            if generator.device.type == "cpu" and not sound(tensors[name]):
                raise ShuziError(f"{name} is no generator's state; it is damaged")
            generator.set_state(tensors[name][:CPU_STATE])  # of the CPU's, where there are two
        with torch.no_grad():
            for name, value in state.items():
                if name.startswith(("model.", "average.", "optimizer.")):
                    value.copy_(tensors[name])
        self.inner, self.epoch, self.tally = tensors["generator.inner"], epoch, tally

    @contextlib.contextmanager
    def drawing(self) -> Iterator[None]:
        """Let the global generators be this training's own, as layers such as dropout draw from them."""
        with generators.kept(self.device):
            set_global_state(self.inner, self.device)
            yield
            self.inner = global_state(self.device)


def fit(
    training: Training,
    train: Digits,
    validation: Digits | None = None,
    on_step: OnStep | None = None,
    pause: float = math.inf,
) -> Iterator[Epoch | None]:
    """Train to the planned epoch, giving each epoch's figures as it ends; save between them if you like.

    Args:
        training: what learns; it goes on from where it is, within an epoch too.
        train: the digits to learn from, or to make what is learnt from.
        validation: digits to measure on after each epoch; they have no say in the weights.
        on_step: called after each step.
        pause: seconds after which None is given within an epoch, to save then; default never.

    Raises:
        ShuziError: a batch larger than the set, or a loss that is no longer a number.
    """
    recipe, settings = training.recipe, training.settings
    if recipe.batch_source is None:
        settings.check(len(train))
    digits = None
    while training.epoch < settings.epochs:
        if training.epoch == training.turn and not training.step:
            training.start_second_cycle()
            digits = None
        if digits is None:
            digits = extended(training, train)
        training.began = training.order.get_state()
        images = (
            len(digits)
            if recipe.batch_source is None
            else recipe.steps_per_epoch * settings.batch_size or len(digits)
        )
        steps = math.ceil(images / settings.batch_size)
        if training.step >= steps:
            raise ShuziError(f"{training.step:,} steps are done of an epoch of {steps:,}; start a new run")
        with contextlib.closing(batches(training, digits, steps)) as coming:
            while training.step < steps:
                with training.drawing(), threads(training.threads), repeatable():
                    learn(training, coming, images, on_step, pause)
                epoch = training.tally.epoch(training.epoch + 1, classifies=recipe.loss is None)
                settings.check_loss(epoch.loss, epoch.epoch)
                if training.step < steps:
                    yield None
        training.tally = Tally()
        training.epoch += 1
        if validation is not None:
            right, count = judged(recipe, training.result, validation, training.device)
            epoch = dataclasses.replace(epoch, validation_accuracy=right / count)
        yield epoch


def extended(training: Training, train: Digits) -> Digits:
    """Give the digits to learn from in this cycle, with those that the recipe joins to them."""
    if training.recipe.extend is None:
        return train
    with generators.seeded(training.device, training.seed):
        return training.recipe.extend(train, np.random.default_rng(training.seed))


def batches(training: Training, digits: Digits, steps: int) -> Generator[tuple[Tensor, Any]]:
    """Give the batches of this epoch that are still to come, on the training's device."""
    recipe, settings = training.recipe, training.settings
    if recipe.batch_source is None:
        yield from digits.batches(
            settings.batch_size, generator=training.order, device=training.device, first=training.step
        )
        return
    number = (training.epoch - training.cycle[0]) * steps + training.step

    def apart() -> contextlib.AbstractContextManager[None]:  # from the generators that dropout draws from
        return generators.seeded(training.device, training.seed, number)

    with apart():
        made = recipe.batch_source(digits, settings.batch_size, training.seed, number)
    with contextlib.closing(made):
        while training.step < steps:
            with guard(recipe.batch_source), apart():
                batch = next(made, None)
            images, targets = checked_batch(recipe.batch_source, batch)
            with guard(recipe.batch_source):
                moved = images.to(training.device), move(targets, training.device)
            yield moved
            number += 1


def learn(
    training: Training,
    coming: Iterator[tuple[Tensor, Any]],
    count: int,
    on_step: OnStep | None,
    pause: float,
) -> None:
    """Take steps until the batches of this epoch of `count` images are used up, or so many seconds have passed."""
    recipe, tally = training.recipe, training.tally
    set_training(training.model, True)
    first, end, lr = training.cycle
    steps = math.ceil(count / training.settings.batch_size)
    started = time.perf_counter()
    done, before = sum(tally.counts), tally.seconds
    for images, targets in coming:
        step = (training.epoch - first) * steps + training.step  # of the cycle
        generators.seed_others(training.seed, step)
        factor = 1.0 if recipe.schedule is None else recipe.schedule(step / (steps * (end - first)))
        for group in training.optimizer.param_groups:
            group["lr"] = lr * factor
        loss = descend(training, images, targets)
        if training.ema_model is not None:
            follow(training.ema_model, training.model, recipe.ema_decay, step)
        tally.add(loss, len(images))
        done += len(images)
        if training.step % math.ceil(steps / POINTS) == 0:
            tally.settle()
        if on_step is not None:
            on_step(done, count, loss)
        tally.seconds = before + time.perf_counter() - started
        if time.perf_counter() - started >= pause:
            break


def descend(training: Training, images: Tensor, targets: Any) -> Tensor:  # noqa: ANN401
    """Take one step on a batch: augment, forward, backward, the optimiser. Give its loss, float32 ()."""
    recipe, among, size = training.recipe, training.ranks, len(images)
    if recipe.augment is not None:
        with images.device:  # where all that it draws shall lie
            images = recipe.augment(images, training.noise)
    images = images[among.share(size)]
    if recipe.channels_last:
        images = images.contiguous(memory_format=torch.channels_last)
    training.optimizer.zero_grad()
    fast = recipe.bfloat16 and has_bfloat16(training.device)
    bfloat16 = torch.autocast(training.device.type, torch.bfloat16, enabled=fast)
    with guard(recipe.build), whole(among, size), bfloat16:
        outputs = training.forward(images)
    outputs = gathered(among, outputs, size)
    if recipe.loss is None:
        check_logits(recipe.build, outputs, size)
        with guard(recipe.batch_source or recipe.build):
            loss = F.cross_entropy(outputs.float(), targets, label_smoothing=recipe.label_smoothing)
        training.tally.answers.append((outputs.detach(), targets))
    else:
        loss = recipe.loss(float32(outputs), targets)
    with guard(recipe.loss or recipe.build):
        loss.backward()
    with guard(recipe.optimizer):
        training.optimizer.step()
    return loss.detach()


def float32(outputs: Any) -> Any:  # noqa: ANN401
    """Give a tensor, or each of a tuple of them, as float32."""
    return outputs.float() if isinstance(outputs, Tensor) else tuple(each.float() for each in outputs)


def move(targets: Any, device: torch.device) -> Any:  # noqa: ANN401
    """Move a tensor, or each of a tuple of them, to a device."""
    return targets.to(device) if isinstance(targets, Tensor) else tuple(each.to(device) for each in targets)


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
    with threads(threads_for(model, batch_size)):
        batches = digits.batches(batch_size, device=device)
        return torch.cat([model(images).float().cpu() for images, _ in batches])


def has_bfloat16(device: torch.device) -> bool:
    """Say whether a device computes in bfloat16 in hardware; a CPU that imitates it takes six times as long."""
    if device.type == "cpu":
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)


@contextlib.contextmanager
def repeatable() -> Iterator[None]:
    """Let a GPU's convolutions add up in the same order each time, and afterwards as before."""
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic
    cudnn.deterministic = True
    try:
        yield
    finally:
        cudnn.deterministic = before


def judged(recipe: Recipe, model: Model, digits: Digits, device: torch.device) -> tuple[int, int]:
    """Give how many a model gets right of how many, on digits: as its recipe judges, else each image by itself."""
    if recipe.count_correct is not None:
        set_training(model, False)
        with generators.seeded(device, 0):
            return recipe.count_correct(model, digits, device)
    with guard(recipe.build):
        right = predict(model, digits, device)[:, :CLASSES].argmax(dim=1) == torch.from_numpy(digits.labels)
    return int(right.sum()), len(digits)


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


def load_state(model: Model, tensors: Mapping[str, Tensor]) -> None:
    """Copy saved values into a model, all or none. Raises ShuziError if they differ from the model's in kind."""
    own = model.state_dict()
    compare(own, tensors)
    with torch.no_grad():
        for name, value in own.items():
            value.copy_(tensors[name])


def compare(expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """See that tensors have the names, types and shapes expected. Raises ShuziError naming the first that hasn't."""
    for name in (*expected, *(tensors.keys() - expected.keys())):
        wanted, found = (kind(each.get(name)) for each in (expected, tensors))
        if found != wanted:
            raise ShuziError(f"{name} is {found}, expected {wanted}; it is another recipe's or damaged")
        if not torch.isfinite(tensors[name]).all():
            raise ShuziError(f"{name} holds values that are no numbers; it is damaged")


def contiguous(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give tensors as safetensors wants them: on the CPU, contiguous, sharing no memory."""
    return {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in tensors.items()
    }


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the tensors whose name starts with a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

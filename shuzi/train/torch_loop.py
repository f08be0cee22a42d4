"""Training in torch: draw a batch, clear the gradients, forward, backward, step. The same for every recipe."""

import contextlib
import copy
import functools
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import ClassVar, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from shuzi.data.digits import Digits
from shuzi.errors import ShuziError, renamed
from shuzi.train import generators
from shuzi.train.device import deterministic_convolutions, has_bfloat16, place
from shuzi.train.distributed import distribute, own_device, share
from shuzi.train.faults import check_logits, checked_batch, guard, guarded
from shuzi.train.fit import TrainingLoop, compare, load_state
from shuzi.train.generators import CPU_STATE, global_state, set_global_state, sound
from shuzi.train.ranks import ranks
from shuzi.train.recipe import Batch, Model, Optimizer, Recipe, Tensors
from shuzi.train.settings import CURVE_POINTS, MAX_SEED, Epoch, OnStep, Settings
from shuzi.train.tally import Tally
from shuzi.train.threads import threads, threads_for

SECOND_CYCLE_LR = 0.5  # the second cycle's learning rate, as a share of the first one's


@renamed(again="start_second_cycle", average="ema_model")  # in 0.3.0
class Training(TrainingLoop):
    """A `TrainingLoop` of a recipe in torch.

    Args:
        recipe: what to train, and how.
        settings: epochs, batch size, learning rate and seed.
        device: where to compute.
        threads: threads of the CPU; by default as many as the work is worth.
    """

    versions: ClassVar[dict[str, str]] = {"torch": torch.__version__}

    def __init__(
        self, recipe: Recipe, settings: Settings, device: torch.device | str, threads: int | None = None
    ) -> None:
        self.recipe, self.settings = guarded(recipe), settings
        self.device = device = own_device(torch.device(device))
        self.order_generator = torch.Generator().manual_seed(settings.seed)
        self.augment_generator = torch.Generator(device).manual_seed(settings.seed)
        with generators.seeded(device, settings.seed):
            self.model: Model = self.recipe.build(torch.Generator().manual_seed(settings.seed))
            self.global_state = global_state(device)  # of the generators that dropout draws from
        self.ranks = ranks()
        with guard(self.recipe.build):
            self.threads = threads or self._threads_worth()
            place(self.model, device, recipe.channels_last)
            self.forward = distribute(self.ranks, self.model)
            self.ema_model = copy.deepcopy(self.model) if recipe.ema_decay is not None else None
        share_before = 1.0 if recipe.second_cycle_at is None else recipe.second_cycle_at
        self.second_cycle_epoch = round(share_before * settings.epochs)
        self.epoch = 0
        self.tally = Tally()  # of the current epoch
        self.order_state = self.order_generator.get_state()  # at the start of the current epoch
        self._extended: tuple[Digits, Digits] | None = None

    @functools.cached_property
    def optimizer(self) -> Optimizer:
        """The optimiser, made at the first step: to import torch's takes a second."""
        return self.recipe.optimizer(self.model.parameters(), self.settings.lr)

    @property
    def learning_rate(self) -> float:
        """The learning rate of the last step."""
        return float(self.optimizer.param_groups[0]["lr"])

    def _threads_worth(self) -> int:
        """Choose the number of threads; a batch source's images may be of any size."""
        if self.recipe.batch_source is not None:
            return torch.get_num_threads()
        with generators.kept(self.device):
            return threads_for(self.model, self.settings.batch_size)

    @property
    def step(self) -> int:
        """Steps done of the current epoch."""
        return len(self.tally.losses)

    @property
    def seed(self) -> int:
        """The current cycle's seed; the second cycle's counts down from the largest, where nobody else's is."""
        return self.settings.seed if self.epoch < self.second_cycle_epoch else MAX_SEED - self.settings.seed

    @property
    def cycle(self) -> tuple[int, int, float]:
        """The current cycle's first epoch, the one after its last, and its learning rate."""
        if self.epoch < self.second_cycle_epoch:
            return 0, self.second_cycle_epoch, self.settings.lr
        return self.second_cycle_epoch, self.settings.epochs, self.settings.lr * SECOND_CYCLE_LR

    @property
    def result(self) -> Model:
        """The model to keep: the moving average where the recipe has one."""
        return self.model if self.ema_model is None else self.ema_model

    def weights(self) -> dict[str, Tensor]:
        """Copy the weights to keep, by name."""
        return copied(self.result.state_dict())

    def state(self) -> dict[str, Tensor]:
        """Copy all that changes in training, by name."""
        return copied(self._state())

    def _state(self) -> dict[str, Tensor]:
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
            "generator.order": self.order_state if self.step else self.order_generator.get_state(),
            "generator.noise": self.augment_generator.get_state(),
            "generator.inner": self.global_state,
            "epoch": torch.tensor(self.epoch),
            **{f"tally.{name}": value for name, value in self.tally.state().items()},
        }

    def begin(self, weights: Mapping[str, Tensor]) -> None:
        """Start from given weights. Raises ShuziError if they are another model's."""
        tensors = {name: torch.as_tensor(value) for name, value in weights.items()}  # or numpy's arrays
        for model in (self.model, self.ema_model):
            if model is not None:
                load_state(model.state_dict(), tensors, torch.isfinite)

    def start_second_cycle(self) -> None:
        """Start the second cycle from the weights kept so far."""
        self.begin(self.result.state_dict())
        vars(self).pop("optimizer", None)
        self._extended = None
        for generator in (self.order_generator, self.augment_generator):
            generator.manual_seed(self.seed)
        with generators.seeded(self.device, self.seed):
            self.global_state = global_state(self.device)

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Continue from a `state`.

        An optimiser creates its moments at its first step, in a memory layout of its own. So one step is taken, of
        weights that are then replaced; the state is compared with the tensors of that step and copied into them.
        Moments copied to memory of another layout would be read by a fused step as those of other weights.

        Raises:
            ShuziError: it is another recipe's or damaged.
        """
        for parameter in self.model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        with guard(self.recipe.optimizer):
            self.optimizer.step()
        own = self._state()
        compare(own, {**state, "tally.steps": own["tally.steps"]}, torch.isfinite)  # of another length with each step
        tally = Tally.restored({name: state[f"tally.{name}"] for name in ("steps", "right", "seconds")})
        epoch = int(state["epoch"])
        if not 0 <= epoch <= self.settings.epochs:
            raise ShuziError(f"{epoch} epochs are done, expected 0 to {self.settings.epochs}")
        for generator, name in (
            (self.order_generator, "generator.order"),
            (self.augment_generator, "generator.noise"),
            (torch.Generator(), "generator.inner"),
        ):
            if generator.device.type == "cpu" and not sound(state[name]):
                raise ShuziError(f"{name} is no generator's state; it is damaged")
            generator.set_state(state[name][:CPU_STATE])  # of the CPU's, where there are two
        with torch.no_grad():
            for name, value in own.items():
                if name.startswith(("model.", "average.", "optimizer.")):
                    value.copy_(state[name])
        self.global_state, self.epoch, self.tally = state["generator.inner"], epoch, tally

    @contextlib.contextmanager
    def _global_generators(self) -> Iterator[None]:
        """Let the global generators be this training's own, as layers such as dropout draw from them."""
        with generators.kept(self.device):
            set_global_state(self.global_state, self.device)
            yield
            self.global_state = global_state(self.device)

    def train_epoch(
        self, train: Digits, on_step: OnStep | None = None, pause: float = math.inf
    ) -> Iterator[Epoch | None]:
        """Train to the end of the current epoch; yield None at each pause, and last the epoch's figures.

        Raises:
            ShuziError: a batch larger than the set, or a loss that is not finite.
        """
        recipe, batch_size = self.recipe, self.settings.batch_size
        if recipe.batch_source is None:
            self.settings.check_batch_size(len(train))
        if self.epoch == self.second_cycle_epoch and not self.step:
            self.start_second_cycle()
        digits = self._extend(train)
        self.order_state = self.order_generator.get_state()
        images = len(digits)
        if recipe.batch_source is not None:
            images = recipe.steps_per_epoch * batch_size or images
        steps = math.ceil(images / batch_size)
        if self.step >= steps:
            raise ShuziError(f"{self.step:,} steps are done of an epoch of {steps:,}; start a new run")
        with contextlib.closing(self._batches(digits, steps)) as batches:
            while self.step < steps:
                with self._global_generators(), threads(self.threads), deterministic_convolutions():
                    self._take_steps(batches, images, on_step, pause)
                figures = self.tally.epoch(self.epoch + 1, recipe.classifies)
                self.settings.check_loss(figures.loss, figures.epoch)
                if self.step < steps:
                    yield None
        self.tally = Tally()
        self.epoch += 1
        yield figures

    def _extend(self, train: Digits) -> Digits:
        """Return the digits of this cycle, with those that the recipe adds."""
        if self.recipe.extend is None:
            return train
        if self._extended is None or self._extended[0] is not train:
            with generators.seeded(self.device, self.seed):
                extended = self.recipe.extend(train, np.random.default_rng(self.seed))
            self._extended = train, extended
        return self._extended[1]

    def _batches(self, digits: Digits, steps: int) -> Generator[Batch]:
        """Yield the batches still to come of this epoch, on the training's device."""
        source, batch_size = self.recipe.batch_source, self.settings.batch_size
        if source is None:
            yield from digits.batches(batch_size, generator=self.order_generator, device=self.device, first=self.step)
            return
        number = (self.epoch - self.cycle[0]) * steps + self.step

        def apart() -> contextlib.AbstractContextManager[None]:  # from the generators that dropout draws from
            return generators.seeded(self.device, self.seed, number)

        with apart():
            batches = source(digits, batch_size, self.seed, number)
        with contextlib.closing(batches):
            while self.step < steps:
                with guard(source), apart():
                    batch = next(batches, None)
                images, targets = checked_batch(source, batch)
                with guard(source):
                    moved = images.to(self.device), each(lambda target: target.to(self.device), targets)
                yield moved
                number += 1

    def _take_steps(self, batches: Iterator[Batch], count: int, on_step: OnStep | None, pause: float) -> None:
        """Take steps until this epoch of `count` images is done, or `pause` seconds have passed."""
        recipe, tally = self.recipe, self.tally
        set_training(self.model, True)
        first, end, lr = self.cycle
        steps = math.ceil(count / self.settings.batch_size)
        started = time.perf_counter()
        done, before = sum(tally.counts), tally.seconds
        for images, targets in batches:
            step = (self.epoch - first) * steps + self.step  # of the cycle
            generators.seed_others(self.seed, step)
            factor = 1.0 if recipe.schedule is None else recipe.schedule(step / (steps * (end - first)))
            for group in self.optimizer.param_groups:
                group["lr"] = lr * factor
            loss = self._descend(images, targets)
            if self.ema_model is not None:
                follow(self.ema_model, self.model, recipe.ema_decay, step)
            tally.losses.append(loss)
            tally.counts.append(len(images))
            done += len(images)
            if self.step % math.ceil(steps / CURVE_POINTS) == 0:
                tally.settle()
            if on_step is not None:
                on_step(done, count, loss)
            tally.seconds = before + time.perf_counter() - started
            if time.perf_counter() - started >= pause:
                break

    def _descend(self, images: Tensor, targets: Tensors) -> Tensor:
        """Take one step on a batch: augment, forward, backward, the optimiser. Return its loss, float32 ()."""
        recipe = self.recipe
        if recipe.augment is not None:
            with images.device:  # where it is to draw
                images = recipe.augment(images, self.augment_generator)
        own, weight = share(self.ranks, len(images))
        images, targets = images[own], each(lambda target: target[own], targets)
        if recipe.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        self.optimizer.zero_grad()
        fast = recipe.bfloat16 and has_bfloat16(self.device)
        with guard(recipe.build), torch.autocast(self.device.type, torch.bfloat16, enabled=fast):
            outputs = self.forward(images)
        loss = self._loss(outputs, targets, len(images))
        with guard(recipe.loss or recipe.build):
            (loss * weight if self.ranks.size > 1 else loss).backward()
        with guard(recipe.optimizer):
            self.optimizer.step()
        return loss.detach() if self.ranks.size == 1 else self._over_ranks(loss.detach(), weight)

    def _loss(self, outputs: Tensors, targets: Tensors, count: int) -> Tensor:
        """Compute the loss of a share of a batch, and keep a classifier's answers to be counted."""
        recipe = self.recipe
        logits, labels = cast(Tensor, outputs), cast(Tensor, targets)  # of a classifier
        if recipe.classifies:
            check_logits(recipe.build, outputs, count)
            self.tally.answers.append((logits.detach(), labels))
        if recipe.loss is not None:
            return recipe.loss(each(Tensor.float, outputs), targets)
        with guard(recipe.batch_source or recipe.build):
            return F.cross_entropy(logits.float(), labels, label_smoothing=recipe.label_smoothing)

    def _over_ranks(self, loss: Tensor, weight: float) -> Tensor:
        """Return the loss of all ranks' shares, and count their right answers."""
        own = Tally(answers=self.tally.answers if weight else [])
        own.settle()
        self.tally.answers = []
        sums = torch.stack([loss * (weight / self.ranks.size), own.right.to(loss)])
        torch.distributed.all_reduce(sums)
        loss, right = sums
        self.tally.right = self.tally.right + right.long().cpu()
        return loss

    def predict(self, digits: Digits) -> np.ndarray:
        """Compute the logits of all images, float32 (N, 10 or 11)."""
        with guard(self.recipe.build):
            return predict(self.result, digits, self.device).numpy()

    def count_correct(self, digits: Digits) -> tuple[int, int]:
        """Count right answers and all answers: as the recipe does, or by each image's largest logit."""
        if self.recipe.count_correct is not None:
            set_training(self.result, False)
            with generators.seeded(self.device, 0):
                return self.recipe.count_correct(self.result, digits, self.device)
        return super().count_correct(digits)


def each(function: Callable[[Tensor], Tensor], values: Tensors) -> Tensors:
    """Apply a function to a tensor, or to each of several."""
    return function(values) if isinstance(values, Tensor) else tuple(map(function, values))


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
    """Compute the logits of all images, float32 (N, 10 or 11) on the CPU, in the set's order."""
    set_training(model, False)
    with threads(threads_for(model, batch_size)):
        batches = digits.batches(batch_size, device=device)
        return torch.cat([model(images).float().cpu() for images, _ in batches])


def set_training(model: Model, training: bool) -> None:
    """Tell layers such as dropout and batch norm whether this is training."""
    if isinstance(model, nn.Module):
        model.train(training)


def copied(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy tensors as safetensors needs them: on the CPU, contiguous, sharing no memory."""
    return {name: value.detach().cpu().clone(memory_format=torch.contiguous_format) for name, value in tensors.items()}

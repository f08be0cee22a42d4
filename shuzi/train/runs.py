"""Training a plan to its end, resuming it, and using what it trained."""

import contextlib
import dataclasses
import logging
import platform
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

import shuzi
from shuzi import version
from shuzi.data import own
from shuzi.data.digits import CLASSES, Digits
from shuzi.data.sources import Progress
from shuzi.errors import ShuziError, Stopped
from shuzi.evaluate.figures import Evaluation, accuracy_interval, evaluate
from shuzi.files import sweep, write_whole
from shuzi.softmax.equations import softmax
from shuzi.train import held_out
from shuzi.train.checkpoint import read_checkpoint, read_tensors, save_progress, save_tensors
from shuzi.train.fit import TrainingLoop, fit
from shuzi.train.listener import Listener, in_notebook
from shuzi.train.plan import Plan, describe_plan, make_plan, pick_device, recipe_of, training_loop
from shuzi.train.ranks import lost, ranks
from shuzi.train.run import CHECKPOINT, METRICS, RUN_FILE, WEIGHTS, Results, Run, reason, resume_command
from shuzi.train.run_folder import check_out, new_run, read_run
from shuzi.train.settings import NUMPY
from shuzi.train.start import read_start

if TYPE_CHECKING:
    import torch

    from shuzi.evaluate.suites import Scorer
    from shuzi.train.recipe import Model
    from shuzi.train.torch_loop import Training

__all__ = ["evaluate_run", "make_plan", "model", "resume", "scorer", "train"]

logger = logging.getLogger(__name__)
PAUSE = 120  # seconds of an epoch between its checkpoints
Loop = TypeVar("Loop", bound=TrainingLoop)
LEAST_OWN = 4_000  # images an epoch of one's own pictures goes through, each as often as that takes


def train(
    plan: Plan,
    out: Path | None = None,
    root: Path | None = None,
    force: bool = False,
    progress: Progress | None = None,
    listener: Listener | None = None,
) -> Run:
    """Train a recipe, evaluate it once on the test set, and keep it as a run.

    In a process group of torch's all ranks train together; rank 0 alone tests, writes and tells.

    Args:
        plan: what to train, on what, how.
        out: the run's folder; default the first free one of runs/RECIPE, runs/RECIPE-2, ...
        root: where named sets lie.
        force: replace an existing run, which is kept until the new one has its first checkpoint.
        progress: called as a download proceeds: file name, bytes received, bytes in total (0: unknown).
        listener: whom to tell how training goes; default nobody.

    Raises:
        ShuziError: bad settings, data, device or folder, or the run is there and `force` is not.
        Stopped: Ctrl-C; the last checkpoint is kept.
    """
    device = pick_device(plan, plan.device)
    among = ranks()
    if among.first and out is not None:
        check_out(out, force)
    digits = shuzi.load(plan.data, root, progress, skip_blank=plan.skip_blank, labels=plan.labels)
    weights = None
    if plan.start is not None:
        weights, learnt = read_start(plan.start, plan.recipe)
        held_out.check_start(plan, learnt, digits[0])
    training = build_training(plan, device, weights)
    versions = {
        "shuzi": version.full(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        **training.versions,
    }
    run = Run(
        Path(), plan, device, training.threads, versions, digits[0].sha256, describe_plan(plan),
        ranks=among.size, split=digits[0].split_rule,
    )  # fmt: skip
    with new_run(run, out, force) if among.first else contextlib.nullcontext(run) as run:
        return run_to_completion(run, training, weights, digits, listener or in_notebook())


def build_training(plan: Plan, device: str, weights: dict[str, Any] | None, threads: int | None = None) -> TrainingLoop:
    """Build a plan's training before its first step. weights: those it starts from; None: the recipe's own."""
    training = training_loop(plan, device, threads)
    if weights is not None:
        training.begin(weights)
    return training


def resume(
    folder: Path,
    root: Path | None = None,
    progress: Progress | None = None,
    listener: Listener | None = None,
    recipe_name: str | None = None,
) -> Run:
    """Take an interrupted run up at its last checkpoint, or from its start if it has none yet.

    It ends with the weights it would have had. A recipe of one's own is named again, as `read_run` has it.

    Raises:
        ShuziError: no such run, a finished or damaged one, or other data or another recipe than it began with.
        Stopped: Ctrl-C; the last checkpoint is kept.
    """
    among = ranks()
    run = among.from_first(lambda: read_run(folder, recipe_name))
    epochs = run.plan.settings.epochs
    if run.results is not None:
        raise ShuziError(f"{folder}: finished, {epochs} of {epochs} epochs; to train for longer start a new run")
    tensors = among.from_first(lambda: read_checkpoint(run))  # checked before it is used
    today = describe_plan(run.plan)
    for name in (*run.recipe, *today):
        began, now = (each.get(name, "not there") for each in (run.recipe, today))
        if began != now:
            raise ShuziError(
                f"{folder}: began when the {name} of {run.plan.recipe} was {began}, now it is {now}; "
                f"go back to shuzi {run.versions.get('shuzi', 'of then')} or start a new run"
            )
    digits = held_out.load_for(run, None, root, progress)
    threads = run.threads if among.size == run.ranks else None
    device = pick_device(run.plan, run.device)
    weights = None if run.plan.start is None else read_start(run.plan.start, run.plan.recipe)[0]
    training = build_training(run.plan, device, weights, threads)
    if tensors:
        try:
            training.restore(tensors)
            if training.epoch != len(run.metrics):
                raise ShuziError(f"{len(run.metrics)} epochs have figures, {training.epoch} are done")
        except Exception as error:  # whatever the wrong tensors make of it
            raise ShuziError(
                f"{folder / CHECKPOINT}: not a checkpoint of {run.plan.recipe}, or damaged ({reason(error)}); "
                "start a new run"
            ) from error
    elif among.first and (folder / METRICS).exists():
        raise ShuziError(f"{folder / CHECKPOINT}: missing; the run is incomplete, train it again with --force")
    if among.first:
        sweep(folder)
    return run_to_completion(run, training, weights, digits, listener or in_notebook())


def run_to_completion(
    run: Run, training: TrainingLoop, weights: dict[str, Any] | None, digits: tuple[Digits, Digits], listener: Listener
) -> Run:
    """Train to the end, saving after each epoch and every few minutes within, then test once and finish the folder.

    weights: those it started from; None: the recipe's own.
    """
    among = ranks()
    among.agree("the data's SHA-256", digits[0].sha256)
    if not among.first:
        listener = Listener()
    learnt, validation = held_out.parts(run.plan, digits[0])
    if own.is_own(run.plan.data):
        learnt = own.repeated(learnt, LEAST_OWN)
    listener.build(training)
    listener.start(run)
    kept = progress_message(run, training.step) if (run.folder / CHECKPOINT).exists() else ""
    first = True
    try:
        for epoch in fit(
            training, learnt, validation if among.first and len(validation) else None, listener.step, PAUSE
        ):
            if not among.first:
                continue
            longer = run if epoch is None else dataclasses.replace(run, metrics=[*run.metrics, epoch])
            save_progress(longer, training, first)
            run, first = longer, False
            kept = progress_message(run, training.step)  # and so may be said to be
            if epoch is not None:
                logger.info("%s: epoch %d ended with a loss of %.4f", run.folder, epoch.epoch, epoch.loss)
                listener.epoch(run)
        if not among.first:
            return run
        keep_starting_share(run.plan, training, weights)
        return finish_run(run, training, digits[1])
    except KeyboardInterrupt:
        raise Stopped(among.tell(f"stopped{stop_message(run, kept)}")) from None
    except RuntimeError as error:
        if not lost(error):
            raise
        raise ShuziError(among.tell(f"another process of this training was lost{stop_message(run, kept)}")) from error


def keep_starting_share(plan: Plan, training: TrainingLoop, before: dict[str, Any] | None) -> None:
    """Average what was learnt with the weights it started from, if any, where the recipe says so."""
    if before is None or plan.recipe == NUMPY or not (share := recipe_of(plan).starting_share):
        return
    weights = training.weights()
    for name, learnt in weights.items():
        if learnt.is_floating_point():
            learnt.lerp_(before[name].to(learnt.device), share)
    training.begin(weights)


def stop_message(run: Run, kept: str) -> str:
    """Say what is left of a run that didn't come to its end."""
    if not kept:
        return " before anything was kept; nothing was written"
    return f"; {kept} kept, go on with: {resume_command(run)}"


def progress_message(run: Run, step: int) -> str:
    """Say how far a checkpoint of a run goes."""
    epochs = f"epochs 1 to {len(run.metrics)}" if run.metrics else ""
    steps = f"{step:,} steps of epoch {len(run.metrics) + 1}" if step else ""
    return f"{' and '.join(filter(None, (epochs, steps)))} are"


def finish_run(run: Run, training: TrainingLoop, test: Digits) -> Run:
    """Test once, write the weights, then the results; the run is finished once its checkpoint is gone."""
    started = time.perf_counter()
    right, count = training.count_correct(test)
    results = Results(
        train_seconds=round(sum(epoch.seconds for epoch in run.metrics), 4),
        test_seconds=round(time.perf_counter() - started, 4),
        test_accuracy=right / count,
        test_accuracy_interval=accuracy_interval(right, count),
    )
    run = dataclasses.replace(run, results=results)
    write_whole(run.folder / WEIGHTS, save_tensors(training.weights()))
    write_whole(run.folder / RUN_FILE, run.text())
    (run.folder / CHECKPOINT).unlink(missing_ok=True)
    return run


@dataclass(frozen=True)
class Tested:
    """A finished run and its training, evaluated on test digits."""

    run: Run
    training: TrainingLoop
    test: Digits
    evaluation: Evaluation


def evaluate_run(
    folder: Path,
    data: str | None = None,
    root: Path | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    recipe_name: str | None = None,
) -> Tested:
    """Evaluate a finished run on the test digits of a set, by default its own.

    A recipe of one's own is named again, as `read_run` has it.

    Raises:
        ShuziError: no such run, unfinished or damaged; bad data or device; its own data changed since, or a recipe
            of one's own that was not named.
    """
    run = read_run(folder, recipe_name)
    training = load_training(run, device)
    digits = held_out.load_for(run, data, root, progress)[1]
    probabilities = softmax(training.predict(digits)[:, :CLASSES].astype(np.float64))
    return Tested(run, training, digits, evaluate(probabilities, digits.labels))


def load_training(run: Run, device: str = "auto") -> TrainingLoop:
    """Load a finished run's training. Raises ShuziError as `load_weights` does, or for the device."""
    return load_weights(run, training_loop(run.plan, pick_device(run.plan, device)))


def load_in_torch(run: Run, device: "torch.device | str") -> "Training":
    """Load a finished run's training in torch, also that of softmax-numpy. Raises ShuziError as `load_weights` does."""
    from shuzi.train.recipes import recipe
    from shuzi.train.torch_loop import Training

    return load_weights(run, Training(recipe(run.plan.recipe), run.plan.settings, device))


def model(run: Run, device: "torch.device | str") -> "Model":
    """Load a finished run's model in torch. Raises ShuziError as `load_weights` does."""
    return load_in_torch(run, device).result


def load_weights(run: Run, training: Loop) -> Loop:
    """Start a training from a finished run's weights, and return it.

    Raises:
        ShuziError: the run is unfinished, or its weights are missing, damaged or of other shapes.
    """
    if run.results is None:
        raise ShuziError(f"{run.folder}: unfinished; go on with: {resume_command(run)}")
    path = run.folder / WEIGHTS
    weights = read_tensors(path, run.plan.recipe)
    try:
        training.begin(weights)
    except ShuziError as error:
        raise ShuziError(f"{path}: {error}") from error
    return training


def scorer(folder: Path, device: str = "auto", recipe_name: str | None = None) -> "Scorer":
    """Return a finished run as a model to measure. Raises ShuziError as `evaluate_run` does."""
    from shuzi.evaluate.suites import Scorer

    run = read_run(folder, recipe_name)
    training = load_training(run, device)

    def score(images: np.ndarray) -> np.ndarray:
        digits = Digits(images, np.zeros(len(images), np.uint8))
        return softmax(training.predict(digits).astype(np.float64))

    return Scorer(score, run.plan.data, load=partial(held_out.load_for, run))

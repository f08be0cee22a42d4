"""Training a plan to its end, resuming it, and using what it trained."""

import contextlib
import dataclasses
import logging
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import shuzi
from shuzi import version
from shuzi.data import own
from shuzi.data.digits import CLASSES, Digits
from shuzi.data.sources import Progress
from shuzi.errors import ShuziError, Stopped, needs
from shuzi.evaluate.figures import Evaluation, accuracy_interval, evaluate
from shuzi.files import sweep, write_whole
from shuzi.network import softmax
from shuzi.train import fit_numpy, held_out
from shuzi.train.checkpoint import read_checkpoint, read_tensors, save_progress
from shuzi.train.listener import Listener, in_notebook
from shuzi.train.plan import Plan, describe_recipe, loop_of, make_plan, recipe, recipe_of
from shuzi.train.ranks import lost, ranks
from shuzi.train.run import CHECKPOINT, METRICS, RUN_FILE, WEIGHTS, Results, Run, reason, resume_command
from shuzi.train.run_folder import acquire_run_dir, lock_run_dir, read_run
from shuzi.train.settings import RENAMED_FIELDS
from shuzi.train.start import first_weights, learnt_before

if TYPE_CHECKING:
    import torch

    from shuzi.evaluate.suites import Scorer
    from shuzi.train import fit
    from shuzi.train.recipe import Model

    Training = fit.Training | fit_numpy.Training

__all__ = ["evaluate_run", "make_plan", "model", "resume", "scorer", "train"]

logger = logging.getLogger(__name__)
PAUSE = 120  # seconds of an epoch between its checkpoints
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
    recipe(plan.recipe)
    device = loop_of(plan.recipe).pick_device(plan.device)
    among = ranks()
    with (
        acquire_run_dir(out, plan.recipe, force) if among.first else contextlib.nullcontext(Path()) as folder
    ):
        digits = shuzi.load(plan.data, root, progress)
        if plan.start is not None:
            held_out.check_start(plan, learnt_before(plan.start), digits[0])
        training = build_training(plan, device)
        versions = {
            "shuzi": version.full(),
            "python": platform.python_version(),
            "numpy": np.__version__,
            **training.versions,
        }
        made_of = describe_recipe(training.recipe)
        run = Run(
            folder, plan, str(device), training.threads, versions, digits[0].sha256, made_of, ranks=among.size,
            split=held_out.split_of(plan.data),
        )  # fmt: skip
        with lock_run_dir(run, force) if among.first else contextlib.nullcontext():
            return run_to_completion(run, training, digits, listener or in_notebook())


def build_training(plan: Plan, device: Any, threads: int | None = None) -> "Training":  # noqa: ANN401
    """Give a plan's training before its first step."""
    training: Training = loop_of(plan.recipe).Training(recipe_of(plan), plan.settings, device, threads)
    if plan.start is not None:
        training.begin(first_weights(plan.start, loop_of(plan.recipe)))
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
        raise ShuziError(
            f"{folder}: finished, {epochs} of {epochs} epochs; to train for longer start a new run"
        )
    tensors = among.from_first(lambda: read_checkpoint(run))  # whole, before a word of it is believed
    today = describe_recipe(recipe_of(run.plan))
    then = {RENAMED_FIELDS.get(name, name): value for name, value in run.recipe.items()}
    for name in (*then, *today):
        began, now = (each.get(name, "not there") for each in (then, today))
        if began != now:
            raise ShuziError(
                f"{folder}: began when the {name} of {run.plan.recipe} was {began}, now it is {now}; "
                f"go back to shuzi {run.versions.get('shuzi', 'of then')} or start a new run"
            )
    digits = held_out.load_for(run, None, root, progress)
    threads = run.threads if among.size == run.ranks else None
    training = build_training(run.plan, loop_of(run.plan.recipe).pick_device(run.device), threads)
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
        raise ShuziError(f"{folder / CHECKPOINT}: missing; the run is incomplete, train it anew with --force")
    if among.first:
        sweep(folder)
    return run_to_completion(run, training, digits, listener or in_notebook())


def run_to_completion(
    run: Run, training: "Training", digits: tuple[Digits, Digits], listener: Listener
) -> Run:
    """Train to the end, saving after each epoch and every few minutes within, then test once and finish the folder."""
    among = ranks()
    among.agree("the data's SHA-256", digits[0].sha256)
    if not among.first:
        listener = Listener()
    learnt, validation = held_out.parts(run.plan, digits[0])
    if own.is_own(run.plan.data):
        learnt = own.repeated(learnt, LEAST_OWN)
    loop = loop_of(run.plan.recipe)
    listener.start(run)
    kept = progress_message(run, training.step) if (run.folder / CHECKPOINT).exists() else ""
    first = True
    try:
        for epoch in loop.fit(
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
        started = time.perf_counter()
        right, count = loop.judged(training.recipe, training.result, digits[1], training.device)
        run = dataclasses.replace(run, results=results_of(run, right, count, time.perf_counter() - started))
        finish_run(run, training)
    except KeyboardInterrupt:
        raise Stopped(among.tell(f"stopped{stop_message(run, kept)}")) from None
    except RuntimeError as error:
        if not lost(error):
            raise
        raise ShuziError(
            among.tell(f"another process of this training was lost{stop_message(run, kept)}")
        ) from error
    return run


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


def results_of(run: Run, right: int, count: int, test_seconds: float) -> Results:
    """Give a run's results from how many of the test set it has right."""
    return Results(
        train_seconds=round(sum(epoch.seconds for epoch in run.metrics), 4),
        test_seconds=round(test_seconds, 4),
        test_accuracy=right / count,
        test_accuracy_interval=accuracy_interval(right, count),
    )


def finish_run(run: Run, training: "Training") -> None:
    """Write the weights, then the results; the run is finished once its checkpoint is gone."""
    loop = loop_of(run.plan.recipe)
    write_whole(run.folder / WEIGHTS, loop.save(loop.contiguous(training.result.state_dict())))
    write_whole(run.folder / RUN_FILE, run.text())
    (run.folder / CHECKPOINT).unlink(missing_ok=True)


@dataclass(frozen=True)
class Tested:
    """A finished run with its model, evaluated on test digits."""

    run: Run
    model: "Model | fit_numpy.Linear"
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
    run, trained, logits = load_trained(folder, device, recipe_name)
    digits = held_out.load_for(run, data, root, progress)[1]
    return Tested(run, trained, digits, evaluate(softmax(logits(digits)[:, :CLASSES]), digits.labels))


def load_trained(
    folder: Path, device: str, recipe_name: str | None
) -> "tuple[Run, Model | fit_numpy.Linear, Callable[[Digits], np.ndarray]]":
    """Give a finished run, its model, and what makes logits (N, 10 or 11) of digits with it."""
    run = read_run(folder, recipe_name)
    loop = loop_of(run.plan.recipe)
    place = loop.pick_device(device)
    if loop is fit_numpy:
        linear = load_weights(run, fit_numpy.Linear.empty())
        return run, linear, lambda digits: fit_numpy.predict(linear, digits)
    trained = model(run, place)
    build = needs("train", "shuzi.train.recipes").recipe(run.plan.recipe).build

    def logits(digits: Digits) -> np.ndarray:
        with loop.guard(build):
            return np.asarray(loop.predict(trained, digits, place))

    return run, trained, logits


def scorer(folder: Path, device: str = "auto", recipe_name: str | None = None) -> "Scorer":
    """Return a finished run as a model to measure. Raises ShuziError as `evaluate_run` does."""
    from shuzi.evaluate.suites import Scorer

    run, _, logits = load_trained(folder, device, recipe_name)

    def score(images: np.ndarray) -> np.ndarray:
        return softmax(logits(Digits(images, np.zeros(len(images), np.uint8))))

    return Scorer(score, run.plan.data, load=partial(held_out.load_for, run))


def model(run: Run, device: "torch.device") -> "Model":
    """Give a finished run's model with its weights, in torch.

    Raises:
        ShuziError: the run is unfinished, or its weights are missing, truncated or of other shapes.
    """
    import torch

    from shuzi.train import fit
    from shuzi.train.recipes import recipe

    model = load_weights(run, recipe(run.plan.recipe).build(torch.Generator().manual_seed(0)))
    fit.place(model, device)
    return model


def load_weights(run: Run, model: Any) -> Any:  # noqa: ANN401
    """Give a finished run's weights to its model. Raises ShuziError as `model` does."""
    if run.results is None:
        raise ShuziError(f"{run.folder}: unfinished; go on with: {resume_command(run)}")
    loop = fit_numpy if isinstance(model, fit_numpy.Linear) else needs("train", "shuzi.train.fit")
    path = run.folder / WEIGHTS
    try:
        loop.load_state(model, read_tensors(path, loop))
    except ShuziError as error:
        raise error if str(error).startswith(str(path)) else ShuziError(f"{path}: {error}") from error
    return model

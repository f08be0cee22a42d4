"""A run's folder: run.json (all settings and results), weights.safetensors and metrics.csv.

While it trains there is a checkpoint.safetensors too, and `run.json` says "unfinished". Nothing is pickled.
"""

import contextlib
import csv
import dataclasses
import io
import itertools
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

import shuzi
from shuzi import version
from shuzi.data import own
from shuzi.data.digits import CLASSES, Digits
from shuzi.data.sources import NewProgress
from shuzi.errors import ShuziError, Stopped
from shuzi.evaluate.figures import Evaluation, accuracy_interval, evaluate, softmax
from shuzi.evaluate.measure import Network
from shuzi.files import cannot_write, write_whole
from shuzi.train import fit as loop
from shuzi.train.fit import Epoch, OnStep, Settings, Training
from shuzi.train.recipes import Model, Recipe, recipe

LEAST_OWN = 4_000  # images an epoch of one's own pictures goes through, each as often as that takes
# From weights that are good already: so many epochs, at that share of the rate.
FURTHER_EPOCHS, FURTHER_LR = 4, 0.05
RUN, WEIGHTS, METRICS, CHECKPOINT = "run.json", "weights.safetensors", "metrics.csv", "checkpoint.safetensors"


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
    recipe_name: str = "softmax",
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


def recipe_of(plan: Plan) -> Recipe:
    """Give a plan's recipe; from weights that are good already there is one cycle."""
    known = recipe(plan.recipe)
    return known if plan.start is None else dataclasses.replace(known, again=None)


def first_weights(start: str) -> dict[str, torch.Tensor]:
    """Give the weights to begin with: of the shipped reader, an ONNX file, or a run's folder.

    Raises:
        ShuziError: there is no such thing, or it is damaged.
    """
    if start == "reader" or start.endswith(".onnx"):
        from shuzi.read.reader import SHIPPED

        return weights_of(SHIPPED if start == "reader" else Path(start))
    return read_tensors(read(Path(start)).folder / WEIGHTS)


def weights_of(path: Path) -> dict[str, torch.Tensor]:
    """Give the weights in an ONNX file that `export` wrote, by their names in the model.

    Raises:
        ShuziError: the file is missing, or no ONNX network.
    """
    import onnx

    try:
        graph = onnx.load(path).graph
    except FileNotFoundError:
        raise ShuziError(f"{path}: no such file; training starts from what shuzi export wrote") from None
    except Exception as error:  # onnx and protobuf raise several kinds, all meaning that it can't be read
        raise ShuziError(
            f"{path}: no ONNX network, or a damaged one; make it anew with shuzi export"
        ) from error
    found = {
        each.name.removeprefix("network."): torch.from_numpy(onnx.numpy_helper.to_array(each).copy())
        for each in graph.initializer
        if each.name.startswith("network.")
    }
    if not found:
        raise ShuziError(f"{path}: holds no weights to start from; make it anew with shuzi export")
    # batch norm counts its batches, and an ONNX network has no use for that
    counters = {
        name.replace("running_mean", "num_batches_tracked") for name in found if "running_mean" in name
    }
    return found | dict.fromkeys(counters, torch.tensor(0))


@dataclass(frozen=True)
class Results:
    """What a finished run measured: the test set evaluated once, at the end."""

    train_seconds: float
    test_seconds: float
    test_accuracy: float
    test_accuracy_interval: tuple[float, float]


@dataclass(frozen=True)
class Run:
    """A run as its folder tells it. `results` is None while it is unfinished."""

    folder: Path
    plan: Plan
    device: str
    threads: int
    versions: dict[str, str]
    data_sha256: str
    results: Results | None = None
    metrics: list[Epoch] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Give the object of run.json and of `shuzi train --json`."""
        settings = dataclasses.asdict(self.plan.settings)
        return {
            "run": str(self.folder),
            "state": "unfinished" if self.results is None else "finished",
            "recipe": self.plan.recipe,
            "data": self.plan.data,
            "start": self.plan.start,
            **settings,
            "device": self.device,
            "threads": self.threads,
            "versions": self.versions,
            "data_sha256": self.data_sha256,
            **({} if self.results is None else dataclasses.asdict(self.results)),
        }


@dataclass(frozen=True)
class Listener:
    """Whom to tell how training goes: at its start, after each step, after each epoch. Default nobody."""

    start: Callable[[Run, int], None] = lambda run, images: None
    step: OnStep | None = None
    epoch: Callable[[Run], None] = lambda run: None


def train(
    plan: Plan,
    out: Path | None = None,
    root: Path | None = None,
    force: bool = False,
    progress: NewProgress | None = None,
    listener: Listener | None = None,
) -> Run:
    """Train a recipe, evaluate it once on the test set, and keep it as a run.

    Args:
        plan: what to train, on what, how.
        out: the run's folder; default the first free one of runs/RECIPE, runs/RECIPE-2, ...
        root: where named sets lie.
        force: replace an existing run, which is kept until the first epoch of the new one is done.
        progress: makes a progress display for downloads; default none.
        listener: whom to tell how training goes; default nobody.

    Raises:
        ShuziError: bad settings, data, device or folder, or the run is there and `force` is not.
        Stopped: Ctrl-C; the last checkpoint is kept.
    """
    device = loop.pick_device(plan.device)
    with claimed(out, plan.recipe, force) as folder:
        digits = shuzi.load(plan.data, root, progress)
        training = Training(recipe_of(plan), plan.settings, device)
        if plan.start is not None:
            training.begin(first_weights(plan.start))
        versions = {
            "shuzi": version.full(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        }
        run = Run(folder, plan, str(device), torch.get_num_threads(), versions, digits[0].sha256)
        return go_on(run, training, digits, listener or Listener(), force)


def resume(
    folder: Path,
    root: Path | None = None,
    progress: NewProgress | None = None,
    listener: Listener | None = None,
) -> Run:
    """Take an interrupted run up at its last checkpoint; it ends with the weights it would have had.

    Raises:
        ShuziError: no such run, a finished or damaged one, or other data than it began with.
        Stopped: Ctrl-C; the last checkpoint is kept.
    """
    run = read(folder)
    epochs = run.plan.settings.epochs
    if run.results is not None:
        raise ShuziError(
            f"{folder}: finished, {epochs} of {epochs} epochs; to train for longer start a new run"
        )
    digits = shuzi.load(run.plan.data, root, progress)
    if digits[0].sha256 != run.data_sha256:
        raise ShuziError(
            f"{folder}: began with data of SHA-256 {run.data_sha256}, {run.plan.data} now has {digits[0].sha256}; "
            "put the former data back or start a new run"
        )
    torch.set_num_threads(run.threads)
    training = Training(recipe_of(run.plan), run.plan.settings, loop.pick_device(run.device))
    saved = read_tensors(folder / CHECKPOINT)
    try:
        training.restore(saved)
    except Exception as error:  # whatever the wrong tensors make of it
        raise ShuziError(
            f"{folder / CHECKPOINT}: not a checkpoint of {run.plan.recipe} ({reason(error)}); start a new run"
        ) from error
    for name in (RUN, WEIGHTS, METRICS, CHECKPOINT):  # what a process that was killed had begun to write
        for left in folder.glob(f".{name}.*.part"):
            left.unlink(missing_ok=True)
    metrics = run.metrics[: training.epoch]  # an epoch's line is written just before its checkpoint
    return go_on(dataclasses.replace(run, metrics=metrics), training, digits, listener or Listener())


def go_on(
    run: Run, training: Training, digits: tuple[Digits, Digits], listener: Listener, force: bool = False
) -> Run:
    """Train to the end, saving after each epoch, then test once and finish the folder."""
    train_digits, test_digits = digits
    held_out = run.plan.settings.validation
    if held_out >= len(train_digits):
        raise ShuziError(f"--validation {held_out}: the training set has only {len(train_digits):,} images")
    learnt, validation = train_digits.split(held_out)
    if own.is_own(Path(run.plan.data)):
        learnt = own.repeated(learnt, LEAST_OWN)
    listener.start(run, len(learnt))
    try:
        for epoch in loop.fit(training, learnt, validation if held_out else None, listener.step):
            longer = dataclasses.replace(run, metrics=[*run.metrics, epoch])
            save_progress(longer, training, force)
            run = longer  # kept, and so may be said to be kept
            listener.epoch(run)
        started = time.perf_counter()
        logits = loop.predict(training.result, test_digits, training.device).numpy()[:, :CLASSES]
        test_seconds = time.perf_counter() - started
        run = dataclasses.replace(run, results=measured(run, logits, test_digits, test_seconds))
        finish(run, training)
    except KeyboardInterrupt:
        raise Stopped(
            f"stopped; epochs 1 to {len(run.metrics)} are kept, go on with: shuzi train --resume {run.folder}"
            if run.metrics
            else "stopped before the first epoch ended; nothing was written"
        ) from None
    return run


def measured(run: Run, logits: np.ndarray, test: Digits, test_seconds: float) -> Results:
    """Give a run's results from its logits (N, classes) on the test set."""
    right = int((logits.argmax(axis=1) == test.labels).sum())
    return Results(
        train_seconds=round(sum(epoch.seconds for epoch in run.metrics), 4),
        test_seconds=round(test_seconds, 4),
        test_accuracy=right / len(test),
        test_accuracy_interval=accuracy_interval(right, len(test)),
    )


def finish(run: Run, training: Training) -> None:
    """Write the weights, then the results; the run is finished once `run.json` says so."""
    write_whole(run.folder / WEIGHTS, save(contiguous(training.result.state_dict())))
    write_whole(run.folder / RUN, json.dumps(run.to_json(), indent=2) + "\n")
    (run.folder / CHECKPOINT).unlink(missing_ok=True)


@dataclass(frozen=True)
class Tested:
    """A finished run with its model, evaluated on test digits."""

    run: Run
    model: Model
    test: Digits
    evaluation: Evaluation


def evaluate_run(
    folder: Path,
    data: str | None = None,
    root: Path | None = None,
    device: str = "auto",
    progress: NewProgress | None = None,
) -> Tested:
    """Evaluate a finished run on the test digits of a set, by default its own.

    Raises:
        ShuziError: no such run, unfinished or damaged; bad data or device.
    """
    run, trained, place = opened(folder, device)
    digits = shuzi.load(data or run.plan.data, root, progress)[1]
    logits = loop.predict(trained, digits, place).numpy()
    return Tested(run, trained, digits, evaluate(softmax(logits[:, :CLASSES]), digits.labels))


def opened(folder: Path, device: str) -> tuple[Run, Model, torch.device]:
    """Give a finished run, its model, and the device that it lies on."""
    run = read(folder)
    place = loop.pick_device(device)
    return run, model(run, place), place


def network(folder: Path, device: str = "auto") -> Network:
    """Give a finished run as a network to measure. Raises ShuziError as `evaluate_run` does."""
    run, trained, place = opened(folder, device)

    def score(images: np.ndarray) -> np.ndarray:
        digits = Digits(images, np.zeros(len(images), np.uint8))
        return softmax(loop.predict(trained, digits, place).numpy())

    return Network(score, run.plan.data)


@contextlib.contextmanager
def claimed(out: Path | None, recipe_name: str, force: bool) -> Iterator[Path]:
    """Give the folder for a new run, as `claim` does; what it made goes again if nothing was kept there."""
    folder, made = claim(out, recipe_name, force)
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):  # of the first that isn't empty
            for each in made:
                each.rmdir()


def claim(out: Path | None, recipe_name: str, force: bool) -> tuple[Path, list[Path]]:
    """Make the folder for a new run, or see that what is there may go; give it, and the folders made.

    Raises:
        ShuziError: a run is there and `force` is not, something else is there, or it cannot be written.
    """
    try:
        if out is None:
            return first_free(recipe_name)
        if out.name in ("", ".."):
            raise ShuziError(f"--out {out}: a run takes a folder of its own; give it a name")
        if not out.exists():
            made = absent(out)
            out.mkdir(parents=True)
            return out, made
        if (out / RUN).is_file():
            if not force:
                raise ShuziError(
                    f"{out}: a run is there already; give --force to replace it, or another --out"
                )
        elif not out.is_dir() or any(out.iterdir()):
            raise ShuziError(f"{out}: exists and is no run of shuzi; choose another --out")
        with tempfile.TemporaryFile(dir=out.parent):  # where the new run will be written
            return out, []
    except OSError as error:
        raise cannot_write(out or Path("runs"), error) from error


def first_free(recipe_name: str) -> tuple[Path, list[Path]]:
    """Make the first of runs/RECIPE, runs/RECIPE-2, ... that isn't there; give it, and the folders made."""
    for number in itertools.count(1):
        folder = Path("runs", recipe_name if number == 1 else f"{recipe_name}-{number}")
        made = absent(folder)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # this process or another was here before
            if not folder.exists():
                raise
        else:
            return folder, made
    raise AssertionError("there is always another number")


def absent(folder: Path) -> list[Path]:
    """Give those of a folder and its parents that aren't there, innermost first."""
    return [each for each in (folder, *folder.parents) if not each.exists()]


def save_progress(run: Run, training: Training, force: bool = False) -> None:
    """Save an epoch. The first one puts a whole folder in place of the empty one, or by force of an old run."""
    files: dict[str, bytes | str] = {
        METRICS: metrics_csv(run.metrics),
        CHECKPOINT: save(contiguous(training.state())),
    }
    if training.epoch > 1:
        for name, content in files.items():
            write_whole(run.folder / name, content)
        return
    files[RUN] = json.dumps(run.to_json(), indent=2) + "\n"
    part, old = (run.folder.with_name(f".{run.folder.name}.{os.getpid()}.{end}") for end in ("part", "old"))
    try:
        for name, content in files.items():
            write_whole(part / name, content)
        if force:
            run.folder.replace(old)
        else:
            run.folder.rmdir()  # not if another process has put its run there meanwhile
        part.replace(run.folder)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise cannot_write(run.folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def read(folder: Path) -> Run:
    """Read a run's folder. Raises ShuziError if there is none or its files are not what a run's are."""
    path = folder / RUN
    if not path.is_file():
        raise ShuziError(f"{folder}: no run is there (no {RUN}); make one with: shuzi train --out {folder}")
    try:
        saved = json.loads(path.read_text())
        settings = Settings(
            int(saved["epochs"]), int(saved["batch_size"]), float(saved["lr"]),
            int(saved["seed"]), int(saved["validation"]),
        )  # fmt: skip
        start = None if saved["start"] is None else str(saved["start"])
        plan = Plan(str(saved["recipe"]), settings, str(saved["data"]), str(saved["device"]), start)
        threads, versions, data_sha256 = int(saved["threads"]), dict(saved["versions"]), saved["data_sha256"]
        results = None
        if saved["state"] == "finished":
            low, high = map(float, saved["test_accuracy_interval"])
            results = Results(
                float(saved["train_seconds"]), float(saved["test_seconds"]),
                float(saved["test_accuracy"]), (low, high),
            )  # fmt: skip
    except Exception as error:  # whatever a damaged file makes of it
        raise ShuziError(f"{path}: damaged ({reason(error)}); train the run anew with --force") from error
    metrics = read_metrics(folder / METRICS)
    if results is not None and len(metrics) != settings.epochs:
        raise ShuziError(
            f"{folder / METRICS}: has {len(metrics)} epochs, expected {settings.epochs}; "
            "train the run anew with --force"
        )
    return Run(folder, plan, plan.device, max(1, threads), versions, data_sha256, results, metrics)


def reason(error: Exception) -> str:
    """Say what kept a file from being understood."""
    return f"no {error} in it" if isinstance(error, KeyError) else str(error)


def model(run: Run, device: torch.device) -> Model:
    """Give a finished run's model with its weights.

    Raises:
        ShuziError: the run is unfinished, or its weights are missing, truncated or of other shapes.
    """
    if run.results is None:
        raise ShuziError(f"{run.folder}: unfinished; go on with: shuzi train --resume {run.folder}")
    model = recipe(run.plan.recipe).build(torch.Generator().manual_seed(0))
    path = run.folder / WEIGHTS
    try:
        loop.load_state(model, read_tensors(path))
    except ShuziError as error:
        raise error if str(error).startswith(str(path)) else ShuziError(f"{path}: {error}") from error
    loop.place(model, device)
    return model


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read a safetensors file. Raises ShuziError if it is missing or damaged."""
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise ShuziError(f"{path}: missing; the run is incomplete, train it anew with --force") from error
    except (SafetensorError, OSError) as error:
        raise ShuziError(f"{path}: damaged ({error}); train the run anew with --force") from error


def contiguous(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Give tensors as safetensors wants them: on the CPU, contiguous, sharing no memory."""
    return {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in tensors.items()
    }


def metrics_csv(metrics: list[Epoch]) -> str:
    """Give the text of metrics.csv: a header, then a line an epoch; the curve's points are parted by spaces."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [item.name for item in dataclasses.fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    for epoch in metrics:
        writer.writerow(
            dataclasses.asdict(epoch) | {"curve": " ".join(f"{loss:.5f}" for loss in epoch.curve)}
        )
    return text.getvalue()


def read_metrics(path: Path) -> list[Epoch]:
    """Read metrics.csv. Raises ShuziError if it is missing or damaged."""
    try:
        with path.open(newline="") as file:
            return [
                Epoch(
                    epoch=int(row["epoch"]),
                    loss=float(row["loss"]),
                    accuracy=float(row["accuracy"]),
                    seconds=float(row["seconds"]),
                    images_per_second=float(row["images_per_second"]),
                    validation_accuracy=float(row["validation_accuracy"])
                    if row["validation_accuracy"]
                    else None,
                    curve=tuple(map(float, row["curve"].split())),
                )
                for row in csv.DictReader(file)
            ]
    except FileNotFoundError as error:
        raise ShuziError(f"{path}: missing; the run is incomplete, train it anew with --force") from error
    except Exception as error:  # whatever a damaged file makes of it
        raise ShuziError(f"{path}: damaged ({reason(error)}); train the run anew with --force") from error

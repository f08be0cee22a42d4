"""A run's folder: run.json (all settings and results), weights.safetensors and metrics.csv.

While it trains there is a checkpoint.safetensors too, and `run.json` says "unfinished". Nothing is pickled.
"""

import csv
import dataclasses
import io
import json
import platform
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

import shuzi
from shuzi.data.digits import Digits, load
from shuzi.errors import ShuziError
from shuzi.files import cannot_write, write_whole
from shuzi.train import fit as loop
from shuzi.train.evaluate import accuracy_interval, count_correct
from shuzi.train.fit import Epoch, OnStep, Settings, Training
from shuzi.train.recipes import Model, recipe

RUN, WEIGHTS, METRICS, CHECKPOINT = "run.json", "weights.safetensors", "metrics.csv", "checkpoint.safetensors"


@dataclass(frozen=True)
class Plan:
    """All that decides a run's weights, on one machine and thread count."""

    recipe: str
    settings: Settings
    data: str = "mnist"
    device: str = "auto"


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
    epoch: Callable[[Epoch], None] = lambda epoch: None


def train(
    plan: Plan,
    out: Path | None = None,
    root: Path | None = None,
    force: bool = False,
    data: tuple[Digits, Digits] | None = None,
    listener: Listener | None = None,
) -> Run:
    """Train a recipe, evaluate it once on the test set, and keep it as a run.

    Args:
        plan: what to train, on what, how.
        out: the run's folder; default the first free one of runs/RECIPE, runs/RECIPE-2, ...
        root: where named sets lie.
        force: replace an existing run. It is kept until the first epoch of the new one is done.
        data: training and test digits, if they are loaded already.
        listener: whom to tell.

    Raises:
        ShuziError: bad settings, data, device or folder, or the run is there and `force` is not.

    """
    recipe(plan.recipe)
    device = loop.pick_device(plan.device)
    folder = claim(out, plan.recipe, force)
    digits = data or load(plan.data, root)
    versions = {
        "shuzi": shuzi.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }
    run = Run(folder, plan, str(device), torch.get_num_threads(), versions, digits[0].sha256)
    return go_on(run, Training(recipe(plan.recipe), plan.settings, device), digits, listener or Listener())


def resume(
    folder: Path,
    root: Path | None = None,
    data: tuple[Digits, Digits] | None = None,
    listener: Listener | None = None,
) -> Run:
    """Take an interrupted run up at its last checkpoint; it ends with the weights it would have had.

    Raises:
        ShuziError: no such run, a finished or damaged one, or other data than it began with.

    """
    run = read(folder)
    if run.results is not None:
        raise ShuziError(
            f"{folder}: finished, {run.plan.settings.epochs} of {run.plan.settings.epochs} epochs; "
            "to train for longer start a new run with more --epochs"
        )
    digits = data or load(run.plan.data, root)
    if digits[0].sha256 != run.data_sha256:
        raise ShuziError(
            f"{folder}: began with data of SHA-256 {run.data_sha256}, {run.plan.data} now has {digits[0].sha256}; "
            "put the former data back or start a new run"
        )
    training = Training(recipe(run.plan.recipe), run.plan.settings, loop.pick_device(run.device))
    try:
        training.restore(read_tensors(folder / CHECKPOINT))
    except (KeyError, ValueError, RuntimeError) as error:
        raise ShuziError(
            f"{folder / CHECKPOINT}: not a checkpoint of {run.plan.recipe}; start a new run"
        ) from error
    torch.set_num_threads(run.threads)
    metrics = run.metrics[
        : training.epoch
    ]  # an epoch may have been noted just before its checkpoint was lost
    return go_on(dataclasses.replace(run, metrics=metrics), training, digits, listener or Listener())


def go_on(run: Run, training: Training, digits: tuple[Digits, Digits], listener: Listener) -> Run:
    """Train to the end, saving after each epoch, then test once and finish the folder."""
    train_digits, test_digits = digits
    held_out = run.plan.settings.validation
    if held_out >= len(train_digits):
        raise ShuziError(f"--validation {held_out}: the training set has only {len(train_digits):,} images")
    validation = train_digits.part(len(train_digits) - held_out, len(train_digits)) if held_out else None
    learnt = train_digits.part(0, len(train_digits) - held_out)
    listener.start(run, len(learnt))
    for epoch in loop.fit(training, learnt, validation, listener.step):
        run = dataclasses.replace(run, metrics=[*run.metrics, epoch])
        save_progress(run, training)
        listener.epoch(epoch)
    started = time.perf_counter()
    right = count_correct(
        loop.predict(training.result, test_digits, training.device).numpy(), test_digits.labels
    )
    results = Results(
        train_seconds=round(sum(epoch.seconds for epoch in run.metrics), 4),
        test_seconds=round(time.perf_counter() - started, 4),
        test_accuracy=right / len(test_digits),
        test_accuracy_interval=accuracy_interval(right, len(test_digits)),
    )
    run = dataclasses.replace(run, results=results)
    write_whole(run.folder / WEIGHTS, save(contiguous(training.result.state_dict())))
    write_whole(run.folder / RUN, json.dumps(run.to_json(), indent=2) + "\n")
    (run.folder / CHECKPOINT).unlink(missing_ok=True)
    return run


def claim(out: Path | None, recipe_name: str, force: bool) -> Path:
    """Give the folder for a new run, sure that it can be written and holds nothing of value.

    Raises:
        ShuziError: a run is there and `force` is not, something else is there, or it cannot be written.

    """
    if out is None:
        out, number = Path("runs") / recipe_name, 1
        while out.exists():
            number += 1
            out = Path("runs") / f"{recipe_name}-{number}"
    if out.exists() and not (out / RUN).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise ShuziError(f"{out}: exists and is no run of shuzi; choose another --out")
    if (out / RUN).is_file() and not force:
        raise ShuziError(f"{out}: a run is there already; give --force to replace it, or another --out")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise cannot_write(out, error) from error
    return out


def save_progress(run: Run, training: Training) -> None:
    """Save an epoch: the first makes the folder, whole, in place of what `claim` allowed to be there."""
    files: dict[str, bytes | str] = {
        METRICS: metrics_csv(run.metrics),
        CHECKPOINT: save(contiguous(training.state())),
    }
    if training.epoch > 1:
        for name, content in files.items():
            write_whole(run.folder / name, content)
        return
    files[RUN] = json.dumps(run.to_json(), indent=2) + "\n"
    part = run.folder.with_name(f".{run.folder.name}.part")
    try:
        shutil.rmtree(part, ignore_errors=True)
        for name, content in files.items():
            write_whole(part / name, content)
        if run.folder.exists():
            shutil.rmtree(run.folder)
        part.replace(run.folder)
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
        names = {item.name for item in dataclasses.fields(Settings)}
        plan = Plan(
            saved["recipe"], Settings(**{name: saved[name] for name in names}), saved["data"], saved["device"]
        )
        results = None
        if saved["state"] == "finished":
            low, high = saved["test_accuracy_interval"]
            results = Results(
                saved["train_seconds"], saved["test_seconds"], saved["test_accuracy"], (low, high)
            )
        return Run(
            folder,
            plan,
            saved["device"],
            saved["threads"],
            saved["versions"],
            saved["data_sha256"],
            results,
            read_metrics(folder / METRICS),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ShuziError(f"{path}: damaged ({error!r}); train the run anew with --force") from error


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
    """Give the text of metrics.csv: a header, then a line an epoch."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([item.name for item in dataclasses.fields(Epoch)])
    writer.writerows(dataclasses.astuple(epoch) for epoch in metrics)
    return text.getvalue()


def read_metrics(path: Path) -> list[Epoch]:
    """Read metrics.csv."""
    with path.open(newline="") as file:
        return [
            Epoch(
                int(row["epoch"]),
                float(row["loss"]),
                float(row["accuracy"]),
                float(row["seconds"]),
                float(row["images_per_second"]),
                float(row["validation_accuracy"]) if row["validation_accuracy"] else None,
            )
            for row in csv.DictReader(file)
        ]

"""Checkpoints: weights, moments, generators, and the texts of run.json and metrics.csv as they were then.

A checkpoint is one file, the old or the new one at any moment, and so is the run: where there is one, it counts,
whatever stands beside it. Nothing is pickled.
"""

import contextlib
import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open

from shuzi.errors import ShuziError
from shuzi.files import write_whole
from shuzi.train import fit_numpy
from shuzi.train.plan import loop_of
from shuzi.train.run import CHECKPOINT, DERIVED, HUB_FILES, METRICS, RUN_FILE, WEIGHTS, Run, metrics_csv
from shuzi.train.settings import kind

if TYPE_CHECKING:
    from shuzi.train import fit

    Training = fit.Training | fit_numpy.Training


def save_progress(run: Run, training: "Training", first: bool) -> None:
    """Save a checkpoint, and beside it what people look at; at the first one, clear away what was an old run's."""
    loop = loop_of(run.plan.recipe)
    tensors, metrics = loop.contiguous(training.state()), metrics_csv(run.metrics)
    beside = {"run": run.text(), "metrics": metrics}
    write_whole(run.folder / CHECKPOINT, loop.save(tensors, {**beside, "sha256": digest(tensors, beside)}))
    write_whole(run.folder / METRICS, metrics)
    if first:
        write_whole(run.folder / RUN_FILE, run.text())
        for name in (WEIGHTS, *DERIVED, *(HUB_FILES if (run.folder / HUB_FILES[0]).is_file() else ())):
            (run.folder / name).unlink(missing_ok=True)
        for name in ("pictures", "hub"):
            with contextlib.suppress(OSError):  # there is none, or something else is in it
                (run.folder / name).rmdir()


def digest(tensors: Mapping[str, Any], beside: dict[str, str]) -> str:
    """Give the SHA-256 of all that a checkpoint holds, but for the checksum itself."""
    total = hashlib.sha256()
    for name, text in sorted(beside.items()):
        if name != "sha256":
            total.update(f"{name} {len(text)} {text}".encode())
    for name, tensor in sorted(tensors.items()):
        total.update(f"{name} {kind(tensor)} ".encode())
        if not isinstance(tensor, np.ndarray):
            tensor = tensor.contiguous().flatten().view(sys.modules["torch"].uint8).numpy()
        total.update(tensor.reshape(-1).view(np.uint8).data)
    return total.hexdigest()


def read_checkpoint_metadata(checkpoint: Path) -> dict[str, str]:
    """Give the texts that a checkpoint holds: `run`, `metrics`, `sha256`. Raises ShuziError if it is damaged."""
    try:
        with safe_open(checkpoint, "np") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ShuziError(f"{checkpoint}: damaged ({error}); train the run anew with --force") from error


def read_checkpoint(run: Run) -> dict[str, Any]:
    """Give the tensors of a run's checkpoint, none where there is none. Raises ShuziError unless its checksum holds."""
    path = run.folder / CHECKPOINT
    if not path.exists():
        return {}
    tensors, texts = read_tensors(path, loop_of(run.plan.recipe)), read_checkpoint_metadata(path)
    if digest(tensors, texts) != texts.get("sha256"):
        raise ShuziError(f"{path}: damaged (its checksum differs); train the run anew with --force")
    return tensors


def read_tensors(path: Path, loop: Any) -> dict[str, Any]:  # noqa: ANN401
    """Read a safetensors file as the loop takes it. Raises ShuziError if it is missing or damaged."""
    try:
        tensors: dict[str, Any] = loop.load_file(path)
    except FileNotFoundError as error:
        raise ShuziError(f"{path}: missing; the run is incomplete, train it anew with --force") from error
    except (SafetensorError, OSError) as error:
        raise ShuziError(f"{path}: damaged ({error}); train the run anew with --force") from error
    return tensors

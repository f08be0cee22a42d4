"""Checkpoints: weights, moments, generators, and the texts of run.json and metrics.csv as they were then.

A checkpoint is one file, at any moment the old or the new one. While a run has one, it counts, whatever run.json and
metrics.csv say. Nothing is pickled.
"""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import numpy as numpy_tensors
from safetensors import safe_open

from shuzi.errors import ShuziError, needs
from shuzi.files import write_whole
from shuzi.network import HUB_CONFIG, HUB_MODEL, HUB_WEIGHTS
from shuzi.train.fit import Arrays, TrainingLoop
from shuzi.train.run import CHECKPOINT, METRICS, RUN_FILE, WEIGHTS, Run, damage_as_error, metrics_csv
from shuzi.train.settings import NUMPY

# What `shuzi export` and `shuzi show` make from a finished run; another run that replaces it removes them.
DERIVED = (
    "model.onnx",
    "model-int8.onnx",
    *(f"pictures/{name}.png" for name in ("templates", "learning-curve", "confusion", "mistakes")),
)
# Likewise of `shuzi export --to hub`; removed only if the first of them is there.
HUB_FILES = [f"hub/{name}" for name in (HUB_CONFIG, HUB_MODEL, HUB_WEIGHTS, "README.md")]


def save_progress(run: Run, training: TrainingLoop, first: bool) -> None:
    """Save a checkpoint, run.json and metrics.csv; with the first checkpoint, delete the files of an old run."""
    tensors, metrics = training.state(), metrics_csv(run.metrics)
    texts = {"run": run.text(), "metrics": metrics}
    write_whole(run.folder / CHECKPOINT, save_tensors(tensors, {**texts, "sha256": digest(tensors, texts)}))
    write_whole(run.folder / METRICS, metrics)
    if first:
        write_whole(run.folder / RUN_FILE, run.text())
        for name in (WEIGHTS, *DERIVED, *(HUB_FILES if (run.folder / HUB_FILES[0]).is_file() else ())):
            (run.folder / name).unlink(missing_ok=True)
        for name in ("pictures", "hub"):
            with contextlib.suppress(OSError):  # there is none, or something else is in it
                (run.folder / name).rmdir()


def digest(tensors: Arrays, texts: dict[str, str]) -> str:
    """Compute the SHA-256 of all that a checkpoint holds, without the checksum itself."""
    others = sorted((name, text) for name, text in texts.items() if name != "sha256")
    return hashlib.sha256(json.dumps(others).encode() + save_tensors(tensors)).hexdigest()


def read_checkpoint_metadata(checkpoint: Path) -> dict[str, str]:
    """Read the texts of a checkpoint: `run`, `metrics`, `sha256`. Raises ShuziError if it is damaged."""
    with damage_as_error(checkpoint), safe_open(checkpoint, "np") as file:
        return file.metadata() or {}


def read_checkpoint(run: Run) -> dict[str, Any]:
    """Read the tensors of a run's checkpoint; none if it has none. Raises ShuziError unless its checksum holds."""
    path = run.folder / CHECKPOINT
    if not path.exists():
        return {}
    tensors = read_tensors(path, run.plan.recipe)
    texts = read_checkpoint_metadata(path)
    if digest(tensors, texts) != texts.get("sha256"):
        raise ShuziError(
            f"{path}: damaged, or of another version of shuzi (its checksum differs); train the run again with --force"
        )
    return tensors


def save_tensors(tensors: Arrays, texts: dict[str, str] | None = None) -> bytes:
    """Return the bytes of a safetensors file."""
    in_numpy = all(isinstance(each, np.ndarray) for each in tensors.values())
    library = numpy_tensors if in_numpy else needs("train", "safetensors.torch")
    return library.save(dict(tensors), texts)


def read_tensors(path: Path, recipe_name: str) -> dict[str, Any]:
    """Read a safetensors file as a recipe takes it, in numpy or in torch. Raises ShuziError if missing or damaged."""
    with damage_as_error(path), safe_open(path, "np" if recipe_name == NUMPY else "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118

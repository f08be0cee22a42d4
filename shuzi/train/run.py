"""A run: its plan, results and metrics, and how they are written in run.json and metrics.csv."""

import contextlib
import csv
import dataclasses
import io
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shuzi.errors import ShuziError
from shuzi.train.plan import Plan
from shuzi.train.settings import Epoch, Settings

MOST_THREADS = 1024  # a damaged file may name more, and with far more torch ends the process
RUN_FILE, METRICS = "run.json", "metrics.csv"
WEIGHTS, CHECKPOINT = "weights.safetensors", "checkpoint.safetensors"


@dataclass(frozen=True)
class Results:
    """What a finished run measured: the test set evaluated once, at the end."""

    train_seconds: float
    test_seconds: float
    test_accuracy: float
    test_accuracy_interval: tuple[float, float]


@dataclass(frozen=True, repr=False)
class Run:
    """A run, as its folder records it.

    recipe: the fields of its recipe; ranks: the processes that trained it; results: None while it is unfinished,
    and on ranks above 0; split: the rule that split its data into training and test, None in files of an older shuzi.
    """

    folder: Path
    plan: Plan
    device: str
    threads: int
    versions: dict[str, str]
    data_sha256: str
    recipe: dict[str, str]
    results: Results | None = None
    metrics: list[Epoch] = field(default_factory=list)
    ranks: int = 1
    split: str | None = None

    def __repr__(self) -> str:
        ended = "unfinished" if self.results is None else f"test accuracy {self.results.test_accuracy:.4f}"
        return f"{self.plan.recipe} on {self.plan.data}, {len(self.metrics)} epochs, {ended}"

    def _repr_html_(self) -> str:
        from shuzi.display import table

        def text(value: float | None) -> str:
            return "" if value is None else f"{value:.4f}"

        columns = 4 if self.plan.settings.validation else 3
        rows = [
            (each.epoch, text(each.loss), text(each.accuracy), text(each.validation_accuracy))[:columns]
            for each in self.metrics
        ]
        return table(("epoch", "loss", "training accuracy", "validation")[:columns], rows, repr(self))

    def to_json(self) -> dict[str, Any]:
        """Return the object of run.json and of `shuzi train --json`."""
        settings = dataclasses.asdict(self.plan.settings)
        return {
            "run": str(self.folder),
            "state": "unfinished" if self.results is None else "finished",
            "recipe": self.plan.recipe,
            "data": self.plan.data,
            "start": self.plan.start,
            **({"skip_blank": True} if self.plan.skip_blank else {}),
            **({"labels": self.plan.labels} if self.plan.labels else {}),
            **settings,
            "device": self.device,
            "ranks": self.ranks,
            "threads": self.threads,
            "versions": self.versions,
            "data_sha256": self.data_sha256,
            "split": self.split,
            "made_of": self.recipe,
            **({} if self.results is None else dataclasses.asdict(self.results)),
        }

    def text(self) -> str:
        """Return the text of run.json."""
        return json.dumps(self.to_json(), indent=2) + "\n"

    @classmethod
    def from_text(cls, folder: Path, path: Path, text: str) -> "Run":
        """Parse the text of `text` as a folder's run. Raises ShuziError, naming the path, if it is anything else."""
        with damage_as_error(path):
            saved = json.loads(text)
            settings = Settings(*(saved[each.name] for each in dataclasses.fields(Settings)))
            start = None if saved["start"] is None else str(saved["start"])
            plan = Plan(
                str(saved["recipe"]), settings, str(saved["data"]), str(saved["device"]), start,
                bool(saved.get("skip_blank", False)), saved.get("labels"),
            )  # fmt: skip
            if not 1 <= (threads := int(saved["threads"])) <= MOST_THREADS:
                raise ValueError(f"threads {threads}, expected 1 to {MOST_THREADS}")
            results = None
            if saved["state"] == "finished":
                low, high = map(float, saved["test_accuracy_interval"])
                results = Results(
                    float(saved["train_seconds"]), float(saved["test_seconds"]),
                    float(saved["test_accuracy"]), (low, high),
                )  # fmt: skip
            return cls(
                folder, plan, plan.device, threads, dict(saved["versions"]), saved["data_sha256"],
                dict(saved.get("made_of", {})), results, ranks=int(saved.get("ranks", 1)),
                split=saved.get("split"),
            )  # fmt: skip


def resume_command(run: Run) -> str:
    """Return the command that resumes a run."""
    own_recipe = f"{run.plan.recipe} " if ":" in run.plan.recipe else ""
    return f"shuzi train {own_recipe}--resume {shlex.quote(str(run.folder))}"


def show_command(run: Run) -> str:
    """Return the command that draws a run."""
    own_recipe = f" --recipe {run.plan.recipe}" if ":" in run.plan.recipe else ""
    return f"shuzi show {shlex.quote(str(run.folder))}{own_recipe}"


@contextlib.contextmanager
def damage_as_error(path: Path) -> Iterator[None]:
    """Turn whatever a missing or damaged file of a run raises into ShuziError."""
    try:
        yield
    except ImportError:  # safetensors needs torch for tensors of torch
        raise
    except FileNotFoundError as error:
        raise ShuziError(f"{path}: missing; the run is incomplete, train it again with --force") from error
    except Exception as error:
        raise ShuziError(f"{path}: damaged ({reason(error)}); train the run again with --force") from error


def reason(error: Exception) -> str:
    """Say why a file can't be parsed."""
    return f"no {error} in it" if isinstance(error, KeyError) else str(error)


def metrics_csv(metrics: list[Epoch]) -> str:
    """Write the text of metrics.csv: a header, then one line per epoch; spaces separate the curve's points."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [item.name for item in dataclasses.fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    for epoch in metrics:
        writer.writerow(dataclasses.asdict(epoch) | {"curve": " ".join(f"{loss:.5f}" for loss in epoch.curve)})
    return text.getvalue()


def parse_metrics(path: Path, text: str) -> list[Epoch]:
    """Parse the text of `metrics_csv`. Raises ShuziError, naming the path, if it is anything else."""
    with damage_as_error(path):
        return [
            Epoch(
                epoch=int(row["epoch"]),
                loss=float(row["loss"]),
                accuracy=float(row["accuracy"]) if row["accuracy"] else None,
                seconds=float(row["seconds"]),
                images_per_second=float(row["images_per_second"]),
                validation_accuracy=float(row["validation_accuracy"]) if row["validation_accuracy"] else None,
                curve=tuple(map(float, row["curve"].split())),
            )
            for row in csv.DictReader(io.StringIO(text))
        ]

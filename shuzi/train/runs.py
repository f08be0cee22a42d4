"""A run's folder: run.json (all settings and results), weights.safetensors and metrics.csv.

While it trains there is a checkpoint.safetensors instead of weights, and run.json says "unfinished". A checkpoint holds
all that goes on from it: weights, moments, generators, and the texts of run.json and metrics.csv as they were then.
As one file it is the old or the new one at any moment, and so is the run: where there is one, it counts, whatever
stands beside it. Nothing is pickled.
"""

import contextlib
import csv
import dataclasses
import hashlib
import io
import itertools
import json
import logging
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open

import shuzi
from shuzi import version
from shuzi.data import own
from shuzi.data.digits import CLASSES, Digits
from shuzi.data.sources import SOURCES, NewProgress
from shuzi.errors import ShuziError, Stopped, needs
from shuzi.evaluate.figures import Evaluation, accuracy_interval, evaluate
from shuzi.files import cannot_write, sweep, write_whole
from shuzi.network import HUB_CONFIG, HUB_MODEL, HUB_WEIGHTS, softmax
from shuzi.train import fit_numpy, held_out
from shuzi.train.fit_numpy import NUMPY
from shuzi.train.listener import Listener, in_notebook
from shuzi.train.ranks import lost, ranks
from shuzi.train.settings import Epoch, Settings, kind

if TYPE_CHECKING:
    import onnx
    import torch

    from shuzi.evaluate.measure import Network
    from shuzi.train import fit
    from shuzi.train.recipes import Model, Recipe

    Training = fit.Training | fit_numpy.Training

# The shipped reader's weights as they were learnt, before they were rounded to 8 bits.
READER = Path(__file__).parent / "weights" / "best.onnx"
logger = logging.getLogger(__name__)

PAUSE = 120  # seconds of an epoch between its checkpoints
MOST_THREADS = 1024  # more are no run's, and torch ends the process at some number
LEAST_OWN = 4_000  # images an epoch of one's own pictures goes through, each as often as that takes
# From weights that are good already: so many epochs, at that share of the rate.
FURTHER_EPOCHS, FURTHER_LR = 4, 0.05
RUN, WEIGHTS, METRICS, CHECKPOINT = "run.json", "weights.safetensors", "metrics.csv", "checkpoint.safetensors"
# What is made of a finished run, of no use beside another's weights: by `shuzi export` and by `shuzi show`.
MADE_OF_IT = (
    "model.onnx",
    "model-int8.onnx",
    *(f"pictures/{name}.png" for name in ("templates", "learning-curve", "confusion", "mistakes")),
)
# So too, where the first is there.
HUB = [f"hub/{name}" for name in (HUB_CONFIG, HUB_MODEL, HUB_WEIGHTS, "README.md")]


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
    recipe_name: str = NUMPY,
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


def started(plan: Plan, epochs: int | None, lr: float | None) -> str:
    """Say what a start from given weights changes of what a recipe sets, where a person has not set it; else ""."""
    if plan.start is None or None not in (epochs, lr):
        return ""
    changed = "trains"
    if epochs is None:
        changed += f" {plan.settings.epochs} epochs"
    if lr is None:
        changed += f" at {FURTHER_LR:g} of the recipe's rate, {plan.settings.lr:g}"
    return f"--start {plan.start}: {changed}; --epochs and --lr set others"


def loop_of(recipe_name: str) -> Any:  # noqa: ANN401
    """Give the module that trains a recipe: `fit`, or for softmax-numpy `fit_numpy`, which needs no torch."""
    return fit_numpy if recipe_name == NUMPY else needs("train", "shuzi.train.fit")


def recipe(name: str) -> "Recipe | fit_numpy.Recipe":
    """Give a recipe by name. Raises ShuziError, naming those there are, if it is none of them."""
    if name == NUMPY:
        return fit_numpy.RECIPE
    found: Recipe = needs("train", "shuzi.train.recipes").recipe(name)
    return found


def recipe_of(plan: Plan) -> "Recipe | fit_numpy.Recipe":
    """Give a plan's recipe.

    From weights that are good already there is one cycle, and to what is no digit no digits of ours are joined.
    """
    known = recipe(plan.recipe)
    if isinstance(known, fit_numpy.Recipe):
        return known
    if plan.start is not None:
        known = dataclasses.replace(known, again=None)
    if plan.data in SOURCES and not SOURCES[plan.data].digits:
        known = dataclasses.replace(known, extend=None)
    return known


def described(known: "Recipe | fit_numpy.Recipe") -> dict[str, str]:
    """Say what a recipe is made of, field by field but for those that a person may set."""
    fields = (each.name for each in dataclasses.fields(known))
    return {
        name: told(getattr(known, name))
        for name in fields
        if name not in ("summary", "epochs", "batch_size", "lr")
    }


def told(value: Any) -> str:  # noqa: ANN401
    """Say what a value of a recipe is: a function by its name and settings, all else as Python writes it."""
    value = getattr(value, "__wrapped__", value)  # of a recipe's function that is checked at each call
    if isinstance(value, partial):
        settings = [
            *map(told, value.args),
            *(f"{name}={told(each)}" for name, each in value.keywords.items()),
        ]
        return f"{told(value.func)}({', '.join(settings)})"
    if getattr(value, "__name__", "") == "<lambda>":
        return ".".join(value.__code__.co_names)
    return str(getattr(value, "__qualname__", repr(value)))


def first_weights(start: str, loop: Any) -> dict[str, Any]:  # noqa: ANN401
    """Give the weights to begin with: of the shipped reader, an ONNX file, a run's folder, or one for the hub.

    Raises:
        ShuziError: there is no such thing, or it is damaged.
    """
    if start == "reader" or start.endswith(".onnx"):
        return weights_of(READER if start == "reader" else Path(start))
    if (Path(start) / HUB_CONFIG).is_file():
        return read_tensors(Path(start) / HUB_WEIGHTS, loop)
    return read_tensors(stored(Path(start)).folder / WEIGHTS, loop)


def weights_of(path: Path) -> "dict[str, torch.Tensor]":
    """Give the weights in an ONNX file that `export` wrote, by their names in the model.

    Raises:
        ShuziError: the file is missing, or no ONNX network.
    """
    import onnx
    import torch

    graph = onnx_model(path).graph
    found = {
        each.name.partition(".")[2]: torch.from_numpy(onnx.numpy_helper.to_array(each).copy())
        for each in graph.initializer
        if each.name.startswith(("network.", "finder."))
    }
    if not found or any(each.name.endswith("_quantized") for each in graph.initializer):
        raise ShuziError(
            f"{path}: holds no weights to start from, or rounded ones; make it anew with shuzi export, without --int8"
        )
    # batch norm counts its batches, and an ONNX network has no use for that
    counters = {
        name.replace("running_mean", "num_batches_tracked") for name in found if "running_mean" in name
    }
    return found | dict.fromkeys(counters, torch.tensor(0))


def onnx_model(path: Path) -> "onnx.ModelProto":
    """Read an ONNX file. Raises ShuziError if it is missing, or no ONNX network."""
    import onnx

    try:
        return onnx.load(path)
    except FileNotFoundError:
        raise ShuziError(f"{path}: no such file; training starts from what shuzi export wrote") from None
    except Exception as error:  # onnx and protobuf raise several kinds, all meaning that it can't be read
        raise ShuziError(
            f"{path}: no ONNX network, or a damaged one; make it anew with shuzi export"
        ) from error


def learnt_before(start: str) -> "held_out.Learnt | None":
    """Give what the weights to begin with have learnt from; None if they don't record it. Errors as `first_weights`."""
    if start == "reader" or start.endswith(".onnx"):
        model = onnx_model(READER if start == "reader" else Path(start))
        about = {entry.key: entry.value for entry in model.metadata_props}
        return held_out.Learnt.from_text(about.get(held_out.RECORD, ""))
    if (config := Path(start) / HUB_CONFIG).is_file():
        return held_out.Learnt.from_config(text_of(config))
    return held_out.learnt_by(stored(Path(start)))


@dataclass(frozen=True)
class Results:
    """What a finished run measured: the test set evaluated once, at the end."""

    train_seconds: float
    test_seconds: float
    test_accuracy: float
    test_accuracy_interval: tuple[float, float]


@dataclass(frozen=True, repr=False)
class Run:
    """A run as its folder tells it.

    recipe: what its recipe was made of; ranks: the processes that trained it; results: None while it is unfinished,
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
        rows = [
            (
                each.epoch,
                f"{each.loss:.4f}",
                "" if each.accuracy is None else f"{each.accuracy:.4f}",
                *([] if each.validation_accuracy is None else [f"{each.validation_accuracy:.4f}"]),
            )
            for each in self.metrics
        ]
        header = (
            "epoch",
            "loss",
            "training accuracy",
            *(["validation"] if self.plan.settings.validation else []),
        )
        from shuzi.display import table

        return table(header, rows, repr(self))

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
            "ranks": self.ranks,
            "threads": self.threads,
            "versions": self.versions,
            "data_sha256": self.data_sha256,
            "split": self.split,
            "made_of": self.recipe,
            **({} if self.results is None else dataclasses.asdict(self.results)),
        }

    def text(self) -> str:
        """Give what run.json holds."""
        return json.dumps(self.to_json(), indent=2) + "\n"


def train(
    plan: Plan,
    out: Path | None = None,
    root: Path | None = None,
    force: bool = False,
    progress: NewProgress | None = None,
    listener: Listener | None = None,
) -> Run:
    """Train a recipe, evaluate it once on the test set, and keep it as a run.

    In a process group of torch's all ranks train together; rank 0 alone tests, writes and tells.

    Args:
        plan: what to train, on what, how.
        out: the run's folder; default the first free one of runs/RECIPE, runs/RECIPE-2, ...
        root: where named sets lie.
        force: replace an existing run, which is kept until the new one has its first checkpoint.
        progress: makes a progress display for downloads; default none.
        listener: whom to tell how training goes; default nobody.

    Raises:
        ShuziError: bad settings, data, device or folder, or the run is there and `force` is not.
        Stopped: Ctrl-C; the last checkpoint is kept.
    """
    recipe(plan.recipe)
    device = loop_of(plan.recipe).pick_device(plan.device)
    among = ranks()
    with claimed(out, plan.recipe, force) if among.first else contextlib.nullcontext(Path()) as folder:
        digits = shuzi.load(plan.data, root, progress)
        if plan.start is not None:
            held_out.check_start(plan, learnt_before(plan.start), digits[0])
        training = begun(plan, device)
        versions = {
            "shuzi": version.full(),
            "python": platform.python_version(),
            "numpy": np.__version__,
            **training.versions,
        }
        made_of = described(training.recipe)
        run = Run(
            folder, plan, str(device), training.threads, versions, digits[0].sha256, made_of, ranks=among.size,
            split=held_out.split_of(plan.data),
        )  # fmt: skip
        with entered(run, force) if among.first else contextlib.nullcontext():
            return go_on(run, training, digits, listener or in_notebook())


def begun(plan: Plan, device: Any, threads: int | None = None) -> "Training":  # noqa: ANN401
    """Give a plan's training before its first step."""
    training: Training = loop_of(plan.recipe).Training(recipe_of(plan), plan.settings, device, threads)
    if plan.start is not None:
        training.begin(first_weights(plan.start, loop_of(plan.recipe)))
    return training


def resume(
    folder: Path,
    root: Path | None = None,
    progress: NewProgress | None = None,
    listener: Listener | None = None,
    recipe_name: str | None = None,
) -> Run:
    """Take an interrupted run up at its last checkpoint, or from its start if it has none yet.

    It ends with the weights it would have had. A recipe of one's own is named again, as `read` has it.

    Raises:
        ShuziError: no such run, a finished or damaged one, or other data or another recipe than it began with.
        Stopped: Ctrl-C; the last checkpoint is kept.
    """
    among = ranks()
    run = among.from_first(lambda: read(folder, recipe_name))
    epochs = run.plan.settings.epochs
    if run.results is not None:
        raise ShuziError(
            f"{folder}: finished, {epochs} of {epochs} epochs; to train for longer start a new run"
        )
    tensors = among.from_first(lambda: checkpoint_of(run))  # whole, before a word of it is believed
    today = described(recipe_of(run.plan))
    for name in (*run.recipe, *today):
        began, now = (each.get(name, "not there") for each in (run.recipe, today))
        if began != now:
            raise ShuziError(
                f"{folder}: began when the {name} of {run.plan.recipe} was {began}, now it is {now}; "
                f"go back to shuzi {run.versions.get('shuzi', 'of then')} or start a new run"
            )
    digits = held_out.load_for(run, None, root, progress)
    threads = run.threads if among.size == run.ranks else None
    training = begun(run.plan, loop_of(run.plan.recipe).pick_device(run.device), threads)
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
    return go_on(run, training, digits, listener or in_notebook())


def go_on(run: Run, training: "Training", digits: tuple[Digits, Digits], listener: Listener) -> Run:
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
    kept = saved(run, training.step) if (run.folder / CHECKPOINT).exists() else ""
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
            kept = saved(run, training.step)  # and so may be said to be
            if epoch is not None:
                logger.info("%s: epoch %d ended with a loss of %.4f", run.folder, epoch.epoch, epoch.loss)
                listener.epoch(run)
        if not among.first:
            return run
        started = time.perf_counter()
        right, count = loop.judged(training.recipe, training.result, digits[1], training.device)
        run = dataclasses.replace(run, results=measured(run, right, count, time.perf_counter() - started))
        finish(run, training)
    except KeyboardInterrupt:
        raise Stopped(among.tell(f"stopped{left(run, kept)}")) from None
    except RuntimeError as error:
        if not lost(error):
            raise
        raise ShuziError(among.tell(f"another process of this training was lost{left(run, kept)}")) from error
    return run


def left(run: Run, kept: str) -> str:
    """Say what is left of a run that didn't come to its end."""
    if not kept:
        return " before anything was kept; nothing was written"
    return f"; {kept} kept, go on with: {to_resume(run)}"


def to_resume(run: Run) -> str:
    """Give the command that goes on with a run."""
    own_recipe = f"{run.plan.recipe} " if ":" in run.plan.recipe else ""
    return f"shuzi train {own_recipe}--resume {run.folder}"


def to_show(run: Run) -> str:
    """Give the command that draws a run."""
    own_recipe = f" --recipe {run.plan.recipe}" if ":" in run.plan.recipe else ""
    return f"shuzi show {run.folder}{own_recipe}"


def saved(run: Run, step: int) -> str:
    """Say how far a checkpoint of a run goes."""
    epochs = f"epochs 1 to {len(run.metrics)}" if run.metrics else ""
    steps = f"{step:,} steps of epoch {len(run.metrics) + 1}" if step else ""
    return f"{' and '.join(filter(None, (epochs, steps)))} are"


def measured(run: Run, right: int, count: int, test_seconds: float) -> Results:
    """Give a run's results from how many of the test set it has right."""
    return Results(
        train_seconds=round(sum(epoch.seconds for epoch in run.metrics), 4),
        test_seconds=round(test_seconds, 4),
        test_accuracy=right / count,
        test_accuracy_interval=accuracy_interval(right, count),
    )


def finish(run: Run, training: "Training") -> None:
    """Write the weights, then the results; the run is finished once its checkpoint is gone."""
    loop = loop_of(run.plan.recipe)
    write_whole(run.folder / WEIGHTS, loop.save(loop.contiguous(training.result.state_dict())))
    write_whole(run.folder / RUN, run.text())
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
    progress: NewProgress | None = None,
    recipe_name: str | None = None,
) -> Tested:
    """Evaluate a finished run on the test digits of a set, by default its own.

    A recipe of one's own is named again, as `read` has it.

    Raises:
        ShuziError: no such run, unfinished or damaged; bad data or device; its own data changed since, or a recipe
            of one's own that was not named.
    """
    run, trained, logits = opened(folder, device, recipe_name)
    digits = held_out.load_for(run, data, root, progress)[1]
    return Tested(run, trained, digits, evaluate(softmax(logits(digits)[:, :CLASSES]), digits.labels))


def opened(
    folder: Path, device: str, recipe_name: str | None
) -> "tuple[Run, Model | fit_numpy.Linear, Callable[[Digits], np.ndarray]]":
    """Give a finished run, its model, and what makes logits (N, 10 or 11) of digits with it."""
    run = read(folder, recipe_name)
    loop = loop_of(run.plan.recipe)
    place = loop.pick_device(device)
    if loop is fit_numpy:
        linear = loaded(run, fit_numpy.Linear.empty())
        return run, linear, lambda digits: fit_numpy.predict(linear, digits)
    trained = model(run, place)
    build = needs("train", "shuzi.train.recipes").recipe(run.plan.recipe).build

    def logits(digits: Digits) -> np.ndarray:
        with loop.guard(build):
            return np.asarray(loop.predict(trained, digits, place))

    return run, trained, logits


def network(folder: Path, device: str = "auto", recipe_name: str | None = None) -> "Network":
    """Give a finished run as a network to measure. Raises ShuziError as `evaluate_run` does."""
    from shuzi.evaluate.measure import Network

    run, _, logits = opened(folder, device, recipe_name)

    def score(images: np.ndarray) -> np.ndarray:
        return softmax(logits(Digits(images, np.zeros(len(images), np.uint8))))

    return Network(score, run.plan.data, load=partial(held_out.load_for, run))


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
        if is_run(out):
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
    name = recipe_name.replace(":", "-")  # of module:name; Windows has no colons in names
    for number in itertools.count(1):
        folder = Path("runs", name if number == 1 else f"{name}-{number}")
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


@contextlib.contextmanager
def entered(run: Run, force: bool) -> Iterator[None]:
    """Put run.json into a new run's folder, so that nobody else begins one there; take it away if nothing was kept.

    A run that is to be replaced by force is left as it is for now.

    Raises:
        ShuziError: another run was begun there meanwhile.
    """
    if force and is_run(run.folder):
        sweep(run.folder)
        yield
        return
    try:
        with (run.folder / RUN).open("x") as file:
            file.write(run.text())
    except FileExistsError:
        raise ShuziError(
            f"{run.folder}: another run was begun there meanwhile; choose another --out"
        ) from None
    except OSError as error:
        (run.folder / RUN).unlink(missing_ok=True)
        raise cannot_write(run.folder / RUN, error) from error
    try:
        yield
    except BaseException:
        if not (run.folder / CHECKPOINT).exists():
            (run.folder / RUN).unlink(missing_ok=True)
        raise


def is_run(folder: Path) -> bool:
    """Say whether a run is in a folder."""
    return (folder / RUN).is_file() or (folder / CHECKPOINT).is_file()


def save_progress(run: Run, training: "Training", first: bool) -> None:
    """Save a checkpoint, and beside it what people look at; at the first one, clear away what was an old run's."""
    loop = loop_of(run.plan.recipe)
    tensors, metrics = loop.contiguous(training.state()), metrics_csv(run.metrics)
    beside = {"run": run.text(), "metrics": metrics}
    write_whole(run.folder / CHECKPOINT, loop.save(tensors, {**beside, "sha256": digest(tensors, beside)}))
    write_whole(run.folder / METRICS, metrics)
    if first:
        write_whole(run.folder / RUN, run.text())
        for name in (WEIGHTS, *MADE_OF_IT, *(HUB if (run.folder / HUB[0]).is_file() else ())):
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


def told_by(checkpoint: Path) -> dict[str, str]:
    """Give the texts that a checkpoint holds: `run`, `metrics`, `sha256`. Raises ShuziError if it is damaged."""
    try:
        with safe_open(checkpoint, "np") as file:
            return file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ShuziError(f"{checkpoint}: damaged ({error}); train the run anew with --force") from error


def checkpoint_of(run: Run) -> dict[str, Any]:
    """Give the tensors of a run's checkpoint, none where there is none. Raises ShuziError unless its checksum holds."""
    path = run.folder / CHECKPOINT
    if not path.exists():
        return {}
    tensors, texts = read_tensors(path, loop_of(run.plan.recipe)), told_by(path)
    if digest(tensors, texts) != texts.get("sha256"):
        raise ShuziError(f"{path}: damaged (its checksum differs); train the run anew with --force")
    return tensors


def read(folder: Path, recipe_name: str | None = None) -> Run:
    """Read a run's folder.

    Args:
        folder: the run's.
        recipe_name: its recipe. One of your own, module:name, has to be named: to import a module is to run its code,
            and a folder that came from somebody else may name any.

    Raises:
        ShuziError: no run is there, its files are damaged, or its recipe is module:name and was not named.
    """
    run = stored(folder)
    if recipe_name is not None:
        return dataclasses.replace(run, plan=dataclasses.replace(run.plan, recipe=recipe_name))
    if ":" in run.plan.recipe:
        raise ShuziError(
            f"{folder}: was trained by {run.plan.recipe}, which is code outside shuzi. If you trust it, name it "
            f"with --recipe {run.plan.recipe}, or to go on training: {to_resume(run)}"
        )
    return run


def stored(folder: Path) -> Run:
    """Give the run that a folder holds, whatever its recipe is called. Raises ShuziError if it holds none."""
    if not is_run(folder):
        raise ShuziError(f"{folder}: no run is there (no {RUN}); make one with: shuzi train --out {folder}")
    if (folder / CHECKPOINT).exists():
        texts = told_by(folder / CHECKPOINT)
        run = parse(folder, folder / CHECKPOINT, texts.get("run", ""))
        metrics = parse_metrics(folder / CHECKPOINT, texts.get("metrics", ""))
        return dataclasses.replace(run, results=None, metrics=metrics)
    run = parse(folder, folder / RUN, text_of(folder / RUN))
    if run.results is None:
        return run
    metrics = parse_metrics(folder / METRICS, text_of(folder / METRICS))
    if len(metrics) != run.plan.settings.epochs:
        raise ShuziError(
            f"{folder / METRICS}: has {len(metrics)} epochs, expected {run.plan.settings.epochs}; "
            "train the run anew with --force"
        )
    return dataclasses.replace(run, metrics=metrics)


def text_of(path: Path) -> str:
    """Read a text file of a run. Raises ShuziError if it is missing or no text."""
    try:
        return path.read_text()
    except FileNotFoundError as error:
        raise ShuziError(f"{path}: missing; the run is incomplete, train it anew with --force") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ShuziError(f"{path}: damaged ({error}); train the run anew with --force") from error


def parse(folder: Path, path: Path, text: str) -> Run:
    """Give the run of a folder from what `Run.text` gave. Raises ShuziError, naming the path, if it isn't that."""
    try:
        saved = json.loads(text)
        settings = Settings(
            int(saved["epochs"]), int(saved["batch_size"]), float(saved["lr"]),
            int(saved["seed"]), int(saved["validation"]),
        )  # fmt: skip
        start = None if saved["start"] is None else str(saved["start"])
        plan = Plan(str(saved["recipe"]), settings, str(saved["data"]), str(saved["device"]), start)
        if not 1 <= (threads := int(saved["threads"])) <= MOST_THREADS:
            raise ValueError(f"threads {threads}, expected 1 to {MOST_THREADS}")
        results = None
        if saved["state"] == "finished":
            low, high = map(float, saved["test_accuracy_interval"])
            results = Results(
                float(saved["train_seconds"]), float(saved["test_seconds"]),
                float(saved["test_accuracy"]), (low, high),
            )  # fmt: skip
        return Run(
            folder, plan, plan.device, threads, dict(saved["versions"]), saved["data_sha256"],
            dict(saved.get("made_of", {})), results, ranks=int(saved.get("ranks", 1)),
            split=saved.get("split"),
        )  # fmt: skip
    except Exception as error:  # whatever a damaged file makes of it
        raise ShuziError(f"{path}: damaged ({reason(error)}); train the run anew with --force") from error


def reason(error: Exception) -> str:
    """Say what kept a file from being understood."""
    return f"no {error} in it" if isinstance(error, KeyError) else str(error)


def model(run: Run, device: "torch.device") -> "Model":
    """Give a finished run's model with its weights, in torch.

    Raises:
        ShuziError: the run is unfinished, or its weights are missing, truncated or of other shapes.
    """
    import torch

    from shuzi.train import fit
    from shuzi.train.recipes import recipe

    model = loaded(run, recipe(run.plan.recipe).build(torch.Generator().manual_seed(0)))
    fit.place(model, device)
    return model


def loaded(run: Run, model: Any) -> Any:  # noqa: ANN401
    """Give a finished run's weights to its model. Raises ShuziError as `model` does."""
    if run.results is None:
        raise ShuziError(f"{run.folder}: unfinished; go on with: {to_resume(run)}")
    loop = fit_numpy if isinstance(model, fit_numpy.Linear) else needs("train", "shuzi.train.fit")
    path = run.folder / WEIGHTS
    try:
        loop.load_state(model, read_tensors(path, loop))
    except ShuziError as error:
        raise error if str(error).startswith(str(path)) else ShuziError(f"{path}: {error}") from error
    return model


def read_tensors(path: Path, loop: Any) -> dict[str, Any]:  # noqa: ANN401
    """Read a safetensors file as the loop takes it. Raises ShuziError if it is missing or damaged."""
    try:
        tensors: dict[str, Any] = loop.load_file(path)
    except FileNotFoundError as error:
        raise ShuziError(f"{path}: missing; the run is incomplete, train it anew with --force") from error
    except (SafetensorError, OSError) as error:
        raise ShuziError(f"{path}: damaged ({error}); train the run anew with --force") from error
    return tensors


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


def parse_metrics(path: Path, text: str) -> list[Epoch]:
    """Give the epochs from what `metrics_csv` gave. Raises ShuziError, naming the path, if it isn't that."""
    try:
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
    except Exception as error:  # whatever a damaged file makes of it
        raise ShuziError(f"{path}: damaged ({reason(error)}); train the run anew with --force") from error

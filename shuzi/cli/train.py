"""`shuzi train`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from shuzi.cli import options
from shuzi.cli.output import download_bars, err, out, print_error, print_json
from shuzi.errors import ShuziError, needs

if TYPE_CHECKING:
    from shuzi.train.listener import Listener
    from shuzi.train.run import Run

# The module of recipes itself would import torch.
RECIPES = "softmax-numpy, softmax, softmax-tensors, fast, best, tuned, finder, or your own as module:name."
START = (
    "Initial weights: reader, an ONNX file, a run, or a Hugging Face model folder. "
    "Changes the defaults to 4 epochs and 0.05 of the recipe's learning rate."
)


@click.command()
@click.argument("recipe_name", required=False, metavar="[RECIPE]", help=RECIPES + " Default: softmax-numpy.")
@click.option("--data", type=options.FILE, help="A dataset's name, file or folder. Default: mnist.")
@click.option("--epochs", type=int, help="Passes over the training images. Default: the recipe's.")
@click.option("--batch-size", type=int, help="Batch size: images per step. Default: the recipe's.")
@click.option("--lr", type=float, help="Learning rate. Default: the recipe's.")
@click.option("--start", type=options.FILE, help=START + " Default: random weights.")
@click.option("--seed", type=int, help="The same seed gives the same weights. Default: 0.")
@click.option("--validation", type=int, help="Training images to hold out for validation. Default: 0.")
@click.option(
    "--skip-blank", is_flag=True, default=None, help="Leave out pictures of your own in which no ink is found."
)
@options.labels
@options.root
@click.option("--out", "run", type=options.PATH, help="Folder for the run. Default: the first free runs/RECIPE.")
@click.option("--device", help=options.DEVICES + " Default: auto.")
@click.option("--resume", type=options.PATH, metavar="RUN", help="Continue an interrupted run.")
@click.option("--force", is_flag=True, help="Replace the run at --out.")
@click.option("--tensorboard", is_flag=True, help="Write events for TensorBoard into the run's folder.")
@options.traceback
@options.as_json
def train(
    root: Path | None,
    run: Path | None,
    resume: Path | None,
    force: bool,
    tensorboard: bool,
    as_json: bool,
    **given: Any,  # to make_plan
) -> None:
    """Train a recipe, then test it once."""
    plans, runs, ranks = (needs("train", f"shuzi.train.{name}") for name in ("plan", "runs", "ranks"))
    given = {name: value for name, value in given.items() if value is not None}
    recipe = given.get("recipe_name")
    own = {"recipe_name"} if recipe and ":" in recipe else set()  # names the module again, to import it
    if resume is not None and (given.keys() - own or run or force):
        raise ShuziError("--resume uses the settings of the run; remove the other options")
    if force and run is None:
        raise ShuziError("--force replaces the run at --out; name it")
    with ranks.launched() as launched, download_bars() as progress, training_progress() as listener:
        if tensorboard:
            listener = needs("tensorboard", "shuzi.show.events").Events().listener(listener)
        if resume is not None:
            trained = runs.resume(resume, root, progress, listener, recipe)
        else:
            plan = plans.make_plan(**given)
            if launched.first and (notice := plans.start_notice(plan, given.get("epochs"), given.get("lr"))):
                print_error(notice)
            trained = runs.train(plan, run, root, force, progress, listener)
    if launched.first and as_json:
        print_json(trained.to_json())
    elif launched.first:
        print_trained(trained)


def print_trained(run: "Run") -> None:
    """Print a run's test accuracy, how long it took, and where it is."""
    from shuzi.train.run import show_command

    results = run.results
    assert results is not None
    low, high = results.test_accuracy_interval
    out.print(f"test accuracy {results.test_accuracy:.4f}, 95 % interval {low:.4f} to {high:.4f}")
    out.print(f"trained in {results.train_seconds:.2f} s, tested in {results.test_seconds:.2f} s on {run.device}")
    out.print(f"saved in {run.folder}; look at it with: {show_command(run)}")


@contextmanager
def training_progress() -> Iterator["Listener"]:
    """Yield a listener that shows training: a bar on a terminal, and one line per epoch everywhere."""
    from rich import progress as bars

    from shuzi.train.listener import Listener, TrainingBar

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.TextColumn("{task.fields[state]}"),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as display:
        task = display.add_task("", total=1, visible=False, state="")

        def show(done: float, epoch: str, state: str) -> None:
            display.update(task, completed=done, description=epoch, state=state, visible=True, refresh=True)

        def epoch(run: "Run") -> None:
            print_epoch(run)
            bar.epoch(run)

        bar = TrainingBar(show)
        yield Listener(bar.start, None if display.disable else bar.step, epoch)


def print_epoch(run: "Run") -> None:
    """Print the metrics of a run's last epoch as a line."""
    last = run.metrics[-1]
    accuracies = {"training accuracy": last.accuracy, "validation": last.validation_accuracy}
    shown = "".join(f"  {name} {value:.4f}" for name, value in accuracies.items() if value is not None)
    err.print(
        f"epoch {last.epoch}/{run.plan.settings.epochs}  loss {last.loss:.4f}{shown}"
        f"  {last.images_per_second:,.0f} images/s  {last.seconds:.2f} s"
    )

"""A run's folder: run.json (settings and results), weights.safetensors and metrics.csv.

While the run trains there is a checkpoint.safetensors instead of weights, and run.json says "unfinished".
"""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path

from shuzi.errors import ShuziError
from shuzi.files import cannot_write, sweep
from shuzi.train.checkpoint import read_checkpoint_metadata
from shuzi.train.run import CHECKPOINT, METRICS, RUN_FILE, WEIGHTS, Run, damage_as_error, parse_metrics, resume_command


def check_out(out: Path, force: bool) -> None:
    """Raise ShuziError unless a new run may be written to a folder; `force`: also if there is another run."""
    try:
        if out.name in ("", ".."):
            raise ShuziError(f"--out {out}: a run takes a folder of its own; give it a name")
        if is_run(out):
            if not force:
                raise ShuziError(f"{out}: a run is there already; give --force to replace it, or another --out")
            tempfile.TemporaryFile(dir=out).close()  # where the new run will be written
        elif out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise ShuziError(f"{out}: exists and is not a shuzi run; choose another --out")
    except OSError as error:
        raise cannot_write(out, error) from error


@contextlib.contextmanager
def new_run(run: Run, out: Path | None, force: bool) -> Iterator[Run]:
    """Begin a run in the folder `out`, by default in the first of runs/RECIPE, runs/RECIPE-2, ... that doesn't exist.

    Its run.json is written at once, so that nobody else starts one there; what was made is removed if nothing was
    saved. A run that is to be replaced stays as it is until the first checkpoint.

    Raises:
        ShuziError: another run has started there meanwhile, or the folder can't be written.
    """
    if force and out is not None and is_run(out):
        sweep(out)
        yield dataclasses.replace(run, folder=out)
        return
    with contextlib.ExitStack() as undo:  # all is registered before it is made: Ctrl-C may come at any time
        folder = make_folder(out, run.plan.recipe, undo)
        run = dataclasses.replace(run, folder=folder)
        undo.callback((folder / RUN_FILE).unlink, missing_ok=True)
        try:
            with (folder / RUN_FILE).open("x") as file:
                file.write(run.text())
        except FileExistsError:
            undo.pop_all()  # it is the other run's
            raise ShuziError(f"{folder}: another run has started there meanwhile; choose another --out") from None
        except OSError as error:
            raise cannot_write(folder / RUN_FILE, error) from error
        try:
            yield run
        finally:
            if (folder / CHECKPOINT).exists() or (folder / WEIGHTS).exists():
                undo.pop_all()


def make_folder(out: Path | None, recipe_name: str, undo: contextlib.ExitStack) -> Path:
    """Make a run's folder; `undo` removes what was made, if it is empty. Raises ShuziError if it can't be made."""
    name = recipe_name.replace(":", "-")  # of module:name; Windows has no colons in names
    number = 1
    while True:
        folder = out or Path("runs", name if number == 1 else f"{name}-{number}")
        undo.callback(remove_empty, [each for each in (folder, *folder.parents) if not each.exists()])
        try:
            folder.mkdir(parents=True, exist_ok=out is not None)
            return folder
        except OSError as error:
            if out is not None or not folder.exists():
                raise cannot_write(out or Path("runs"), error) from error
        undo.pop_all()  # this process or another was here before
        number += 1


def remove_empty(folders: list[Path]) -> None:
    """Remove folders as long as they are empty."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def is_run(folder: Path) -> bool:
    """Tell whether a folder holds a run."""
    return (folder / RUN_FILE).is_file() or (folder / CHECKPOINT).is_file()


def read_run(folder: Path, recipe_name: str | None = None) -> Run:
    """Read a run's folder.

    Args:
        folder: the run's.
        recipe_name: its recipe. One of your own, module:name, has to be named, because importing a module runs its
            code, and the folder may come from somebody else.

    Raises:
        ShuziError: there is no run, its files are damaged, or its recipe is module:name and was not named.
    """
    run = read_stored(folder)
    if recipe_name is not None:
        return dataclasses.replace(run, plan=dataclasses.replace(run.plan, recipe=recipe_name))
    if ":" in run.plan.recipe:
        raise ShuziError(
            f"{folder}: was trained by {run.plan.recipe}, which is code outside shuzi. If you trust it, name it "
            f"with --recipe {run.plan.recipe}, or to go on training: {resume_command(run)}"
        )
    return run


def read_stored(folder: Path) -> Run:
    """Read a folder's run, whatever its recipe is called. Raises ShuziError if it holds none."""
    if not is_run(folder):
        raise ShuziError(f"{folder}: not a run (no {RUN_FILE}). Name a folder that shuzi train has written")
    if (folder / CHECKPOINT).exists():
        texts = read_checkpoint_metadata(folder / CHECKPOINT)
        run = Run.from_text(folder, folder / CHECKPOINT, texts.get("run", ""))
        metrics = parse_metrics(folder / CHECKPOINT, texts.get("metrics", ""))
        return dataclasses.replace(run, results=None, metrics=metrics)
    run = Run.from_text(folder, folder / RUN_FILE, read_text(folder / RUN_FILE))
    if run.results is None:
        return run
    metrics = parse_metrics(folder / METRICS, read_text(folder / METRICS))
    if len(metrics) != run.plan.settings.epochs:
        raise ShuziError(
            f"{folder / METRICS}: has {len(metrics)} epochs, expected {run.plan.settings.epochs}; "
            "train it again with --force"
        )
    return dataclasses.replace(run, metrics=metrics)


def read_text(path: Path) -> str:
    """Read a text file of a run. Raises ShuziError if it is missing or no text."""
    with damage_as_error(path):
        return path.read_text()

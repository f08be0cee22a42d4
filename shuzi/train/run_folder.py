"""A run's folder: run.json (settings and results), weights.safetensors and metrics.csv.

While the run trains there is a checkpoint.safetensors instead of weights, and run.json says "unfinished".
"""

import contextlib
import dataclasses
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

from shuzi.errors import ShuziError
from shuzi.files import cannot_write, sweep
from shuzi.train.checkpoint import read_checkpoint_metadata
from shuzi.train.run import CHECKPOINT, METRICS, RUN_FILE, Run, damage_as_error, parse_metrics, resume_command


@contextlib.contextmanager
def acquire_run_dir(out: Path | None, recipe_name: str, force: bool) -> Iterator[Path]:
    """Hold the folder of a new run from `claim_run_dir`; folders it made are removed if nothing was saved there."""
    folder, made = claim_run_dir(out, recipe_name, force)
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):  # of the first that isn't empty
            for each in made:
                each.rmdir()


def claim_run_dir(out: Path | None, recipe_name: str, force: bool) -> tuple[Path, list[Path]]:
    """Make the folder of a new run, or check that the run there may be replaced; return it, and the folders made.

    Raises:
        ShuziError: there is a run and no `force`, or something else, or the folder can't be written.
    """
    try:
        if out is None:
            return first_free(recipe_name)
        if out.name in ("", ".."):
            raise ShuziError(f"--out {out}: a run takes a folder of its own; give it a name")
        if not out.exists():
            made = missing_folders(out)
            out.mkdir(parents=True)
            return out, made
        if is_run(out):
            if not force:
                raise ShuziError(f"{out}: a run is there already; give --force to replace it, or another --out")
        elif not out.is_dir() or any(out.iterdir()):
            raise ShuziError(f"{out}: exists and is not a shuzi run; choose another --out")
        with tempfile.TemporaryFile(dir=out.parent):  # where the new run will be written
            return out, []
    except OSError as error:
        raise cannot_write(out or Path("runs"), error) from error


def first_free(recipe_name: str) -> tuple[Path, list[Path]]:
    """Make the first of runs/RECIPE, runs/RECIPE-2, ... that doesn't exist; return it, and the folders made."""
    name = recipe_name.replace(":", "-")  # of module:name; Windows has no colons in names
    for number in itertools.count(1):
        folder = Path("runs", name if number == 1 else f"{name}-{number}")
        made = missing_folders(folder)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:  # this process or another was here before
            if not folder.exists():
                raise
        else:
            return folder, made
    raise AssertionError("there is always another number")


def missing_folders(folder: Path) -> list[Path]:
    """List those of a folder and its parents that don't exist, innermost first."""
    return [each for each in (folder, *folder.parents) if not each.exists()]


@contextlib.contextmanager
def lock_run_dir(run: Run, force: bool) -> Iterator[None]:
    """Write run.json into a new run's folder, so that nobody else starts one there; remove it if nothing was saved.

    A run that is to be replaced stays as it is until the first checkpoint.

    Raises:
        ShuziError: another run has started there meanwhile.
    """
    if force and is_run(run.folder):
        sweep(run.folder)
        yield
        return
    try:
        with (run.folder / RUN_FILE).open("x") as file:
            file.write(run.text())
    except FileExistsError:
        raise ShuziError(f"{run.folder}: another run has started there meanwhile; choose another --out") from None
    except OSError as error:
        (run.folder / RUN_FILE).unlink(missing_ok=True)
        raise cannot_write(run.folder / RUN_FILE, error) from error
    try:
        yield
    except BaseException:
        if not (run.folder / CHECKPOINT).exists():
            (run.folder / RUN_FILE).unlink(missing_ok=True)
        raise


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

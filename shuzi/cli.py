"""The commands: parse, call, print. No logic of its own; what a command needs is imported when it runs."""

import io
import json
import os
import shlex
import signal
import sys
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from traceback import print_exception
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from shuzi import __version__, load
from shuzi.errors import ShuziError, Stopped, needs, out_of_memory
from shuzi.terminal import Terminal, on_one_line

if TYPE_CHECKING:
    from torch import Tensor

    from shuzi.data.sources import NewProgress
    from shuzi.evaluate.figures import Evaluation
    from shuzi.forms.fields import Entry
    from shuzi.page import Page
    from shuzi.train.listener import Listener
    from shuzi.train.run import Run


class Commands(typer.core.TyperGroup):
    """Commands whose help says nothing of Python's types: FILE, not FILE <list[str]>."""

    def get_command(self, ctx: Any, name: str) -> Any:  # noqa: ANN401
        """Give a command by its name."""
        command = super().get_command(ctx, name)
        for each in command.params if command else ():
            kind = None
            if isinstance(each, typer.core.TyperOption) and hasattr(each, "display_type"):  # not before 0.29
                kind = each.display_type(ctx).replace("list[", "").replace("]", "")
            each.display_type_rich = partial(_given, kind)  # type: ignore[attr-defined]
        return command


def _given(kind: str | None, _: object = None, **__: object) -> str | None:
    return kind


app = typer.Typer(
    cls=Commands,
    help="Handwritten digits: learn, train, read, show.",
    rich_markup_mode=None,  # plain help loses nothing in a narrow window
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
WIDE = 120  # columns of a file or pipe; a terminal knows its own
PLAIN: dict[str, Any] = dict(
    highlight=False, soft_wrap=True, markup=False, emoji=False
)  # a path may hold [b]
out = Terminal(width=None if sys.stdout and sys.stdout.isatty() else WIDE, **PLAIN)
err = Terminal(stderr=True, **PLAIN)
USAGE: type[Any] = typer.BadParameter.__mro__[1]  # what a command line that cannot be parsed raises

Root = Annotated[
    Path | None,
    typer.Option(help="Folder for downloaded datasets. Default: your cache folder.", envvar="SHUZI_DATA"),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout and everything else on stderr.")
]
DEVICES = "auto, cpu, cuda, cuda:1 or mps."
Device = Annotated[str, typer.Option(help=DEVICES)]
RunFolder = Annotated[Path, typer.Argument(help="The folder of a run.", metavar="RUN")]
STARTS = (
    "Initial weights: reader, an ONNX file, a run, or a Hugging Face model folder. "
    "Changes the defaults to 4 epochs and 0.05 of the recipe's learning rate."
)
OwnRecipe = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        metavar="MODULE:NAME",
        help="The recipe of the run, if it is your own. shuzi runs the code of its module.",
    ),
]
Traceback = Annotated[
    bool, typer.Option("--traceback", help="Print the traceback behind an error, for your own recipes.")
]
TESTS = (
    "A dataset's name or folder, a folder of pictures with labels.csv, or one of optdigits, mnist-9985, corrupted, "
    "no-digits, surest, pages, singles, forms."
)
# `recipes` itself would import torch
RECIPES = "softmax-numpy, softmax, softmax-tensors, fast, best, finder, or your own as module:name."
SECONDS_BETWEEN_LOOKS = 0.1  # reading the loss waits for the device


def version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        out.print(f"shuzi {__version__}")
        raise typer.Exit


@app.callback()
def shuzi(
    show_version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Handwritten digits: learn, train, read, show."""


@app.command()
def data(
    name: Annotated[
        str, typer.Argument(metavar="DATASET", help="mnist, fashion-mnist, or a folder.")
    ] = "mnist",
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Download and verify a dataset.

    Reports what it contains and where it is.
    """
    from shuzi.data import digits, own, sources

    with downloads() as progress:
        found = [] if own.is_own(name) else digits.find(name, root, progress)
    parts = digits.from_files(name, found) if found else load(name)
    sets = dict(zip(("train", "test"), parts, strict=True))
    if as_json:
        return print_json(
            {
                "name": name,
                "sha256": sets["train"].sha256,
                "files": [{"path": str(f.path), "bytes": len(f.data), "sha256": f.sha256} for f in found],
                **{part: {"count": len(each), "per_class": each.counts()} for part, each in sets.items()},
            }
        )
    if found:
        print_rows(["file", "bytes"], [[file.path.name, f"{len(file.data):,}"] for file in found])
    print_rows(
        ["digit", *map(str, range(10)), "all"],
        [[part, *map(str, each.counts()), str(len(each))] for part, each in sets.items()],
    )
    out.print(f"in {', '.join(sorted({str(file.path.parent) for file in found})) or name}")
    if name in sources.SOURCES:
        out.print("each file has the SHA-256 that was published")


@app.command()
def train(
    recipe: Annotated[
        str | None, typer.Argument(metavar="RECIPE", help=RECIPES + " Default: softmax-numpy.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="A dataset's name, or a folder. Default: mnist.")] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training images. Default: the recipe's.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Batch size: images per step. Default: the recipe's.")
    ] = None,
    lr: Annotated[float | None, typer.Option(help="Learning rate. Default: the recipe's.")] = None,
    start: Annotated[str | None, typer.Option(help=STARTS + " Default: random weights.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="The same seed gives the same weights. Default: 0.")
    ] = None,
    validation: Annotated[
        int | None, typer.Option(help="Training images to hold out for validation. Default: 0.")
    ] = None,
    root: Root = None,
    run: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the run. Default: the first free runs/RECIPE."),
    ] = None,
    device: Annotated[str | None, typer.Option(help=DEVICES + " Default: auto.")] = None,
    resume: Annotated[Path | None, typer.Option(help="Continue an interrupted run.", metavar="RUN")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the run at --out.")] = False,
    traceback: Traceback = False,
    as_json: AsJson = False,
) -> None:
    """Train a recipe, then test it once."""
    plans, runs = (needs("train", f"shuzi.train.{name}") for name in ("plan", "runs"))
    options = dict(
        recipe_name=recipe, data=data, epochs=epochs, batch_size=batch_size, lr=lr, seed=seed, start=start,
        validation=validation, device=device,
    )  # fmt: skip
    given = {name: value for name, value in options.items() if value is not None}
    named_again = {"recipe_name"} if recipe and ":" in recipe else set()  # so that its module may be imported
    if resume is not None and (given.keys() - named_again or run or force):
        raise ShuziError("--resume uses the settings of the run; remove the other options")
    from shuzi.train.ranks import launched

    with launched() as ranks, downloads() as progress, trains() as listener:
        if resume is not None:
            done = runs.resume(resume, root, progress, listener, recipe)
        else:
            plan = plans.make_plan(**given)
            if ranks.first and (sentence := plans.start_notice(plan, epochs, lr)):
                say(sentence)
            done = runs.train(plan, run, root, force, progress, listener)
    if not ranks.first:
        return
    if as_json:
        return print_json(done.to_json())
    from shuzi.train.run import show_command

    results = done.results
    low, high = results.test_accuracy_interval
    out.print(f"test accuracy {results.test_accuracy:.4f}, 95 % interval {low:.4f} to {high:.4f}")
    out.print(
        f"trained in {results.train_seconds:.2f} s, tested in {results.test_seconds:.2f} s on {done.device}"
    )
    out.print(f"saved in {done.folder}; look at it with: {show_command(done)}")


@app.command()
def evaluate(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="The folder of a run, an ONNX file, a Hugging Face model folder, or reader for the shipped reader.",
        ),
    ],
    data: Annotated[str | None, typer.Option(help=TESTS + " Default: the dataset it was trained on.")] = None,
    root: Root = None,
    device: Device = "auto",
    recipe: OwnRecipe = None,
    traceback: Traceback = False,
    as_json: AsJson = False,
) -> None:
    """Measure a run or reader.

    Shows its accuracy and its mistakes.
    """
    from shuzi.evaluate.measure import Evaluation, Network, measure

    if what == "reader" or what.endswith(".onnx") or (Path(what) / "config.json").is_file():
        from shuzi.read.reader import Reader

        reader = Reader(None if what == "reader" else what)
        network = Network(reader.scores, reader=reader)
    else:
        network = needs("train", "shuzi.train.runs").network(Path(what), device, recipe)
    with downloads() as progress:
        figures = measure(network, data, root, progress)
    name = data or network.data
    shares = figures.to_json() if isinstance(figures, Evaluation) else figures
    if as_json:
        print_json({"run": what, "data": name, **shares})
    elif isinstance(figures, Evaluation):
        print_evaluation(name, figures)
    else:
        print_rows([name, "value"], [[share, f"{value:.4f}"] for share, value in shares.items()])


@app.command()
def show(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", help="The folder of a run, mnist, fashion-mnist, or the folder of a dataset."
        ),
    ],
    index: Annotated[
        int | None, typer.Option(help="Draw one image of the dataset: its index, from 0.")
    ] = None,
    test: Annotated[bool, typer.Option("--test", help="Use the test images of a dataset.")] = False,
    root: Root = None,
    to: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the PNG files. Default: RUN/pictures, or pictures."),
    ] = None,
    device: Device = "auto",
    recipe: OwnRecipe = None,
    traceback: Traceback = False,
    open_them: Annotated[bool, typer.Option("--open", help="Open the pictures.")] = False,
    as_json: AsJson = False,
) -> None:
    """Draw a run or a dataset as PNGs."""
    pictures = needs("show", "shuzi.show.pictures")
    with downloads() as progress:
        if (Path(what) / "run.json").exists():
            if index is not None or test:
                option = "--test" if index is None else f"--index {index}"
                raise ShuziError(f"{option} is for a dataset such as mnist, but {what} is a run; remove it")
            runs = needs("train", "shuzi.train.runs")
            tested = runs.evaluate_run(Path(what), None, root, device, progress, recipe)
            drawn = pictures.of_run(to or Path(what) / "pictures", tested)
        else:
            drawn = pictures.of_set(to or Path("pictures"), load(what, root, progress)[int(test)], index)
    if as_json:
        print_json({"pictures": [str(path) for path in drawn]})
    else:
        for path in drawn:
            out.print(str(path))
    if open_them:
        for path in drawn:
            typer.launch(str(path))


@app.command()
def read(
    files: Annotated[
        list[str],
        typer.Argument(help="Pictures, folders of pictures, or - for one picture on stdin.", metavar="FILE"),
    ],
    single: Annotated[bool, typer.Option("--single", help="Each picture is one digit.")] = False,
    threshold: Annotated[
        float | None,
        typer.Option(help="Least confidence of a digit, 0 to 1; below it, print ?. Default: the network's."),
    ] = None,
    weights: Annotated[Path | None, typer.Option(help="An ONNX file. Default: the shipped reader.")] = None,
    fields: Annotated[
        Path | None, typer.Option(help="Read the fields of a form that this JSON file describes.")
    ] = None,
    table: Annotated[
        str | None,
        typer.Option("--csv", help="Write one row per digit, or per form, to this file; - is stdout."),
    ] = None,
    go_on: Annotated[
        bool, typer.Option("--continue", help="Skip pictures that are already in --csv or --out.")
    ] = False,
    overlay: Annotated[
        Path | None,
        typer.Option(help="Folder for copies of the pictures with boxes and readings drawn on them."),
    ] = None,
    inputs: Annotated[
        Path | None, typer.Option(help="Folder for the 28x28 images that the network saw.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--out", help="Folder or URI for Parquet files with one row per page; reads one FILE or folder."
        ),
    ] = None,
    engine: Annotated[str, typer.Option(help="What reads for --out: local or ray.")] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            help="Address of the Ray cluster: auto or HOST:PORT. Default: start one on this machine."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read the digits in pictures.

    Prints one number per line, with the confidence that the whole number is right; '?' marks an uncertain digit. With
    --fields, prints one field per line and '?' after an uncertain one.
    """
    from contextlib import ExitStack
    from itertools import chain

    from shuzi.batch import folders, tables
    from shuzi.data.picture import MOST_BYTES
    from shuzi.forms.fields import SURE, Form
    from shuzi.read.reader import Reader

    if fields is not None and (single or to or overlay or inputs):
        raise ShuziError("--fields can't be combined with --single, --out, --overlay or --inputs")
    if to is not None:
        if len(files) != 1 or table or overlay or inputs:
            raise ShuziError(
                "--out reads one folder or file; it can't be combined with --csv, --overlay or --inputs"
            )
        if engine not in ("local", "ray") or (address is not None and engine != "ray"):
            raise ShuziError(f"--engine {engine}: choose local or ray; --address is for ray")
        shards = needs("parquet", "shuzi.batch.shards")
        do = shards.do_here
        if engine == "ray":
            needs("ray", "ray")
            cluster = needs("ray", "shuzi.batch.cluster")
            cluster.join(address)
            do = cluster.do
        return read_folder(
            shards.shown(to), as_json, *shards.read_folder(
                Reader(weights, threshold), files[0], to, do, single=single, go_on=go_on,
            ),
        )  # fmt: skip
    if engine != "local" or address is not None:
        raise ShuziError("--engine and --address write Parquet files; name their folder with --out")
    if go_on and table in (None, "-"):
        raise ShuziError(
            "--continue needs the --csv file or the --out folder that it should continue; name it"
        )
    if as_json and table == "-":
        raise ShuziError("--json and --csv - both write to stdout; name a file for --csv")
    form, sheet, beside = None, tables.READINGS, Path(table or ".").parent
    if fields is not None:
        form = Form.load(fields)
        sheet = tables.Sheet.of_form(form, folders.place(fields, beside))
    found = folders.find(files, from_stdin(MOST_BYTES) if "-" in files else None)
    if found.skipped:
        say(f"skipped, not pictures: {folders.named(found.skipped)}")
    reader, sure = Reader(weights, threshold), SURE if threshold is None else threshold
    pages: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    with ExitStack() as stack:
        rows: tables.CsvFile | tables.CsvStream | None = None
        if table == "-":
            rows = tables.CsvStream(sys.stdout, sheet)
        elif table is not None:
            rows = stack.enter_context(tables.CsvFile(table, sheet, resume=go_on))
        todo = [job for job in found.jobs if rows is None or job.place(beside) not in rows.done]
        bar = stack.enter_context(counted(len(todo), err if as_json or table == "-" else out))
        each = bar(folders.read_all(reader, todo, single=single, form=form, sure=sure))
        for result in chain(found.failed, each):
            name, read = result.job.name, result.page or result.entries
            shown = on_one_line(name) if len(found.jobs) > 1 else ""
            if read is None:
                failed.append({"file": name, "error": result.error or ""})
                say(result.error or "")
                continue
            if rows:
                rows.write(result.job.place(beside), read)
            if overlay and result.page:
                folders.write_overlay(overlay, result.job, result.page)
            if inputs and result.page:
                folders.write_inputs(inputs, result.job, result.page)
            if as_json:
                pages.append(folders.as_json(read, name))
            elif table != "-" and result.page:
                print_page(shown, result.page)
            elif table != "-":
                print_entries(shown, result.entries or ())
    if as_json:
        print_json({"pages": pages, "failed": failed, "skipped": [str(path) for path in found.skipped]})
    if failed:
        raise typer.Exit(1)


@app.command()
def export(
    run: RunFolder,
    kind: Annotated[
        Literal["onnx", "hub"],
        typer.Option("--to", help="onnx: an ONNX file; hub: a Hugging Face model folder."),
    ] = "onnx",
    to: Annotated[
        Path | None,
        typer.Option(
            "--out", help="File or folder to write. Default: RUN/model.onnx, RUN/model-int8.onnx or RUN/hub."
        ),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="Use 8-bit convolutions. Faster on a CPU, but the file can't be used as a start for training.",
        ),
    ] = False,
    root: Root = None,
    recipe: OwnRecipe = None,
    traceback: Traceback = False,
    as_json: AsJson = False,
) -> None:
    """Export a run as an ONNX file.

    shuzi read --weights and shuzi.Reader read with it. Its output is compared with torch's.
    """
    if kind == "hub" and int8:
        raise ShuziError(
            "--int8 is for ONNX files: a Hugging Face folder holds unrounded weights; leave out --int8 or --to hub"
        )
    if kind == "hub":
        path = needs("train", "shuzi.train.hub").to_hub(run, to, root, recipe)
        if as_json:
            return print_json({"run": str(run), "folder": str(path)})
        return out.print(f"{path}; read with it: shuzi read --weights {path} PICTURE")
    exported = needs("train", "shuzi.train.export").export(run, to, root, int8, recipe)
    path, calibration = exported.path, exported.calibration
    if as_json:
        told = {"calibrated": calibration is not None, "why": exported.why}
        told |= vars(calibration) if calibration else {}
        return print_json({"run": str(run), "model": str(path), "bytes": path.stat().st_size, **told})
    out.print(
        f"{'calibrated on' if calibration else 'not calibrated:'} {exported.why}\n"
        f"{path}, {path.stat().st_size:,} bytes; read with it: {exported.use}"
    )


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 picks a free one.")] = 8000,
    weights: Annotated[Path | None, typer.Option(help="An ONNX file. Default: the shipped reader.")] = None,
    workers: Annotated[int, typer.Option(help="Number of processes that read.")] = 2,
    review: Annotated[
        Path | None,
        typer.Option(help="Review the uncertain fields in this CSV file of forms.", metavar="CSV"),
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Don't save corrections.")] = False,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A host name under which a proxy serves the page.")
    ] = None,
) -> None:
    """Open the drawing page.

    Draw digits on it, and see what is read and why.
    """
    needs("serve", "shuzi.serve.server").serve(
        host,
        port,
        None if weights is None else str(weights),
        workers,
        read_only,
        browser,
        tuple(allow_host or ()),
        review=None if review is None else str(review),
    )


@app.command()
def learn(
    language: Annotated[
        str | None, typer.Option("--lang", help="zh or en. Default: the language of your locale.")
    ] = None,
    to: Annotated[Path, typer.Option(help="Folder for the notebooks.")] = Path("shuzi-lesson"),
    browser: Annotated[bool, typer.Option(help="Open them in Jupyter.")] = True,
    as_json: AsJson = False,
) -> None:
    """Open the lesson in Jupyter.

    Copies its notebooks to a folder: twelve executed chapters, from the data to your own handwriting.
    """
    from shuzi.learn import notebooks

    copied = notebooks.lay(language or notebooks.language_of_locale(), to)
    if as_json:
        return print_json({"notebooks": [str(path) for path in copied]})
    for path in copied:
        out.print(str(path))
    if browser and not notebooks.open_in_jupyter(copied[0]):
        out.print(
            "to run them, in the folder of shuzi's source: pip install '.[learn]'; "
            f"then: shuzi learn --to {shlex.quote(str(to))}"
        )


def print_json(value: dict[str, Any]) -> None:
    """Print the one JSON object of --json."""
    print(json.dumps(value))


def print_evaluation(name: str, evaluation: "Evaluation") -> None:
    """Print all figures of an evaluation."""
    low, high = evaluation.interval
    out.print(
        f"{name}: accuracy {evaluation.accuracy:.4f} of {evaluation.count:,}, 95 % interval {low:.4f} to {high:.4f}; "
        f"calibration error {evaluation.calibration_error:.4f}\n"
    )
    print_rows(
        ["digit", "count", "precision", "recall"],
        [
            [str(f.digit), f"{f.count:,}", f"{f.precision:.4f}", f"{f.recall:.4f}"]
            for f in evaluation.per_class
        ],
    )
    print_rows(
        ["true \\ predicted", *map(str, range(10))],
        [
            [str(label), *(str(n) if n else "." for n in row)]
            for label, row in enumerate(evaluation.confusion)
        ],
    )
    print_rows(
        ["most confident mistakes: index", "label", "predicted", "confidence"],
        [[str(m.index), str(m.label), str(m.read), f"{m.confidence:.4f}"] for m in evaluation.mistakes[:10]],
    )
    if evaluation.mistakes:
        out.print(f"see one with: shuzi show {name} --test --index {evaluation.mistakes[0].index}")


def print_page(name: str, page: "Page") -> None:
    """Print a page, a line a number: the file where there are several, the digits, that all of them are right."""
    for number in page.numbers:
        out.print(f"{name}{'  ' if name else ''}{number.text:>10}  {100 * number.confidence:5.1f} %")
    if not page.numbers:
        out.print(f"{name}{'  ' if name else ''}no digits")


def print_entries(name: str, entries: "Iterable[Entry]") -> None:
    """Print a form, a line a field: the file where there are several, its name, the entry, that it is right."""
    for entry in entries:
        out.print(
            f"{name}{'  ' if name else ''}{entry.name:<12}  {entry!s:>16}  {100 * entry.confidence:5.1f} %"
        )


def from_stdin(most: int) -> bytes:
    """Give what stands on stdin, up to a number of bytes; nothing where it is closed."""
    return sys.stdin.buffer.read(most) if sys.stdin else b""


def say(sentence: str) -> None:
    """Print a sentence on stderr, whole, above whatever bar is there."""
    print(f"shuzi: {on_one_line(sentence.removesuffix('.'))}", file=sys.stderr)


def read_folder(to: str, as_json: bool, count: int, results: "Iterator[bool]") -> None:
    """Show how reading into Parquet files goes, and what came of it."""
    began = time.perf_counter()
    with counted(count, err) as bar:
        good = sum(bar(results))
    seconds = time.perf_counter() - began
    if as_json:
        print_json({"out": to, "read": good, "failed": count - good, "seconds": round(seconds, 3)})
    else:
        broken = f", {count - good:,} failed: see the column error" if good < count else ""
        out.print(f"{good:,} {'file' if good == 1 else 'files'} read in {seconds:.1f} s{broken}; in {to}")
    if good < count:
        raise typer.Exit(1)


@contextmanager
def counted(total: int, console: Console) -> "Iterator[Callable[[Iterable[Any]], Iterable[Any]]]":
    """Give what shows a bar of how many of `total` are done, for more than one.

    It stands on `console` if that is a terminal, since what is printed there meanwhile goes above it, else on stderr.
    """
    from rich import progress as bars

    where = console if console.is_terminal else err
    with bars.Progress(console=where, transient=True, disable=total < 2 or not err.is_terminal) as display:
        yield lambda items: display.track(items, total, description="reading")


def print_rows(header: list[str], rows: list[list[str]]) -> None:
    """Print an aligned table: first column to the left, numbers to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, title in enumerate(header):
        table.add_column(title, justify="left" if number == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    wide = Terminal(width=1000, **PLAIN)
    wide.width = max(out.width, wide.measure(table).maximum)  # a terminal may break a line, but none is cut
    wide.print(table)
    out.print()


@contextmanager
def downloads() -> "Iterator[NewProgress | None]":
    """Give what makes a download's progress bar, on a terminal; None elsewhere."""
    if not err.is_terminal:
        yield None
        return
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.DownloadColumn(),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=err, transient=True) as display:

        class Bar:
            """One download on the display, as `web.Progress` has it."""

            def __init__(self, title: str) -> None:
                self.task = display.add_task(title, total=None)

            @property
            def total(self) -> int:
                return int(display.tasks[self.task].total or 0)

            @total.setter
            def total(self, size: int) -> None:
                display.update(self.task, total=size or None)

            def update(self, count: int) -> None:
                display.advance(self.task, count)

            def reset(self) -> None:
                display.reset(self.task)

            def close(self) -> None:
                display.remove_task(self.task)

        yield Bar


@contextmanager
def trains() -> "Iterator[Listener]":
    """Give a listener that shows training: a bar on a terminal, and a line an epoch everywhere."""
    from rich import progress as bars

    from shuzi.train.listener import Listener

    columns = (
        bars.TextColumn("epoch {task.fields[epoch]}"),
        bars.BarColumn(),
        bars.TextColumn("{task.fields[state]}"),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as display:
        task = display.add_task("", start=False, visible=False, epoch="", state="preparing")
        shown, counted, current = 0.0, 0, 0

        def start(run: "Run") -> None:
            nonlocal current
            current, epochs = len(run.metrics), run.plan.settings.epochs
            display.update(
                task, total=epochs, completed=current, visible=True, epoch=f"{current + 1}/{epochs}"
            )
            display.start_task(task)
            display.refresh()  # before the first step, which may take minutes to prepare

        def step(done: int, images: int, loss: "Tensor") -> None:
            nonlocal shown, counted
            if (now := time.perf_counter()) - shown < SECONDS_BETWEEN_LOOKS:
                return
            seen = current * images + done
            rate = f"  {(seen - counted) / (now - shown):,.0f} images/s" if shown else ""
            display.update(task, completed=current + done / images, state=f"loss {float(loss):.4f}{rate}")
            shown, counted = now, seen

        def epoch(run: "Run") -> None:
            nonlocal current
            last, epochs = run.metrics[-1], run.plan.settings.epochs
            current = last.epoch
            display.update(task, epoch=f"{min(last.epoch + 1, epochs)}/{epochs}")
            shares = {"training accuracy": last.accuracy, "validation": last.validation_accuracy}
            told = "".join(f"  {name} {value:.4f}" for name, value in shares.items() if value is not None)
            err.print(
                f"epoch {last.epoch}/{epochs}  loss {last.loss:.4f}{told}"
                f"  {last.images_per_second:,.0f} images/s  {last.seconds:.2f} s"
            )

        yield Listener(start, None if display.disable else step, epoch)


def main() -> None:
    """Run the command line; what a person can cause becomes one sentence on stderr and an exit code."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
    if sys.stdout is None:  # closed, and its number taken by the next file to be opened
        sys.exit("shuzi: stdout is closed; nothing was done")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file's name need not be text
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries' words to programmers
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what was begun is put away
    sentence = ""
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="shuzi", standalone_mode=False) or 0
        sys.stdout.flush()
        if code == Stopped.exit_code:  # Typer's answer to a Ctrl-C that nothing else took
            sentence = "stopped"
    except ShuziError as error:
        sentence, code = str(error), error.exit_code
        if "--traceback" in sys.argv:
            print_exception(error)
    except USAGE as error:
        where = error.ctx.command_path if error.ctx else "shuzi"
        sentence, code = f"{error.format_message().rstrip('.')}; see: {where} --help", error.exit_code
    except OSError as error:
        sentence, code = f"{error.filename or 'output'}: {error.strerror or error}", 1
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor try again at exit
    except Exception as error:
        if (failure := out_of_memory(error, "shuzi ran")) is None:
            raise
        sentence, code = str(failure), failure.exit_code
    if sentence:
        say(sentence)
    sys.exit(code)

"""`shuzi read`."""

import math
import sys
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import click
from rich.cells import cell_len, set_cell_size

from shuzi.cli import options
from shuzi.cli.output import err, on_one_line, out, print_error, print_json, progress_bar
from shuzi.errors import ShuziError, needs

if TYPE_CHECKING:
    from shuzi.batch.csv_file import CsvFile, CsvStream, Layout
    from shuzi.batch.folders import ReadOptions, Result
    from shuzi.read.reader import Reader


@dataclass(frozen=True)
class ReadSettings:
    """How pictures are read: options of the command."""

    weights: Path | None
    threshold: float | None
    digits_only: bool
    options: "ReadOptions"

    def reader(self) -> "Reader":
        """Make the reader."""
        from shuzi.read.reader import Reader

        return Reader(self.weights, self.threshold, digits_only=self.digits_only)


@dataclass(frozen=True)
class Outputs:
    """Where readings are written: options of the command. digits: whether `csv` gets one row per digit."""

    csv: str | None
    digits: bool
    table: str | None
    overlay: Path | None
    inputs: Path | None
    as_json: bool
    resume: bool

    def __post_init__(self) -> None:
        named = {"--csv": self.csv, "--table": self.table, "--json": "-" if self.as_json else None}
        stdout = [option for option, file in named.items() if file == "-"]
        if len(stdout) > 1:
            raise ShuziError(f"{' and '.join(stdout)} both write to stdout. Name a file for one of them")
        if self.resume and self.csv in (None, "-"):
            raise ShuziError("--continue needs the --csv file or the --out folder that it should continue; name it")
        if self.resume and self.table:
            raise ShuziError("--table is written as a whole; it can't be combined with --continue")

    @property
    def prints(self) -> bool:
        """Whether stdout gets lines for people to read."""
        return not self.as_json and "-" not in (self.csv, self.table)


@click.command()
@click.argument(
    "files",
    type=options.FILE,
    nargs=-1,
    required=True,
    metavar="FILE...",
    help="Pictures, folders of pictures, or - for one picture on stdin.",
)
@click.option("--single", is_flag=True, help="Each picture is one digit.")
@click.option(
    "--threshold",
    type=float,
    help="Print ? for a digit whose confidence, 0 to 1, is lower; with --fields, after such a field. "
    "Default: the network's, and 0.65 for fields.",
)
@options.weights
@click.option(
    "--decimal",
    default="",
    show_default=False,
    help="The decimal sign, . or , for numbers such as 1.234, which could also mean thousands.",
)
@click.option(
    "--gap", type=float, help="The widest gap within a number, in widths of a digit. Default: decide for each gap."
)
@click.option("--no-turn", is_flag=True, help="Don't turn pages that lie on their side.")
@click.option("--digits-only", is_flag=True, help="There are no letters: take O, I, S, B and Z for digits.")
@click.option(
    "--fields", type=options.PATH, metavar="JSON", help="Read the fields of a form that this JSON file describes."
)
@click.option("--csv", type=options.FILE, help="Write one row per number, or per form, to this file; - is stdout.")
@click.option("--csv-digits", type=options.FILE, help="Write one row per digit to this file; - is stdout.")
@click.option(
    "--table",
    type=options.FILE,
    metavar="CSV",
    help="Write the rows and columns of the pages to this CSV file; - is stdout.",
)
@click.option("--continue", "resume", is_flag=True, help="Skip pictures that are already in --csv or --out.")
@click.option(
    "--overlay", type=options.PATH, help="Folder for copies of the pictures with boxes and readings drawn on them."
)
@click.option("--inputs", type=options.PATH, help="Folder for the 28x28 images that the network saw.")
@click.option(
    "--out",
    "to",
    type=options.FILE,
    help="Folder or URI for Parquet files with one row per page; reads one FILE or folder.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    help="Where --out reads: local, on this machine, or ray, on a Ray cluster.",
)
@click.option("--address", help="Address of the Ray cluster: auto or HOST:PORT. Default: start one on this machine.")
@options.as_json
def read(
    files: tuple[str, ...],
    threshold: float | None,
    weights: Path | None,
    no_turn: bool,
    digits_only: bool,
    fields: Path | None,
    csv: str | None,
    csv_digits: str | None,
    table: str | None,
    resume: bool,
    overlay: Path | None,
    inputs: Path | None,
    to: str | None,
    engine: str,
    address: str | None,
    as_json: bool,
    **reading: "Unpack[ReadOptions]",
) -> None:
    """Read the numbers in pictures.

    Prints each line of writing as a line, with the confidence that all of it is right; '?' marks an uncertain digit.
    With --fields, prints one field per line and '?' after an uncertain one.
    """
    how = ReadSettings(weights, threshold, digits_only, {**reading, "turn": not no_turn})
    for option, name in {"--csv": csv, "--csv-digits": csv_digits, "--table": table, "--out": to}.items():
        if name == "":
            raise ShuziError(f"{option} names no file; name one")
    if csv and csv_digits:
        raise ShuziError("--csv and --csv-digits can't be combined; read twice")
    if fields is not None and (reading["single"] or to or overlay or inputs or csv_digits or table):
        raise ShuziError(
            "--fields can't be combined with --single, --out, --overlay, --inputs, --csv-digits or --table"
        )
    if to is not None:
        if len(files) != 1 or csv or csv_digits or table or overlay or inputs:
            raise ShuziError(
                "--out reads one folder or file; it can't be combined with --csv, --table, --overlay or --inputs"
            )
        return read_to_parquet(files[0], to, how, resume, engine, address, as_json)
    if engine != "local" or address is not None:
        raise ShuziError("--engine and --address write Parquet files; name their folder with --out")
    outputs = Outputs(csv or csv_digits, bool(csv_digits), table, overlay, inputs, as_json, resume)
    read_files(files, how, fields, outputs)


def read_files(files: tuple[str, ...], how: ReadSettings, fields: Path | None, to: Outputs) -> None:
    """Read pictures or forms, print each as it is read, and write the outputs that are asked for."""
    from shuzi.batch import csv_file, folders
    from shuzi.data.picture import MAX_PICTURE_BYTES
    from shuzi.forms.fields import SURE_FIELD, Form

    base = Path(to.csv or ".").parent
    form, layout = None, csv_file.DIGITS if to.digits else csv_file.READINGS
    if fields is not None:
        form = Form.load(fields)
        layout = csv_file.Layout.for_form(form, folders.relative(fields, base))
    stdin = sys.stdin.buffer.read(MAX_PICTURE_BYTES) if "-" in files and sys.stdin else b""
    found = folders.list_pictures(files, stdin)
    if found.skipped:
        print_error(f"skipped, not pictures: {folders.name_some(found.skipped)}")
    several = len(files) > 1 or len(found.jobs) > 1 or Path(files[0]).is_dir()
    reader, sure = how.reader(), SURE_FIELD if how.threshold is None else how.threshold
    pages: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    with csv_writer(to, layout) as rows, csv_file.table_file(to.table, sys.stdout) as table:
        jobs = [job for job in found.jobs if rows is None or job.unique_name(base) not in rows.done]
        with progress_bar(len(jobs), out if to.prints else err) as bar:
            readings = folders.read_all(reader, jobs, form=form, sure=sure, **how.options)
            for result in chain(found.failed, bar(readings)):
                name, reading = result.job.name, result.page or result.entries
                if reading is None:
                    failed.append({"file": name, "error": result.error or ""})
                    print_error(result.error or "")
                    continue
                index = max(1, result.job.page)
                if rows:
                    rows.write(result.job.unique_name(base), reading, index)
                if to.table and result.page:
                    table.append((result.job.unique_name(Path(to.table).parent), index, result.page))
                write_pictures(result, to.overlay, to.inputs)
                if to.as_json:
                    pages.append(folders.as_json(reading, name))
                print_result(on_one_line(name) if several else "", result, to)
    if to.as_json:
        print_json({"pages": pages, "failed": failed, "skipped": [str(path) for path in found.skipped]})
    if failed:
        raise click.exceptions.Exit(1)


def csv_writer(to: Outputs, layout: "Layout") -> "AbstractContextManager[CsvFile | CsvStream | None]":
    """Return what writes the rows of --csv: to a file, to stdout for "-", or None."""
    from shuzi.batch.csv_file import CsvFile, CsvStream

    if to.csv is None:
        return nullcontext()
    if to.csv == "-":
        return nullcontext(CsvStream(sys.stdout, layout))
    return CsvFile(to.csv, layout, resume=to.resume)


def write_pictures(result: "Result", overlay: Path | None, inputs: Path | None) -> None:
    """Write the pictures of a page that --overlay and --inputs ask for."""
    from shuzi.batch.overlay import write_inputs, write_overlay

    for folder, write in ((overlay, write_overlay), (inputs, write_inputs)):
        if folder and result.page:
            write(folder, result.job, result.page)


def print_result(file: str, result: "Result", to: Outputs) -> None:
    """Print what was read, and on stderr whether the page was turned and how many places were not read.

    file: its name, for the beginning of each line.
    """
    if result.page and result.page.turned:
        print_error(f"{result.job.name}: turned by {result.page.turned} degrees")
    if result.page and (count := len(result.page.unread)):
        print_error(f"{result.job.name}: {count} {'place' if count == 1 else 'places'} not read")
    if to.prints:
        for line in format_readings(result) or ["no digits"]:
            out.print(f"{file}  {line}" if file else line)


def format_readings(result: "Result") -> list[str]:
    """Format the fields of a form, or the lines of a page, each with its confidence, in columns."""
    rows = [(f"{field.name}  ", str(field), field.confidence) for field in result.entries or ()]
    for line in result.page.lines if result.page else ():
        text = " ".join(number.text for number in line)
        rows.append(("", text, math.prod(number.confidence for number in line)))
    name_width = max((cell_len(name) for name, *_ in rows), default=0)
    text_width = max((len(text) for _, text, _ in rows), default=0)
    return [
        f"{set_cell_size(name, name_width)}{text:<{text_width}}  {100 * confidence:5.1f} %"
        for name, text, confidence in rows
    ]


def read_to_parquet(
    source: str, to: str, how: ReadSettings, resume: bool, engine: str, address: str | None, as_json: bool
) -> None:
    """Read a folder or file into Parquet files, here or on a Ray cluster, and print how many were read."""
    if address is not None and engine != "ray":
        raise ShuziError("--address is the address of a Ray cluster; use it with --engine ray")
    shards = needs("parquet", "shuzi.batch.shards")
    read_parts = shards.read_parts_here
    if engine == "ray":
        needs("ray", "ray")
        cluster = needs("ray", "shuzi.batch.cluster")
        cluster.connect(address)
        read_parts = cluster.read_parts
    count, results = shards.read_folder(how.reader(), source, to, read_parts, resume=resume, **how.options)
    began = time.perf_counter()
    with progress_bar(count, err) as bar:
        read = sum(bar(results))
    seconds, failed, folder = time.perf_counter() - began, count - read, shards.without_secret(to)
    if as_json:
        print_json({"out": folder, "read": read, "failed": failed, "seconds": round(seconds, 3)})
    else:
        broken = f", {failed:,} failed: see the column error" if failed else ""
        out.print(f"{read:,} {'file' if read == 1 else 'files'} read in {seconds:.1f} s{broken}; in {folder}")
    if failed:
        raise click.exceptions.Exit(1)

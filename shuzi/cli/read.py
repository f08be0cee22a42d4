"""`shuzi read`."""

import sys
import time
from contextlib import AbstractContextManager, nullcontext
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shuzi.cli.options import AsJson, Weights
from shuzi.cli.output import err, on_one_line, out, print_error, print_json, progress_bar
from shuzi.errors import ShuziError, needs

if TYPE_CHECKING:
    from shuzi.batch.csv_file import CsvFile, CsvStream, Layout
    from shuzi.batch.folders import Result

Files = Annotated[
    list[str],
    typer.Argument(help="Pictures, folders of pictures, or - for one picture on stdin.", metavar="FILE"),
]
Single = Annotated[bool, typer.Option("--single", help="Each picture is one digit.")]
Threshold = Annotated[
    float | None,
    typer.Option(help="Least confidence of a digit, 0 to 1; below it, print ?. Default: the network's."),
]
Fields = Annotated[
    Path | None, typer.Option(help="Read the fields of a form that this JSON file describes.", metavar="JSON")
]
Csv = Annotated[
    str | None,
    typer.Option("--csv", help="Write one row per digit, or per form, to this file; - is stdout."),
]
Continue = Annotated[
    bool, typer.Option("--continue", help="Skip pictures that are already in --csv or --out.")
]
Overlay = Annotated[
    Path | None,
    typer.Option(help="Folder for copies of the pictures with boxes and readings drawn on them."),
]
Inputs = Annotated[Path | None, typer.Option(help="Folder for the 28x28 images that the network saw.")]
Out = Annotated[
    str | None,
    typer.Option(
        "--out", help="Folder or URI for Parquet files with one row per page; reads one FILE or folder."
    ),
]
Engine = Annotated[str, typer.Option(help="What reads for --out: local or ray.")]
Address = Annotated[
    str | None,
    typer.Option(help="Address of the Ray cluster: auto or HOST:PORT. Default: start one on this machine."),
]


def read(
    files: Files,
    single: Single = False,
    threshold: Threshold = None,
    weights: Weights = None,
    fields: Fields = None,
    csv: Csv = None,
    go_on: Continue = False,
    overlay: Overlay = None,
    inputs: Inputs = None,
    to: Out = None,
    engine: Engine = "local",
    address: Address = None,
    as_json: AsJson = False,
) -> None:
    """Read the digits in pictures.

    Prints one number per line, with the confidence that the whole number is right; '?' marks an uncertain digit. With
    --fields, prints one field per line and '?' after an uncertain one.
    """
    if fields is not None and (single or to or overlay or inputs):
        raise ShuziError("--fields can't be combined with --single, --out, --overlay or --inputs")
    if to is not None:
        if len(files) != 1 or csv or overlay or inputs:
            raise ShuziError(
                "--out reads one folder or file; it can't be combined with --csv, --overlay or --inputs"
            )
        return read_to_parquet(files[0], to, weights, threshold, single, go_on, engine, address, as_json)
    if engine != "local" or address is not None:
        raise ShuziError("--engine and --address write Parquet files; name their folder with --out")
    if go_on and csv in (None, "-"):
        raise ShuziError(
            "--continue needs the --csv file or the --out folder that it should continue; name it"
        )
    if as_json and csv == "-":
        raise ShuziError("--json and --csv - both write to stdout; name a file for --csv")
    read_files(files, weights, threshold, single, fields, csv, go_on, overlay, inputs, as_json)


def read_files(
    files: list[str],
    weights: Path | None,
    threshold: float | None,
    single: bool,
    fields: Path | None,
    csv: str | None,
    go_on: bool,
    overlay: Path | None,
    inputs: Path | None,
    as_json: bool,
) -> None:
    """Read pictures or forms, print each as it is read, and write the outputs that are asked for."""
    from shuzi.batch import csv_file, folders
    from shuzi.data.picture import MAX_PICTURE_BYTES
    from shuzi.forms.fields import SURE_FIELD, Form
    from shuzi.read.reader import Reader

    form, layout, base = None, csv_file.READINGS, Path(csv or ".").parent
    if fields is not None:
        form = Form.load(fields)
        layout = csv_file.Layout.for_form(form, folders.relative(fields, base))
    stdin = sys.stdin.buffer.read(MAX_PICTURE_BYTES) if "-" in files and sys.stdin else b""
    found = folders.list_pictures(files, stdin)
    if found.skipped:
        print_error(f"skipped, not pictures: {folders.name_some(found.skipped)}")
    reader, sure = Reader(weights, threshold), SURE_FIELD if threshold is None else threshold
    pages: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    with csv_writer(csv, layout, go_on) as rows:
        jobs = [job for job in found.jobs if rows is None or job.unique_name(base) not in rows.done]
        with progress_bar(len(jobs), err if as_json or csv == "-" else out) as bar:
            readings = bar(folders.read_all(reader, jobs, single=single, form=form, sure=sure))
            for result in chain(found.failed, readings):
                name, reading = result.job.name, result.page or result.entries
                if reading is None:
                    failed.append({"file": name, "error": result.error or ""})
                    print_error(result.error or "")
                    continue
                if rows:
                    rows.write(result.job.unique_name(base), reading)
                write_pictures(result, overlay, inputs)
                if as_json:
                    pages.append(folders.as_json(reading, name))
                elif csv != "-":
                    print_lines(f"{on_one_line(name)}  " if len(found.jobs) > 1 else "", result)
    if as_json:
        print_json({"pages": pages, "failed": failed, "skipped": [str(path) for path in found.skipped]})
    if failed:
        raise typer.Exit(1)


def csv_writer(
    csv: str | None, layout: "Layout", resume: bool
) -> "AbstractContextManager[CsvFile | CsvStream | None]":
    """Return what writes the rows of --csv: to a file, to stdout for "-", or None."""
    from shuzi.batch.csv_file import CsvFile, CsvStream

    if csv is None:
        return nullcontext()
    return nullcontext(CsvStream(sys.stdout, layout)) if csv == "-" else CsvFile(csv, layout, resume=resume)


def write_pictures(result: "Result", overlay: Path | None, inputs: Path | None) -> None:
    """Write the pictures of a page that --overlay and --inputs ask for."""
    from shuzi.batch.overlay import write_inputs, write_overlay

    if overlay and result.page:
        write_overlay(overlay, result.job, result.page)
    if inputs and result.page:
        write_inputs(inputs, result.job, result.page)


def print_lines(file: str, result: "Result") -> None:
    """Print one line per number of a page, or per field of a form, with the confidence that all of it is right."""
    entries, numbers = result.entries or (), result.page.numbers if result.page else ()
    lines = [f"{entry.name:<12}  {entry!s:>16}  {100 * entry.confidence:5.1f} %" for entry in entries]
    lines += [f"{number.text:>10}  {100 * number.confidence:5.1f} %" for number in numbers]
    for line in lines or ["no digits"]:
        out.print(f"{file}{line}")


def read_to_parquet(
    source: str,
    to: str,
    weights: Path | None,
    threshold: float | None,
    single: bool,
    go_on: bool,
    engine: str,
    address: str | None,
    as_json: bool,
) -> None:
    """Read a folder or file into Parquet files, here or on a Ray cluster, and print how many were read."""
    if engine not in ("local", "ray") or (address is not None and engine != "ray"):
        raise ShuziError(f"--engine {engine}: choose local or ray; --address is for ray")
    shards = needs("parquet", "shuzi.batch.shards")
    do = shards.read_parts_here
    if engine == "ray":
        needs("ray", "ray")
        cluster = needs("ray", "shuzi.batch.cluster")
        cluster.connect(address)
        do = cluster.read_parts
    from shuzi.read.reader import Reader

    reader = Reader(weights, threshold)
    count, results = shards.read_folder(reader, source, to, do, single=single, resume=go_on)
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
        raise typer.Exit(1)

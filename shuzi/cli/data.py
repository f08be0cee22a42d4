"""`shuzi data`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shuzi import load
from shuzi.cli import options
from shuzi.cli.output import download_bars, out, print_json, print_rows
from shuzi.errors import ShuziError

if TYPE_CHECKING:
    from shuzi.data.pens import Pens


@click.command()
@click.argument(
    "name",
    type=options.FILE,
    default="mnist",
    metavar="[DATASET]",
    help="mnist, fashion-mnist, unipen, or a file or folder.",
)
@click.option(
    "--to",
    type=options.FILE,
    metavar="OUT",
    help="Convert: OUT.csv, OUT.npz, OUT.parquet, a folder for PNG files, or idx:FOLDER.",
)
@options.labels
@options.root
@options.as_json
def data(name: str, to: str | None, labels: str | None, root: Path | None, as_json: bool) -> None:
    """Download or convert a dataset.

    Verifies it, and reports what it contains and where it is.
    """
    from shuzi.data import convert, datasets, own, pens, sources

    if name == pens.NAME:
        if to is not None or labels is not None:
            raise ShuziError(f"{pens.NAME} holds pen trajectories, not images; remove --to and --labels")
        return _print_pens(pens.load(root), as_json)
    with download_bars() as progress:
        pictures = load(name, labels=labels) if own.is_own(name) else None
        dataset = datasets.read(name, root, progress, labels) if pictures is None else datasets.of(*pictures)
    if to is not None:
        written = [str(path) for path in convert.write(dataset.parts, to)]
        return print_json({"name": name, "written": written}) if as_json else out.print("\n".join(written))
    sets = dict(zip(("train", "test"), pictures or dataset.split(), strict=True))
    if as_json:
        return print_json(
            {
                "name": name,
                "sha256": sets["train"].sha256,
                "files": [{"path": str(f.path), "bytes": f.size, "sha256": f.sha256} for f in dataset.files],
                **{part: {"count": len(each), "per_class": each.counts()} for part, each in sets.items()},
            }
        )
    if dataset.files:
        print_rows(["file", "bytes"], [[file.path.name, f"{file.size:,}"] for file in dataset.files])
    print_rows(["digit", *range(10), "all"], [[part, *each.counts(), len(each)] for part, each in sets.items()])
    out.print(f"in {', '.join(sorted({str(file.path.parent) for file in dataset.files})) or name}")
    if name in sources.SOURCES:
        out.print("The SHA-256 of each file is the published one.")


def _print_pens(loaded: "Pens", as_json: bool) -> None:
    """Print how many signs of each kind, and by how many writers, each source of pen trajectories holds."""
    counts = loaded.counts()
    if as_json:
        return print_json({"name": "unipen", "sha256": loaded.sha256, "sources": counts})
    rows = [[source, *(f"{value:,}" for value in each.values())] for source, each in counts.items()]
    print_rows(["source", *next(iter(counts.values()))], rows)

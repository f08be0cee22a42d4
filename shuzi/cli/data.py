"""`shuzi data`."""

from typing import TYPE_CHECKING, Annotated

import typer

from shuzi import load
from shuzi.cli.options import AsJson, Labels, Root
from shuzi.cli.output import download_bars, out, print_json, print_rows

if TYPE_CHECKING:
    from shuzi.data.pens import Pens


def data(
    name: Annotated[
        str, typer.Argument(metavar="DATASET", help="mnist, fashion-mnist, unipen, or a file or folder.")
    ] = "mnist",
    labels: Labels = None,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Download and verify a dataset.

    Reports what it contains and where it is.
    """
    from shuzi.data import datasets, own, pens, sources

    if name == pens.NAME:
        return _print_pens(pens.load(root), as_json)
    with download_bars() as progress:
        dataset = None if own.is_own(name) else datasets.read(name, root, progress, labels)
    parts = load(name) if dataset is None else dataset.split()
    files = [] if dataset is None else dataset.files
    sets = dict(zip(("train", "test"), parts, strict=True))
    if as_json:
        return print_json(
            {
                "name": name,
                "sha256": sets["train"].sha256,
                "files": [{"path": str(f.path), "bytes": f.size, "sha256": f.sha256} for f in files],
                **{part: {"count": len(each), "per_class": each.counts()} for part, each in sets.items()},
            }
        )
    if files:
        print_rows(["file", "bytes"], [[file.path.name, f"{file.size:,}"] for file in files])
    print_rows(
        ["digit", *map(str, range(10)), "all"],
        [[part, *map(str, each.counts()), str(len(each))] for part, each in sets.items()],
    )
    out.print(f"in {', '.join(sorted({str(file.path.parent) for file in files})) or name}")
    if name in sources.SOURCES:
        out.print("The SHA-256 of each file is the published one.")


def _print_pens(loaded: "Pens", as_json: bool) -> None:
    """Print how many signs of each kind, and by how many writers, each source of pen trajectories holds."""
    counts = loaded.counts()
    if as_json:
        return print_json({"name": "unipen", "sha256": loaded.sha256, "sources": counts})
    rows = [[source, *(f"{value:,}" for value in each.values())] for source, each in counts.items()]
    print_rows(["source", *next(iter(counts.values()))], rows)

"""`shuzi data`."""

from typing import Annotated

import typer

from shuzi import load
from shuzi.cli.options import AsJson, Root
from shuzi.cli.output import download_bars, out, print_json, print_rows


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

    with download_bars() as progress:
        files = [] if own.is_own(name) else digits.find(name, root, progress)
    parts = digits.from_files(name, files) if files else load(name)
    sets = dict(zip(("train", "test"), parts, strict=True))
    if as_json:
        return print_json(
            {
                "name": name,
                "sha256": sets["train"].sha256,
                "files": [{"path": str(f.path), "bytes": len(f.data), "sha256": f.sha256} for f in files],
                **{part: {"count": len(each), "per_class": each.counts()} for part, each in sets.items()},
            }
        )
    if files:
        print_rows(["file", "bytes"], [[file.path.name, f"{len(file.data):,}"] for file in files])
    print_rows(
        ["digit", *map(str, range(10)), "all"],
        [[part, *map(str, each.counts()), str(len(each))] for part, each in sets.items()],
    )
    out.print(f"in {', '.join(sorted({str(file.path.parent) for file in files})) or name}")
    if name in sources.SOURCES:
        out.print("The SHA-256 of each file is the published one.")

"""`shuzi show`."""

from pathlib import Path
from typing import Annotated

import typer

from shuzi import load
from shuzi.cli.options import AsJson, Device, OwnRecipe, Root, Traceback
from shuzi.cli.output import download_bars, out, print_json
from shuzi.errors import ShuziError, needs


def show(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="The folder of a run, mnist, fashion-mnist, or the file or folder of a dataset.",
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
    with download_bars() as progress:
        if (Path(what) / "run.json").exists():
            if index is not None or test:
                option = "--test" if index is None else f"--index {index}"
                raise ShuziError(f"{option} is for a dataset such as mnist, but {what} is a run; remove it")
            runs = needs("train", "shuzi.train.runs")
            tested = runs.evaluate_run(Path(what), None, root, device, progress, recipe)
            drawn = pictures.draw_run(to or Path(what) / "pictures", tested)
        else:
            drawn = pictures.draw_dataset(to or Path("pictures"), load(what, root, progress)[test], index)
    if as_json:
        print_json({"pictures": [str(path) for path in drawn]})
    else:
        for path in drawn:
            out.print(str(path))
    if open_them:
        for path in drawn:
            typer.launch(str(path))

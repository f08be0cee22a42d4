"""`shuzi show`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shuzi import load
from shuzi.cli.options import AsJson, Device, Labels, OwnRecipe, Root, Traceback
from shuzi.cli.output import download_bars, err, out, print_json, progress_bar
from shuzi.errors import ShuziError, needs

if TYPE_CHECKING:
    from shuzi.data.digits import Digits
    from shuzi.evaluate.figures import Suspect


What = Annotated[
    str,
    typer.Argument(
        metavar="WHAT", help="The folder of a run, mnist, fashion-mnist, or the file or folder of a dataset."
    ),
]
Index = Annotated[int | None, typer.Option(help="Draw one image of the dataset: its index, from 0.")]
Test = Annotated[bool, typer.Option("--test", help="Use the test images of a dataset.")]
OutFolder = Annotated[
    Path | None, typer.Option("--out", help="Folder for the PNG files. Default: RUN/pictures, or pictures.")
]
Open = Annotated[bool, typer.Option("--open", help="Open the pictures.")]


def show(
    what: What,
    index: Index = None,
    test: Test = False,
    labels: Labels = None,
    root: Root = None,
    to: OutFolder = None,
    device: Device = "auto",
    recipe: OwnRecipe = None,
    traceback: Traceback = False,
    open_them: Open = False,
    as_json: AsJson = False,
) -> None:
    """Draw a run or a dataset as PNGs.

    For a dataset, draws a grid of its digits and the images whose labels the shipped reader finds least likely.
    """
    from shuzi.data.sources import may_be_digits

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
            digits = load(what, root, progress, labels=labels)[test]
            suspects = find_suspects(digits) if index is None and may_be_digits(what) else []
            drawn = pictures.draw_dataset(to or Path("pictures"), digits, index, suspects)
    if as_json:
        print_json({"pictures": [str(path) for path in drawn]})
    else:
        for path in drawn:
            out.print(str(path))
    if open_them:
        for path in drawn:
            typer.launch(str(path))


def find_suspects(digits: "Digits") -> "list[Suspect]":
    """Find the labels that surprise the shipped reader most, and show a bar meanwhile."""
    from shuzi.evaluate import figures, predictions
    from shuzi.read.reader import Reader, given_digit

    with progress_bar(len(predictions.batches(digits.images)), err) as bar:
        scores = predictions.score_all(Reader().scores, digits.images, bar)
    return figures.find_suspects(given_digit(scores), digits.labels)

"""`shuzi show`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from shuzi import load
from shuzi.cli import options
from shuzi.cli.output import download_bars, err, out, print_json, progress_bar
from shuzi.errors import ShuziError, needs

if TYPE_CHECKING:
    from shuzi.data.digits import Digits
    from shuzi.evaluate.figures import Suspect


@click.command()
@click.argument(
    "what",
    type=options.FILE,
    metavar="WHAT",
    help="The folder of a run, mnist, fashion-mnist, or the file or folder of a dataset.",
)
@click.option("--index", type=int, help="Draw one image of the dataset: its index, from 0.")
@click.option("--test", is_flag=True, help="Use the test images of a dataset.")
@options.labels
@options.root
@click.option("--out", "to", type=options.PATH, help="Folder for the PNG files. Default: RUN/pictures, or pictures.")
@options.device
@options.own_recipe
@options.traceback
@click.option("--open", "open_them", is_flag=True, help="Open the pictures.")
@options.as_json
def show(
    what: str,
    index: int | None,
    test: bool,
    labels: str | None,
    root: Path | None,
    to: Path | None,
    device: str,
    recipe: str | None,
    open_them: bool,
    as_json: bool,
) -> None:
    """Draw a run or a dataset as PNGs.

    For a dataset, draws a grid of its digits and the images whose labels the shipped reader finds least likely.
    """
    from shuzi.data.sources import may_be_digits

    pictures = needs("show", "shuzi.show.pictures")
    with download_bars() as progress:
        if (Path(what) / "run.json").exists():
            given = {"--test": test, "--index": index is not None, "--labels": labels is not None}
            if option := next((name for name, there in given.items() if there), None):
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
            click.launch(str(path))


def find_suspects(digits: "Digits") -> "list[Suspect]":
    """Find the labels that surprise the shipped reader most, and show a bar meanwhile."""
    from shuzi.evaluate import figures, predictions
    from shuzi.read.reader import Reader
    from shuzi.scores import given_digit

    with progress_bar(len(predictions.batches(digits.images)), err) as bar:
        scores = predictions.score_all(Reader().scores, digits.images, bar)
    return figures.find_suspects(given_digit(scores), digits.labels)

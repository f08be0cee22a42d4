"""`shuzi classify`."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shuzi.cli.evaluate import open_scorer
from shuzi.cli.options import AsJson, Device, OwnRecipe, Root, Traceback
from shuzi.cli.output import download_bars, err, out, print_json, progress_bar
from shuzi.errors import ShuziError

if TYPE_CHECKING:
    from shuzi.data.formats import Part
    from shuzi.evaluate.answers import Answers


def classify(
    data: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help="A dataset's file, folder or name; its test images if it has some."
        ),
    ],
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write one row per image to this file. Default: print them.")
    ] = None,
    kaggle: Annotated[
        bool, typer.Option("--kaggle", help="Write ImageId,Label as Kaggle wants it, always a digit.")
    ] = False,
    run: Annotated[
        str,
        typer.Option(metavar="RUN", help="The folder of a run, an ONNX file, or reader for the shipped one."),
    ] = "reader",
    root: Root = None,
    device: Device = "auto",
    recipe: OwnRecipe = None,
    traceback: Traceback = False,
    as_json: AsJson = False,
) -> None:
    """Name the digit in each image of a dataset.

    For pictures of any size and with several digits, use shuzi read.
    """
    from shuzi.data import datasets, formats, own
    from shuzi.evaluate import answers
    from shuzi.files import write_whole

    if own.is_own(data):
        raise ShuziError(f"{data}: a folder of pictures; read it with: shuzi read --single {data}")
    scorer = open_scorer(run, device, recipe)
    with download_bars() as progress:
        dataset = datasets.read(data, root, progress)
    name = formats.TEST if formats.TEST in dataset.parts else next(iter(dataset.parts))
    part = dataset.parts[name]
    starts = range(0, len(part.images), answers.BATCH)
    began = time.perf_counter()
    with progress_bar(len(starts), err) as bar:
        found = answers.classify(scorer.score, part.images, scorer.threshold, bar)
    seconds = time.perf_counter() - began
    text = found.submission() if kaggle else found.csv()
    if csv is not None:
        write_whole(csv, text)
    elif not as_json:
        sys.stdout.write(text)
    summary = {
        "images": len(part.images),
        "not_digits": int((~found.is_digit).sum()),
        **accuracy(found, part),
    }
    if as_json:
        listed = {"digits": found.digits.tolist(), "confidence": found.confidence.round(4).tolist()}
        print_json(
            {"data": data, "part": name, **summary, "seconds": round(seconds, 3), **({} if csv else listed)}
        )
    else:
        right = f", accuracy {summary['accuracy']:.4f}" if "accuracy" in summary else ""
        (out if csv else err).print(
            f"{dataset.name} {name}: {summary['images']:,} images in {seconds:.1f} s, {summary['not_digits']:,} not "
            f"digits{right}{f'; in {csv}' if csv else ''}"
        )


def accuracy(found: "Answers", part: "Part") -> dict[str, float]:
    """Return the share of answers that are the labels, if there are labels of digits."""
    if part.labels is None or not len(part.labels) or part.labels.max() > 9:
        return {}
    return {"accuracy": float((found.digits == part.labels).mean())}

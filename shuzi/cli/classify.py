"""`shuzi classify`."""

import sys
import time
from pathlib import Path

import click

from shuzi.cli import options
from shuzi.cli.evaluate import open_scorer
from shuzi.cli.output import download_bars, err, out, print_json, progress_bar
from shuzi.errors import ShuziError


@click.command()
@click.argument(
    "data",
    type=options.FILE,
    metavar="FILE",
    help="A dataset's file, folder or name. Uses its test images if there are any.",
)
@click.option("--csv", type=options.PATH, help="Write one row per image to this file. Default: -, stdout.")
@click.option("--kaggle", is_flag=True, help="Write ImageId,Label as Kaggle wants it, always a digit.")
@click.option(
    "--run", default="reader", metavar="RUN", help="The folder of a run, an ONNX file, or reader for the shipped one."
)
@options.root
@options.device
@options.own_recipe
@options.traceback
@options.as_json
def classify(
    data: str,
    csv: Path | None,
    kaggle: bool,
    run: str,
    root: Path | None,
    device: str,
    recipe: str | None,
    as_json: bool,
) -> None:
    """Name the digit in each image.

    For pictures of any size and with several digits, use shuzi read.
    """
    from shuzi.data import datasets, own
    from shuzi.evaluate import predictions
    from shuzi.files import refuse_overwrite, write_whole

    csv = None if csv == Path("-") else csv
    if own.is_own(data):
        raise ShuziError(f"{data}: a folder of pictures; read it with: shuzi read --single {data}")
    if csv is not None:
        refuse_overwrite(csv, predictions.header(kaggle), "a CSV file of shuzi classify")
    scorer = open_scorer(run, device, recipe)
    with download_bars() as progress:
        dataset = datasets.read(data, root, progress)
    name, part = dataset.to_classify()
    began = time.perf_counter()
    with progress_bar(len(predictions.batches(part.images)), err) as bar:
        found = predictions.classify(scorer.score, part.images, scorer.threshold, bar)
    seconds = time.perf_counter() - began
    text = found.submission() if kaggle else found.csv()
    if csv is not None:
        write_whole(csv, text)
    elif not as_json:
        sys.stdout.write(text)
    summary = found.summary(part.labels)
    if as_json:
        listed = {} if csv else {"digits": found.digits.tolist(), "confidence": found.confidence.round(4).tolist()}
        return print_json({"data": data, "part": name, **summary, "seconds": round(seconds, 3), **listed})
    right = f", accuracy {summary['accuracy']:.4f}" if "accuracy" in summary else ""
    (out if csv else err).print(
        f"{dataset.name} {name}: {len(part.images):,} images in {seconds:.1f} s, {summary['not_digits']:,} not digits"
        f"{right}{f'; in {csv}' if csv else ''}"
    )

"""`shuzi evaluate`."""

import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shuzi.cli import options
from shuzi.cli.output import download_bars, out, print_json, print_rows
from shuzi.errors import ShuziError, needs

if TYPE_CHECKING:
    from shuzi.evaluate.figures import Evaluation
    from shuzi.evaluate.suites import Scorer

TESTS = (
    "A dataset's name, file or folder, a folder of pictures with labels.csv, or a suite that --suites lists. "
    "Default: the dataset it was trained on."
)


def print_suites(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    """Print the name and the description of each suite, and exit."""
    if wanted and not context.resilient_parsing:
        from shuzi.evaluate.suites import SUITES

        for suite in SUITES.values():
            out.print(f"{suite.name:<14} {suite.description}")
        context.exit()


@click.command()
@click.argument(
    "what",
    type=options.FILE,
    metavar="WHAT",
    help="The folder of a run, an ONNX file, a Hugging Face model folder, or reader for the shipped reader.",
)
@click.option("--data", type=options.FILE, help=TESTS)
@options.labels
@options.root
@options.device
@options.own_recipe
@click.option(
    "--suites",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=print_suites,
    help="List the suites for --data.",
)
@options.traceback
@options.as_json
def evaluate(
    what: str, data: str | None, labels: str | None, root: Path | None, device: str, recipe: str | None, as_json: bool
) -> None:
    """Measure a run or reader.

    Shows its accuracy on digits it has not seen, and its mistakes.
    """
    from shuzi.data.sources import SOURCES
    from shuzi.evaluate.suites import SUITES, measure

    if labels is not None and data in SUITES.keys() - SOURCES.keys():
        raise ShuziError(f"--labels is for datasets, and {data} is a suite; remove it")
    scorer = open_scorer(what, device, recipe)
    scorer = replace(scorer, load=partial(scorer.load, labels=labels))
    with download_bars() as progress:
        measured = measure(scorer, data, root, progress)
    name = data or scorer.data
    if as_json:
        print_json({"run": what, "data": name, **measured.metrics})
    elif measured.evaluation is not None:
        print_evaluation(name, measured.evaluation)
    else:
        print_rows([name, "value"], [[metric, f"{value:.4f}"] for metric, value in measured.metrics.items()])


def open_scorer(what: str, device: str, recipe: str | None) -> "Scorer":
    """Open a run or a reader as a model to measure. Raises ShuziError if it is neither, or can't be used."""
    from shuzi.evaluate.suites import Scorer

    if what == "reader" or what.endswith(".onnx") or (Path(what) / "config.json").is_file():
        from shuzi.read.reader import Reader

        reader = Reader(None if what == "reader" else what)
        return Scorer(reader.scores, reader=reader, threshold=reader.threshold)
    return needs("train", "shuzi.train.runs").scorer(Path(what), device, recipe)


def print_evaluation(name: str, evaluation: "Evaluation") -> None:
    """Print the metrics of an evaluation as tables."""
    low, high = evaluation.interval
    out.print(
        f"{name}: accuracy {evaluation.accuracy:.4f} of {evaluation.count:,}, 95 % interval {low:.4f} to {high:.4f}; "
        f"calibration error {evaluation.calibration_error:.4f}\n"
    )
    print_rows(
        ["digit", "count", "precision", "recall"],
        [[f.digit, f"{f.count:,}", f"{f.precision:.4f}", f"{f.recall:.4f}"] for f in evaluation.per_class],
    )
    print_rows(
        ["true \\ predicted", *range(10)],
        [[label, *(n or "." for n in row)] for label, row in enumerate(evaluation.confusion)],
    )
    print_rows(
        ["most confident mistakes: index", "label", "predicted", "confidence"],
        [[m.index, m.label, m.read, f"{m.confidence:.4f}"] for m in evaluation.mistakes[:10]],
    )
    print_rows(
        ["labels to check: index", "label", "predicted", "surprise"],
        [[s.index, s.label, s.read, f"{s.surprise:.1f}"] for s in evaluation.suspects[:10]],
    )
    if evaluation.mistakes:
        out.print(f"see one with: shuzi show {shlex.quote(name)} --test --index {evaluation.mistakes[0].index}")

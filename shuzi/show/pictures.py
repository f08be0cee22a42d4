"""The PNG files that `shuzi show` draws of a run and of a dataset."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shuzi.data.digits import Digits
from shuzi.errors import ShuziError
from shuzi.evaluate.figures import Suspect
from shuzi.show import plots
from shuzi.train.fit import TrainingLoop
from shuzi.train.runs import Tested

MISTAKES = 32


def draw_dataset(folder: Path, digits: Digits, index: int | None, suspects: Sequence[Suspect] = ()) -> list[Path]:
    """Draw one image of a dataset, or by default a grid of each digit and one of the suspects, into a folder.

    Args:
        folder: of the PNG files.
        digits: the dataset.
        index: of the one image.
        suspects: the images whose labels may be wrong, the likeliest first.

    Raises:
        ShuziError: no such index, or the folder can't be written.
    """
    stem = re.sub(r"[\s/\\:]", "-", digits.name)  # never a path
    if index is None:
        drawn = [plots.save(plots.grid(digits), folder / f"{stem}-grid.png")]
        if suspects:
            captions = [f"{each.index}: {each.label}?\nread {each.read}" for each in suspects]
            title = f"{plots.short(digits.name)}: the {len(suspects)} labels that surprise the reader most"
            figure = plots.mistakes(digits.images[[each.index for each in suspects]], captions, title)
            drawn.append(plots.save(figure, folder / f"{stem}-suspects.png"))
        return drawn
    if not 0 <= index < len(digits):
        raise ShuziError(f"--index {index}: {digits.name} has the images 0 to {len(digits) - 1}")
    return [plots.save(plots.sample(digits, index), folder / f"{stem}-{index}.png")]


def draw_run(folder: Path, tested: Tested) -> list[Path]:
    """Draw a run: its learning curve, confusion matrix, most confident mistakes and, of softmax regression, templates.

    Raises:
        ShuziError: the folder can't be written.
    """
    evaluation, test, metrics = tested.evaluation, tested.test, tested.run.metrics
    training = [epoch.accuracy for epoch in metrics if epoch.accuracy is not None]
    validation = [epoch.validation_accuracy for epoch in metrics if epoch.validation_accuracy is not None]
    both = {"training, during the epoch": training, "validation": validation}
    accuracy = {name: values for name, values in both.items() if values}
    shown = evaluation.mistakes[:MISTAKES]
    captions = [f"{each.index}: {each.label} read {each.read}\n{100 * each.confidence:.1f} %" for each in shown]
    figures = {
        "learning-curve": plots.learning_curve([epoch.curve for epoch in metrics], accuracy),
        "confusion": plots.confusion(
            np.array(evaluation.confusion), f"{plots.short(test.name)}: {100 * evaluation.accuracy:.2f} % accuracy"
        ),
        "mistakes": plots.mistakes(
            test.images[[mistake.index for mistake in shown]],
            captions,
            f"the most confident of {len(evaluation.mistakes):,} mistakes in {len(test):,}",
        ),
    }
    W = weights_by_pixel(tested.training)
    if W is not None:
        figures = {"templates": plots.templates(W), **figures}
    return [plots.save(figure, folder / f"{name}.png") for name, figure in figures.items()]


def weights_by_pixel(training: TrainingLoop) -> np.ndarray | None:
    """Return W (784, 10) if the model is a single linear map of the pixels, else None."""
    weights = training.weights().values()
    matrices = [value for value in weights if value.ndim == 2]
    if len(weights) != 2 or len(matrices) != 1:
        return None
    W = np.asarray(matrices[0])
    return W if W.shape == (784, 10) else W.T

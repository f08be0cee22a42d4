"""Export a run as an ONNX file that `Reader` takes, with its output compared with torch's."""

import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import shuzi
from shuzi.data import own
from shuzi.data.digits import CLASSES, SIDE, Digits
from shuzi.errors import ShuziError
from shuzi.evaluate.figures import calibration_error
from shuzi.files import refuse_overwrite, write_whole
from shuzi.network import runtime
from shuzi.read import find
from shuzi.softmax.equations import softmax
from shuzi.train import calibration as finder_calibration
from shuzi.train import held_out, runs
from shuzi.train.faults import guard
from shuzi.train.graph import graph, in_eight_bits, with_properties
from shuzi.train.recipe import Model
from shuzi.train.run import Run
from shuzi.train.run_folder import read_run

KEPT = 0.99  # of the validation digits are answered at the default threshold
CEILING = 0.5  # of the default threshold: on pictures poorer than MNIST, an even guess is worth giving
# The fewest images to calibrate on: with fewer, all may be right, and any confidence would fit. And how many of MNIST's
# training digits, the last ones, the shipped network has not learnt from.
LEAST, NOT_LEARNT = 100, 5_000
RANGED = 1024  # training images whose activations set the range of the 8 bits
BATCH = 64  # of them at a time
AGREEMENT = 1e-3  # the largest difference of a logit between torch and onnxruntime; rounding makes about 1e-5


@dataclass(frozen=True)
class TemperatureScaling:
    """Turns logits into confidence.

    Attributes:
        temperature: divides all logits before the softmax, above 0.
        threshold: the confidence below which an answer is "not sure", 0..1.
    """

    temperature: float
    threshold: float

    def about(self) -> dict[str, str]:
        """Return the properties that an ONNX file keeps."""
        return {"shuzi.temperature": f"{self.temperature:g}", "shuzi.threshold": f"{self.threshold:g}"}


@dataclass(frozen=True)
class Exported:
    """An ONNX file, its calibration if any, what it was calibrated on or why not, and how to read with it."""

    path: Path
    calibration: TemperatureScaling | find.Calibration | None
    why: str
    use: str


class FromBytes(nn.Module):
    """A network that takes images as they are stored: uint8 (N, 28, 28)."""

    def __init__(self, network: Model) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Compute logits (N, classes)."""
        return self.network(images.to(torch.float32).unsqueeze(1) / 255)


def calibrate(logits: np.ndarray, labels: np.ndarray) -> TemperatureScaling:
    """Choose temperature and threshold.

    The temperature is that of the least calibration error among those whose likelihood is within a fiftieth of
    the best (C. Guo et al., "On calibration of modern neural networks", ICML 2017, by likelihood alone). The threshold
    lets 99 % of the digits be answered.

    Args:
        logits: (N, 10 or 11), of digits that were not learnt from.
        labels: (N,), theirs.
    """
    right = logits[:, :CLASSES].argmax(1) == labels
    every = np.arange(len(labels))
    temperatures = np.exp(np.linspace(np.log(0.3), np.log(3), 120))
    tried = [softmax(logits.astype(np.float64) / temperature) for temperature in temperatures]
    losses = np.array([-np.log(np.maximum(p[every, labels], 1e-12)).mean() for p in tried])
    near = np.flatnonzero(losses <= losses.min() * 1.02)
    errors = [calibration_error(tried[i][:, :CLASSES].max(1), right) for i in near]
    best = near[int(np.argmin(errors))]
    threshold = float(np.quantile(tried[best][:, :CLASSES].max(1), 1 - KEPT))
    return TemperatureScaling(round(float(temperatures[best]), 4), round(min(threshold, CEILING), 4))


def not_learnt(run: Run, root: Path | None = None) -> tuple[Digits | None, str]:
    """Choose digits to calibrate a run on, with a sentence that says what they are, or why there are none.

    They are those that the run held out and, for a folder of pictures, those that it was tested on. These are few: if
    training started from the shipped network, as many digits of MNIST that are new to it are added, so that both count
    for half.

    Raises:
        ShuziError: the run's data are gone, or they or their split have changed since it was trained.
    """
    train, test = held_out.load_for(run, None, root)
    digits, what = held_out.parts(run.plan, train)[1], "held out"
    if own.is_own(run.plan.data):
        digits, what = digits.concat(test), "not learnt from"
        if run.plan.start == "reader":
            mnist = shuzi.load("mnist", root)[0].split(NOT_LEARNT)[1]
            each = f"{len(digits)} pictures {what} and {NOT_LEARNT:,} digits of MNIST"
            return own.repeated(digits, NOT_LEARNT).concat(mnist), each
    if not len(digits):
        return None, "no images were held out; train with --validation"
    if len(digits) < LEAST:
        return None, f"{len(digits)} images {what} are too few, {LEAST} are needed"
    return digits, f"{len(digits):,} images {what}"


def export(
    folder: Path, out: Path | None = None, root: Path | None = None, int8: bool = False, recipe_name: str | None = None
) -> Exported:
    """Write a finished run as an ONNX file, calibrated on digits that the run has not learnt from.

    Args:
        folder: the run's.
        out: the file to write; default `model.onnx` in the run's folder, in 8 bits `model-int8.onnx`.
        root: folder of downloaded datasets.
        int8: use 8-bit convolutions; no training can start from such a file.
        recipe_name: its recipe, which has to be named if it is one of your own.

    Raises:
        ShuziError: the run is not finished, its data are gone or have changed, the file can't be written or is another
            one; or `int8` for a network without convolutions.
    """
    run = read_run(folder, recipe_name)
    out = out or folder / ("model-int8.onnx" if int8 else "model.onnx")
    refuse_overwrite(out, b"shuzi.name", "an ONNX file made by shuzi export")
    training = runs.load_in_torch(run, "cpu")
    digits, why = not_learnt(run, root)
    train = held_out.load_for(run, None, root)[0]
    record = {held_out.RECORD: held_out.learnt_by(run).to_text()}
    known, model = training.recipe, training.result
    if (its_own := known.onnx) is not None:
        data, fitted = with_properties(its_own(model, train if int8 else None), record), None
        if digits is not None:
            data, fitted = finder_calibration.calibrated(data, digits)
            why = f"made-up scenes of {why}"
        write_whole(out, data)
        return Exported(out, fitted, why, f'shuzi.Reader(finder="{out}"), in Python')
    calibration, sample = None, np.zeros((4, SIDE, SIDE), np.uint8)
    if digits is not None:
        sample = digits.images[:256]
        calibration = calibrate(training.predict(digits), digits.labels)
    # a folder of pictures is sorted by label: take some of each
    few = slice(None, None, -(-len(train) // RANGED) if own.is_own(run.plan.data) else 1)
    images, labels = train.images[few][:RANGED], train.labels[few][:RANGED]
    about = {"shuzi.name": run.plan.recipe} | record
    with guard(known.build):
        data = to_onnx(model, sample, about, calibration, images if int8 else None)
    if finder_calibration.names_digits(images, labels):
        data = finder_calibration.beside_finder(data, digits)
    write_whole(out, data)
    return Exported(out, calibration, why, f"shuzi read --weights {shlex.quote(str(out))} PICTURE")


def to_onnx(
    model: Model,
    sample: np.ndarray,
    about: dict[str, str],
    calibration: TemperatureScaling | None,
    ranged: np.ndarray | None = None,
) -> bytes:
    """Export a model as an ONNX file's bytes, and compare onnxruntime's logits with torch's on a sample.

    Args:
        model: takes float32 (B, 1, 28, 28) in [0, 1].
        sample: uint8 (N, 28, 28), N 2 or more.
        about: properties to store in the file.
        calibration: stored in the file, if there is one.
        ranged: uint8 (N, 28, 28), images that set the range of 8-bit convolutions; None: all is float32.

    Raises:
        ShuziError: onnxruntime's logits differ from torch's.
    """
    wrapped = FromBytes(model).eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    images = torch.from_numpy(sample)
    if calibration is not None:
        about = about | calibration.about()
    proto = graph(wrapped, images, {0: torch.export.Dim("N")}, ["logits"], about)
    with torch.no_grad():
        expected = wrapped(images).numpy()
    data: bytes = proto.SerializeToString()
    session = runtime().InferenceSession(data, providers=["CPUExecutionProvider"])
    difference = float(np.abs(session.run(["logits"], {"images": sample})[0] - expected).max())
    if not difference <= AGREEMENT:
        raise ShuziError(
            f"onnxruntime's logits differ from torch's by {difference:g}, expected at most {AGREEMENT:g}; "
            "try another version of torch or onnxruntime"
        )
    if ranged is not None:
        batches = [ranged[i : i + BATCH] for i in range(0, len(ranged), BATCH)]
        data = in_eight_bits(proto, batches, frozenset()).SerializeToString()
    return data

"""A run to one ONNX file that `Reader` takes, checked number for number against torch."""

import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import shuzi
from shuzi import version
from shuzi.data import strokes
from shuzi.data.digits import CLASSES, SIDE
from shuzi.errors import ShuziError
from shuzi.evaluate.figures import calibration_error, softmax
from shuzi.files import keep_others, write_whole
from shuzi.train import runs
from shuzi.train.fit import predict
from shuzi.train.recipes import Model

KEPT = 0.99  # of the validation digits are answered at the default threshold
CEILING = 0.5  # no default threshold above: on poorer pictures than MNIST an even guess is worth giving
# The doubts that are tried; more would turn away digits on poorer pictures than MNIST.
DOUBTS = 0.0, 0.25, 0.5, 0.75, 1.0
AGREEMENT = 1e-3  # the largest difference of a logit between torch and onnxruntime; rounding makes about 1e-5


@dataclass(frozen=True)
class Calibration:
    """What makes logits into confidence.

    Attributes:
        temperature: divides all logits before the softmax, above 0.
        doubt: is then added to the logit of "no digit", 0 or more.
        threshold: the confidence below which an answer is "not sure", 0..1.
    """

    temperature: float
    doubt: float
    threshold: float

    def confidence(self, logits: np.ndarray) -> np.ndarray:
        """Give the confidence float64 (N,) of the likeliest digit, from logits (N, 10 or 11)."""
        logits = logits.astype(np.float64) / self.temperature
        logits[:, CLASSES:] += self.doubt
        return softmax(logits)[:, :CLASSES].max(1)


class FromBytes(nn.Module):
    """A network that takes images as they are stored: uint8 (N, 28, 28)."""

    def __init__(self, network: Model) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Give logits (N, classes)."""
        return self.network(images.to(torch.float32).unsqueeze(1) / 255)


def calibrate(logits: np.ndarray, labels: np.ndarray, others: np.ndarray | None = None) -> Calibration:
    """Choose temperature, doubt and threshold.

    The temperature is that of the least calibration error among those whose likelihood is within a fiftieth of
    the best (C. Guo et al., "On calibration of modern neural networks", ICML 2017, by likelihood alone). The doubt is
    that with the fewest wrong answers, to digits and to others together, where 99 % of the digits are answered.

    Args:
        logits: (N, 10 or 11), of validation digits.
        labels: (N,), theirs.
        others: (M, 11), of what is no digit; without them there is no doubt.
    """
    right = logits[:, :CLASSES].argmax(1) == labels
    every = np.arange(len(labels))
    temperatures = np.exp(np.linspace(np.log(0.3), np.log(3), 120))
    tried = [softmax(logits.astype(np.float64) / temperature) for temperature in temperatures]
    losses = np.array([-np.log(np.maximum(p[every, labels], 1e-12)).mean() for p in tried])
    near = np.flatnonzero(losses <= losses.min() * 1.02)
    errors = [calibration_error(tried[i][:, :CLASSES].max(1), right) for i in near]
    temperature = round(float(temperatures[near[int(np.argmin(errors))]]), 4)

    choices = []
    for doubt in DOUBTS if others is not None else DOUBTS[:1]:
        calibration = Calibration(temperature, doubt, 0)
        confidence = calibration.confidence(logits)
        threshold = float(np.quantile(confidence, 1 - KEPT))
        wrong = float((confidence[~right] >= threshold).sum() / len(labels))
        if others is not None:
            wrong += float((calibration.confidence(others) >= threshold).mean())
        choices.append((wrong, Calibration(temperature, doubt, round(min(threshold, CEILING), 4))))
    return min(choices, key=lambda choice: choice[0])[1]


def export(folder: Path, out: Path | None = None, root: Path | None = None) -> Path:
    """Write a finished run as an ONNX file, calibrated on the digits that the run held out.

    Args:
        folder: the run's.
        out: the file to write; default `model.onnx` in the run's folder.
        root: where named sets lie.

    Returns:
        The file.

    Raises:
        ShuziError: no finished run, its data are gone, the file cannot be written, or another lies there.
    """
    run = runs.read(folder)
    out = out or folder / "model.onnx"
    keep_others(out, b"shuzi.name", "an ONNX file made by shuzi export")
    model = runs.model(run, torch.device("cpu"))
    calibration, sample = None, np.zeros((4, SIDE, SIDE), np.uint8)
    if run.plan.settings.validation:
        train, _ = shuzi.load(run.plan.data, root)
        _, held_out = train.split(run.plan.settings.validation)
        sample = held_out.images[:256]
        logits = predict(model, held_out, torch.device("cpu")).numpy()
        others = None
        if logits.shape[1] > CLASSES:
            images = strokes.marks(len(held_out), np.random.default_rng(0), held_out.images, held_out.labels)
            marks = strokes.WithMarks(images, np.full(len(images), strokes.NOT_A_DIGIT, np.uint8), "marks")
            others = predict(model, marks, torch.device("cpu")).numpy()
        calibration = calibrate(logits, held_out.labels, others)
    write_whole(out, to_onnx(model, sample, run.plan.recipe, calibration))
    return out


def to_onnx(model: Model, sample: np.ndarray, name: str, calibration: Calibration | None) -> bytes:
    """Give a model as an ONNX file's bytes, after onnxruntime gave torch's very logits on a sample.

    Args:
        model: takes float32 (B, 1, 28, 28) in [0, 1].
        sample: uint8 (N, 28, 28), N 2 or more.
        name: kept in the file.
        calibration: kept in the file, if there is one.

    Raises:
        ShuziError: onnxruntime's logits differ from torch's.
    """
    import onnx
    import onnxruntime
    from onnxscript import optimizer

    wrapped = FromBytes(model).eval().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    images = torch.from_numpy(sample)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it warns of a torchvision that nobody needs
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of deprecations within the exporter itself
        program = torch.onnx.export(
            wrapped,
            (images,),
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("N")},),
            dynamo=True,
            verbose=False,
            optimize=False,
        )
        expected = wrapped(images).numpy()
    assert program is not None  # torch gives one unless it writes a file itself
    # batch norm is left for onnxruntime to fold into the convolutions: so training can start from the file
    optimizer.fold_constants(program.model)
    optimizer.remove_unused_nodes(program.model)
    proto = program.model_proto
    about = {"shuzi.name": name, "shuzi.version": version.full()}
    if calibration is not None:
        about |= {
            "shuzi.temperature": f"{calibration.temperature:g}",
            "shuzi.doubt": f"{calibration.doubt:g}",
            "shuzi.threshold": f"{calibration.threshold:g}",
        }
    onnx.helper.set_model_props(proto, about)
    for (
        node
    ) in proto.graph.node:  # where in the exporter's source each node came from: two thirds of the file
        del node.metadata_props[:]
        node.doc_string = ""
    data: bytes = proto.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    difference = float(np.abs(session.run(["logits"], {"images": sample})[0] - expected).max())
    if not difference <= AGREEMENT:
        raise ShuziError(
            f"onnxruntime's logits differ from torch's by {difference:g}, expected at most {AGREEMENT:g}; "
            "try another version of torch or onnxruntime"
        )
    return data

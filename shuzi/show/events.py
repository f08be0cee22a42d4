"""A training's figures as events for TensorBoard, written as it goes."""

import numpy as np

from shuzi.errors import needs
from shuzi.show.pictures import weights_by_pixel
from shuzi.train.fit import TrainingLoop
from shuzi.train.listener import Listener
from shuzi.train.run import Run

FOLDER = "tensorboard"  # in the run's


class Events:
    """Writes each epoch of a training: the curve of its loss, accuracies, the learning rate, and templates.

    Raises:
        ShuziError: TensorBoard isn't installed.
    """

    def __init__(self) -> None:
        self._open = needs("tensorboard", "torch.utils.tensorboard").SummaryWriter

    def listener(self, other: Listener) -> Listener:
        """Return a listener that writes events and calls another one too."""

        def start(run: Run) -> None:
            folder = run.folder / FOLDER
            # a resumed run repeats the epochs after its checkpoint
            self._writer = self._open(folder, purge_step=len(run.metrics) + 1)
            other.start(run)

        def epoch(run: Run) -> None:
            self.write(run)
            other.epoch(run)

        def build(training: TrainingLoop) -> None:
            self._training = training
            other.build(training)

        return Listener(start, other.step, epoch, build)

    def write(self, run: Run) -> None:
        """Write the events of a run's last epoch, at the step of its number."""
        last, writer, training = run.metrics[-1], self._writer, self._training
        points = len(last.curve)
        for point, loss in enumerate(last.curve, 1):
            writer.add_scalar("loss/curve", loss, (last.epoch - 1) * points + point)
        figures = {
            "loss/training": last.loss,
            "accuracy/training": last.accuracy,
            "accuracy/validation": last.validation_accuracy,
            "learning rate": training.learning_rate,
            "images per second": last.images_per_second,
        }
        for name, value in figures.items():
            if value is not None:
                writer.add_scalar(name, value, last.epoch)
        W = weights_by_pixel(training)
        if W is not None:
            writer.add_image("templates", tiles(W), last.epoch, dataformats="HW")
        writer.flush()


def tiles(W: np.ndarray) -> np.ndarray:
    """Lay the templates of W (784, 10) side by side, float (28, 280), from 0 to 1: 0.5 is a weight of 0."""
    row = np.hstack([W[:, digit].reshape(28, 28) for digit in range(10)])
    return row / (2 * max(float(np.abs(row).max()), 1e-12)) + 0.5

"""Who follows a training: nobody, or a progress bar on the terminal or in a notebook."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsFloat

from shuzi.train.settings import OnStep

if TYPE_CHECKING:
    from shuzi.train.fit import TrainingLoop
    from shuzi.train.run import Run

SECONDS_BETWEEN_UPDATES = 0.1  # of a bar; reading the loss waits for the device


@dataclass(frozen=True)
class Listener:
    """What is called as a training goes: at its start, after each step, after each epoch. By default nothing.

    build: called with the training itself, once, before its start.
    """

    start: Callable[["Run"], None] = lambda run: None
    step: OnStep | None = None
    epoch: Callable[["Run"], None] = lambda run: None
    build: Callable[["TrainingLoop"], None] = lambda training: None


class TrainingBar:
    """How far a training is, for a progress bar.

    show: draws the bar from the share that is done, 0..1, the epoch, as in "epoch 2/10", and its loss and pace.
    """

    def __init__(self, show: Callable[[float, str, str], None]) -> None:
        self._show = show
        self._epochs, self._ended = 1, 0
        self._shown, self._seen = 0.0, 0  # when the pace was last measured, and at which image

    def start(self, run: "Run") -> None:
        """Show the bar before the first step, which may take minutes to prepare."""
        self._epochs, self._ended = run.plan.settings.epochs, len(run.metrics)
        self._show(self._ended / self._epochs, f"epoch {self._ended + 1}/{self._epochs}", "preparing")

    def step(self, done: int, images: int, loss: SupportsFloat) -> None:
        """Show the loss and the pace after `done` of an epoch's `images`."""
        elapsed = (now := time.perf_counter()) - self._shown
        if elapsed < SECONDS_BETWEEN_UPDATES:
            return
        seen = self._ended * images + done
        pace = f"  {(seen - self._seen) / elapsed:,.0f} images/s" if self._shown else ""
        self._shown, self._seen = now, seen
        share = (self._ended + done / images) / self._epochs
        self._show(share, f"epoch {self._ended + 1}/{self._epochs}", f"loss {float(loss):.4f}{pace}")

    def epoch(self, run: "Run") -> None:
        """Show the metrics of an epoch that has ended."""
        self._ended, last = len(run.metrics), run.metrics[-1]
        accuracy = "" if last.accuracy is None else f", training accuracy {last.accuracy:.4f}"
        metrics = f"loss {last.loss:.4f}{accuracy}  {last.images_per_second:,.0f} images/s"
        self._show(self._ended / self._epochs, f"epoch {self._ended}/{self._epochs}", metrics)


def in_notebook() -> Listener:
    """Make a listener that shows a progress bar in a notebook; outside a notebook it does nothing."""
    ipython = sys.modules.get("IPython")
    if ipython is None or not hasattr(ipython.get_ipython(), "kernel"):
        return Listener()
    from IPython import display as notebook

    from shuzi.display import bar

    handle = notebook.display(notebook.HTML(""), display_id=True)
    shown = TrainingBar(lambda done, *texts: handle.update(notebook.HTML(bar(done, ", ".join(texts)))))
    return Listener(shown.start, shown.step, shown.epoch)

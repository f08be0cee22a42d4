"""Whom to tell how training goes: nobody, or the notebook in which it runs."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, SupportsFloat

from shuzi.train.settings import OnStep

if TYPE_CHECKING:
    from shuzi.train.fit import TrainingLoop
    from shuzi.train.run import Run

SECONDS_BETWEEN_LOOKS = 0.1  # of a notebook's bar; reading the loss waits for the device


@dataclass(frozen=True)
class Listener:
    """Whom to tell how training goes: at its start, after each step, after each epoch. Default nobody.

    build: told the training itself, once, before its start.
    """

    start: Callable[["Run"], None] = lambda run: None
    step: OnStep | None = None
    epoch: Callable[["Run"], None] = lambda run: None
    build: Callable[["TrainingLoop"], None] = lambda training: None


def in_notebook() -> Listener:
    """Make a listener that shows a progress bar in a notebook; outside a notebook it does nothing."""
    ipython = sys.modules.get("IPython")
    if ipython is None or not hasattr(ipython.get_ipython(), "kernel"):
        return Listener()
    from IPython import display as notebook

    from shuzi.display import bar

    handle = notebook.display(notebook.HTML(""), display_id=True)
    epochs = ended = 0
    shown = 0.0

    def show(done: float, text: str) -> None:
        handle.update(notebook.HTML(bar(done / epochs, text)))

    def start(run: "Run") -> None:
        nonlocal epochs, ended
        epochs, ended = run.plan.settings.epochs, len(run.metrics)
        show(ended, f"epoch {ended + 1}/{epochs}")

    def step(done: int, images: int, loss: SupportsFloat) -> None:
        nonlocal shown
        if (now := time.perf_counter()) - shown > SECONDS_BETWEEN_LOOKS:
            shown = now
            show(ended + done / images, f"epoch {ended + 1}/{epochs}, loss {float(loss):.4f}")

    def epoch(run: "Run") -> None:
        nonlocal ended
        ended, last = len(run.metrics), run.metrics[-1]
        right = "" if last.accuracy is None else f", training accuracy {last.accuracy:.4f}"
        show(ended, f"epoch {ended}/{epochs}, loss {last.loss:.4f}{right}")

    return Listener(start, step, epoch)

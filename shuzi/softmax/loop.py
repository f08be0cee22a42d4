"""The training loop of softmax regression in numpy: draw a batch, forward, gradient, step."""

from collections.abc import Iterator

import numpy as np

from shuzi.softmax.equations import descend, gradient, logits, rows

GATHERED = 400  # images gathered at once: 1 MB as float32, which stays in a core's own cache


def batches(
    images: np.ndarray, labels: np.ndarray, order: np.ndarray, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield rows float32 (B, 784) in [0, 1] and labels (B,) in an order, the last batch smaller."""
    gathered = batch_size * max(1, GATHERED // batch_size)
    for first in range(0, len(order), gathered):
        chosen = order[first : first + gathered]
        x, targets = rows(images[chosen]), labels[chosen]
        for start in range(0, len(chosen), batch_size):
            yield x[start : start + batch_size], targets[start : start + batch_size]


def epoch(
    W: np.ndarray, b: np.ndarray, batches: Iterator[tuple[np.ndarray, np.ndarray]], lr: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Train W (784, 10) and b (10,) in place. Yield the logits (B, 10) and the labels (B,) of each batch."""
    for x, labels in batches:
        z = logits(x, W, b)
        of_W, of_b = gradient(x, z, labels)
        descend(W, b, of_W, of_b, lr)
        yield z, labels


def predict(W: np.ndarray, b: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Compute the logits float32 (N, 10) of images uint8 (N, 28, 28)."""
    parts = (images[first : first + GATHERED] for first in range(0, len(images), GATHERED))
    return np.concatenate([logits(rows(part), W, b) for part in parts])

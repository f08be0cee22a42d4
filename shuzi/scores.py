"""Scores to answers: which digit it is, given that it is one, and whether it is one."""

import numpy as np


def given_digit(scores: np.ndarray) -> np.ndarray:
    """Compute the digits' probabilities (N, 10) given that it is a digit, from scores (N, 10 or 11)."""
    digits = scores[:, :10]
    sums = digits.sum(1, keepdims=True)
    return np.where(sums > 0, digits / np.maximum(sums, 1e-30), np.float32(0.1)).astype(np.float32)


def any_digit(scores: np.ndarray) -> np.ndarray:
    """Compute the probability that it is a digit, whichever: (N,), from scores (N, 11).

    For a network without "no digit", scores (N, 10) or with 0 in the last column, it is the likeliest digit's.
    """
    digits = scores[:, :10]
    return digits.sum(1) if scores[:, 10:].any() else digits.max(1, initial=0)

"""Distributions that settings name: what is drawn at random, read at a glance."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Uniform:
    """Between two numbers, all equally likely."""

    low: float
    high: float

    def draw(self, g: np.random.Generator) -> float:
        """Draw a number."""
        return float(g.uniform(self.low, self.high))


@dataclass(frozen=True)
class LogUniform:
    """Between two positive numbers, all ratios equally likely."""

    low: float
    high: float

    def draw(self, g: np.random.Generator) -> float:
        """Draw a number."""
        return float(np.exp(g.uniform(np.log(self.low), np.log(self.high))))


@dataclass(frozen=True)
class Normal:
    """A Gaussian."""

    mean: float
    std: float

    def draw(self, g: np.random.Generator) -> float:
        """Draw a number."""
        return float(g.normal(self.mean, self.std))


@dataclass(frozen=True)
class LogNormal:
    """A positive number whose logarithm is Gaussian around the median's."""

    median: float
    std: float

    def draw(self, g: np.random.Generator) -> float:
        """Draw a number."""
        return float(np.exp(g.normal(np.log(self.median), self.std)))


@dataclass(frozen=True)
class Integers:
    """Whole numbers from `low` to `high` - 1, all equally likely."""

    low: int
    high: int

    def draw(self, g: np.random.Generator) -> int:
        """Draw a number."""
        return int(g.integers(self.low, self.high))


@dataclass(frozen=True)
class OneOf:
    """Numbers, each as likely as it stands here often."""

    values: tuple[float, ...]

    def __init__(self, *values: float) -> None:
        object.__setattr__(self, "values", values)

    def draw(self, g: np.random.Generator) -> float:
        """Draw a number."""
        return float(g.choice(self.values))


@dataclass(frozen=True)
class Mixture:
    """Named kinds and their shares; the last takes what the others leave to 1."""

    shares: Mapping[str, float]

    def __init__(self, **shares: float) -> None:
        object.__setattr__(self, "shares", shares)

    def draw(self, g: np.random.Generator) -> str:
        """Draw a kind's name."""
        at, below = g.random(), 0.0
        for kind, share in self.shares.items():
            below += share
            if at < below:
                return kind
        return kind


@dataclass(frozen=True)
class Chance:
    """Yes with a probability."""

    p: float

    def draw(self, g: np.random.Generator) -> bool:
        """Draw yes or no."""
        return bool(g.random() < self.p)

"""How a finder's and a classifier's answers become confidence, and for which pair of them that was fitted."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, dataclass

import numpy as np

from shuzi.errors import ShuziError
from shuzi.network import Network
from shuzi.page import MARKS

# Properties of an ONNX file: the calibration, and the SHA-256 of the finder's file that a classifier's was fitted with.
CALIBRATION, WITH_FINDER = "shuzi.calibration", "shuzi.finder_sha256"


@dataclass(frozen=True)
class Calibration:
    """Weights of logistic models that turn answers into confidence; `shuzi.train.calibration` fits them.

    Attributes:
        chance: constant and factor that turn the logit of the digits' heatmap into the logarithm of the odds that there
            is a digit and not nothing.
        mark, letter: likewise for marks and letters. Older files lack them.
        named: weights of the finder's and the classifier's log probabilities, for which digit it is.
        digit: constant, and weights of the finder's and the classifier's logits, for whether it is a digit.
        number: constant, and weights of `reader.number_evidence`, for whether a number is right.
    """

    chance: tuple[float, ...] = (0.0, 1.0)
    mark: tuple[float, ...] = (0.0, 1.0)
    letter: tuple[float, ...] = (0.0, 1.0)
    named: tuple[float, ...] = (0.5, 0.5)
    digit: tuple[float, ...] = (0.0, 0.5, 0.5)
    number: tuple[float, ...] = (0.0, 1.0, 0.0, 0.0)

    @functools.cached_property
    def kinds(self) -> np.ndarray:
        """`chance`, `mark` of each mark, and `letter`: float64 (10, 2)."""
        return np.array([self.chance, *[self.mark] * len(MARKS), self.letter])

    def to_text(self) -> str:
        """Format it as an ONNX file holds it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Calibration:
        """Parse what `to_text` returns. Raises ValueError, TypeError or AttributeError for any other text."""
        values = json.loads(text)
        found = cls(**{name: tuple(map(float, numbers)) for name, numbers in values.items()})
        for name, numbers in asdict(cls()).items():
            if len(getattr(found, name)) != len(numbers) or not np.isfinite(getattr(found, name)).all():
                raise ValueError
        return found

    @classmethod
    def from_network(cls, network: Network) -> Calibration | None:
        """Read the calibration in a network's file; None if it has none. Raises ShuziError for a damaged one."""
        if not (said := network.text(CALIBRATION, "")):
            return None
        try:
            return cls.from_text(said)
        except (ValueError, AttributeError, TypeError) as error:
            raise ShuziError(
                f"{network.path}: its {CALIBRATION} is damaged ({said!r:.40}). Make the file again with shuzi export."
            ) from error


UNFITTED = Calibration()


def for_pair(classifier: Network, finder_sha256: str, finders: Calibration) -> Calibration | None:
    """Choose the calibration for a classifier and a finder.

    A classifier of digits carries a calibration that was fitted with one finder. With another finder, that finder's
    own is better.

    Args:
        classifier: its network.
        finder_sha256: of the finder's file.
        finders: the finder's own calibration.

    Returns:
        None for a classifier without one: it may name other signs than digits, so only the classifier's answers count.
    """
    together = Calibration.from_network(classifier)
    if together is None:
        return None
    return together if classifier.text(WITH_FINDER, "") == finder_sha256 else finders


def sigmoid(odds: float | np.ndarray) -> np.ndarray:
    """Compute probabilities from log odds, however large they are."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * np.asarray(odds))))

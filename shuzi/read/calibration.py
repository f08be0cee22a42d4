"""What makes confidence of what finder and classifier say, and for which pair of them it was fitted."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np

from shuzi.errors import ShuziError
from shuzi.network import Network

# Its name in an ONNX file, and that of the SHA-256 of the finder's file that a classifier's was fitted with.
CALIBRATION, WITH_FINDER = "shuzi.calibration", "shuzi.finder_sha256"


@dataclass(frozen=True)
class Calibration:
    """What makes confidence of what finder and classifier say; `shuzi.train.calibration` fits it.

    Attributes:
        chance: constant and factor that make the heatmaps' logits those of being a digit.
        named: weights of the finder's and the classifier's log probabilities in which digit it is.
        digit: constant, and weights of the finder's and the classifier's logits, in whether it is one.
        number: constant, and weights of what its digits say together, of their links and of the logarithm of how many
            they are, in whether a number is right.
    """

    chance: tuple[float, ...] = (0.0, 1.0)
    named: tuple[float, ...] = (0.5, 0.5)
    digit: tuple[float, ...] = (0.0, 0.5, 0.5)
    number: tuple[float, ...] = (0.0, 1.0, 0.0, 0.0)

    def to_text(self) -> str:
        """Give it as it lies in an ONNX file."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Calibration:
        """Raises ValueError where the text isn't what `to_text` gives."""
        values = json.loads(text)
        found = cls(**{name: tuple(map(float, numbers)) for name, numbers in values.items()})
        for name, numbers in asdict(cls()).items():
            if len(getattr(found, name)) != len(numbers) or not np.isfinite(getattr(found, name)).all():
                raise ValueError
        return found

    @classmethod
    def of(cls, network: Network) -> Calibration | None:
        """Give the one in a network's file; None where there is none. Raises ShuziError for a damaged one."""
        if not (said := network.text(CALIBRATION, "")):
            return None
        try:
            return cls.from_text(said)
        except (ValueError, AttributeError, TypeError) as error:
            raise ShuziError(
                f"{network.path}: its {CALIBRATION} is {said!r:.40}; make it anew with shuzi export."
            ) from error


def for_pair(classifier: Network, finder_sha256: str, finders: Calibration) -> Calibration | None:
    """Give the calibration to read with.

    A classifier that names digits carries the calibration of it and a finder together. With another finder that
    finder's own is the better one.

    Args:
        classifier: its network.
        finder_sha256: of the finder's file.
        finders: the finder's own calibration.

    Returns:
        None for a classifier without one: it may name other signs than digits, so the finder has no say in them.
    """
    together = Calibration.of(classifier)
    if together is None:
        return None
    return together if classifier.text(WITH_FINDER, "") == finder_sha256 else finders

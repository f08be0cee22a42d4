"""Marks to numbers: which of them stand, and to which number each belongs."""

import numpy as np

from shuzi.read.proposals import MIN_DIGIT_CHANCE, Proposal

AFTER_DIGITS = tuple(",:/%'")  # marks that no number begins with
BESIDE = 1.5  # of a digit's size: the middles of a mark and of the digits around it differ less in height
MARK_REACH = 1.2  # of a digit's size: a mark belongs to a number at most so far away
MARK_OFF = 0.3  # of a digit's size: but hardly higher or lower than where it may stand: there are other lines
# Heights below a digit's middle where a mark's middle is looked for, and how far from there it may stand for nothing.
MARK_PLACES, MARK_FREE = {".": (0.5, 0.4), ",": (0.5, 0.4), "'": (-0.5, 0.4)}, (0.0, 0.6)


def settle_marks(likely: list[Proposal]) -> list[Proposal]:
    """Take marks that have no digit beside them where one must be for the digits that they look like, or for nothing.

    A comma, a colon, a slash, a percent sign and an apostrophe follow a digit. A digit or a dash follows a slash.
    """
    before = np.array([p.box for p in likely if not p.mark]).reshape(-1, 4)
    after = np.array([p.box for p in likely if p.mark in ("", "-")]).reshape(-1, 4)
    settled = []
    for p in likely:
        if p.mark in AFTER_DIGITS and not (
            _beside(p, before, -1).any() and (p.mark != "/" or _beside(p, after, 1).any())
        ):
            if p.digit is not None and p.digit.chance >= MIN_DIGIT_CHANCE:
                settled.append(p.digit)
        else:
            settled.append(p)
    return settled


def _beside(mark: Proposal, boxes: np.ndarray, side: int) -> np.ndarray:
    """Tell which boxes (N, 4) stand beside a mark: bool (N,). side: -1 for on its left, 1 for on its right."""
    away, sizes = boxes[:, :2] + boxes[:, 2:] / 2 - mark.middle, boxes[:, 2:].max(1)
    across = side * away[:, 0] - (boxes[:, 2] + mark.box[2]) / 2
    reached = (across < MARK_REACH * sizes) & (np.abs(away[:, 1]) < BESIDE * sizes)
    return np.asarray((side * away[:, 0] > 0) & reached)


def assign_marks(chains: list[list[Proposal]], marks: list[Proposal]) -> list[list[Proposal]]:
    """Assign each mark to the number whose digits are nearest, if they are within MARK_REACH; list them by number.

    Points and commas are looked for at the foot of digits, so that those of the line above are none of a number's. A
    digit reaches on from the marks beside it, as to the dash of `3.-`.
    """
    assigned: list[list[Proposal]] = [[] for _ in chains]
    if not chains:
        return assigned
    boxes = np.array([digit.box for chain in chains for digit in chain])
    owners = np.repeat(np.arange(len(chains)), [len(chain) for chain in chains])
    left, right, sizes = boxes[:, 0], boxes[:, 0] + boxes[:, 2], boxes[:, 2:].max(1)

    def distances(mark: Proposal) -> np.ndarray:
        low, free = MARK_PLACES.get(mark.mark, MARK_FREE)
        across = np.maximum(left - mark.box[0] - mark.box[2], mark.box[0] - right)
        down = np.abs(mark.middle[1] - boxes[:, 1] - (0.5 + low) * boxes[:, 3]) - free * sizes
        return np.where(down < MARK_OFF * sizes, np.maximum(np.maximum(across, down), 0.0) / sizes, np.inf)

    for mark in sorted(marks, key=lambda mark: float(distances(mark).min())):
        far = distances(mark)
        nearest = far.argmin()
        if far[nearest] < MARK_REACH:
            assigned[owners[nearest]].append(mark)
            left[nearest] = min(left[nearest], mark.box[0])
            right[nearest] = max(right[nearest], mark.box[0] + mark.box[2])
    return assigned

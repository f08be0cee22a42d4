"""Proposals to numbers and lines: which digits belong together, in what order, and what may have been missed."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import dropwhile, pairwise
from statistics import median

import cv2
import numpy as np

from shuzi.read.calibration import sigmoid
from shuzi.read.formats import settle_numbers
from shuzi.read.frames import NO_FRAMES, split_at_frames
from shuzi.read.lines import LINE_OFFSET, chain_pairs, gaps_around, group_lines, places
from shuzi.read.marks import AFTER_DIGITS, MARK_REACH, assign_marks, settle_marks
from shuzi.read.proposals import KINDS, MIN_CHANCE, MIN_DIGIT_CHANCE, Proposal, covered

MIN_LINK = 0.5  # from here on a digit has a next one
NEXT_REACH = 0.6  # of a digit's size: how far from where the network expects it the next digit may be
# From here on a digit that its neighbour expects is part of a number; any other is unread ink.
WEAK_CHANCE = 0.25
# Times the odds of an unlikely digit that its neighbour expects: of 114 with a chance of 0.3 to 0.5, half were digits.
LINKED_ODDS = 1.6
DIGIT_INK = 0.5  # of the writing in a box: what has less is a word's rather than a digit's
# Digits of one number stand as far apart as each other, give or take this; and this far from a mark between them, at
# most, in heights.
EVEN, MARK_GAP = 0.2, 0.35
MANY_GAPS = 10  # so many gaps show a page's usual ones
SPREAD = 0.05  # widths of a digit: the least standard deviation of gaps, which a pixel's rounding alone makes
BETWEEN = 6.0  # widths of a digit: gaps between numbers are at most so wide
NO_LINK = 0.05  # a digit that is followed with less has surely none that follows
# In widths of a digit: with a gap so much wider than the number's others, or so wide, one number is as likely as two.
# Of 600 numbers of real writers one in a hundred has a gap 0.2 wider than its others, or as wide as 1.15.
OPEN_EXCESS, OPEN_GAP, GAP_SHARPNESS = 0.5, 1.6, 10.0
MISSED_HEIGHT = 0.6  # of the lower of two digits: writing between them that is so high is a digit too
EXPLAINED = 0.5  # of such writing: so much lies in the boxes of digits and marks that were found
MISSED_MIN_HEIGHT = 0.4  # of a number's height: nothing lower is a missed digit of it
MISSED_REACH = 0.8  # heights: how far outside a number a digit of it may have been missed


@dataclass(frozen=True, eq=False)
class DigitGroup:
    """The digits of one number, from left to right, its marks, and its line; line 0 is the topmost.

    p_parts: 0..1, that these are its digits and marks, of all that its parts may be.
    chain: the digits as they were linked, before that was decided; default: `digits`.
    """

    digits: tuple[Proposal, ...]
    marks: tuple[Proposal, ...] = ()
    p_parts: float = 1.0
    line: int = 0
    chain: tuple[Proposal, ...] = ()

    @property
    def p_linked(self) -> float:
        """0..1, that these are all its digits by their links: each is followed by another, the last by none."""
        *inner, last = (digit.link for digit in self.chain or self.digits)
        return float(np.prod(inner)) * (1 - last)

    @property
    def p_marks(self) -> float:
        """0..1, that all its marks are marks, and these."""
        return float(np.prod([mark.chance * float(mark.classes.max()) for mark in self.marks]))

    @functools.cached_property
    def extent(self) -> tuple[np.ndarray, np.ndarray, float]:
        """The upper left and the lower right corner of its digits, float64 (2,), and their median height, in pixels."""
        boxes = np.array([digit.box for digit in self.digits])
        return boxes[:, :2].min(0), (boxes[:, :2] + boxes[:, 2:]).max(0), median(boxes[:, 3].tolist())

    @property
    def p_one(self) -> float:
        """0..1, that it is one number and not two, by its widest gap."""
        boxes = np.array([part.box for part in sorted((*self.digits, *self.marks), key=lambda p: p.middle[0])])
        if len(boxes) < 2:
            return 1.0
        width = digit_width(boxes[boxes[:, 3].argmax()][None])[0]
        gaps = (boxes[1:, 0] - boxes[:-1, :3:2].sum(1)) / width
        steps = np.diff(boxes[:, 0] + boxes[:, 2] / 2) / width
        excess = min(each.max() - median(each.tolist()) for each in (gaps, steps))
        odds = np.array([OPEN_EXCESS - excess, (OPEN_GAP - gaps.max()) / 2]) * GAP_SHARPNESS
        return float(np.prod(sigmoid(odds)))


def digit_width(boxes: np.ndarray) -> np.ndarray:
    """Measure how wide a usual digit of the height of each box (N, 4) is: its width, at least half its height."""
    return np.asarray(np.maximum(boxes[:, 2], boxes[:, 3] / 2))


def group_digits(
    proposals: list[Proposal], gap: float | None = None, frames: np.ndarray = NO_FRAMES
) -> list[DigitGroup]:
    """Group the likely digits and marks of a page into numbers, in reading order.

    gap: the widest gap within a number, in widths of a digit; None: where the network sees one. frames: float64 (M, 4),
    as `ruled_frames` returns them.
    """
    likely = settle_marks([p for p in proposals if p.chance >= MIN_DIGIT_CHANCE])
    digits, marks = [p for p in likely if not p.mark], [p for p in likely if p.mark]
    weak = filter(_digit_ink, weak_digits(proposals))
    chains = link_digits(digits, weak) if gap is None else link_by_gap(digits, gap)
    unlikely = [p for p in proposals if p.mark and MIN_CHANCE <= p.chance < MIN_DIGIT_CHANCE]
    chains, joints = bridge_breaks(chains, marks, even=gap is None)
    taken = np.array([p.box for p in (*marks, *(p for p in unlikely if p.digit is not None))]).reshape(-1, 4)
    chains = [with_missed(chain, taken) for chain in with_enclosed(chains)]
    assigned = zip(chains, assign_marks(chains, marks), assign_marks(chains, unlikely), strict=True)
    settled = settle_numbers([(chain, [*likely, *doubtful]) for chain, likely, doubtful in assigned], joints)
    lines = enumerate(split_at_frames(group_lines(chains), places(chains)[2], frames))
    return [DigitGroup(*settled[i], number, tuple(chains[i])) for number, line in lines for i in line]


def unread(groups: list[DigitGroup], proposals: list[Proposal]) -> list[Proposal]:
    """List what looks like a digit and is in no number: by its ink too, or beside a number's digits."""
    weak = weak_digits(proposals)
    boxes = np.array([p.box for p in weak]).reshape(-1, 4)
    beside, read = np.array([_digit_ink(p) for p in weak], bool), np.zeros(len(weak), bool)
    for group in groups:
        beside |= _in_or_beside(group, boxes)
        read |= _is_read(group, boxes)
    return [weak[i] for i in np.flatnonzero(beside & ~read)]


def weak_digits(proposals: list[Proposal]) -> list[Proposal]:
    """List what looks like a digit and is unlikely to be one."""
    return [p for p in proposals if not p.mark and WEAK_CHANCE <= p.chance < MIN_DIGIT_CHANCE]


def _digit_ink(proposal: Proposal) -> bool:
    """Tell whether most writing in a proposal's box is digits' ink."""
    left, top, right, bottom = proposal.level.box_bounds(proposal.box)
    writing, ink = (float(each[top:bottom, left:right].sum()) for each in (proposal.level.writing, proposal.level.ink))
    return ink > DIGIT_INK * writing


def link_digits(digits: list[Proposal], weak: Iterable[Proposal] = ()) -> list[list[Proposal]]:
    """Link each digit to the one that stands where the network expects its next; return the chains.

    weak: unlikely digits, which count where one is expected and no likely one stands.
    """
    if not digits:
        return []
    everyone = [*digits, *map(_expected, weak)]
    middles = np.array([d.middle for d in everyone])
    order = middles[:, 0].argsort()
    across = middles[order, 0]
    pairs = []
    for i, digit in enumerate(everyone):
        if digit.link < MIN_LINK:
            continue
        expected, reach = digit.middle + digit.ahead * digit.size, NEXT_REACH * digit.size
        near = order[slice(*across.searchsorted([expected[0] - reach, expected[0] + reach]))]
        away = np.where(near == i, np.inf, np.hypot(*(middles[near] - expected).T))
        for group, later in ((near < len(digits), 0.0), (near >= len(digits), 1.0)):
            far = np.where(group, away, np.inf)
            if far.min(initial=np.inf) < reach and middles[j := int(near[far.argmin()]), 0] > middles[i, 0]:
                pairs.append((later + (i >= len(digits)) + float(far.min() / digit.size), i, j))
                break
    chains = [chain for chain in chain_pairs(len(everyone), pairs) if min(chain) < len(digits)]
    # an unlikely one that comes first may be a sign of currency
    return [[*dropwhile(lambda p: p.chance < MIN_DIGIT_CHANCE, (everyone[i] for i in chain))] for chain in chains]


def _expected(digit: Proposal) -> Proposal:
    """Raise the chance of an unlikely digit, which its neighbour expects."""
    return replace(digit, chance=LINKED_ODDS * digit.chance / (1 + (LINKED_ODDS - 1) * digit.chance))


def link_by_gap(digits: list[Proposal], gap: float) -> list[list[Proposal]]:
    """Link each digit to the next on its right that a gap of at most so many widths of a digit parts from it."""
    boxes = np.array([d.box for d in digits]).reshape(-1, 4)
    (x, y, w, h), widths = boxes.T, digit_width(boxes)
    pairs = []
    for i in range(len(digits)):
        apart = (x - x[i] - w[i]) / np.minimum(widths, widths[i])
        level = np.abs(y + h / 2 - y[i] - h[i] / 2) < LINE_OFFSET * np.minimum(h, h[i])
        near = np.flatnonzero(level & (apart <= gap) & (x + w / 2 > x[i] + w[i] / 2))
        if len(near):
            j = int(near[(x + w / 2)[near].argmin()])
            pairs.append((float(apart[j]), i, j))
    return [[digits[i] for i in chain] for chain in chain_pairs(len(digits), pairs)]


def bridge_breaks(
    chains: list[list[Proposal]], marks: list[Proposal], even: bool
) -> tuple[list[list[Proposal]], list[Proposal]]:
    """Join numbers of a line where nothing but a mark parts them, or, if `even`, no more than their own digits.

    So a date is one number, and so are the digits in the boxes of a comb. On a page with many linked digits, `even`
    also joins numbers that a gap like theirs parts, unless the network is too sure that none follows. Returns the
    numbers, and the marks that alone join some.
    """
    joints: list[Proposal] = []
    while True:
        pairs, more = _bridges(chains, marks, even)
        joints += more
        if not pairs:
            return chains, joints
        joined = chain_pairs(len(chains), pairs)
        chains = [[digit for i in chain for digit in chains[i]] for chain in joined]


def _bridges(
    chains: list[list[Proposal]], found: list[Proposal], even: bool
) -> tuple[list[tuple[float, int, int]], list[Proposal]]:
    """List which numbers are one with the next on their line: distance, one, next; and which marks alone join them.

    found: the page's marks.
    """
    marks = np.array([mark.box for mark in found]).reshape(-1, 4)
    inner = np.array([mark.mark in AFTER_DIGITS for mark in found], bool)
    first, last = (np.array([chain[end].box for chain in chains]).reshape(-1, 4) for end in (0, -1))
    starts, ends = first[:, :2] + first[:, 2:] / 2, last[:, :2] + last[:, 2:] / 2
    steps = [_step(chain) for chain in chains]
    usual = _usual_gaps(chains)
    pairs, joints = [], []
    for i, chain in enumerate(chains):
        ahead, height = starts - ends[i], np.minimum(first[:, 3], last[i, 3])
        level = (ahead[:, 0] > 0) & (np.abs(ahead[:, 1]) < LINE_OFFSET * height)
        if not level.any():
            continue
        j = int(np.where(level, ahead[:, 0], np.inf).argmin())
        step = steps[i if len(chain) > len(chains[j]) else j]
        left, right = marks[:, 0] - last[i, 0] - last[i, 2], first[j, 0] - marks[:, 0] - marks[:, 2]
        # a mark that no number begins with belongs to the number before it, even from farther away
        farthest = np.where(inner & (left > right) & even, MARK_REACH, MARK_GAP) * height[j]
        near = (left < farthest) & (right < MARK_GAP * height[j]) & (np.minimum(left, right) > -marks[:, 2])
        parted = near & (np.abs(marks[:, 1] + marks[:, 3] / 2 - ends[i, 1]) < height[j])
        odds = _odds_within(_gap(chain[-1], chains[j][0]), chain[-1].link, usual)
        evenly = even and chain[-1].link > NO_LINK and (abs(ahead[j, 0] - step) < EVEN * step or odds > 1)
        if parted.any() or evenly:
            pairs.append((float(ahead[j, 0]), i, j))
            joints += [found[k] for k in np.flatnonzero(parted)] if not evenly else []
    return pairs, joints


def _gap(one: Proposal, other: Proposal) -> float:
    """Measure the gap from a digit to another on its right, in widths of the narrower one."""
    boxes = np.array([one.box, other.box])
    return float((boxes[1, 0] - boxes[0, 0] - boxes[0, 2]) / digit_width(boxes).min())


def _usual_gaps(chains: list[list[Proposal]]) -> tuple[float, float]:
    """Measure the gaps within a page's numbers: mean and standard deviation; infinity and 1 for a few."""
    if sum(map(len, chains)) - len(chains) < MANY_GAPS:
        return np.inf, 1.0
    gaps = [_gap(one, other) for chain in chains for one, other in pairwise(chain)]
    return float(np.mean(gaps)), max(float(np.std(gaps)), SPREAD)


def _odds_within(gap: float, link: float, usual: tuple[float, float]) -> float:
    """Compute the odds that a gap is within a number: by the network's link, 0..1, and by the page's gaps (Bayes)."""
    mean, spread = usual
    likely = np.exp(-(((gap - mean) / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi))
    return float(likely * BETWEEN * link / max(1 - link, 1e-6))


def _step(chain: list[Proposal]) -> float:
    """Measure how far apart the digits of a number stand evenly, from middle to middle; NaN for fewer than three."""
    steps = [after.middle[0] - one.middle[0] for one, after in pairwise(chain)]
    if len(steps) < 2 or max(steps) - min(steps) >= 2 * EVEN * median(steps):
        return np.nan
    return float(median(steps))


def with_enclosed(chains: list[list[Proposal]]) -> list[list[Proposal]]:
    """Put the digits of a number that stands between two digits of another into that one."""
    firsts = np.array([chain[0].middle for chain in chains]).reshape(-1, 2)
    taken: set[int] = set()
    completed = []
    for i, chain in enumerate(chains):
        gaps, found = gaps_around(chain, firsts) if len(chain) > 1 else np.zeros(0, int), list(chain)
        for j in np.flatnonzero(gaps).tolist():
            middles = np.array([digit.middle for digit in chains[j]])
            if j != i and (gaps_around(chain, middles) == gaps[j]).all():
                taken.add(j)
                at = found.index(chain[gaps[j]])
                found[at:at] = chains[j]
        completed.append(found)
    return [chain for i, chain in enumerate(completed) if i not in taken]


def with_missed(chain: list[Proposal], marks: np.ndarray) -> list[Proposal]:
    """Propose writing as high as a digit that stands between two digits of a number as one that nobody found.

    marks: float64 (N, 4), the boxes of the page's marks.
    """
    found = [chain[0]]
    for one, other in pairwise(chain):
        if one.box[0] + one.box[2] < other.box[0]:
            between = (marks[:, 0] < other.box[0]) & (marks[:, :3:2].sum(1) > one.middle[0])
            found += missed_between(one, other, marks[between])
        found.append(other)
    return found


def missed_between(one: Proposal, other: Proposal, marks: np.ndarray) -> list[Proposal]:
    """List connected writing between the middles of two digits, as high as they, mostly outside all boxes.

    marks: float64 (N, 4), the boxes of marks there.
    """
    level, boxes = one.level, np.array([one.box, other.box])
    low, high = boxes[:, :2].min(0), (boxes[:, :2] + boxes[:, 2:]).max(0)
    across = [one.middle[0], other.middle[0]]
    left, top, right, bottom = level.box_bounds(np.array([across[0], low[1], across[1] - across[0], high[1] - low[1]]))
    written = level.writing[top:bottom, left:right] >= 0.5
    outside, least = written.copy(), MISSED_HEIGHT * float(boxes[:, 3].min())
    for x0, y0, x1, y1 in map(level.box_bounds, [*boxes, *marks]):
        outside[max(y0 - top, 0) : max(y1 - top, 0), max(x0 - left, 0) : max(x1 - left, 0)] = False
    if np.count_nonzero(outside) <= (1 - EXPLAINED) * least * level.scale:  # a pixel or more in each row
        return []
    _, labels, parts, _ = cv2.connectedComponentsWithStats(written.astype(np.uint8))
    corner, missed = np.array([left + level.left, top + level.top]), []
    for i, part in enumerate(parts[1:], 1):
        box = np.concatenate([part[:2] + corner, part[2:4]]) / level.scale
        if box[3] > least and outside[labels == i].mean() > 1 - EXPLAINED:
            nothing = np.zeros(len(KINDS))
            missed.append(replace(one, chance=MIN_CHANCE, classes=np.full(10, 0.1), box=box, link=1.0, shares=nothing))
    return sorted(missed, key=lambda p: float(p.middle[0]))


def p_layout(groups: list[DigitGroup], proposals: list[Proposal], apart: bool = False) -> list[float]:
    """Estimate for each number the probability that its marks are right, that nothing is missing, and that it is one.

    apart: whether it is known which digits are one number, as where a person chose the gap between numbers.
    """
    parted = zip(groups, p_none_missed(groups, proposals), p_no_part(groups), strict=True)
    return [p * group.p_parts * (1.0 if apart else group.p_one * whole) for group, p, whole in parted]


def p_no_part(groups: list[DigitGroup]) -> list[float]:
    """Estimate for each number the probability that it is no part of one with the number before or after it."""
    usual, parted = _usual_gaps([[*group.digits] for group in groups]), [1.0] * len(groups)
    for i, (one, other) in enumerate(pairwise(groups)):
        if one.line == other.line:
            last = one.digits[-1]
            p = 1 / (1 + _odds_within(_gap(last, other.digits[0]), last.link, usual))
            parted[i], parted[i + 1] = parted[i] * p, parted[i + 1] * p
    return parted


def p_none_missed(groups: list[DigitGroup], proposals: list[Proposal]) -> list[float]:
    """Estimate for each number the probability that none of the unlikely proposals in or beside it is its digit."""
    unlikely = [p for p in proposals if not p.mark and p.chance < MIN_DIGIT_CHANCE]
    boxes = np.array([p.box for p in unlikely]).reshape(-1, 4)
    probabilities = []
    for group in groups:
        near = np.flatnonzero(_in_or_beside(group, boxes))
        missed = near[~_is_read(group, boxes[near])]
        probabilities.append(float(np.prod([1 - unlikely[i].chance for i in missed])))
    return probabilities


def _is_read(group: DigitGroup, boxes: np.ndarray) -> np.ndarray:
    """Tell which boxes (N, 4) a number's digits and marks cover: bool (N,)."""
    if not len(boxes):
        return np.zeros(0, bool)
    return np.asarray(np.any([covered(part.box, boxes) for part in (*group.digits, *group.marks)], 0))


def _in_or_beside(group: DigitGroup, boxes: np.ndarray) -> np.ndarray:
    """Tell which boxes (N, 4) stand where a digit of a number may have been missed: bool (N,)."""
    (x, y), heights = (boxes[:, :2] + boxes[:, 2:] / 2).T, boxes[:, 3]
    low, high, height = group.extent
    fits = (low[1] < y) & (y < high[1]) & (np.maximum(low[0] - x, x - high[0]) < MISSED_REACH * height)
    return np.asarray(fits & (heights > MISSED_MIN_HEIGHT * height) & (heights < 2 * height))

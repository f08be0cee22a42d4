"""Proposals of all levels to one for each digit: suppression, and whose ink is whose."""

import cv2
import numpy as np

from shuzi.maps import OWNER, STRIDE
from shuzi.page import MARKS
from shuzi.read.calibration import UNFITTED, Calibration
from shuzi.read.proposals import ANY_LETTER, DIGIT_SIZED, KINDS, MIN_CHANCE, Level, Proposal, iou

MAX_PROPOSALS = 10_000  # the likeliest are enough: no page has so many digits
SAME_IOU = 0.4  # of two boxes: from here on they show the same thing
SIGNS, SMALL_MARKS = tuple(MARKS), tuple(sign for sign in MARKS if sign not in DIGIT_SIZED)
SAME_REACH = 0.75  # of the mean of their sides: marks whose middles are nearer are one
PART_SIZE = 0.45  # of a mark's size: what is smaller is a part of it, as a point is of a colon
SIDE_BY_SIDE_IOU = 0.1  # of two boxes: digits that stand side by side overlap less
SIZE_POWER = 0.5  # of two proposals that show the same ink, the larger explains more of it
PART_INK = 0.8  # of a proposal's ink: if another explains more, the first is a part of it
# Of what seems one digit and is several: their size, chance and ink, as shares of its own.
SEVERAL_SIZE, SEVERAL_CHANCE, SEVERAL_INK = 0.8, 0.8, 0.8
LOG_ODDS = np.log([1e-12, 1e12])  # of a kind: the least and the most
INK_MARGIN = 0.12  # of a digit's size: how far around its box its ink is looked for
INK_BOX_IOU = 0.5  # of a digit's box and its ink's: with less, the ink's box doesn't count
HALF_INKED = 128  # of 255: such a pixel lies in the ink's box


def fuse_proposals(found: list[Proposal], calibration: Calibration = UNFITTED) -> list[Proposal]:
    """Keep one proposal for each digit or mark, and pool in it what all levels say; drop parts of digits, and letters.

    Where a letter is likelier, the digit that it may be stays as an unlikely one.
    """
    likeliest = suppress(found, calibration)
    return [q for p in likeliest if (q := p.digit if p.mark == ANY_LETTER else p)]


def suppress(found: list[Proposal], calibration: Calibration) -> list[Proposal]:
    """Keep the likeliest proposal of each place, letters too, and pool in it what all levels say; drop parts of digits.

    Digits, marks and letters compete for each place. Likely and large ones come first, because they explain more ink. A
    digit whose ink an earlier one mostly explains is a part of that one.
    """
    found = sorted(found, key=lambda p: -p.chance * p.weight * p.size**SIZE_POWER)[:MAX_PROPOSALS]
    boxes = np.array([p.box for p in found]).reshape(-1, 4)
    digits = np.array([not p.mark for p in found], bool)
    reach = np.array([STRIDE / p.level.scale if p.mark in SMALL_MARKS else 0.0 for p in found])
    left, top = boxes[:, :2].T - reach
    right, bottom = (boxes[:, :2] + boxes[:, 2:]).T + reach
    chances = np.array([p.chance for p in found])
    strengths = chances * [p.weight for p in found]
    free, kept = np.ones(len(found), bool), np.zeros(len(found), bool)
    for i, p in enumerate(found):
        if not free[i]:
            continue
        free[i] = False
        touching = (left < right[i]) & (right > left[i]) & (top < bottom[i]) & (bottom > top[i])
        near = np.flatnonzero(touching & (free | kept))
        likelier = strengths[near] > (SEVERAL_CHANCE if digits[i] else 1) * strengths[i]
        inside = near[digits[near] & likelier]
        if len(inside) and spans_digits(p, [found[j] for j in inside[lies_inside(boxes[inside], p.box)]]):
            continue
        same = near[free[near]]
        same = same[same_place(p.box, boxes[same], reach[i], reach[same])]
        free[same] = False
        group = [p, *(q for q in (found[j] for j in same) if q.size > PART_SIZE * p.size)]
        pool_levels(p, group, calibration)
        over = near[digits[near] & digits[i] & kept[near] & (chances[near] >= strengths[i])]
        kept[i] = not any(explained_ink(p, found[j]) > PART_INK for j in over)
    return [p for p, keep in zip(found, kept, strict=True) if keep]


def same_place(box: np.ndarray, boxes: np.ndarray, reach: float, reaches: np.ndarray) -> np.ndarray:
    """Tell which boxes (N, 4) stand in the same place as a box (4,): bool (N,).

    reach, reaches (N,): of a small mark, a cell of its level; of all else 0. Boxes of one small mark hardly overlap, so
    that the distance of their middles counts.
    """
    same = iou(box, boxes) > SAME_IOU
    if reach > 0:
        apart = np.abs(boxes[:, :2] + boxes[:, 2:] / 2 - box[:2] - box[2:] / 2)
        mean_sides = (boxes[:, 2:] + box[2:]) / 2
        limit = np.maximum(np.maximum(reaches, reach)[:, None], SAME_REACH * mean_sides)
        same = np.where(reaches > 0, (apart < limit).all(1), same)
    return same


def lies_inside(boxes: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Tell which boxes (N, 4) lie in another (4,) and are clearly smaller: bool (N,)."""
    sizes, ends = boxes[:, 2:].max(1), boxes[:, :2] + boxes[:, 2:]
    room = np.minimum(boxes[:, :2] - box[:2], box[:2] + box[2:] - ends).min(1)
    return np.asarray((room > -INK_MARGIN * sizes) & (sizes < SEVERAL_SIZE * box[2:].max()))


def spans_digits(proposal: Proposal, smaller: list[Proposal]) -> bool:
    """Tell whether a proposal spans the likely digits in it.

    A small mark holds none. A digit spans several where two or more are as likely, or explain its ink together.
    """
    if proposal.mark:
        return proposal.mark in SMALL_MARKS and bool(smaller)
    apart: list[Proposal] = []
    for p in sorted(smaller, key=lambda p: -p.chance * p.weight):
        if not apart or iou(p.box, np.array([q.box for q in apart])).max() < SIDE_BY_SIDE_IOU:
            apart.append(p)
    if len(apart) < 2:
        return False
    if apart[1].chance * apart[1].weight > proposal.chance:
        return True
    total = ink_in_box(proposal.level, proposal.box)
    return sum(ink_in_box(proposal.level, p.box) for p in apart) > SEVERAL_INK * total


def ink_in_box(level: Level, box: np.ndarray) -> float:
    """Sum a level's ink in a box of the picture, in its pixels."""
    left, top, right, bottom = level.box_bounds(box)
    return float(level.ink[top:bottom, left:right].sum())


# ---- what several levels say together -------------------------------------------------------------------------


def pool_levels(proposal: Proposal, group: list[Proposal], calibration: Calibration) -> None:
    """Set a proposal's classes and chance to what all of its place say together.

    group: the digits, marks and letters there, the proposal among them. Each kind's odds are those of its best, and
    of one place at most one kind is true: P(kind) = odds / (1 + sum of all odds). Classes are of the proposal's kind.
    """
    heat = dict.fromkeys(KINDS, 0.0)
    for q in group:
        heat[q.mark] = max(heat[q.mark], min(q.chance * min(1.0, q.weight * 1.5), 0.9999))
    proposal.heat = np.array([*heat.values()])
    odds = kind_odds(proposal.heat, calibration)
    digits = [q for q in group if not q.mark]
    proposal.shares = odds / (1 + float(odds.sum()))
    chance = float(proposal.shares[KINDS.index(proposal.mark)])
    if proposal.mark in SIGNS:
        signs = proposal.shares[1:-1]
        chance = float(signs.sum())
        proposal.mark, proposal.classes = MARKS[signs.argmax()], signs / chance
    elif digits and not proposal.mark:
        proposal.classes = blend_classes(digits)
    if digits and proposal.mark:
        proposal.digit = max(digits, key=lambda q: q.chance * q.weight)
        pool_levels(proposal.digit, [q for q in group if q.mark not in SIGNS], calibration)
    proposal.chance = chance


def kind_odds(heat: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Compute the odds of each of KINDS against "nothing" from their heat, both float64 (10,): 0 without any.

    A calibration fitted to few scenes may be steep, so that odds are kept within 1e-12 and 1e12.
    """
    constants, factors = calibration.kinds.T
    logs = constants + factors * np.log(np.where(heat > 0, heat / (1 - heat), 1))
    return np.where(heat > 0, np.exp(np.clip(logs, *LOG_ODDS)), 0)


def blend_classes(group: list[Proposal]) -> np.ndarray:
    """Average the classes of proposals as logarithms, weighted by chance and weight: float64 (10,)."""
    weights = np.array([q.chance * q.weight for q in group]) + 1e-9
    logs = np.array([np.log(q.classes + 1e-6) for q in group])
    classes = np.exp((weights[:, None] * logs).sum(0) / weights.sum())
    return np.asarray(classes / classes.sum())


def absorb_second_look(proposal: Proposal, seen: list[Proposal], calibration: Calibration) -> None:
    """Update a digit by what a second look saw in its place, if anything.

    The classes are blended as between levels; the new chance is the mean of both looks' logits.
    """
    again = MIN_CHANCE
    if digits := [p for p in seen if not p.mark]:
        best = max(digits, key=lambda q: q.chance * q.weight)
        pool_levels(best, [best, *(p for p in seen if p.mark)], calibration)
        proposal.classes, again = blend_classes([proposal, best]), best.chance
        if best.weight > proposal.weight:
            proposal.box, proposal.level, proposal.weight = best.box, best.level, best.weight
    odds = np.sqrt(proposal.chance / (1 - proposal.chance) * again / (1 - again))
    proposal.chance = float(odds / (1 + odds))
    others = proposal.shares[1:] * (1 - proposal.chance) / max(1 - proposal.shares[0], 1e-9)
    proposal.shares = np.append(proposal.chance, others)


# ---- ink ------------------------------------------------------------------------------------------------------


def explained_ink(part: Proposal, whole: Proposal) -> float:
    """Measure the share, 0..1, of the ink in a proposal's box that is another's, by that one's level."""
    level = whole.level
    x0, y0, x1, y1 = level.box_bounds(part.box)
    left, top, right, bottom = x0 // STRIDE, y0 // STRIDE, -(-x1 // STRIDE), -(-y1 // STRIDE)
    ink = level.cell_ink[top:bottom, left:right]
    total = float(ink.sum())
    if total < 1 / STRIDE**2:
        return 0.0
    y, x = (np.mgrid[top : top + ink.shape[0], left : left + ink.shape[1]] + 0.5) * STRIDE
    towards = level.maps[OWNER, top : top + ink.shape[0], left : left + ink.shape[1]]
    owners = nearest_proposal([whole, part], level, x + towards[0], y + towards[1])
    return float((ink * (owners == 0)).sum()) / total


def nearest_proposal(proposals: list[Proposal], level: Level, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Find for each place x, y (h, w) in a level's pixels the proposal whose middle is nearest: int (h, w), indices.

    Distances are measured in halves of the proposal's box.
    """
    best, nearest = np.full(x.shape, np.inf), np.zeros(x.shape, int)
    for i, p in enumerate(proposals):
        middle = p.middle * level.scale - (level.left, level.top)
        half = np.maximum(p.box[2:], 0.5 * p.size) * level.scale / 2
        away = ((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2
        nearest[away < best] = i
        best = np.minimum(away, best)
    return nearest


def owner_places(level: Level, left: int, top: int, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate where each pixel's digit has its middle, in a part of a level's picture: x and y, float32 (h, w)."""
    first_x, first_y = max(left // STRIDE - 1, 0), max(top // STRIDE - 1, 0)
    last_x, last_y = (left + shape[1]) // STRIDE + 2, (top + shape[0]) // STRIDE + 2
    x, y = left - first_x * STRIDE, top - first_y * STRIDE
    planes = level.maps[OWNER, first_y:last_y, first_x:last_x]
    towards = [cv2.resize(each, None, fx=STRIDE, fy=STRIDE)[y : y + shape[0], x : x + shape[1]] for each in planes]
    across = np.arange(left, left + shape[1], dtype=np.float32) + np.float32(0.5)
    down = np.arange(top, top + shape[0], dtype=np.float32) + np.float32(0.5)
    return towards[0] + across, towards[1] + down[:, None]


def extract_ink(proposal: Proposal, others: list[Proposal]) -> tuple[np.ndarray, np.ndarray]:
    """Cut out one digit's ink, without that of others: uint8 (h, w), in its level's pixels, and its box, (4,).

    The box is in the picture's pixels. It is the proposal's own where the ink is too faint to tell where it ends.
    """
    level = proposal.level
    margin = INK_MARGIN * proposal.size * level.scale
    left, top, right, bottom = level.box_bounds(proposal.box, margin)
    ink = level.ink[top:bottom, left:right]
    if not ink.size:
        return np.zeros((1, 1), np.uint8), proposal.box
    own = np.round(ink * 255).astype(np.uint8)
    if others := [p for p in others if p is not proposal]:
        own[nearest_proposal([proposal, *others], level, *owner_places(level, left, top, ink.shape)) > 0] = 0
    x, y, w, h = cv2.boundingRect((own >= HALF_INKED).astype(np.uint8))
    tight = np.array([left + x + level.left, top + y + level.top, w, h]) / level.scale
    return own, proposal.box if iou(tight, proposal.box[None])[0] < INK_BOX_IOU else tight


def share_ink(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Tell which boxes (N, 4) are so near a box (4,) that the ink of one may lie in the other: bool (N,)."""
    x, y, w, h = others.T
    across = np.maximum(x - box[0] - box[2], box[0] - x - w)
    down = np.maximum(y - box[1] - box[3], box[1] - y - h)
    return np.asarray(np.maximum(across, down) < INK_MARGIN * box[2:].max())

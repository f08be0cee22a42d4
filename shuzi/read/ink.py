"""Any picture to ink on blank: colour, polarity, uneven light.

The paper's brightness at each place is what a morphological closing leaves: it follows slopes and the edges of shadows
exactly, and forgets only what is narrower than its window, the strokes. Ink is the ratio of a pixel to that paper,
measured against the strongest ink nearby, so that pencil and felt pen on one page both come out black.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.read.picture import zoomed

CLEAR = 1.4  # times the faintest: what the darker half of a true stroke reaches
NOISE_REACH = 2.5  # times the paper's median contrast: a stroke stands out by more
OFFSET = 32  # of 255, added to both sides of a ratio, so that the noise of black is not a contrast
FROM_QUARTER = np.clip(np.arange(-64, 192) * 2, 0, 255).astype(
    np.uint8
)  # a quarter of 256 to 0, three to 255
LEAST_WINDOW, PEAK_WINDOW = 17, 41  # pixels: the narrowest, and that over which a page's ink is alike
WINDOW = 41  # pixels: wider than any stroke of a page, narrower than most shadows
OTHER_BIAS = 10.0  # times the evidence: what it takes to find the other ink than the page's in a place
EDGE, SHARP = 5, 0.7  # pixels over which an edge rises, and by what share of the contrast at least
FAINTEST = 20  # of 255: ink that darkens the paper by less than 8 % is a stain


def noise(plane: np.ndarray) -> float:
    """Standard deviation of the pixels' noise, in grey levels, by the median of Immerkaer's Laplacian (1996)."""
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    step = max(1, int((plane.size / 250_000) ** 0.5))  # a sample of rows is enough
    sample = cv2.filter2D(plane, cv2.CV_32F, kernel)[::step]
    return float(np.median(np.abs(sample)) / 0.6745 / 6)


def plane_of(rgb: np.ndarray) -> np.ndarray:
    """The one grey plane in which ink stands out most from paper: luma, or a colour channel if clearly better.

    rgb: uint8 (H, W, 3). Returns uint8 (H, W).
    """
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    zoom = min(1.0, 320 / max(luma.shape))
    small = zoomed(rgb, zoom)
    window = max(3, min(small.shape[:2]) // 4 | 1)

    def strength(plane: np.ndarray) -> float:
        difference = cv2.absdiff(plane, cv2.medianBlur(plane, window))
        return float(np.percentile(difference, 99)) / (4 + 3 * noise(plane))

    strengths = [strength(np.ascontiguousarray(small[:, :, c])) for c in range(3)]
    best = int(np.argmax(strengths))
    # luma is the mean of three noises: a channel must win clearly
    if strengths[best] > 1.3 * strength(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)):
        return np.ascontiguousarray(rgb[:, :, best])
    return luma


def contrasts(plane: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray]:
    """How much darker, and how much lighter, each pixel is than the paper around it.

    plane: uint8 (H, W); window: pixels, wider than any stroke.
    Returns two uint8 (H, W): 255 x (1 - darker / brighter) for dark ink and for light ink.
    """
    square = cv2.getStructuringElement(cv2.MORPH_RECT, (window | 1, window | 1))
    # beyond the frame the paper goes on as it ends: else light that falls off would leave an edge along it
    edges = cv2.copyMakeBorder(plane, window, window, window, window, cv2.BORDER_REPLICATE)
    inner = slice(window, -window), slice(window, -window)
    above = cv2.convertScaleAbs(cv2.morphologyEx(edges, cv2.MORPH_CLOSE, square)[inner], beta=OFFSET)
    below = cv2.convertScaleAbs(cv2.morphologyEx(edges, cv2.MORPH_OPEN, square)[inner], beta=OFFSET)
    here = cv2.convertScaleAbs(plane, beta=OFFSET)
    dark = cv2.bitwise_not(cv2.divide(here, above, scale=255))
    light = cv2.bitwise_not(cv2.divide(below, here, scale=255))
    return dark, light


def evidence(
    plane: np.ndarray, dark: np.ndarray, light: np.ndarray, around: float = 0.25
) -> tuple[np.ndarray, np.ndarray]:
    """How much speaks for dark ink and for light ink around each place.

    Ink is narrow, and differs from what most of its surroundings are: the inside of a loop is narrow and light too,
    but it is paper, as most around it. around: what counts as surroundings, as a share of the long side.
    Returns two float32 (h, w) at a coarse resolution.
    """
    zoom = min(1.0, 320 / max(plane.shape))
    small, d, n = (zoomed(p, zoom) for p in (plane, dark, light))
    window = max(3, int(around * max(small.shape)) | 1)
    paper = cv2.medianBlur(small, window)
    spread = (window | 1, window | 1)
    both = (cv2.min(d, cv2.subtract(paper, small)), cv2.min(n, cv2.subtract(small, paper)))
    first, second = (cv2.blur(e.astype(np.float32) ** 2, spread) for e in both)
    return first, second


def faintest(contrast: np.ndarray, least: float = FAINTEST) -> float:
    """The contrast, 0..255, below which nothing is ink: no stain, by default, and not the paper's noise.

    The closing rides on the noise's highest pixels, so most paper lies half as far below it as the darkest of the
    noise does; and most of a picture is paper. This sees the blotches that JPEG leaves too.
    """
    step = max(1, int((contrast.size / 250_000) ** 0.5))
    return min(max(least, NOISE_REACH * float(np.median(contrast[::step, ::step]))), 255.0)


def is_clear(contrast: np.ndarray, inside: np.ndarray, floor: float) -> bool:
    """Whether a part stands out as a stroke does: a stain or a blotch of noise only just passes the floor.

    contrast: uint8 (h, w), around the part; inside: bool (h, w), the part; floor: as `faintest` gives it.
    """
    return float(np.percentile(contrast[inside], 75)) >= CLEAR * floor


def edges_of(plane: np.ndarray) -> np.ndarray:
    """How sharply the brightness changes at each place, on the scale of a contrast: uint8 (H, W)."""
    square = np.ones((EDGE, EDGE), np.uint8)
    low, high = (cv2.convertScaleAbs(f(plane, square), beta=OFFSET) for f in (cv2.erode, cv2.dilate))
    edges = cv2.bitwise_not(cv2.divide(low, high, scale=255))
    edges[[0, -1]] = edges[:, [0, -1]] = 255  # where the frame cuts, nobody can tell
    return edges


def edges_around(plane: np.ndarray, x: int, y: int, w: int, h: int) -> np.ndarray:
    """The edges within a box alone, uint8 (h, w)."""
    left, top = max(x - EDGE, 0), max(y - EDGE, 0)
    edges = edges_of(plane[top : y + h + EDGE, left : x + w + EDGE])
    return edges[y - top : y - top + h, x - left : x - left + w]


def sharpness(inside: np.ndarray, contrast: np.ndarray, edges: np.ndarray) -> float:
    """How much of a blob's outline is an edge as sharp as its contrast asks for, 0..1.

    A stroke's is, all around. A shadow ends softly, and the strip that a paper's slanting side leaves ends in paper.
    inside: bool (h, w), the blob; contrast, edges: uint8 (h, w), there.
    """
    square = np.ones((3, 3), np.uint8)
    core = cv2.erode(inside.astype(np.uint8), square, borderType=cv2.BORDER_CONSTANT, borderValue=(0,))
    outline = inside & (core == 0)
    return float(np.minimum(edges[outline] / (SHARP * max(1.0, float(contrast[inside].mean()))), 1).mean())


def soft_ink(contrast: np.ndarray, window: int, floor: float) -> np.ndarray:
    """Contrast to ink: 255 where it is near the strongest within reach, 0 below a quarter of that or below `floor`.

    contrast: uint8 (H, W); window: pixels over which ink is alike. Returns uint8 (H, W).
    """
    # the peak varies slowly: a quarter of the resolution is enough for it
    zoom = 4 if window >= 32 and min(contrast.shape) >= 4 else 1
    coarse = contrast[: contrast.shape[0] // zoom * zoom, : contrast.shape[1] // zoom * zoom]
    if zoom > 1:
        coarse = zoomed(coarse, 1 / zoom)
    reach = max(3, window // zoom | 1)
    peak = cv2.dilate(coarse, cv2.getStructuringElement(cv2.MORPH_RECT, (reach, reach)))
    peak = cv2.resize(cv2.blur(peak, (reach, reach)), contrast.shape[::-1], interpolation=cv2.INTER_LINEAR)
    # half ink lies at half the peak, where the edge of a blurred stroke truly is, and never below the floor
    peak = np.maximum(peak, np.uint8(min(255.0, 2 * floor)))
    share = cv2.divide(contrast, peak, scale=256)
    return cv2.LUT(share, FROM_QUARTER).astype(np.uint8, copy=False)


def chosen_contrast(plane: np.ndarray, window: int) -> np.ndarray:
    """The contrast of whichever ink, dark or light, each place is written in. uint8 (H, W)."""
    dark, light = contrasts(plane, window)
    for_dark, for_light = evidence(plane, dark, light)
    # the other ink than most of the page's needs clear evidence
    bias = OTHER_BIAS if for_dark.mean() >= for_light.mean() else 1 / OTHER_BIAS
    lighter = (for_light > bias * for_dark).astype(np.uint8)
    if not lighter.any():
        return dark
    if lighter.all():
        return light
    choice = cv2.resize(lighter, plane.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.where(choice > 0, light, dark)


def evened(contrast: np.ndarray, window: int) -> np.ndarray:
    """The contrast, lowered where the paper is noisier than most of it: in a dark corner noise is no ink.

    contrast: uint8 (H, W); window: pixels, wider than any stroke. Returns uint8 (H, W).
    """
    side = max(contrast.shape)
    zoom = min(1.0, 160 / side)
    sample = zoomed(contrast, zoom, cv2.INTER_NEAREST)
    reach = max(side / 4, 4 * window) * zoom
    around = cv2.medianBlur(sample, int(min(reach, 255)) | 1)
    usual = max(float(np.median(sample)), FAINTEST / NOISE_REACH)
    if around.max() <= usual:
        return contrast
    factor = (255 * usual / np.maximum(around, usual)).astype(np.uint8)
    factor = cv2.resize(factor, contrast.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.uint8)
    return cv2.multiply(contrast, factor, scale=1 / 255).astype(np.uint8, copy=False)


def page_ink(rgb: np.ndarray, window: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A page's ink without its ruled lines and printed boxes, the contrast it was found by, and its brightness.

    rgb: uint8 (H, W, 3); window: pixels, wider than any stroke.
    Returns three uint8 (H, W); in the first 0 is paper and 255 is ink.
    """
    plane = cv2.GaussianBlur(plane_of(rgb), (3, 3), 0)
    contrast = evened(chosen_contrast(plane, window), window)
    floor = faintest(contrast)
    # boxes first: the tops of a row of them are as a ruled line, and without it their sides would be as many 1s
    ink = without_boxes(soft_ink(contrast, max(window, PEAK_WINDOW), floor), contrast > floor)
    faint = faintest(contrast, FAINTEST_LINE)
    if np.count_nonzero(contrast > faint) > HALF_SEEN * np.count_nonzero(contrast > floor):
        floor = faint
    ink = without_lines(ink, contrast, floor)
    return ink, contrast, plane


def page_scales(rgb: np.ndarray) -> list[tuple[float, int]]:
    """How to look at a page: by how much to enlarge it, and the window then wider than its strokes; in 1 or 2 ways.

    Strokes are to be 4 to WINDOW / 2 pixels wide.

    The widest stroke is measured on a coarse picture, where a window of a third of the page holds it.
    """
    side = max(rgb.shape[:2])
    coarse = min(1.0, 400 / side)
    small = zoomed(rgb, coarse)
    plane = cv2.GaussianBlur(plane_of(small), (3, 3), 0)
    window = max(3, max(plane.shape) // 5)
    contrast = chosen_contrast(plane, window)
    inside = (soft_ink(contrast, window, faintest(contrast)) > 127).astype(np.uint8)
    inside[[0, -1]] = 0  # what runs out of the picture is no writing
    inside[:, [0, -1]] = 0
    count, labels, stats, _ = cv2.connectedComponentsWithStats(inside, connectivity=8)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    widths, weights = [], []
    for label in range(1, count):
        x, y, w, h, _ = (int(v) for v in stats[label])
        if (
            h < 6
            or h > 0.95 * len(small)
            or x <= 1
            or y <= 1
            or x + w >= small.shape[1] - 1
            or y + h >= len(small) - 1
        ):
            continue
        mine = distance[y : y + h, x : x + w][labels[y : y + h, x : x + w] == label]
        widths.append(4 * (float(mine.mean()) - 0.5) / coarse)
        weights.append(h)
    if not widths:
        return [(min(2.0, 800 / side) if side < 400 else 1.0, WINDOW)]
    order = np.argsort(widths)
    wide = float(
        np.array(widths)[order][np.searchsorted(np.cumsum(np.array(weights)[order]), 0.8 * sum(weights))]
    )
    if wide > WINDOW / 2:
        # or a shadow was taken for a stroke: then the page as it is will show more digits
        return [(1.0, WINDOW), (WINDOW / 2 / wide, WINDOW)]
    zoom = min(2.5, max(1.0, 4 / max(wide, 1.0))) if side < 800 else 1.0
    # a narrow window keeps out shadows, and the widest strokes are about twice the usual
    return [(zoom, min(WINDOW, max(LEAST_WINDOW, int(4 * wide * zoom) | 1)))]


# Lines that are ink in places only are lines all the same: sought down to that contrast, where that shows so many times
# as much as ink's does.
FAINTEST_LINE, HALF_SEEN = 10, 2
LINE = 80  # pixels: a shorter straight stroke may be a digit's
LINE_SHARE = 0.7  # of the picture: ruled lines are longer, and no digit is
THROUGH = 0.9  # of the picture: a line that runs from side to side
THICKEST_LINE = 7  # pixels
DARKER_THAN_LINES = 1.3  # times the contrast of a line along its middle: ink that dark was written
LEAST_BOX = 12  # pixels: the height of a comb's teeth, and of what may be a digit in a box
# Of a box's shorter side: how far in its sides and its corners may lie, and how much farther at most those of a row
# that leans. Of a side: how much must be there.
BOX_RIM, BOX_CORNER, BOX_LEAN, BOX_SIDE = 0.2, 0.12, 0.3, 0.85
# Of its shorter side: how long a wall is at least, and how far it leans on that length.
BOX_WALL, BOX_TILT = 0.8, 0.04
BOX_SHARE = 0.5  # of the picture's width and height: what is larger in both is no box but the paper's lines
STRAIGHT = 15  # pixels off that a turn by a radian counts for, when a stretch of a line is sought to go on
SLOPES = np.linspace(
    -0.3, 0.3, 9
)  # lines slope by up to 17 degrees; a step of 4 is within a line's thickness


def without_lines(
    ink: np.ndarray, contrast: np.ndarray, floor: float, longest: tuple[float, float] | None = None
) -> np.ndarray:
    """Ink without long straight thin lines; a stroke that crosses one, or is clearly darker, is kept whole.

    ink, contrast: uint8 (H, W); floor: the contrast at which a line can be told from noise;
    longest: pixels that no level and no upright stroke of a digit reaches; by default a share of the picture.
    Returns the same array where nothing is long enough.
    """
    if longest is None:
        # across a strip of paper a tall 1 is as long as a line: there it must go through
        height, width = ink.shape
        shares = (THROUGH if side <= 0.5 * max(ink.shape) else LINE_SHARE for side in (width, height))
        longest = next(shares) * width, next(shares) * height
    # lines are sought in the plain contrast: beside strong ink a faint line is no ink, and would seem to end
    visible = contrast > floor
    once = _without_lines(ink, contrast, visible, longest)
    # without those, a line that was confused with a stroke on it shows clearly
    return once if once is ink else _without_lines(once, contrast, once > 127, longest)


def _without_lines(
    ink: np.ndarray, contrast: np.ndarray, visible: np.ndarray, longest: tuple[float, float]
) -> np.ndarray:
    result, bands, thickest = ink, np.zeros_like(ink), 0
    for across in (False, True):
        seen = np.ascontiguousarray(visible.T if across else visible).astype(np.uint8)
        band = _level_lines(seen, max(longest[across], 20))
        if band is None:
            continue
        on_line = cv2.bitwise_and(seen, band)
        # the line is as thick as half of what lies on it; where the ink is thicker, a stroke crosses or touches
        thickness = 1
        while thickness < THICKEST_LINE:
            thicker = cv2.morphologyEx(on_line, cv2.MORPH_OPEN, np.ones((thickness + 1, 1), np.uint8))
            if cv2.countNonZero(thicker) < 0.5 * cv2.countNonZero(on_line):
                break
            thickness += 1
        thickest = max(thickest, thickness)
        binary = (result > 127).astype(np.uint8)
        binary = np.ascontiguousarray(binary.T) if across else binary
        strokes = cv2.morphologyEx(binary, cv2.MORPH_OPEN, np.ones((thickness + 3, 1), np.uint8))
        # a stroke no thicker than the line still goes on above and below it
        rest = cv2.bitwise_and(binary, 1 - band)
        column = np.ones((2 * thickness + 5, 3), np.uint8)
        above = cv2.dilate(rest, column, anchor=(1, len(column) - 1))
        below = cv2.dilate(rest, column, anchor=(1, 0))
        alone = (on_line > 0) & (strokes == 0) & ((above == 0) | (below == 0))
        if not alone.any():
            continue
        darkness = contrast.T if across else contrast
        alone &= darkness < DARKER_THAN_LINES * float(np.percentile(darkness[alone], 80))
        # the blur beside the line goes with it
        edge = (cv2.dilate(alone.astype(np.uint8), np.ones((5, 1), np.uint8)) > 0) & (binary == 0)
        if result is ink:
            result = ink.copy()
        (result.T if across else result)[alone | edge] = 0
        bands |= band.T if across else band
    if result is ink:
        return ink
    # what is left on the lines, no thicker than they are, is a crumb of theirs
    left = (result > 127).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(left, connectivity=8)
    kept = stats[:, 2:4].min(1) > thickest + 3
    kept[np.unique(labels[(left > 0) & (bands == 0)])] = True
    result[(labels > 0) & ~kept[labels]] = 0
    return result


def without_boxes(ink: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Ink without the boxes, rows of cells and combs of a form; a digit that touches its box is kept.

    ink: uint8 (H, W); visible: bool (H, W), what may be a box, faint lines beside strong ink too.
    Returns the same array where there are none.
    """
    result = ink
    _, labels, stats, _ = cv2.connectedComponentsWithStats(visible.astype(np.uint8), connectivity=8)
    for label, (x, y, w, h, _) in enumerate(stats.tolist()):
        if not label or min(w, h) < LEAST_BOX or max(w, h) < 2 * LEAST_BOX:
            continue
        if h > BOX_SHARE * ink.shape[0] and w > BOX_SHARE * ink.shape[1]:  # squared paper
            continue
        place = slice(y, y + h), slice(x, x + w)
        mine = labels[place] == label
        if not _is_box(mine):
            continue
        if result is ink:
            result = ink.copy()
        binary = mine.astype(np.uint8)
        rest = cv2.bitwise_and(binary, 1 - _walls(binary))
        _, parts, sizes, _ = cv2.connectedComponentsWithStats(rest, connectivity=8)
        kept = sizes[:, 2:4].max(1) >= LEAST_BOX
        kept[0] = False  # the paper
        near = np.ones((3, 3), np.uint8)
        gone = (cv2.dilate(binary, near) > 0) & (cv2.dilate(kept[parts].astype(np.uint8), near) == 0)
        result[place][gone] = 0
    return result


def _walls(binary: np.ndarray) -> np.ndarray:
    """The level and upright lines of a box as long as nearly all of its shorter side, uint8 (h, w) of 0 and 1."""
    length = round(BOX_WALL * min(binary.shape))
    slack = 3 + 2 * round(BOX_TILT * length / 2)  # what a wall that leans moves aside along that length
    walls = np.zeros_like(binary)
    for run, aside in (((1, length), (slack, 1)), ((length, 1), (1, slack))):
        wide = cv2.dilate(binary, np.ones(aside, np.uint8))
        walls |= cv2.morphologyEx(wide, cv2.MORPH_OPEN, np.ones(run, np.uint8))
    return walls


def _is_box(inside: np.ndarray) -> bool:
    """Whether a blob, bool (h, w), goes straight along its left, right and lower side, and into the corners there."""
    height, width = inside.shape
    side = min(height, width)
    lean = min(BOX_TILT * max(0.0, width / height - 1), BOX_LEAN)  # a long row of cells need not lie level
    rim, corner = (max(2, round(share * side)) for share in (BOX_RIM + lean, BOX_CORNER))
    high = max(2, round((BOX_CORNER + lean) * side))
    left, right, lower = inside[:, :rim].any(1), inside[:, -rim:].any(1), inside[-rim:].any(0)
    corners = inside[-high:, :corner], inside[-high:, -corner:]
    covered = min(left.mean(), right.mean()) > BOX_SIDE - lean and lower.mean() > BOX_SIDE
    return bool(covered and all(c.any() for c in corners))


@dataclass(frozen=True)
class _Stretch:
    """A straight stretch of a line: its ends and its slope, in pixels of the half-size picture."""

    left: float
    top: float
    right: float
    bottom: float
    slope: float


def _stretches(found: np.ndarray, length: int) -> list[_Stretch]:
    """Nearly level thin lines cut into straight stretches of at most `length`, from left to right."""
    found = found.copy()
    found[:, ::length] = 0  # so a line may bow, and a stroke that joins it spoils one stretch only
    count, labels, stats, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    parts = []
    for label in range(1, count):
        x, y, w, h, area = (int(v) for v in stats[label])
        if w < length / 2 or h > w / 2:
            continue
        points = cv2.findNonZero((labels[y : y + h, x : x + w] == label).astype(np.uint8)).reshape(-1, 2)
        along, up, at_x, at_y = cv2.fitLine(points, cv2.DIST_L1, 0, 0.01, 0.01).ravel().tolist()
        slope = up / along if along else 99.0
        apart = float(np.abs(points[:, 1] - at_y - slope * (points[:, 0] - at_x)).mean())
        if apart > 1.5 + area / w / 4:
            continue
        first, last = (y + at_y + slope * (end - at_x) for end in (0, w - 1))
        parts.append(_Stretch(x, first, x + w - 1, last, slope))
    return sorted(parts, key=lambda part: part.left)


def _level_lines(binary: np.ndarray, longest: float) -> np.ndarray | None:
    """Pixels of nearly level thin lines at least `longest` long, as a mask uint8 (H, W), or None."""
    half = zoomed(binary * 255, 0.5)
    half = cv2.dilate((half > 60).astype(np.uint8), np.ones((1, 3), np.uint8))  # noise breaks thin lines
    length = max(5, int(min(LINE, 0.5 * longest)) // 2)
    level = cv2.morphologyEx(
        cv2.dilate(half, np.ones((7, 1), np.uint8)), cv2.MORPH_OPEN, np.ones((1, length), np.uint8)
    )
    if not level.any():
        return None
    found = np.zeros_like(half)
    for rise in {round(slope * length) for slope in SLOPES.tolist()}:
        kernel = np.zeros((abs(rise) + 1, length), np.uint8)
        cv2.line(kernel, (0, max(rise, 0)), (length - 1, max(-rise, 0)), (1,))
        np.maximum(found, cv2.morphologyEx(half, cv2.MORPH_OPEN, kernel), out=found)
    thick = np.ones((THICKEST_LINE, 1), np.uint8)  # in half-size pixels, and the slopes add some
    found[cv2.morphologyEx(found, cv2.MORPH_OPEN, thick) > 0] = 0
    chains: list[list[_Stretch]] = []
    for part in _stretches(found, length):
        best, least = None, np.inf
        for chain in chains:
            last, before = chain[-1], chain[max(0, len(chain) - 4)]
            gap = part.left - last.right
            slope = (last.bottom - before.top) / (last.right - before.left)
            off = abs(part.top - last.bottom - slope * gap) + STRAIGHT * abs(part.slope - slope)
            if 0 < gap < 0.5 * half.shape[1] and off < min(least, 2.4 + 0.04 * gap):
                best, least = chain, off
        if best:
            best.append(part)
        else:
            chains.append([part])
    mask = np.zeros_like(half)
    for chain in chains:
        if (chain[-1].right - chain[0].left) * 2 < longest:
            continue
        for part, after in zip(chain, [*chain[1:], None], strict=True):
            cv2.line(mask, (round(part.left), round(part.top)), (round(part.right), round(part.bottom)), (1,))
            if after:
                cv2.line(
                    mask, (round(part.right), round(part.bottom)), (round(after.left), round(after.top)), (1,)
                )
    if not mask.any():
        return None
    # a line that bows leaves its chord: what was found of it counts, and a pixel of blur around
    band = cv2.dilate(mask, np.ones((5, 1), np.uint8))
    mask = cv2.dilate(cv2.max(mask, cv2.min(found, band)), np.ones((3, 3), np.uint8))
    return cv2.resize(mask, binary.shape[::-1], interpolation=cv2.INTER_NEAREST)

"""Shapes and textures, uint8 (28, 28): what a picture of something else may leave."""

from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.data.digits import SIDE
from shuzi.synth.distributions import Chance, Integers, Normal, Uniform
from shuzi.synth.mnist_style import to_box
from shuzi.synth.raster import SUBPIXEL, fixed_point, rotation

CANVAS = 84  # pixels of a silhouette's canvas
MIDDLE = CANVAS // 2
FULL_BLOB = 42  # pixels: the radius of a blot that is brought into MNIST's box


@dataclass(frozen=True)
class Silhouettes:
    """Filled things. Lengths in pixels of CANVAS, turns in radians."""

    layers: Integers = Integers(1, 4)
    top: Uniform = Uniform(0, 15)
    bottom: Uniform = Uniform(55, CANVAS)
    profile_points: Integers = Integers(3, 9)
    profile: Uniform = Uniform(9, 40)
    polygon_points: Integers = Integers(4, 12)
    polygon: Uniform = Uniform(15, 45)
    slab_width: Uniform = Uniform(25, 40)
    slab_height: Uniform = Uniform(10, 36)
    slab_turn: Normal = Normal(0, 0.4)
    slab_middle: Uniform = Uniform(34, 50)
    leg_top: Uniform = Uniform(0, 20)
    leg_spread: Uniform = Uniform(6, 22)
    leg_width: Uniform = Uniform(8, 16)
    lying: Chance = Chance(0.3)
    tone: Uniform = Uniform(0.35, 1)
    added: Chance = Chance(0.8)  # else a layer cuts a hole
    cloth: Chance = Chance(0.7)  # stripes, shading, grain
    beat: Uniform = Uniform(3, 40)  # radians across the canvas
    stripes: Uniform = Uniform(0, 0.6)
    shading: Uniform = Uniform(0, 0.5)
    shaded_across: Chance = Chance(0.5)
    grain: Uniform = Uniform(0, 0.2)
    boxed: Chance = Chance(0.3)


@dataclass(frozen=True)
class Blobs:
    """Blots and dots. Lengths in pixels of a canvas of 100."""

    ragged: Chance = Chance(0.7)
    raggedness: Uniform = Uniform(0, 0.25)
    flatness: Uniform = Uniform(0.6, 1.0)
    full: Chance = Chance(0.6)
    small: Uniform = Uniform(3, 30)
    off: Uniform = Uniform(-8, 8)  # pixels of the 28x28


@dataclass(frozen=True)
class SmallTextures:
    """Noise of any coarseness, gradients, gratings, specks; tones 0..1."""

    octaves: tuple[int, ...] = (2, 4, 7, 14, 28)  # knots a side, as in photographs
    falloff: Uniform = Uniform(0, 1.2)
    hard: Chance = Chance(0.4)
    hard_at: Uniform = Uniform(0.3, 0.7)
    hardness: Uniform = Uniform(2, 12)
    noise: Uniform = Uniform(0.1, 0.6)
    gradient_at: Uniform = Uniform(-0.5, 0.9)
    gradient: Uniform = Uniform(0.5, 5)
    beat: Uniform = Uniform(8, 60)  # radians across the image
    crossed: Chance = Chance(0.5)
    grating: Uniform = Uniform(1, 5)
    grating_tone: Uniform = Uniform(0.2, 0.6)
    specks: Uniform = Uniform(0.02, 0.5)
    soft: Chance = Chance(0.5)
    soft_sigma: Uniform = Uniform(0.4, 1.2)
    soft_gain: Uniform = Uniform(1, 3)
    brightness: Uniform = Uniform(0.3, 1)


@dataclass(frozen=True)
class Blanks:
    """Paper with nothing on it. Tones 0..255."""

    toned: Chance = Chance(0.4)
    noisy: Chance = Chance(0.5)
    noise: Uniform = Uniform(0, 20)
    specked: Chance = Chance(0.5)
    specks: Integers = Integers(1, 6)
    speck_radius: Integers = Integers(0, 3)
    speck_tone: Uniform = Uniform(60, 255)
    edged: Chance = Chance(0.25)  # the paper's edge or a shadow's
    edge: Integers = Integers(1, 7)  # pixels
    edge_tone: Uniform = Uniform(40, 255)


SILHOUETTES, BLOBS, TEXTURES, BLANKS = Silhouettes(), Blobs(), SmallTextures(), Blanks()


def silhouette(g: np.random.Generator) -> np.ndarray:
    """Draw a filled thing, with limbs, holes, stripes and shading, to the frame or in MNIST's box."""
    s, canvas = SILHOUETTES, np.zeros((CANVAS, CANVAS), np.float32)
    for _ in range(s.layers.draw(g)):
        shape, layer = _outline(g), np.zeros_like(canvas)
        cv2.fillPoly(layer, [fixed_point(shape)], s.tone.draw(g), cv2.LINE_AA, SUBPIXEL)
        canvas = np.maximum(canvas, layer) if s.added.draw(g) else np.abs(canvas - layer)
    if s.cloth.draw(g):
        canvas = _cloth(canvas, g)
    image = (np.clip(canvas, 0, 1) * 255).astype(np.uint8)
    if s.boxed.draw(g):
        return to_box(image, g)
    return cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _outline(g: np.random.Generator) -> np.ndarray:
    """Draw an outline (P, 2) in pixels: a mirrored profile, a polygon, a slab, or two legs or sleeves."""
    s, kind = SILHOUETTES, g.integers(4)
    if kind == 0:
        n = s.profile_points.draw(g)
        y = np.linspace(s.top.draw(g), s.bottom.draw(g), n)
        half = g.uniform(s.profile.low, s.profile.high, n)
        return np.concatenate([np.stack([MIDDLE + half, y], 1), np.stack([MIDDLE - half, y], 1)[::-1]])
    if kind == 1:
        angle = np.sort(g.uniform(0, 6.28, s.polygon_points.draw(g)))
        radius = g.uniform(s.polygon.low, s.polygon.high, len(angle))
        return MIDDLE + np.stack([np.cos(angle) * radius, np.sin(angle) * radius], 1)
    if kind == 2:
        w, h, turn = s.slab_width.draw(g), s.slab_height.draw(g), s.slab_turn.draw(g)
        corners = np.array([[-w, -h], [w, -h], [w, h], [-w, h]])
        return corners @ rotation(-turn) + g.uniform(s.slab_middle.low, s.slab_middle.high, 2)
    top, spread, w = s.leg_top.draw(g), s.leg_spread.draw(g), s.leg_width.draw(g)
    outer, inner = MIDDLE + spread, w / 3
    shape = np.array(
        [[MIDDLE - w - 4, top], [MIDDLE + w + 4, top], [MIDDLE + w + spread, 82], [outer - inner, 82],
         [MIDDLE, top + 25], [MIDDLE - spread + inner, 82], [MIDDLE - w - spread, 82]]
    )  # fmt: skip
    return shape[:, ::-1] if s.lying.draw(g) else shape


def _cloth(canvas: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Add stripes, shading and grain to filled shapes."""
    s, filled = SILHOUETTES, canvas > 0
    y, x = np.mgrid[0:CANVAS, 0:CANVAS] / CANVAS
    turn, beat = g.choice([0, np.pi / 2, g.uniform(0, np.pi)]), s.beat.draw(g)
    canvas *= 1 - s.stripes.draw(g) * (0.5 + 0.5 * np.sin(beat * (x * np.cos(turn) + y * np.sin(turn))))
    canvas *= 1 - s.shading.draw(g) * (x if s.shaded_across.draw(g) else y)
    grain = cv2.resize(g.normal(0, 1, (SIDE, SIDE)).astype(np.float32), (CANVAS, CANVAS))
    canvas += filled * grain * s.grain.draw(g)
    return canvas


def blob(g: np.random.Generator) -> np.ndarray:
    """Draw a blot or dot: round or ragged, never much longer than wide, full size or a small one off the middle."""
    s, angle = BLOBS, np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ragged = s.raggedness.draw(g) if s.ragged.draw(g) else 0.0
    waves = [np.sin(k * angle + g.uniform(0, 6.3)) / k for k in range(1, 6)]
    radius = 1 + ragged * np.sum(waves, axis=0)
    flat = np.array([1.0, s.flatness.draw(g)])[:: g.choice([-1, 1])]
    size = flat * (FULL_BLOB if s.full.draw(g) else s.small.draw(g))
    shape = 50 + np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None] * size
    canvas = np.zeros((100, 100), np.uint8)
    cv2.fillPoly(canvas, [fixed_point(shape)], 255, cv2.LINE_AA, SUBPIXEL)
    if size.max() == FULL_BLOB:
        return to_box(canvas, g)
    move = np.array([[0.28, 0, s.off.draw(g)], [0, 0.28, s.off.draw(g)]], np.float32)
    return cv2.warpAffine(canvas, move, (SIDE, SIDE), flags=cv2.INTER_AREA)


def texture(g: np.random.Generator) -> np.ndarray:
    """Draw noise, a gradient, a grating or specks."""
    s, kind = TEXTURES, g.integers(5)
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    if kind == 0:
        image = _fractal(g)
    elif kind == 1:
        image = np.clip(g.normal(g.uniform(0, 1), s.noise.draw(g), (SIDE, SIDE)), 0, 1)
    elif kind == 2:
        turn = g.uniform(0, 6.3)
        along = x * np.cos(turn) + y * np.sin(turn) - s.gradient_at.draw(g)
        image = np.clip(0.5 + along * s.gradient.draw(g), 0, 1)
    elif kind == 3:
        beat, turn = s.beat.draw(g), g.uniform(0, 3.2)
        image = 0.5 + 0.5 * np.sin(beat * (x * np.cos(turn) + y * np.sin(turn)))
        if s.crossed.draw(g):
            image = np.maximum(image, 0.5 + 0.5 * np.sin(beat * (-x * np.sin(turn) + y * np.cos(turn))))
        image = np.clip((image - 0.5) * s.grating.draw(g) + s.grating_tone.draw(g), 0, 1)
    else:
        image = (g.random((SIDE, SIDE)) < s.specks.draw(g)).astype(float)
        if s.soft.draw(g):
            image = np.clip(cv2.GaussianBlur(image, (0, 0), s.soft_sigma.draw(g)) * s.soft_gain.draw(g), 0, 1)
    return np.round(image * s.brightness.draw(g) * 255).astype(np.uint8)


def _fractal(g: np.random.Generator) -> np.ndarray:
    """Draw noise of every scale, float64 (28, 28), 0..1."""
    s, image = TEXTURES, np.zeros((SIDE, SIDE))
    for n in s.octaves:
        layer = cv2.resize(g.normal(0, 1, (n, n)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        image += layer * n ** -s.falloff.draw(g)
    image = (image - image.min()) / np.ptp(image)
    if s.hard.draw(g):
        image = np.clip((image - s.hard_at.draw(g)) * s.hardness.draw(g) + 0.5, 0, 1)
    return image


def nearly_blank(g: np.random.Generator) -> np.ndarray:
    """Draw paper with nothing on it: blank, an even tone, faint noise, a speck or two, an edge."""
    s, image = BLANKS, np.zeros((SIDE, SIDE))
    if s.toned.draw(g):
        image += g.uniform(0, 255)
    if s.noisy.draw(g):
        image += g.normal(0, s.noise.draw(g), image.shape)
    if s.specked.draw(g):
        for _ in range(s.specks.draw(g)):
            at = tuple(int(v) for v in g.integers(0, SIDE, 2))
            cv2.circle(image, at, s.speck_radius.draw(g), s.speck_tone.draw(g), -1)
    if s.edged.draw(g):
        depth = s.edge.draw(g)
        image[:depth] = s.edge_tone.draw(g)
        image = np.rot90(image, int(g.integers(4))).copy()
    return np.clip(image, 0, 255).astype(np.uint8)

"""Paper: what is printed on it before anybody writes. Tones are about 1 where it is bare, less where it is printed."""

from dataclasses import dataclass

import cv2
import numpy as np

from shuzi.synth.distributions import Chance, Integers, Mixture, Normal, Uniform


@dataclass(frozen=True)
class Papers:
    """How papers differ. Lengths in pixels, tones as shares of white, turns in radians."""

    grain: Chance = Chance(0.6)
    grain_knots: Uniform = Uniform(2, 8)
    grain_tone: Uniform = Uniform(0, 0.06)
    blotches: Chance = Chance(0.3)
    blotch_knots: Uniform = Uniform(10, 60)
    blotch_tone: Uniform = Uniform(0, 0.08)
    kind: Mixture = Mixture(waves=0.2, weave=0.12, ruled=0.15, dotted=0.05, shining=0.05, bare=0.43)
    depth: Uniform = Uniform(0.04, 0.35)  # tone of what is printed
    families: Integers = Integers(1, 4)  # of waves: security print
    wave_period: Uniform = Uniform(3.5, 16)
    wave_knots: Uniform = Uniform(20, 60)
    wave_bend: Uniform = Uniform(0, 14)
    wave_width: Uniform = Uniform(0.7, 1.6)
    weave_period: Uniform = Uniform(2.2, 7)
    weave_depth: float = 0.6  # of the depth
    raster: Chance = Chance(0.5)
    rough: Chance = Chance(0.5)
    rough_knots: float = 2.5
    rough_depth: float = 0.4  # of the depth
    ruled_step: Uniform = Uniform(7, 50)
    ruled_turn: Normal = Normal(0, 0.02)
    ruled_width: Uniform = Uniform(0.6, 1.4)
    ruled_depth: float = 1.6  # of the depth
    squared: Chance = Chance(0.5)
    dotted_step: Uniform = Uniform(20, 60)
    dotted_beat: Uniform = Uniform(3, 7)
    shining_knots: Uniform = Uniform(6, 14)  # what stands on the other side shines through
    shining_depth: float = 0.5  # of the depth


PAPERS = Papers()


def smooth_noise(shape: tuple[int, int], knots: float, g: np.random.Generator) -> np.ndarray:
    """Draw noise with about so many pixels between its knots: float32 (H, W), standard deviation about 1."""
    small = g.standard_normal([max(2, int(n / knots) + 2) for n in shape], np.float32)
    return cv2.resize(small, shape[::-1], interpolation=cv2.INTER_CUBIC)


def paper(shape: tuple[int, int], g: np.random.Generator) -> np.ndarray:
    """Draw paper without writing: tones, float32 (H, W)."""
    s, tone = PAPERS, np.ones(shape, np.float32)
    if s.grain.draw(g):
        tone += smooth_noise(shape, s.grain_knots.draw(g), g) * s.grain_tone.draw(g)
    if s.blotches.draw(g):
        tone += smooth_noise(shape, s.blotch_knots.draw(g), g) * s.blotch_tone.draw(g)
    _print_pattern(tone, s.kind.draw(g), s.depth.draw(g), g)
    return tone


def _print_pattern(tone: np.ndarray, kind: str, depth: float, g: np.random.Generator) -> None:
    """Print waves, a weave, rules, dotted lines or show-through into the tones. depth: of the print, in tones."""
    s = PAPERS
    y, x = np.mgrid[0 : tone.shape[0], 0 : tone.shape[1]].astype(np.float32)
    if kind == "waves":
        for _ in range(s.families.draw(g)):
            tone -= depth * _waves(x, y, g)
    elif kind == "weave":
        tone -= depth * s.weave_depth * _weave(x, y, g)
        if s.rough.draw(g):
            tone += smooth_noise(x.shape, s.rough_knots, g) * depth * s.rough_depth
    elif kind == "ruled":
        step, turn = s.ruled_step.draw(g), s.ruled_turn.draw(g)
        tone -= depth * s.ruled_depth * _rules(y + np.tan(turn) * x, step, g)
        if s.squared.draw(g):
            tone -= depth * s.ruled_depth * _rules(x - np.tan(turn) * y, step, g)
    elif kind == "dotted":
        line, beat = np.abs((y / s.dotted_step.draw(g) + g.uniform()) % 1 - 0.5) * 40, s.dotted_beat.draw(g)
        tone -= depth * s.ruled_depth * np.clip(1.2 - line, 0, 1) * (np.sin(x * 2 * np.pi / beat) > 0)
    elif kind == "shining":
        there = smooth_noise(x.shape, s.shining_knots.draw(g), g)
        tone -= depth * s.shining_depth * np.clip(there - 0.6, 0, 1)


def _waves(x: np.ndarray, y: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Draw a family of waving lines: coverage (H, W), 0..1."""
    s = PAPERS
    turn, period = g.uniform(0, np.pi), s.wave_period.draw(g)
    bent = smooth_noise(x.shape, s.wave_knots.draw(g), g) * s.wave_bend.draw(g)
    phase = (x * np.cos(turn) + y * np.sin(turn) + bent) / period
    line = np.abs((phase + g.uniform()) % 1 - 0.5) * period
    return np.clip(s.wave_width.draw(g) - line, 0, 1)


def _weave(x: np.ndarray, y: np.ndarray, g: np.random.Generator) -> np.ndarray:
    """Draw a weave or a raster of dots: (H, W), -1..1."""
    s = PAPERS
    turn, period = g.choice([0.0, np.pi / 4, g.uniform(0, np.pi)]), s.weave_period.draw(g)
    a = np.sin((x * np.cos(turn) + y * np.sin(turn)) * 2 * np.pi / period)
    b = np.sin((y * np.cos(turn) - x * np.sin(turn)) * 2 * np.pi / period)
    return np.clip(a * b * 2, -1, 1) if s.raster.draw(g) else np.maximum(a, b)


def _rules(along: np.ndarray, step: float, g: np.random.Generator) -> np.ndarray:
    """Draw rules so many pixels apart: coverage (H, W), 0..1. along: pixels across the rules."""
    line = np.abs((along / step + g.uniform()) % 1 - 0.5) * step
    return np.clip(PAPERS.ruled_width.draw(g) - line, 0, 1)

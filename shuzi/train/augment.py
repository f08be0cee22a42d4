"""Random changes of a whole batch at once: what hands, pens, paper and cameras do to a digit.

Every function takes images float32 (B, 1, 28, 28) in [0, 1], 0 is paper and 1 is ink, and a generator, and
gives images of the same shape and range. Nothing here changes what a digit says.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from shuzi.data.digits import SIDE

Change = Callable[[Tensor, torch.Generator], Tensor]


def uniform(low: float, high: float, images: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a number between low and high for each image: (B, 1, 1, 1)."""
    return low + (high - low) * torch.rand(len(images), 1, 1, 1, generator=generator)


def resampled(images: Tensor, matrix: Tensor) -> Tensor:
    """Move each image by its own matrix (B, 2, 3), from places in the result to places in the image."""
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def cross_pooled(images: Tensor) -> Tensor:
    """Take the largest of each pixel and its four neighbours."""
    return torch.maximum(F.max_pool2d(images, (3, 1), 1, (1, 0)), F.max_pool2d(images, (1, 3), 1, (0, 1)))


def along_and_across(reach: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Return coordinates (B, 1, S, S) along and across directions, of a square of places `reach` (S,) a side."""
    y, x = torch.meshgrid(reach, reach, indexing="ij")
    return x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()


def warp(
    images: Tensor,
    generator: torch.Generator,
    *,
    turn: float = 8.0,
    stretch: float = 0.08,
    shear: float = 0.1,
    shift: float = 1.0,
    bend: float = 0.8,
) -> Tensor:
    """Turn, stretch, shear, shift and bend each image by its own amounts.

    Args:
        images: float32 (B, 1, 28, 28).
        generator: draws the amounts, evenly up to the limits that follow.
        turn: degrees.
        stretch: logarithm of the factor, of width and height each.
        shear: of the width, in heights.
        shift: pixels.
        bend: pixels, the standard deviation of an elastic field of 5 by 5 knots.
    """

    def upto(limit: float) -> Tensor:
        return (torch.rand(len(images), generator=generator) * 2 - 1) * limit

    angle = upto(math.radians(turn))
    wide, high, lean = upto(stretch).exp(), upto(stretch).exp(), upto(shear)
    cos, sin = angle.cos(), angle.sin()
    pixel = 2 / SIDE
    matrix = torch.stack(
        [cos * wide, (lean - sin) * high, upto(shift) * pixel, sin * wide, cos * high, upto(shift) * pixel], 1
    ).view(len(images), 2, 3)
    grid = F.affine_grid(matrix, list(images.shape), align_corners=False)  # (B, 28, 28, 2)
    knots = torch.randn(len(images), 2, 5, 5, generator=generator) * (bend * pixel)
    knots *= torch.rand(len(images), 1, 1, 1, generator=generator)
    field = F.interpolate(knots, (SIDE, SIDE), mode="bicubic", align_corners=True)
    return F.grid_sample(images, grid + field.permute(0, 2, 3, 1), align_corners=False)


def warp_far(images: Tensor, generator: torch.Generator) -> Tensor:
    """Warp as far as hands and careless framing go: 30 degrees, two thirds of the size, four pixels off."""
    factor = uniform(-0.12, 0.42, images, generator).exp().view(-1, 1, 1)  # above 1 shrinks the digit
    zoom = torch.eye(2, 3).expand(len(images), 2, 3) * factor
    return warp(resampled(images, zoom), generator, turn=28, stretch=0.2, shear=0.38, shift=3.5, bend=1.3)


def thicken(images: Tensor, generator: torch.Generator) -> Tensor:
    """Let the ink spread by up to two pixels."""
    much = uniform(0, 2, images, generator)
    once = F.max_pool2d(images, 3, 1, 1)
    one = torch.lerp(images, cross_pooled(images), much.clamp(max=1))
    return torch.lerp(one, cross_pooled(once), (much - 1).clamp(min=0))


def thin(images: Tensor, generator: torch.Generator) -> Tensor:
    """Take ink from both sides of the strokes, but never the whole stroke."""
    thinner = torch.lerp(images, -cross_pooled(-images), uniform(0.3, 1, images, generator))
    thinner = thinner / thinner.amax((1, 2, 3), keepdim=True).clamp(min=0.3)
    left = thinner.sum((1, 2, 3), keepdim=True) / images.sum((1, 2, 3), keepdim=True).clamp(min=1e-3)
    return torch.where(left > 0.45, thinner, images)


def outline(images: Tensor, generator: torch.Generator) -> Tensor:
    """Leave only the edges, as an edge filter or a hollow letter does."""
    spread = F.max_pool2d(images, 3, 1, 1) if torch.rand((), generator=generator) < 0.4 else images
    inner = -F.max_pool2d(-spread, 3, 1, 1)
    edges = (spread - inner).clamp(0, 1)
    return ((edges - 0.35) * uniform(1.5, 8, images, generator) + 0.5).clamp(0, 1) * (edges > 0.08)


def coarse(images: Tensor, generator: torch.Generator) -> Tensor:
    """Pass through a smaller picture: 8 to 20 pixels a side."""
    side = int(torch.randint(9, 21, (), generator=generator))
    small = F.interpolate(images, (side, side), mode="area")
    if torch.rand((), generator=generator) < 0.3:
        small = (small * 16).round() / 16
    chosen = torch.multinomial(torch.tensor([0.5, 0.35, 0.15]), 1, generator=generator)
    mode = ("bilinear", "bicubic", "nearest")[int(chosen)]
    big = F.interpolate(small, (SIDE, SIDE), mode=mode, align_corners=None if mode == "nearest" else False)
    return (big * uniform(1, 1.6, images, generator)).clamp(0, 1)


def blur(images: Tensor, generator: torch.Generator) -> Tensor:
    """Put each image out of focus, by a Gaussian of 0.4 to 1.6 pixels."""
    reach = torch.arange(-4, 5).float()
    sigma = uniform(0.4, 1.6, images, generator).view(-1, 1)
    kernel = (-(reach**2) / (2 * sigma**2)).exp()
    kernel = kernel / kernel.sum(1, keepdim=True)  # (B, 9)
    rows = F.conv2d(images.transpose(0, 1), kernel.view(-1, 1, 1, 9), padding=(0, 4), groups=len(images))
    both = F.conv2d(rows, kernel.view(-1, 1, 9, 1), padding=(4, 0), groups=len(images))
    return both.transpose(0, 1)


def shake(images: Tensor, generator: torch.Generator) -> Tensor:
    """Blur along a line of its own for each image, up to ten pixels long."""
    angle = uniform(0, math.pi, images, generator)
    length = uniform(1, 5, images, generator)
    along, across = along_and_across(torch.arange(-5, 6).float(), angle)  # (B, 1, 11, 11)
    kernel = (-(across**2)).exp() * (-(along**2) / length**2).exp()
    kernel = kernel / kernel.sum((2, 3), keepdim=True)
    return F.conv2d(images.transpose(0, 1), kernel, padding=5, groups=len(images)).transpose(0, 1)


def frosted(images: Tensor, generator: torch.Generator) -> Tensor:
    """Look through frosted glass: every pixel comes from a pixel or two away, softened."""
    grid = F.affine_grid(torch.eye(2, 3).expand(len(images), 2, 3), list(images.shape), align_corners=False)
    jitter = torch.randn(len(images), SIDE, SIDE, 2, generator=generator) * (2 / SIDE)
    jitter = jitter * uniform(0.5, 1.3, images, generator)
    return blur(F.grid_sample(images, grid + jitter, align_corners=False), generator)


def harden(images: Tensor, generator: torch.Generator) -> Tensor:
    """Steepen the tones, in the limit to black and white."""
    middle = uniform(0.15, 0.7, images, generator)
    return ((images - middle) * uniform(1.5, 12, images, generator) + 0.5).clamp(0, 1)


def retone(images: Tensor, generator: torch.Generator) -> Tensor:
    """Bend the tones by a power and pale the ink."""
    power = uniform(-0.9, 0.9, images, generator).exp()
    return images.clamp(min=1e-4) ** power * uniform(0.3, 1, images, generator)


def greyed(images: Tensor, generator: torch.Generator) -> Tensor:
    """Lay an even tone on the paper, the ink clipped or paled."""
    tone = uniform(0.05, 0.6, images, generator)
    lifted = (images + tone).clamp(max=1)
    return torch.where(uniform(0, 1, images, generator) < 0.5, lifted, images * (1 - tone) + tone)


def fog(images: Tensor, generator: torch.Generator) -> Tensor:
    """Lay clouds of every size over the picture, up to three times as strong as the ink."""
    roughness = uniform(1.2, 2.2, images, generator)
    clouds = torch.zeros(len(images), 1, SIDE, SIDE)
    for octave, knots in enumerate((2, 3, 5, 9, 17)):
        layer = torch.rand(len(images), 1, knots, knots, generator=generator)
        clouds += F.interpolate(layer, (SIDE, SIDE), mode="bilinear", align_corners=True) / roughness**octave
    low, high = clouds.amin((1, 2, 3), keepdim=True), clouds.amax((1, 2, 3), keepdim=True)
    clouds = (clouds - low) / (high - low)
    much = uniform(0.2, 3.2, images, generator)
    return (images + much * clouds) / (1 + much)


def shadow(images: Tensor, generator: torch.Generator) -> Tensor:
    """Darken one side of the picture along a soft edge."""
    angle, place = uniform(0, 2 * math.pi, images, generator), uniform(-1, 1, images, generator)
    along, _ = along_and_across(torch.linspace(-1, 1, SIDE), angle)
    slope, depth = uniform(0.7, 8, images, generator), uniform(0.1, 0.6, images, generator)
    dark = torch.sigmoid((along - place) * slope) * depth
    return images * (1 - dark) + dark


def grain(images: Tensor, generator: torch.Generator) -> Tensor:
    """Add the sensor's noise."""
    noise = torch.randn(images.shape, generator=generator)
    return (images + noise * uniform(0.03, 0.35, images, generator)).clamp(0, 1)


def shot(images: Tensor, generator: torch.Generator) -> Tensor:
    """Count few photons: noise that grows with the ink, as pencil on rough paper has it."""
    photons = uniform(1.1, 3.5, images, generator).exp()
    return (torch.poisson(images * photons, generator=generator) / photons).clamp(0, 1)


def specks(images: Tensor, generator: torch.Generator) -> Tensor:
    """Set up to a fifth of the pixels to ink or to paper."""
    share = uniform(0.005, 0.2, images, generator)
    hit = torch.rand(images.shape, generator=generator)
    return torch.where(hit < share / 2, 1.0, torch.where(hit < share, 0.0, images))


def blots(images: Tensor, generator: torch.Generator) -> Tensor:
    """Splash blots over ink and paper alike, of one tone for each image."""
    noise = F.avg_pool2d(torch.randn(images.shape, generator=generator), 3, 1, 1) * 3
    cover = ((noise - uniform(1.0, 2.0, images, generator)) * 3).clamp(0, 1)
    return torch.lerp(images, uniform(0, 0.7, images, generator).expand_as(images), cover)


def ruled(images: Tensor, generator: torch.Generator) -> Tensor:
    """Draw a line across: straight, dotted or zigzag, of any direction, dark or pale."""
    angle = torch.where(  # most lie flat or upright
        uniform(0, 1, images, generator) < 0.7,
        uniform(-0.7, 0.7, images, generator),
        uniform(0, math.pi, images, generator),
    )
    along, across = along_and_across(torch.arange(SIDE) - (SIDE - 1) / 2, angle)
    along = along + uniform(0, 8, images, generator)
    across = across - uniform(-14, 14, images, generator)
    kind = uniform(0, 3, images, generator).floor()
    period = uniform(3, 9, images, generator)
    wave = ((along / period) % 1 - 0.5).abs() * 4 - 1  # a triangle from -1 to 1
    across = across + torch.where(kind == 1, wave * uniform(1, 2.6, images, generator), torch.zeros(1))
    line = (uniform(0.5, 1.6, images, generator) - across.abs()).clamp(0, 1)
    line = line * torch.where(kind == 2, (wave > 0).float(), torch.ones(1))
    return torch.maximum(images, line * uniform(0.4, 1, images, generator))


def striped(images: Tensor, generator: torch.Generator) -> Tensor:
    """Turn dark to light in a band of rows or columns, or in all but that band."""
    low, high = torch.randint(0, SIDE + 1, (2, len(images), 1, 1, 1), generator=generator).sort(0).values
    place = torch.arange(SIDE).view(1, 1, 1, SIDE)
    inside = (place >= low) & (place < high)  # (B, 1, 1, 28)
    inside = inside ^ (uniform(0, 1, images, generator) < 0.5)
    inside = inside.expand(-1, 1, SIDE, SIDE)
    if torch.rand((), generator=generator) < 0.3:
        inside = inside.transpose(2, 3)
    return torch.where(inside, 1 - images, images)


def neighbours(images: Tensor, generator: torch.Generator) -> Tensor:
    """Let a bit of another image of the batch reach in from the side, or a frame's edge."""
    other = images[torch.randperm(len(images), generator=generator)]
    away = uniform(0.6, 0.95, images, generator) * SIDE
    angle = uniform(0, 4, images, generator).floor() * (math.pi / 2) + uniform(-0.3, 0.3, images, generator)
    move = torch.eye(2, 3).repeat(len(images), 1, 1)
    move[:, 0, 2] = (away * angle.cos()).view(-1) * 2 / SIDE
    move[:, 1, 2] = (away * angle.sin()).view(-1) * 2 / SIDE
    return torch.maximum(images, resampled(other, move) * uniform(0.4, 1, images, generator))


def crumbs(images: Tensor, generator: torch.Generator) -> Tensor:
    """Drop a few small marks of ink on the paper."""
    seeds = (torch.rand(images.shape, generator=generator) < 0.006).float()
    spread = F.max_pool2d(seeds, 2, 1, 1)[..., :SIDE, :SIDE]
    return torch.maximum(images, spread * uniform(0.3, 1, images, generator))


def worn(images: Tensor, generator: torch.Generator) -> Tensor:
    """Break the ink: a narrow gap across, or patches where the pen ran dry."""
    along, _ = along_and_across(torch.arange(SIDE) - (SIDE - 1) / 2, uniform(0, math.pi, images, generator))
    away = (along - uniform(-7, 7, images, generator)).abs()
    gap = (away - uniform(0.2, 1.0, images, generator)).clamp(0, 1)
    patch = F.interpolate(
        torch.rand(len(images), 1, 9, 9, generator=generator), (SIDE, SIDE), mode="bicubic", align_corners=True
    )
    dry = ((patch - uniform(0.0, 0.35, images, generator)) * 4).clamp(0.1, 1)
    return images * torch.where(uniform(0, 1, images, generator) < 0.5, gap, dry)


# Each change and how often it befalls an image that is handled roughly, in the order in which they happen.
ROUGH: tuple[tuple[Change, float], ...] = (
    (thicken, 0.09),
    (thin, 0.09),
    (worn, 0.045),
    (outline, 0.045),
    (neighbours, 0.06),
    (ruled, 0.13),
    (crumbs, 0.06),
    (coarse, 0.12),
    (blur, 0.075),
    (shake, 0.045),
    (frosted, 0.03),
    (harden, 0.165),
    (retone, 0.09),
    (blots, 0.03),
    (striped, 0.022),
    (greyed, 0.045),
    (fog, 0.06),
    (shadow, 0.03),
    (shot, 0.045),
    (grain, 0.06),
    (specks, 0.045),
)


def roughly(images: Tensor, generator: torch.Generator, share: float = 0.35) -> Tensor:
    """Warp every image a little, and put a share of them through warps and changes of every kind.

    Args:
        images: float32 (B, 1, 28, 28) in [0, 1].
        generator: draws everything.
        share: how many are handled roughly, 0..1.
    """
    images = images.clone()
    rough = torch.rand(len(images), generator=generator) < share
    far = rough & (torch.rand(len(images), generator=generator) < 0.5)

    def handle(chosen: Tensor, change: Change) -> None:
        if chosen.any():
            images[chosen] = change(images[chosen], generator)

    handle(~far, warp)
    handle(far, warp_far)
    for change, odds in ROUGH:
        handle(rough & (torch.rand(len(images), generator=generator) < odds), change)
    return images

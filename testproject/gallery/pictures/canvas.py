"""Tools of all drawings: gradients, soft noise, clean edges, glow and grain.

Everything is drawn by Pillow alone, and comes out the same every time: noise is made of
``random.Random(seed)``, never of Pillow's own, which no seed reaches.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Sequence

from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

Size = tuple[int, int]
Color = tuple[int, int, int]
Point = tuple[float, float]
Stops = Sequence[tuple[float, str]]

_STEPS = 512


def color(text: str) -> Color:
    """Read ``"#rrggbb"``."""
    red, green, blue = ImageColor.getrgb(text)[:3]
    return red, green, blue


def mix(one: Color, other: Color, share: float) -> Color:
    """Mix two colours; ``share`` 0 is the first, 1 the other."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def ramp(stops: Stops, steps: int = _STEPS) -> list[Color]:
    """List the colours of a gradient given as (position from 0 to 1, colour), in order."""
    known = [(position, color(text)) for position, text in stops]
    colors = []
    for step in range(steps):
        at = step / (steps - 1)
        after = next((i for i, stop in enumerate(known) if stop[0] >= at), len(known) - 1)
        before = max(after - 1, 0)
        span = known[after][0] - known[before][0]
        share = (at - known[before][0]) / span if span else 0.0
        colors.append(mix(known[before][1], known[after][1], min(max(share, 0.0), 1.0)))
    return colors


def gradient(size: Size, stops: Stops) -> Image.Image:
    """Draw a gradient from top to bottom."""
    strip = Image.frombytes("RGB", (1, _STEPS), bytes(v for c in ramp(stops) for v in c))
    return strip.resize(size, Image.Resampling.BICUBIC)


def fade(size: Size, top: int, bottom: int) -> Image.Image:
    """Draw a mask that goes evenly from one value at the top to another at the bottom."""
    strip = Image.frombytes("L", (1, 2), bytes((top, bottom)))
    # Box edges at the centres of the two pixels: the ramp fills the whole height.
    return strip.resize(size, Image.Resampling.BILINEAR, box=(0, 0.5, 1, 1.5))


def clouds(size: Size, rng: random.Random, cells: int, octaves: int = 4) -> Image.Image:
    """Draw soft noise, stretched to all greys; ``cells`` blots go across at the coarsest."""
    small = (max(size[0] // 4, 1), max(size[1] // 4, 1))
    total = Image.new("L", small, 128)
    for octave in range(octaves):
        across = cells << octave
        down = max(across * small[1] // small[0], 2)
        blots = Image.frombytes("L", (across, down), rng.randbytes(across * down))
        total = Image.blend(
            total, blots.resize(small, Image.Resampling.BICUBIC), 0.6**octave * 0.6
        )
    values = total.tobytes()
    low, high = min(values), max(values)
    stretched = total.point(
        [max(0, min(255, (v - low) * 255 // max(high - low, 1))) for v in range(256)]
    )
    return stretched.resize(size, Image.Resampling.BICUBIC)


def stencil(
    size: Size, draw: Callable[[ImageDraw.ImageDraw, int], None], scale: int = 2
) -> Image.Image:
    """Draw a mask at ``scale`` times its size and reduce it, for clean edges.

    ``draw`` gets the pen and the scale, by which it multiplies its coordinates.
    """
    large = Image.new("L", (size[0] * scale, size[1] * scale), 0)
    draw(ImageDraw.Draw(large), scale)
    return large.reduce(scale)


def shape(size: Size, points: Sequence[Point], scale: int = 2) -> Image.Image:
    """Draw a mask of one polygon with clean edges."""
    top = max(0, math.floor(min(y for _, y in points)))  # only the rows it covers: half the time

    def polygon(pen: ImageDraw.ImageDraw, scale: int) -> None:
        pen.polygon([(x * scale, (y - top) * scale) for x, y in points], fill=255)

    mask = Image.new("L", size, 0)
    mask.paste(stencil((size[0], size[1] - top), polygon, scale), (0, top))
    return mask


def glow(image: Image.Image, centre: Point, radius: int, tint: str, strength: float = 1.0) -> None:
    """Lay light on a picture that falls off to nothing at the radius."""
    # Pillow's gradient is 0 in the middle, 178 in the middle of each edge, 255 in the corners.
    falloff = [round((max(0, 178 - v) / 178) ** 2 * 255 * strength) for v in range(256)]
    light = Image.radial_gradient("L").point(falloff)
    light = light.resize((2 * radius, 2 * radius), Image.Resampling.BICUBIC)
    left, top = round(centre[0]) - radius, round(centre[1]) - radius
    image.paste(color(tint), (left, top, left + 2 * radius, top + 2 * radius), light)


def disc(image: Image.Image, centre: Point, radius: float, fill: str) -> None:
    """Draw a disc with clean edges."""
    side = round(2 * radius) + 4

    def ellipse(pen: ImageDraw.ImageDraw, scale: int) -> None:
        pen.ellipse((2 * scale, 2 * scale, (side - 2) * scale, (side - 2) * scale), fill=255)

    left, top = round(centre[0] - side / 2), round(centre[1] - side / 2)
    image.paste(
        color(fill), (left, top, left + side, top + side), stencil((side, side), ellipse, 4)
    )


def shadow(mask: Image.Image, offset: tuple[int, int], blur: int) -> Image.Image:
    """Make the soft shadow of a mask, moved by ``offset`` pixels."""
    small = mask.reduce(8)
    moved = ImageChops.offset(small, offset[0] // 8, offset[1] // 8)
    return moved.filter(ImageFilter.GaussianBlur(blur / 8)).resize(mask.size)


def grain(image: Image.Image, rng: random.Random, strength: int = 5) -> Image.Image:
    """Add fine noise of ± ``strength`` levels: gradients band without it."""
    side = 256
    levels = [128 + round((v - 127.5) / 127.5 * strength) for v in range(256)]
    tile = Image.frombytes("L", (side, side), rng.randbytes(side * side)).point(levels)
    layer = Image.new("L", image.size)
    for y in range(0, image.height, side):
        for x in range(0, image.width, side):
            layer.paste(tile.transpose(rng.choice(list(Image.Transpose))), (x, y))
    return ImageChops.add(image, Image.merge("RGB", (layer, layer, layer)), 1, -128)


def ridge(rng: random.Random, width: int, base: float, height: float, rough: float) -> list[Point]:
    """Draw the line of a mountain ridge from left to right by displacing midpoints.

    ``base`` is its mean height on the picture, ``height`` how far it rises and falls, both in
    pixels; ``rough`` from 0.4 (rolling) to 0.65 (craggy).
    """
    heights = [rng.uniform(-1, 1), rng.uniform(-1, 1)]
    spread = 1.0
    while len(heights) < 1024:
        middles = [
            (a + b) / 2 + rng.uniform(-spread, spread) for a, b in itertools.pairwise(heights)
        ]
        heights = [h for pair in zip(heights, middles, strict=False) for h in pair] + heights[-1:]
        spread *= rough
    step = width / (len(heights) - 1)
    return [(i * step, base - h * height) for i, h in enumerate(heights)]


def ground(line: Sequence[Point], size: Size) -> list[Point]:
    """Close a line from left to right into the area below it."""
    return [*line, (size[0], size[1]), (0, size[1])]

"""Patterns: paper layers, strokes along a current, tiles, a mesh, seeds, a spirograph, a wave."""

from __future__ import annotations

import math
import random

from PIL import Image, ImageDraw

from testproject.gallery.pictures.canvas import (
    Color,
    Point,
    Size,
    clouds,
    color,
    gradient,
    grain,
    ground,
    mix,
    ramp,
    shadow,
    shape,
)


def paper() -> Image.Image:
    """Draw cut paper in layers, each with its shadow on the one behind."""
    size, rng = (3000, 2000), random.Random(17)
    tones = ("#f6d7a7", "#f2b680", "#e88873", "#c75d6b", "#8f4a6b", "#573b62", "#2d2a4a")
    image = Image.new("RGB", size, "#fbeccd")
    for layer, tone in enumerate(tones):
        base = 330 + 240 * layer
        mask = shape(size, ground(_swell(rng, size[0], base), size))
        image.paste(color("#2b1626"), (0, 0), shadow(mask, (24, -32), 40).point(lambda v: v * 0.6))
        image.paste(color(tone), (0, 0), mask)
    return grain(image, rng, 9)


def _swell(rng: random.Random, width: int, base: float) -> list[Point]:
    waves = [
        (rng.uniform(0.5, 1.2) * (n + 1), rng.uniform(0, math.tau), 120 / (n + 1))
        for n in range(3)
    ]
    return [
        (
            x,
            base
            + sum(high * math.sin(often * math.tau * x / width + at) for often, at, high in waves),
        )
        for x in range(0, width + 11, 10)
    ]


def current() -> Image.Image:
    """Draw strokes that follow a current of soft noise."""
    size, scale, rng = (2700, 1800), 2, random.Random(23)
    image = gradient((size[0] * scale, size[1] * scale), [(0, "#0e1726"), (1, "#182a3a")])
    pen = ImageDraw.Draw(image)
    field = clouds((180, 120), rng, 3, 2).load()
    tones = ramp(
        [(0, "#f6efe0"), (0.3, "#f2b950"), (0.5, "#e4572e"), (0.75, "#3aa5a0"), (1, "#1f6f8b")]
    )
    assert field is not None  # noqa: S101 (an image in memory always loads)
    for _ in range(2300):
        x, y = rng.random() * 180, rng.random() * 120
        tone = tones[min(511, max(0, round((x / 180 + rng.gauss(0, 0.12)) * 511)))]
        line = []
        for _ in range(rng.randint(12, 46)):
            if not (0 <= x < 180 and 0 <= y < 120):
                break
            line.append((x * 15 * scale, y * 15 * scale))
            slope = field[int(x), int(y)]
            assert isinstance(slope, int)  # noqa: S101 (a grey image has one number a pixel)
            turn = slope / 255 * math.tau * 1.15
            x, y = x + 0.8 * math.cos(turn), y + 0.8 * math.sin(turn)
        if len(line) > 2:
            pen.line(line, fill=tone, width=rng.choice((5, 8, 8, 14, 22)), joint="curve")
    return image.reduce(scale)


def tiles() -> Image.Image:
    """Draw a poster of quarter circles, half circles and rings, in portrait format."""
    side, across, down, rng = 400, 6, 8, random.Random(62)
    tones = [color(t) for t in ("#f3e9d6", "#1f3b4d", "#d9583b", "#e9b44c", "#5b8e7d")]
    image = Image.new("RGB", (side * across, side * down))
    previous: list[Color] = []
    for number in range(across * down):
        behind, front, third = rng.sample(tones, 3)
        while previous and behind in (previous[-1], previous[max(0, len(previous) - across)]):
            behind, front, third = rng.sample(tones, 3)
        previous.append(behind)
        tile = _tile(rng, side, (behind, front, third))
        image.paste(tile, (number % across * side, number // across * side))
    return grain(image, rng, 6)


def _tile(rng: random.Random, side: int, tones: tuple[Color, Color, Color]) -> Image.Image:
    behind, front, third = tones
    full = side * 2
    tile = Image.new("RGB", (full, full), behind)
    pen = ImageDraw.Draw(tile)
    kind = rng.randrange(5)
    if kind == 0:
        pen.ellipse((-full, -full, full - 1, full - 1), fill=front)
        pen.ellipse((-full // 2, -full // 2, full // 2, full // 2), fill=third)
    elif kind == 1:
        pen.pieslice(((0, -full // 2), (full - 1, full // 2)), 0, 180, fill=front)
        pen.pieslice(((0, full // 2), (full - 1, full + full // 2)), 0, 180, fill=third)
    elif kind == 2:
        for ring, tone in ((0.06, front), (0.2, behind), (0.34, third)):
            edge = round(ring * full)
            pen.ellipse((edge, edge, full - edge, full - edge), fill=tone)
    elif kind == 3:
        pen.polygon([(0, 0), (full, 0), (0, full)], fill=front)
        pen.polygon([(full // 2, full // 2), (full, full), (0, full)], fill=third)
    else:
        pen.pieslice(((-full, 0), (full - 1, 2 * full)), 270, 360, fill=front)
        pen.pieslice(((0, -full), (2 * full, full - 1)), 90, 180, fill=third)
    tile = tile.reduce(2)
    return tile.rotate(90 * rng.randrange(4))


def mesh() -> Image.Image:
    """Draw a mesh of triangles lit like folded paper."""
    size, cell, rng = (3000, 2000), 125, random.Random(4)
    scale = 2
    image = Image.new("RGB", (size[0] * scale, size[1] * scale))
    pen = ImageDraw.Draw(image)
    columns, rows = size[0] // cell + 3, size[1] // cell + 3
    points = {
        (c, r): (
            (c - 1 + rng.uniform(-0.36, 0.36)) * cell,
            (r - 1 + rng.uniform(-0.36, 0.36)) * cell,
            rng.uniform(-1, 1),
        )
        for c in range(columns)
        for r in range(rows)
    }
    tones = ramp(
        [(0, "#10243e"), (0.35, "#1d5c7a"), (0.6, "#58a99c"), (0.8, "#f0d9a0"), (1, "#f28f6b")]
    )
    for c in range(columns - 1):
        for r in range(rows - 1):
            one, two = points[c, r], points[c + 1, r]
            three, four = points[c + 1, r + 1], points[c, r + 1]
            halves = (
                ((one, two, three), (one, three, four))
                if (c + r) % 2
                else ((one, two, four), (two, three, four))
            )
            for corners in halves:
                tone = _lit(corners, size, tones)
                pen.polygon([(x * scale, y * scale) for x, y, _ in corners], fill=tone)
    return image.reduce(scale)


def _lit(corners: tuple[tuple[float, float, float], ...], size: Size, tones: list[Color]) -> Color:
    """Colour a triangle by its place, darker where its slope turns from the light."""
    x, y = (sum(p[i] for p in corners) / 3 for i in (0, 1))
    away = math.hypot(x / size[0] - 0.72, (y / size[1] - 0.3) * 0.8)
    slope = (corners[1][2] - corners[0][2]) * 0.6 + (corners[2][2] - corners[0][2]) * 0.4
    tone = tones[min(511, max(0, round((1 - away * 1.15) * 511)))]
    return mix(tone, (255, 250, 235) if slope > 0 else (5, 10, 25), min(0.3, abs(slope) * 0.22))


def seeds() -> Image.Image:
    """Draw the seeds of a sunflower, each turned from the last by the golden angle."""
    side, scale = 2400, 2
    image = Image.new("RGB", (side * scale, side * scale), "#f7f1e3")
    pen = ImageDraw.Draw(image)
    tones = ramp(
        [(0, "#3b1f2b"), (0.25, "#7a2e3a"), (0.5, "#d1603d"), (0.75, "#eeb24c"), (1, "#f5dc98")]
    )
    golden = math.pi * (3 - math.sqrt(5))
    count = 1500
    for n in range(count):
        share = n / count
        away = 1130 * math.sqrt(share)
        x = side / 2 + away * math.cos(n * golden)
        y = side / 2 + away * math.sin(n * golden)
        radius = 7 + 21 * share**0.7
        ripple = 0.06 * math.sin(n * golden * 5)
        tone = tones[min(511, max(0, round((share + ripple) * 511)))]
        box = [v * scale for v in (x - radius, y - radius, x + radius, y + radius)]
        pen.ellipse((box[0], box[1], box[2], box[3]), fill=tone)
    return image.reduce(scale)


def spirograph() -> Image.Image:
    """Draw a flower of fine lines on nothing: a picture with transparency."""
    side, scale = 2000, 2
    image = Image.new("RGBA", (side * scale, side * scale), (255, 255, 255, 0))
    pen = ImageDraw.Draw(image)
    rings = (
        (940, 11, 5, 0.86, ("#3d5a98", "#7a4fa3")),
        (690, 13, 4, 0.9, ("#c2497c", "#ee7b5a")),
        (420, 9, 4, 0.95, ("#f0a04b", "#f4cf62")),
    )
    for radius, teeth, step, arm, (first, second) in rings:
        tones = ramp([(0, first), (0.5, second), (1, first)])
        for copy in range(6):
            points = _hypotrochoid(radius * scale, teeth, step, arm, copy / 6)
            for n in range(0, len(points) - 1, 8):
                part = [(x + side, y + side) for x, y in points[n : n + 9]]
                pen.line(part, fill=(*tones[n * 511 // len(points)], 235), width=9, joint="curve")
    return image.reduce(scale)


def _hypotrochoid(radius: float, teeth: int, step: int, arm: float, turn: float) -> list[Point]:
    """Roll a wheel of ``step`` teeth inside a ring of ``teeth``, begun at a part of a tooth."""
    wheel = step / teeth
    reach = (1 - wheel) + arm * wheel
    angle = turn * math.tau / teeth
    points = []
    for n in range(0, 360 * step + 1, 2):
        at = math.radians(n)
        x = (1 - wheel) * math.cos(at) + arm * wheel * math.cos(at * (1 - wheel) / wheel)
        y = (1 - wheel) * math.sin(at) - arm * wheel * math.sin(at * (1 - wheel) / wheel)
        across = (x * math.cos(angle) - y * math.sin(angle)) / reach
        down = (x * math.sin(angle) + y * math.cos(angle)) / reach
        points.append((across * radius, down * radius))
    return points


def wave() -> list[Image.Image]:
    """Draw the frames of a wave that runs through a field of dots, over and over."""
    size, cell, count = (720, 540), 30, 24
    palette = [
        v for tone in ramp([(0, "#112031"), (0.6, "#2f8f9d"), (1, "#f6e7c8")], 64) for v in tone
    ]
    frames = []
    for number in range(count):
        large = Image.new("L", (size[0] * 2, size[1] * 2), 0)
        pen = ImageDraw.Draw(large)
        for x in range(cell // 2, size[0], cell):
            for y in range(cell // 2, size[1], cell):
                away = math.hypot(x - size[0] / 2, y - size[1] / 2) / 150
                beat = 0.5 + 0.5 * math.sin(math.tau * (away - number / count))
                radius = 2 * (2.5 + 10.5 * beat)
                box = (2 * x - radius, 2 * y - radius, 2 * x + radius, 2 * y + radius)
                pen.ellipse(box, fill=round(28 + 35 * beat))
        frame = large.reduce(2)
        frame.putpalette(palette)
        frames.append(frame)
    return frames

"""Landscapes: mountains, dunes, a lake at night, the sea, balloons."""

from __future__ import annotations

import itertools
import math
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from testproject.gallery.pictures.canvas import (
    Point,
    Size,
    clouds,
    color,
    disc,
    fade,
    glow,
    gradient,
    grain,
    ground,
    mix,
    ridge,
    shape,
    stencil,
)


def dawn() -> Image.Image:
    """Draw ridges behind ridges at sunrise, paler the farther away."""
    size, rng = (3240, 2160), random.Random(11)
    image = gradient(
        size,
        [(0, "#27405f"), (0.22, "#5c7591"), (0.4, "#c79c93"), (0.5, "#f3bd8a"), (0.62, "#fbe0b0")],
    )
    glow(image, (2200, 1060), 1500, "#ffe2a8", 0.75)
    disc(image, (2200, 1015), 115, "#fff6dc")
    far, near = color("#d9a391"), color("#152436")
    layers = 7
    for layer in range(layers):
        depth = layer / (layers - 1)
        line = ridge(rng, size[0], 1090 + 900 * depth**1.15, 130 + 70 * depth, 0.5 + 0.06 * depth)
        mask = shape(size, ground(line, size))
        tone = mix(far, near, depth**0.75)
        image.paste(tone, (0, 0), mask)
        _mist(image, mask, mix(tone, color("#fbd9b4"), 0.55), min(y for _, y in line), 620)
    return grain(image, rng, 4)


def _mist(
    image: Image.Image, mask: Image.Image, tone: tuple[int, int, int], top: float, depth: int
) -> None:
    """Lay mist into the valley below a ridge, none at its crest."""
    veil = Image.new("L", image.size, 150)
    veil.paste(fade((image.width, depth), 0, 150), (0, round(top)))
    veil.paste(0, (0, 0, image.width, round(top)))
    image.paste(tone, (0, 0), ImageChops.multiply(mask, veil))


def dunes() -> Image.Image:
    """Draw sand dunes, each with a lit and a shaded side."""
    size, rng = (3200, 1800), random.Random(5)
    image = gradient(size, [(0, "#3c6e91"), (0.3, "#a7c0c4"), (0.42, "#f1dcb8")])
    glow(image, (620, 560), 1300, "#fff1cf", 0.8)
    for layer in range(5):
        depth = layer / 4
        base = 760 + 235 * layer
        crest = _dune(rng, size[0], base, 60 + 38 * layer)
        lit = mix(color("#e9bf86"), color("#d98e4a"), depth)
        area = shape(size, ground(crest, size))
        slope = fade(size, 0, 200)
        image.paste(lit, (0, 0), area)
        image.paste(mix(lit, color("#6d3320"), 0.75), (0, 0), ImageChops.multiply(area, slope))
        shade = shape(size, _lee(crest, rng, 250 + 120 * layer))
        soft = shade.reduce(4).filter(ImageFilter.GaussianBlur(2 + layer)).resize(size)
        image.paste(
            mix(color("#b7794f"), color("#5b2d24"), depth), (0, 0), ImageChops.multiply(soft, area)
        )
    return grain(image, rng, 7)


def _dune(rng: random.Random, width: int, base: float, height: float) -> list[Point]:
    """Draw a crest that rises slowly on the left of each summit and falls fast on its right."""
    phase, other = rng.uniform(0, math.tau), rng.uniform(0, math.tau)
    waves = rng.uniform(1.3, 2.1) * math.tau / width
    line: list[Point] = []
    for x in range(0, width + 9, 8):
        at = waves * x + phase
        swell = math.sin(at + 0.55 * math.cos(at)) + 0.3 * math.sin(1.7 * waves * x + other)
        line.append((x, base - height * swell))
    return line


def _lee(crest: list[Point], rng: random.Random, fall: float) -> list[Point]:
    """Outline the shaded side: where the crest falls, down to a winding foot."""
    phase = rng.uniform(0, math.tau)
    foot = []
    for (x, y), (_, before) in zip(crest[1:], crest, strict=False):
        steep = max(0.0, (y - before) / 8)
        winding = 0.8 + 0.2 * math.sin(x / 170 + phase)
        foot.append((x - 120 * steep, y + fall * min(1.0, 2.2 * steep) ** 1.3 * winding))
    return [*crest[1:], *reversed(foot)]


def night() -> Image.Image:
    """Draw the Milky Way over a lake, with pines on the shore."""
    size, rng = (3200, 2133), random.Random(29)
    horizon = 1390
    sky = gradient(
        (size[0], horizon),
        [(0, "#060a1c"), (0.45, "#0f1c40"), (0.8, "#27406b"), (1, "#6a7f98")],
    )
    sky.paste(color("#8fa3d6"), (0, 0), _milky_way(sky.size, rng))
    sky.paste(color("#fdf7e8"), (0, 0), _stars(sky.size, rng))
    far = ridge(rng, size[0], horizon - 120, 75, 0.5)
    sky.paste(color("#14233c"), (0, 0), shape(sky.size, ground(far, sky.size)))
    sky.paste(color("#060b14"), (0, 0), stencil(sky.size, lambda pen, s: _pines(pen, s, horizon)))
    image = Image.new("RGB", size)
    image.paste(sky, (0, 0))
    image.paste(_reflection(sky, size[1] - horizon), (0, horizon))
    return grain(image, rng, 4)


def _milky_way(size: Size, rng: random.Random) -> Image.Image:
    band = Image.new("L", size, 0)
    pen = ImageDraw.Draw(band)
    pen.line([(size[0] * 0.12, size[1] * 1.05), (size[0] * 0.86, -size[1] * 0.1)], 235, width=330)
    soft = band.reduce(16).filter(ImageFilter.GaussianBlur(13)).resize(size)
    dust = clouds(size, rng, 9, 5).point(
        [max(0, min(255, round((v - 45) * 1.25))) for v in range(256)]
    )
    return ImageChops.multiply(soft, dust)


def _stars(size: Size, rng: random.Random) -> Image.Image:
    def draw(pen: ImageDraw.ImageDraw, scale: int) -> None:
        for _ in range(2600):
            x, y = rng.random() * size[0] * scale, rng.random() ** 1.2 * size[1] * scale
            radius = 0.5 + 2.8 * rng.random() ** 9
            reach = radius * scale
            pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=rng.randint(70, 255))

    return stencil(size, draw)


def _pines(pen: ImageDraw.ImageDraw, scale: int, horizon: int) -> None:
    rng = random.Random(3)
    for x in range(-20, 3240, 13):
        # High at both sides, low in the middle: the lake stays open.
        middle = abs(x / 1600 - 1)
        height = (40 + 330 * middle**2.2) * rng.uniform(0.55, 1.25)
        _pine(pen, scale, (x + rng.uniform(-8, 8), horizon + 4), height, rng)


def _pine(
    pen: ImageDraw.ImageDraw, scale: int, foot: Point, height: float, rng: random.Random
) -> None:
    tiers = 6
    for tier in range(tiers):
        share = tier / tiers
        half = height * 0.2 * (1 - share) * rng.uniform(0.85, 1.15)
        low, high = foot[1] - height * share, foot[1] - height * min(1, share + 0.34)
        corners = [(foot[0] - half, low), (foot[0], high), (foot[0] + half, low)]
        pen.polygon([(x * scale, y * scale) for x, y in corners], fill=255)


def _reflection(sky: Image.Image, height: int) -> Image.Image:
    """Turn the sky upside down, blurred sideways and darkened."""
    flipped = sky.transpose(Image.Transpose.FLIP_TOP_BOTTOM).crop((0, 0, sky.width, height))
    smooth = flipped.resize((sky.width // 24, height // 2)).resize(flipped.size)
    blurred = Image.blend(flipped, smooth, 0.72)
    dark = Image.new("RGB", blurred.size, color("#070d1b"))
    return Image.composite(dark, blurred, fade(blurred.size, 40, 175))


def sea() -> Image.Image:
    """Draw the sun going down over the sea, with its glitter on the water."""
    size, rng = (3000, 2000), random.Random(8)
    horizon = 1080
    image = gradient(
        size,
        [
            (0, "#1d2b53"),
            (0.2, "#5f4b8b"),
            (0.36, "#d0687c"),
            (0.48, "#f7a36c"),
            (0.54, "#ffd79a"),
        ],
    )
    glow(image, (1250, horizon - 60), 1250, "#ffdf9e", 0.85)
    streaks = clouds((size[0] // 6, size[1]), rng, 5, 4).resize(size)
    veil = ImageChops.multiply(
        streaks.point([max(0, v - 130) * 2 for v in range(256)]), fade(size, 150, 0)
    )
    image.paste(color("#3c3766"), (0, 0), veil)
    disc(image, (1250, horizon - 75), 150, "#fff3d0")
    water = gradient(
        (size[0], size[1] - horizon), [(0, "#c9787c"), (0.12, "#75507c"), (1, "#16224a")]
    )
    image.paste(water, (0, horizon))
    for tint, seed, spread in (("#2b2c5c", 1, 3200), ("#f2a07a", 2, 900), ("#ffe9b8", 3, 330)):
        image.paste(color(tint), (0, 0), _glitter(size, horizon, spread, seed))
    return grain(image, rng, 4)


def _glitter(size: Size, horizon: int, spread: int, seed: int) -> Image.Image:
    """Scatter flat waves below the horizon, denser and flatter far away."""
    rng = random.Random(seed)

    def draw(pen: ImageDraw.ImageDraw, scale: int) -> None:
        for _ in range(1500):
            near = rng.random() ** 1.7
            y = horizon + 6 + near * (size[1] - horizon)
            x = 1250 + rng.gauss(0, 0.36) * spread * (0.35 + 0.8 * near)
            half, thick = (14 + 60 * near) * rng.uniform(0.4, 1.3), 1.2 + 6 * near
            box = (x - half, y - thick, x + half, y + thick)
            left, top, right, bottom = (v * scale for v in box)
            pen.ellipse((left, top, right, bottom), fill=round(215 - 90 * near))

    return stencil(size, draw)


def balloons() -> Image.Image:
    """Draw hot-air balloons over hills, in portrait format."""
    size, rng = (2400, 3200), random.Random(41)
    image = gradient(size, [(0, "#5aa3c7"), (0.45, "#a9d3d8"), (0.75, "#f6e6c8"), (1, "#f9d9a8")])
    puffs = clouds(size, rng, 4, 5).point([max(0, min(190, (v - 120) * 2)) for v in range(256)])
    image.paste(color("#ffffff"), (0, 0), ImageChops.multiply(puffs, fade(size, 200, 90)))
    for layer in range(4):
        line = ridge(rng, size[0], 2540 + 170 * layer, 90, 0.4)
        tone = mix(color("#a9bf9a"), color("#24463f"), layer / 3)
        image.paste(tone, (0, 0), shape(size, ground(line, size)))
    _balloon(image, (1840, 980), 210, ("#f4e3c1", "#3e7c8c"))
    _balloon(image, (480, 1500), 150, ("#e9b44c", "#8c3f4d"))
    _balloon(image, (1080, 1130), 520, ("#d1495b", "#f6e7cb", "#e9a23b", "#2f5d73"))
    _balloon(image, (2010, 1990), 90, ("#7d5ba6", "#f2e8cf"))
    return grain(image, rng, 4)


def _balloon(image: Image.Image, centre: Point, radius: int, stripes: tuple[str, ...]) -> None:
    envelope = _envelope(radius, stripes)
    left, top = round(centre[0]) - radius, round(centre[1]) - radius
    image.paste(envelope, (left, top), envelope)


def _envelope(radius: int, stripes: tuple[str, ...]) -> Image.Image:
    """Draw gores between seams that lie closer towards the sides, the left ones in shade."""
    scale, gores, mouth = 2, 12, 2.35 * radius
    large = Image.new("RGBA", (2 * radius * scale, round(2.9 * radius) * scale), (0, 0, 0, 0))
    pen = ImageDraw.Draw(large)

    def scaled(points: list[Point]) -> list[Point]:
        return [(x * scale, y * scale) for x, y in points]

    seams = [_seam(radius, math.sin((i / gores - 0.5) * math.pi)) for i in range(gores + 1)]
    for i, (one, other) in enumerate(itertools.pairwise(seams)):
        light = 0.5 + 0.5 * math.sin((i + 0.5) / gores * math.pi * 0.9)
        tone = mix(color("#2b1a2b"), color(stripes[i % len(stripes)]), light)
        pen.polygon(scaled([*one, *reversed(other)]), fill=(*tone, 255))
    basket = [(0.87, 2.6), (1.13, 2.6), (1.11, 2.82), (0.89, 2.82)]
    pen.polygon(scaled([(x * radius, y * radius) for x, y in basket]), fill=(92, 58, 38, 255))
    for side in (-0.12, 0.12):
        rope = [(radius * (1 + side * 1.3), mouth), (radius * (1 + side), 2.6 * radius)]
        pen.line(scaled(rope), fill=(70, 50, 40, 255), width=max(2, radius // 60))
    return large.reduce(scale)


def _seam(radius: int, across: float) -> list[Point]:
    """Follow a seam from the crown to the mouth; ``across`` from −1, the left, to 1, the right."""
    mouth = 2.35 * radius
    points = []
    for step in range(61):
        y = mouth * step / 60
        if y < radius:
            bulge = math.sin(math.acos(1 - y / radius))
        else:
            bulge = 1 - 0.82 * ((y - radius) / (mouth - radius)) ** 1.6
        points.append((radius + across * bulge * radius, y))
    return points

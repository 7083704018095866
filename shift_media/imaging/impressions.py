"""First impressions of a small picture: its palette, and its BlurHash."""

from __future__ import annotations

import math
from typing import Final

from PIL import Image

COLORS: Final = 5
"""Colours of a palette."""

_SIDE: Final = 24
"""The longer side of the picture that a BlurHash is made of, of which it shows four waves."""
_LEAST: Final = 16
"""The shorter side at least: with fewer pixels the waves of one colour would not be flat."""
_LONG, _SHORT = 4, 3
"""Waves along the longer and the shorter side."""
_DIGITS: Final = (
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
)
"""Of base 83. This, and the constants below, are those of the algorithm's description:
https://github.com/woltapp/blurhash/blob/master/Algorithm.md"""
_QUANTA: Final = 9
_MAXIMUM_SCALE: Final = 166
_MOST_MAXIMUM: Final = 82

Wave = tuple[float, float, float]


def make_palette(picture: Image.Image) -> tuple[str, ...]:
    """Return up to `COLORS` colours of a picture as ``"#rrggbb"``, the most frequent first."""
    flat = _over_white(picture)
    quantized = flat.quantize(COLORS, Image.Quantize.MEDIANCUT)
    colors = quantized.getpalette("RGB") or []
    counted = quantized.getcolors(COLORS) or []
    ordered = [int(str(index)) for _count, index in sorted(counted, reverse=True)]
    return tuple(f"#{bytes(colors[3 * i : 3 * i + 3]).hex()}" for i in ordered)


def make_blurhash(picture: Image.Image) -> str:
    """Return the BlurHash of a picture over white: 28 characters."""
    flat = _over_white(picture)
    longer = max(flat.size)
    size = (max(_LEAST, each * _SIDE // longer) for each in flat.size)
    flat = flat.resize((next(size), next(size)), Image.Resampling.BOX)
    across, down = (_LONG, _SHORT) if flat.width >= flat.height else (_SHORT, _LONG)
    mean, *waves = _waves(flat, across, down)
    largest = max(abs(value) for wave in waves for value in wave)
    maximum = max(0, min(_MOST_MAXIMUM, math.floor(largest * _MAXIMUM_SCALE - 0.5)))
    scale = (maximum + 1) / _MAXIMUM_SCALE
    text = _base83(across - 1 + (down - 1) * 9, 1) + _base83(maximum, 1) + _mean_text(mean)
    return text + "".join(_wave_text(wave, scale) for wave in waves)


def _over_white(picture: Image.Image) -> Image.Image:
    rgba = picture.convert("RGBA")
    flat = Image.new("RGB", picture.size, (255, 255, 255))
    flat.paste(rgba.convert("RGB"), mask=rgba.getchannel("A"))
    return flat


def _waves(picture: Image.Image, across: int, down: int) -> list[Wave]:
    """Return the cosine transform of a picture in linear light, the mean first."""
    width, height = picture.size
    linear = [_to_linear(value) for value in range(256)]
    content = picture.tobytes()
    rows = [
        [tuple(linear[v] for v in content[3 * (y * width + x) :][:3]) for x in range(width)]
        for y in range(height)
    ]
    cosines = [[math.cos(math.pi * i * x / width) for x in range(width)] for i in range(across)]
    waves: list[Wave] = []
    for j in range(down):
        column = [math.cos(math.pi * j * y / height) for y in range(height)]
        for i in range(across):
            red = green = blue = 0.0
            for y, row in enumerate(rows):
                for x, (r, g, b) in enumerate(row):
                    weight = cosines[i][x] * column[y]
                    red, green, blue = red + weight * r, green + weight * g, blue + weight * b
            factor = (1 if i == j == 0 else 2) / (width * height)
            waves.append((red * factor, green * factor, blue * factor))
    return waves


def _to_linear(value: int) -> float:
    """Return the linear light of a value of sRGB (IEC 61966-2-1)."""
    share = value / 255
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def _to_srgb(value: float) -> int:
    share = max(0.0, min(1.0, value))
    curved = share * 12.92 if share <= 0.0031308 else 1.055 * share ** (1 / 2.4) - 0.055
    return int(curved * 255 + 0.5)


def _mean_text(mean: Wave) -> str:
    red, green, blue = (_to_srgb(value) for value in mean)
    return _base83((red << 16) + (green << 8) + blue, 4)


def _wave_text(wave: Wave, scale: float) -> str:
    number = 0
    for value in wave:
        share = value / scale
        root = math.copysign(math.sqrt(abs(share)), share)
        quantum = max(0, min(2 * _QUANTA, math.floor(root * _QUANTA + _QUANTA + 0.5)))
        number = number * (2 * _QUANTA + 1) + quantum
    return _base83(number, 2)


def _base83(number: int, length: int) -> str:
    digits = [_DIGITS[number // 83**place % 83] for place in range(length)]
    return "".join(reversed(digits))

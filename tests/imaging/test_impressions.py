"""The palette and the BlurHash of small pictures."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from shift_media.imaging.impressions import _DIGITS, make_blurhash, make_palette

COLOR = st.tuples(*[st.integers(0, 255)] * 3)


def decoded(text: str, width: int, height: int) -> Image.Image:
    """Return the picture of a BlurHash, by the algorithm's description."""

    def number(part: str) -> int:
        return sum(_DIGITS.index(c) * 83**i for i, c in enumerate(reversed(part)))

    def linear(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    def srgb(value: float) -> int:
        share = max(0.0, min(1.0, value))
        curved = share * 12.92 if share <= 0.0031308 else 1.055 * share ** (1 / 2.4) - 0.055
        return round(curved * 255)

    across, down = number(text[0]) % 9 + 1, number(text[0]) // 9 + 1
    scale, mean = (number(text[1]) + 1) / 166, number(text[2:6])
    waves = [tuple(linear(mean >> shift & 255) for shift in (16, 8, 0))]
    for at in range(6, len(text), 2):
        packed = number(text[at : at + 2])
        quanta = (packed // 361, packed // 19 % 19, packed % 19)
        waves.append(tuple(math.copysign(((q - 9) / 9) ** 2, q - 9) * scale for q in quanta))
    image = Image.new("RGB", (width, height))
    for y in range(height):
        for x in range(width):
            color = [0.0, 0.0, 0.0]
            for j in range(down):
                for i in range(across):
                    basis = math.cos(math.pi * x * i / width) * math.cos(math.pi * y * j / height)
                    for c in range(3):
                        color[c] += waves[j * across + i][c] * basis
            image.putpixel((x, y), tuple(map(srgb, color)))
    return image


@pytest.mark.slow
@given(COLOR, st.integers(1, 64), st.integers(1, 64))
def test_blurhash_of_one_colour_is_that_colour(
    color: tuple[int, ...], width: int, height: int
) -> None:
    text = make_blurhash(Image.new("RGB", (width, height), color))
    assert len(text) == 28
    shown = decoded(text, 8, 8).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    assert isinstance(shown, tuple)
    assert all(abs(a - b) <= 20 for a, b in zip(shown, color, strict=True))


def test_blurhash_shows_where_a_picture_is_bright() -> None:
    picture = Image.new("RGB", (40, 30), (10, 20, 30))
    picture.paste((240, 230, 220), (20, 0, 40, 30))
    shown = decoded(make_blurhash(picture), 8, 6).convert("L")
    assert int(str(shown.getpixel((0, 3)))) < 90 < 180 < int(str(shown.getpixel((7, 3))))
    assert make_blurhash(picture.rotate(90, expand=True))[0] != make_blurhash(picture)[0]


def test_blurhash_of_a_known_picture_is_that_of_other_programs() -> None:
    text = make_blurhash(Image.new("RGB", (40, 30), (255, 255, 255)))
    assert (text[0], text[2:6]) == ("L", "TSUA")  # 4 × 3 waves, white


def test_palette_has_the_most_frequent_colour_first() -> None:
    picture = Image.new("RGB", (30, 10), "#0000ff")
    picture.paste("#ff0000", (0, 0, 10, 10))
    assert make_palette(picture) == ("#0000ff", "#ff0000")
    assert make_palette(Image.new("RGBA", (9, 9), (0, 0, 0, 0))) == ("#ffffff",)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_impressions_of_each_mode_can_be_made(mode: str) -> None:
    picture = Image.linear_gradient("L").resize((64, 64)).convert("RGB").convert(mode)
    assert 1 <= len(make_palette(picture)) <= 5
    assert len(make_blurhash(picture)) == 28

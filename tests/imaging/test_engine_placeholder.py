"""Placeholder and mean colour."""

from __future__ import annotations

import base64
from io import BytesIO

import pytest
from PIL import Image

from shift_media.imaging import engine
from tests.imaging import images


def rgb(color: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(color.removeprefix("#")))


def placeholder(look: engine.Preview) -> Image.Image:
    head, _, content = look.placeholder.partition(",")
    assert head == "data:image/webp;base64"
    return images.opened(base64.b64decode(content, validate=True))


@pytest.mark.slow
@pytest.mark.parametrize("format", ["jpg", "png", "gif", "webp", "avif"])
def test_preview_has_the_mean_colour_and_a_small_picture(format: str) -> None:
    picture = images.photograph(700, 500)
    look = engine.preview(BytesIO(images.encoded(picture, format)))
    assert images.near(rgb(look.color), images.mean(picture))
    assert len(look.placeholder.encode()) <= 400
    tiny = placeholder(look)
    assert abs(tiny.width / tiny.height - 1.4) < 0.12
    assert images.near(images.mean(tiny), images.mean(picture))


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 2)])
def test_preview_of_an_odd_size_fits_the_limit(size: tuple[int, int]) -> None:
    look = engine.preview(BytesIO(images.encoded(Image.new("RGB", size, images.BLUE), "png")))
    assert images.near(rgb(look.color), images.BLUE, 3)
    assert len(look.placeholder) <= 400


def test_placeholder_of_noise_with_alpha_fits_the_limit() -> None:
    picture = images.photograph(300, 300).effect_spread(40).convert("RGBA")
    picture.putalpha(picture.getchannel("R").effect_spread(90))
    look = engine.preview(BytesIO(images.encoded(picture, "png")))
    assert len(look.placeholder) <= 400
    assert placeholder(look).mode == "RGBA"


@pytest.mark.acceptance(32)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_placeholder_is_upright(orientation: int) -> None:
    content = images.oriented("jpg", orientation, images.quadrants(640, 400))
    tiny = placeholder(engine.preview(BytesIO(content)))
    assert tiny.width > tiny.height
    assert images.near(images.corners(tiny)[0], images.RED, 40)
    assert images.near(images.corners(tiny)[1], images.GREEN, 40)


def test_transparency_counts_as_white_in_the_mean_colour() -> None:
    look = engine.preview(BytesIO(images.encoded(Image.new("RGBA", (50, 50)), "png")))
    assert look.color == "#ffffff"

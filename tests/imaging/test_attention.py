"""The point of a picture that stands out."""

from __future__ import annotations

import os
import signal
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from shift_media.imaging import engine
from shift_media.imaging.engine import vips
from shift_media.imaging.engine.vips import library
from tests.imaging import images

TOLERANCE = 8
"""In percent: the picture that libvips looks at has 32 pixels."""


def dotted(x: int, y: int, size: tuple[int, int] = (360, 240)) -> Image.Image:
    """Return a grey picture with a red dot around a point in percent."""
    image = Image.new("RGB", size, (225, 225, 225))
    across, down, radius = size[0] * x / 100, size[1] * y / 100, min(size) / 10
    box = (across - radius, down - radius, across + radius, down + radius)
    ImageDraw.Draw(image).ellipse(box, fill=(200, 60, 40))
    return image


def found(content: bytes) -> tuple[int, int] | None:
    return engine.find_focal(BytesIO(content), decoder="auto")


def is_near(point: tuple[int, int] | None, x: int, y: int) -> bool:
    return point is not None and abs(point[0] - x) + abs(point[1] - y) <= TOLERANCE


@pytest.mark.parametrize("format", ["jpg", "png", "webp", "gif"])
@pytest.mark.parametrize(("x", "y"), [(20, 30), (80, 70)])
def test_dot_on_a_plain_picture_is_found(format: str, x: int, y: int) -> None:
    content = images.encoded(dotted(x, y), format)
    assert is_near(found(content), x, y), found(content)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_point_is_one_of_the_upright_picture(orientation: int) -> None:
    content = images.oriented("jpg", orientation, dotted(20, 30))
    assert is_near(found(content), 20, 30), found(content)


def test_dot_in_a_tall_picture_is_found() -> None:
    content = images.encoded(dotted(50, 85, (100, 900)), "png")
    assert is_near(found(content), 50, 85), found(content)


@pytest.mark.parametrize("size", [(300, 200), (1, 1), (2000, 1), (1, 2000)])
def test_picture_of_one_colour_has_no_point(size: tuple[int, int]) -> None:
    assert found(images.encoded(Image.new("RGB", size, (9, 99, 200)), "png")) is None


def test_colour_of_transparent_pixels_is_not_looked_at() -> None:
    clear = dotted(20, 30)
    clear.putalpha(0)
    assert found(images.encoded(clear, "png")) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "x", "y"), [("china", 32, 22), ("flower", 47, 63), ("sunset_12mp_prog", 50, 50)]
)
def test_pagoda_flower_and_sun_are_found_in_photographs(
    corpus: Path, name: str, x: int, y: int
) -> None:
    content = (corpus / "photos" / f"{name}.jpg").read_bytes()
    assert is_near(found(content), x, y), found(content)


@pytest.mark.slow
def test_point_is_that_of_libvips_in_the_whole_photograph(corpus: Path) -> None:
    pyvips = library.load()
    content = (corpus / "photos" / "china.jpg").read_bytes()
    whole = pyvips.Image.new_from_buffer(content, "")
    side = min(whole.width, whole.height)
    at = {"attention_x": True, "attention_y": True}
    _, seen = whole.smartcrop(side, side, interesting="attention", **at)
    point = found(content)
    assert point is not None
    assert abs(point[0] - 100 * seen["attention_x"] / whole.width) < 3
    assert abs(point[1] - 100 * seen["attention_y"] / whole.height) < 3


def test_without_libvips_there_is_no_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vips, "is_installed", lambda: False)
    assert found(images.encoded(dotted(20, 30), "png")) is None


def test_process_forked_after_libvips_was_used_finds_none_and_does_not_hang() -> None:
    picture = dotted(20, 30)
    assert vips.find_attention(picture) is not None
    child = os.fork()
    if not child:
        signal.alarm(20)
        os._exit(0 if vips.find_attention(picture) is None else 1)
    assert os.waitpid(child, 0)[1] == 0

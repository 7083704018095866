"""Every mode × format × orientation compared with golden pictures and with plain code.

The golden ones (`golden.py`) hold what was looked at, against drift. The plain ones are drawn here
with a full decode, LANCZOS and arithmetic of their own, so that both cannot be wrong together.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageOps

from tests.core import golden
from tests.imaging import images

RESAMPLING = Image.Resampling.LANCZOS


class Tolerance(NamedTuple):
    """The least SSIM, and the largest mean difference of a channel in levels of 255."""

    ssim: float
    mean: float


GOLDEN = Tolerance(0.99, 1.0)
"""Between the same picture by two versions of an encoder."""
PLAIN = {
    "png": Tolerance(0.99, 2),
    "jpg": Tolerance(0.97, 6),
    "webp": Tolerance(0.98, 6),
    "avif": Tolerance(0.98, 6),
    "gif": Tolerance(0.98, 4),
}
"""Between the engine and LANCZOS: fine lines lose colour in 4:2:0, a GIF has 255 colours."""


def alike(seen: Image.Image, expected: Image.Image, tolerance: Tolerance) -> bool:
    """Return True if size, structure and colours of two pictures agree."""
    if seen.size != expected.size:
        return False
    difference = np.asarray(ImageChops.difference(seen, expected), dtype=float).mean()
    return images.ssim(seen, expected) >= tolerance.ssim and difference <= tolerance.mean


def plain(mode: str, output: str, picture: Image.Image) -> Image.Image:
    """Return a resize of an upright picture, made in the simplest way."""
    width, height = picture.size
    alpha = picture.mode == "RGBA"
    background = (0x20, 0x40, 0x80) if mode == "pad" else (255, 255, 255)
    if mode == "stretch":
        resized = picture.resize((60, 30), RESAMPLING)
    elif mode == "fill":
        left = round(width * 0.45 - height / 2)
        resized = picture.crop((left, 0, left + height, height))
        resized = resized.resize((60, 60), RESAMPLING)
    else:
        resized = picture.resize((60, 60 * height // width), RESAMPLING)
    if mode == "pad" or (alpha and output == "jpg"):
        size = (60, 60) if mode == "pad" else resized.size
        canvas = Image.new("RGB", size, background)
        at = (0, (size[1] - resized.height) // 2)
        canvas.paste(resized.convert("RGB"), at, resized.getchannel("A") if alpha else None)
        return canvas
    if not alpha:
        return resized
    if output == "gif":
        resized.putalpha(resized.getchannel("A").point(lambda a: 255 if a >= 128 else 0))
    ground = Image.new("RGBA", resized.size, "magenta")
    ground.alpha_composite(resized)
    return ground.convert("RGB")


@cache
def turned(format: str, orientation: int) -> bytes:
    return images.oriented(format, orientation, golden.scene(alpha=False))


@pytest.mark.acceptance(32, 33)
@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "alpha"])
@pytest.mark.parametrize("output", golden.OUTPUTS)
@pytest.mark.parametrize("mode", golden.ASKED)
def test_resize_looks_like_its_golden_picture_and_like_plain_code(
    mode: str, output: str, alpha: bool
) -> None:
    seen = golden.made(mode, output, golden.source(alpha))
    assert alike(seen, golden.stored(mode, output, alpha), GOLDEN)
    assert alike(seen, plain(mode, output, golden.scene(alpha)), PLAIN[output])


@pytest.mark.acceptance(32)
@pytest.mark.parametrize("output", golden.OUTPUTS)
@pytest.mark.parametrize("mode", golden.ASKED)
def test_all_orientations_look_like_the_upright_picture(mode: str, output: str) -> None:
    assert unlike(mode, output, "jpg") == []


@pytest.mark.acceptance(32)
@pytest.mark.parametrize("source", ["png", "webp", "avif"])
@pytest.mark.parametrize("mode", golden.ASKED)
def test_all_formats_are_turned_upright_alike(mode: str, source: str) -> None:
    assert unlike(mode, "png", source) == []


def unlike(mode: str, output: str, source: str) -> list[int]:
    """Return the orientations of a source whose resize differs from the upright picture's."""
    expected = plain(mode, output, golden.scene(alpha=False))
    tolerance = PLAIN[output]
    return [
        orientation
        for orientation in range(1, 9)
        if not alike(golden.made(mode, output, turned(source, orientation)), expected, tolerance)
    ]


@pytest.mark.parametrize("mode", golden.ASKED)
@pytest.mark.parametrize("output", golden.OUTPUTS)
def test_comparison_detects_each_wrong_picture(mode: str, output: str) -> None:
    """Mirrored, turned, a pixel off, darker and of another size: each must fail."""
    right = golden.stored(mode, output, alpha=False)
    wrong = [
        ImageOps.mirror(right),
        ImageOps.flip(right),
        ImageChops.offset(right, 1, 0),
        ImageChops.offset(right, 0, 1),
        right.point(lambda v: round(v * 0.95)),
        right.resize((right.width + 1, right.height)),
    ]
    plainly = plain(mode, output, golden.scene(alpha=False))
    assert [alike(picture, right, GOLDEN) for picture in wrong] == [False] * len(wrong)
    assert [alike(picture, plainly, PLAIN[output]) for picture in wrong[:4]] == [False] * 4

"""Colours: every mode and profile becomes sRGB and looks the same."""

from __future__ import annotations

import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from shift_media.core.spec import Spec
from shift_media.imaging import engine
from tests.imaging import images
from tests.video import profiles

ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""Left, top and steps of the passes of an interlaced PNG."""

pytestmark = pytest.mark.acceptance(33)


def made(content: bytes, format: str = "png", size: str = "24x24") -> Image.Image:
    result = engine.make(BytesIO(content), Spec.make(size, format=format))
    return images.opened(result.content)


def png16(
    samples: np.ndarray[tuple[int, int], np.dtype[np.uint16]], *chunks: tuple[bytes, bytes]
) -> bytes:
    """Write a grey PNG of 16 bits."""
    height, width = samples.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    return images.png(width, height, *chunks, (b"IDAT", zlib.compress(rows)), color=0, depth=16)


@pytest.mark.parametrize("value", [0, 257, 32_896, 65_535])
def test_16_bit_grey_is_scaled_and_not_clipped(value: int) -> None:
    samples = np.full((40, 40), value, dtype=np.uint16)
    assert images.near(images.mean(made(png16(samples))), [value / 257] * 3, 1)


def test_16_bit_grey_keeps_its_transparent_value() -> None:
    samples = np.full((40, 40), 5000, dtype=np.uint16)
    samples[:, 20:] = 60_000
    image = made(png16(samples, (b"tRNS", (5000).to_bytes(2, "big")))).convert("RGBA")
    assert image.getpixel((4, 12))[3] == 0  # type: ignore[index]
    assert images.near(image.getpixel((20, 12)), (233, 233, 233, 255), 3)  # type: ignore[arg-type]


@pytest.mark.parametrize(("depth", "sample"), [(1, 1), (2, 1), (2, 2), (4, 9), (8, 77)])
def test_grey_of_few_bits_keeps_its_transparent_value(depth: int, sample: int) -> None:
    packed = sum(sample << shift for shift in range(0, 8, depth)) & 255
    row = b"\0" + bytes([packed]) * (8 * depth // 8)
    chunks = [(b"tRNS", sample.to_bytes(2, "big")), (b"IDAT", zlib.compress(row * 8))]
    image = made(images.png(8, 8, *chunks, color=0, depth=depth), size="4x4").convert("RGBA")
    assert image.getchannel("A").getextrema() == (0, 0)


def test_16_bit_colour_keeps_its_transparent_value() -> None:
    pixel = b"\x12\x34\x56\x78\x9a\xbc"
    chunks = [(b"tRNS", pixel), (b"IDAT", zlib.compress((b"\0" + pixel * 8) * 8))]
    image = made(images.png(8, 8, *chunks, color=2, depth=16), size="4x4").convert("RGBA")
    assert image.getchannel("A").getextrema() == (0, 0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
@pytest.mark.parametrize("output", ["jpg", "png", "webp", "avif", "gif"])
def test_every_mode_keeps_its_mean_colour(mode: str, output: str) -> None:
    picture = images.photograph(96, 96).convert(mode)
    expected = images.mean(picture)
    content = images.encoded(picture, "png")
    assert images.near(images.mean(made(content, output, "48x48")), expected)


def test_palette_with_several_transparencies_keeps_them() -> None:
    picture = images.quadrants(48, 48).quantize(4)
    alphas = bytes((0, 85, 170, 255))
    content = images.encoded(picture, "png", transparency=alphas)
    reference = images.opened(content).convert("RGBA")
    image = made(content).convert("RGBA")
    for point in ((6, 6), (18, 6), (6, 18), (18, 18)):
        seen, expected = image.getpixel(point), reference.getpixel((2 * point[0], 2 * point[1]))
        assert isinstance(seen, tuple)
        assert isinstance(expected, tuple)
        assert abs(seen[3] - expected[3]) <= 2
        assert expected[3] == 0 or images.near(seen, expected)


@pytest.mark.parametrize("options", [{"progressive": True}, {"subsampling": "4:2:0"}, {}])
def test_jpegs_of_every_kind_keep_their_colours(options: dict[str, object]) -> None:
    picture = images.quadrants(400, 300)
    content = images.encoded(picture, "jpg", **options)
    for seen, expected in zip(images.corners(made(content)), images.CORNERS, strict=True):
        assert images.near(seen, expected)


def test_interlaced_png_keeps_its_colours() -> None:
    chunks = []
    raw = np.asarray(images.quadrants(16, 16))
    for left, top, step_x, step_y in ADAM7:
        chunks += [b"\0" + row.tobytes() for row in raw[top::step_y, left::step_x]]
    data = (b"IDAT", zlib.compress(b"".join(chunks)))
    image = made(images.png(16, 16, data, interlaced=True), size="16x16")
    for seen, expected in zip(images.corners(image), images.CORNERS, strict=True):
        assert images.near(seen, expected)


@pytest.mark.parametrize("format", ["jpg", "png", "webp", "avif"])
def test_display_p3_becomes_srgb(format: str) -> None:
    """P3's (200, 60, 60) is a stronger red than sRGB's, so its channels are further apart."""
    picture = Image.new("RGB", (40, 40), (200, 60, 60))
    content = images.encoded(picture, format, icc_profile=profiles.display_p3())
    seen = images.mean(made(content))
    assert seen[0] > 210
    assert seen[1] < 50
    without = images.mean(made(images.encoded(picture, format)))
    assert images.near(without, (200, 60, 60), 4)


def test_profile_does_not_change_alpha() -> None:
    picture = Image.new("RGBA", (40, 40), (200, 60, 60, 128))
    content = images.encoded(picture, "png", icc_profile=profiles.display_p3())
    red, _, _, alpha = made(content).convert("RGBA").getpixel((9, 9))  # type: ignore[misc]
    assert red > 210
    assert alpha == 128


def test_grey_is_converted_by_a_grey_profile() -> None:
    content = images.encoded(Image.new("L", (40, 40), 128), "png", icc_profile=profiles.grey(1.0))
    assert images.near(images.mean(made(content)), (188, 188, 188), 3)


def test_cmyk_is_converted_by_its_profile() -> None:
    cyan = (60.0, -40.0, -40.0)
    profile = profiles.press({(0, 0, 0, 0): (100.0, 0.0, 0.0), (1, 0, 0, 0): cyan})
    picture = Image.new("CMYK", (64, 64), (255, 0, 0, 0))
    seen = images.mean(made(images.encoded(picture, "jpg", icc_profile=profile)))
    assert images.near(seen, (0, 165, 214), 4)  # by the formulas of CIE 15 and IEC 61966-2-1
    assert not images.near(seen, (0, 255, 255), 40)


def test_cmyk_without_a_profile_is_converted_by_pillow() -> None:
    picture = Image.new("CMYK", (64, 64), (255, 0, 0, 0))
    assert images.near(images.mean(made(images.encoded(picture, "jpg"))), (0, 255, 255))


@pytest.mark.parametrize(
    "profile",
    [
        b"",
        b"not a profile",
        profiles.display_p3()[:200],
        profiles.display_p3()[:128] + b"\xff" * 400,
        profiles.press({}),
        profiles.grey(2.2),
    ],
)
@pytest.mark.parametrize("format", ["jpg", "png", "webp"])
def test_broken_profile_or_one_of_another_colour_space_is_ignored(
    format: str, profile: bytes
) -> None:
    content = images.encoded(images.quadrants(), format, icc_profile=profile)
    for seen, expected in zip(images.corners(made(content)), images.CORNERS, strict=True):
        assert images.near(seen, expected)


@pytest.mark.slow
@pytest.mark.acceptance(28)
def test_profile_that_inflates_beyond_the_limit_is_ignored() -> None:
    bomb = b"name\0\0" + zlib.compress(bytes(60_000_000))
    content = images.with_chunks(images.encoded(images.quadrants(), "png"), (b"iCCP", bomb))
    assert images.near(images.corners(made(content))[0], images.RED)


def test_profile_of_srgb_changes_no_pixel() -> None:
    content = images.encoded(images.photograph(90, 60), "png", icc_profile=images.srgb_profile())
    picture = made(content, size="90x60")
    assert picture.tobytes() == images.photograph(90, 60).tobytes()

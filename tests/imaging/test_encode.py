"""The effort of encoders: files are small, and none takes many seconds."""

from __future__ import annotations

import time
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw

from shift_media.core.preset_effects import PresetEffects
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.engine import encode, gif_encoder
from tests.imaging import images

FORMATS = ("jpg", "png", "webp", "avif")
SECONDS_PER_MEGAPIXEL = 1.0
"""CPU seconds; the measured times are a quarter of it (`docs/explanation/quality.rst`)."""


def encoded(image: Image.Image, format: str) -> bytes:
    return encode.encode(image.copy(), Spec.make("9x9", format=format))


def drawing() -> Image.Image:
    image = Image.new("RGB", (900, 600), "white")
    draw = ImageDraw.Draw(image)
    for index in range(40):
        draw.text((20 + index % 5 * 170, 10 + index // 5 * 40), f"Total {index * 12.5}", fill=0)
        draw.rectangle((index * 20, 590 - index * 3, index * 20 + 12, 590), fill=(90, 80, 200))
    return image


def as_level(image: Image.Image, level: int) -> int:
    return len(images.encoded(image, "png", compress_level=level))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA"])
@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (700, 500)])
def test_png_has_exactly_the_pixels_of_the_image(mode: str, size: tuple[int, int]) -> None:
    picture = images.photograph(90, 90).resize(size).convert(mode)
    seen = images.opened(encoded(picture, "png"))
    assert (seen.mode, seen.size, seen.tobytes()) == (mode, size, picture.tobytes())


@pytest.mark.slow
def test_photograph_as_png_is_not_larger_than_with_a_search_for_repetitions() -> None:
    picture = images.photograph(900, 600)
    assert len(encoded(picture, "png")) <= as_level(picture, 6)


def test_drawing_as_png_is_searched_for_repetitions() -> None:
    """Huffman codes alone would take ten times as much."""
    assert len(encoded(drawing(), "png")) <= 1.1 * as_level(drawing(), 6)


def test_sample_of_a_mostly_white_page_includes_more_than_white() -> None:
    page = drawing()
    page.paste(images.photograph(400, 300), (250, 150))
    assert len(encoded(page, "png")) <= 1.1 * as_level(page, 4)


@pytest.mark.slow
def test_alpha_of_a_large_webp_does_not_multiply_its_size() -> None:
    picture = Image.new("RGBA", (1700, 1300), "teal")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    smaller = picture.crop((0, 0, 1500, 1300))
    assert len(encoded(picture, "webp")) < 2 * len(encoded(smaller, "webp"))


@pytest.mark.slow
@pytest.mark.parametrize("format", FORMATS)
def test_encoding_a_megapixel_stays_within_the_bound(format: str) -> None:
    picture = images.photograph(1000, 500)
    picture.putalpha(images.photograph(1000, 500, seed=3).convert("L"))
    picture = picture.convert("RGB") if format == "jpg" else picture

    def seconds() -> float:
        started = time.process_time()
        encoded(picture, format)
        return time.process_time() - started

    # Other work of the machine makes it longer, never shorter.
    assert min(seconds() for _ in range(3)) < SECONDS_PER_MEGAPIXEL / 2


@pytest.mark.slow
def test_long_gif_of_few_colours_keeps_them_nearly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the area up to which palettes are exact: 16 ms per frame of 400 × 400 is too long."""
    frames = [drawing().rotate(angle).convert("RGB") for angle in (0, 90, 180)]
    monkeypatch.setattr(gif_encoder, "_EXACT", 0)
    quick = images.opened(gif_encoder.encode_animation(frames, [40, 40, 40], 0))
    for index, frame in enumerate(frames):
        quick.seek(index)
        difference = ImageChops.difference(quick.convert("RGB"), frame)
        assert images.near(images.mean(quick), images.mean(frame), 2)
        assert np.asarray(difference, dtype=float).mean() < 2


@pytest.mark.slow
def test_avif_of_the_slow_effort_is_smaller_and_as_alike() -> None:
    picture = images.photograph(400, 300)
    spec = Spec.make("400x300", format="avif")
    fast, slow = (encode.encode(picture.copy(), spec, effort) for effort in encode.EFFORTS)
    assert len(slow) < 0.97 * len(fast)
    alike = [images.ssim(images.opened(content), picture) for content in (fast, slow)]
    assert alike[1] > alike[0] - 0.002


def test_no_effort_is_slow_for_the_largest_avif() -> None:
    """The time of an encoder is bounded, whatever the occasion."""
    largest = 4470 * 3464
    speeds = {name: encode._effort(steps, largest) for name, steps in encode._AVIF_SPEEDS.items()}
    assert speeds == {"fast": encode.AVIF_SPEED, "slow": encode.AVIF_SPEED}


@pytest.mark.slow
def test_search_for_a_number_of_bytes_is_fast_whatever_the_occasion() -> None:
    source = BytesIO(images.encoded(images.photograph(400, 300), "jpg"))
    spec, effects = Spec.make("400x300", format="avif"), PresetEffects(max_bytes=10_000)
    made = [
        engine.make(source, spec, effects=effects, effort=effort).content
        for effort in engine.EFFORTS
    ]
    assert made[0] == made[1]

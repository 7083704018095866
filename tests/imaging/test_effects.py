"""Turned, mirrored, grey, blurred, sharpened, lossless and animated resizes."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shift_media.core import geometry
from shift_media.core.errors import EmptyCrop
from shift_media.core.spec import Spec
from shift_media.imaging import engine, mezzanine
from shift_media.imaging.engine import transform
from tests import strategies
from tests.imaging import images
from tests.imaging.making import made

DECODERS = ("pillow", "vips")


def turned_by_pillow(image: Image.Image, rotate: int, flip: str | None) -> Image.Image:
    turned = image.rotate(-rotate, expand=True)
    if flip == "h":
        return turned.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return turned.transpose(Image.Transpose.FLIP_TOP_BOTTOM) if flip == "v" else turned


def difference(one: Image.Image, two: Image.Image) -> float:
    """Return the mean difference of two pictures."""
    pixels = (np.asarray(image.convert("RGB"), np.float32) for image in (one, two))
    return float(np.abs(np.subtract(*pixels)).mean())


def make(content: bytes, size: str, decoder: Any = "pillow", **options: Any) -> Image.Image:
    spec = Spec.make(size, **{"format": "png", **options})
    return images.opened(engine.make(BytesIO(content), spec, decoder=decoder).content)


# Turns


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("flip", [None, "h", "v"])
def test_picture_is_turned_then_mirrored_whatever_its_orientation(
    orientation: int, rotate: int, flip: str | None
) -> None:
    upright = images.quadrants(64, 48)
    content = images.oriented("png", orientation, upright)
    resized = made(content, "100x100", rotate=rotate, flip=flip)
    expected = turned_by_pillow(upright, rotate, flip)
    assert resized.size == expected.size
    assert np.array_equal(np.asarray(resized.convert("RGB")), np.asarray(expected))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(spec=strategies.specs(sides=st.integers(1, 40)), orientation=st.integers(1, 8))
def test_size_of_any_resize_is_the_promised_one(spec: Spec, orientation: int) -> None:
    content = images.oriented("png", orientation, images.quadrants(32, 24))
    try:
        promised = geometry.output_size(spec, 32, 24)
    except EmptyCrop:
        with pytest.raises(EmptyCrop):
            engine.make(BytesIO(content), spec)
        return
    result = engine.make(BytesIO(content), spec)
    assert images.opened(result.content).size == (result.width, result.height) == promised
    [other] = engine.make_many(BytesIO(content), [spec])
    assert (other.width, other.height) == promised


def test_crop_and_focal_point_refer_to_the_turned_picture() -> None:
    content = images.encoded(images.quadrants(64, 48), "png")
    # Turned by 90 degrees, blue comes to the top left and yellow below it.
    assert images.near(
        images.mean(made(content, "9x9", rotate=90, crop=(0, 0, 9, 9))), images.BLUE
    )
    corner = made(content, "9x9", mode="fill", rotate=90, focal=(0, 0), crop=(0, 0, 48, 64))
    assert images.near(corner.convert("RGB").getpixel((1, 1)), images.BLUE)  # type: ignore[arg-type]
    tall = made(content, "8x4", mode="fill", rotate=90, focal="south")
    assert images.near(tall.convert("RGB").getpixel((1, 1)), images.YELLOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_orientation_is_that_of_pillow(orientation: int) -> None:
    stored = images.quadrants(6, 4)
    for rotate in (0, 90, 180, 270):
        for flip in (None, "h"):
            upright = transform.apply_orientation(stored, orientation)
            together = transform.turned_orientation(orientation, rotate, flip)
            assert transform.apply_orientation(stored, together).tobytes() == (
                turned_by_pillow(upright, rotate, flip).tobytes()
            )


@pytest.mark.parametrize("format", ["png", "webp"])
@pytest.mark.parametrize(
    "options",
    [
        {"rotate": 90},
        {"rotate": 270, "flip": "h", "crop": (50, 20, 200, 400)},
        {"gray": True, "blur": 20},
        {"sharpen": 80, "rotate": 180},
    ],
)
def test_both_decoders_make_the_same_picture(format: str, options: dict[str, Any]) -> None:
    content = images.encoded_photograph(480, 360, format)
    one, two = (make(content, "120x120", decoder, **options) for decoder in DECODERS)
    assert one.size == two.size
    assert difference(one, two) < 2


def test_many_resizes_with_different_effects_are_those_made_alone() -> None:
    content = images.encoded(images.photograph(640, 480), "jpg")
    options: list[dict[str, Any]] = [
        {}, {"rotate": 90}, {"flip": "h"}, {"gray": True}, {"blur": 30}, {"sharpen": 60},
    ]  # fmt: skip
    specs = [Spec.make("160x160", format="png", **each) for each in options]
    for spec, result in zip(specs, engine.make_many(BytesIO(content), specs), strict=True):
        alone = images.opened(engine.make(BytesIO(content), spec).content)
        assert difference(images.opened(result.content), alone) < 3, spec


@pytest.mark.slow
def test_turned_resize_from_a_mezzanine_is_that_of_the_original() -> None:
    original = strategies.OriginalKey("3c72aedc/ba25/41e6/a569/406c8f413974", "photo.png")
    content = images.encoded_photograph(800, 400, "png")
    smaller = engine.make(BytesIO(content), Spec.make("512x", format="png"))
    for options in ({"rotate": 90}, {"rotate": 90, "mode": "fill", "focal": "north"}):
        spec = Spec.make("90x130", format="png", **options)  # type: ignore[arg-type]
        other = mezzanine.substitute_spec(original, spec, (800, 400), (512, 256))
        assert other is not None
        one = images.opened(engine.make(BytesIO(content), spec).content)
        two = images.opened(engine.make(BytesIO(smaller.content), other).content)
        assert one.size == two.size
        assert difference(one, two) < 3


def test_lossless_resize_is_never_made_from_a_mezzanine() -> None:
    original = strategies.OriginalKey("3c72aedc/ba25/41e6/a569/406c8f413974", "photo.jpg")
    assert not mezzanine.supports(original, Spec.make("9x9", format="webp", lossless=True))


# Effects


@pytest.mark.parametrize("format", ["jpg", "png", "webp", "avif", "gif"])
def test_gray_picture_has_no_colors(format: str) -> None:
    content = images.encoded(images.quadrants(), "png")
    pixels = np.asarray(made(content, "32x32", format, gray=True).convert("RGB"), np.int16)
    assert np.abs(pixels[..., 0] - pixels[..., 2]).max() <= 4
    assert pixels.std() > 5


def test_alpha_of_a_gray_picture_stays() -> None:
    picture = images.quadrants().convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    gray = made(images.encoded(picture, "png"), "64x48", gray=True)
    assert gray.getchannel("A").tobytes() == picture.getchannel("A").tobytes()


def edges(image: Image.Image) -> float:
    """Return how much neighbouring pixels differ, in the mean."""
    pixels = np.asarray(image.convert("L"), np.float32)
    return float(np.abs(np.diff(pixels, axis=1)).mean())


@pytest.mark.slow
def test_stronger_blur_leaves_fewer_edges_and_sharpen_more() -> None:
    content = images.encoded(images.photograph(400, 300), "png")
    plain = edges(made(content, "200x"))
    assert edges(made(content, "200x", blur=1)) < plain
    assert edges(made(content, "200x", blur=50)) < edges(made(content, "200x", blur=10))
    assert (
        edges(made(content, "200x", sharpen=100))
        > edges(made(content, "200x", sharpen=30))
        > plain
    )


@pytest.mark.slow
def test_blur_looks_the_same_at_every_size() -> None:
    content = images.encoded(images.photograph(800, 600), "png")
    small, large = (made(content, size, blur=20) for size in ("200x150", "800x600"))
    assert difference(large.resize((200, 150)), small) < 3


def test_color_of_transparent_pixels_does_not_bleed_into_a_blur() -> None:
    picture = Image.new("RGBA", (60, 60), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (20, 20, 40, 40))
    blurred = np.asarray(made(images.encoded(picture, "png"), "60x60", blur=50).convert("RGBA"))
    shown = blurred[blurred[..., 3] > 20]
    assert len(shown) > 400
    assert shown[:, 0].max() < 20


def test_alpha_stays_as_it_is_when_colors_are_sharpened() -> None:
    picture = images.photograph(60, 40).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((60, 40)))
    sharp = made(images.encoded(picture, "png"), "60x40", sharpen=100)
    assert sharp.getchannel("A").tobytes() == picture.getchannel("A").tobytes()


# Formats


def test_lossless_webp_has_the_pixels_of_the_png() -> None:
    content = images.encoded(images.photograph(200, 150), "png")
    exact = made(content, "100x", "webp", lossless=True)
    assert exact.convert("RGB").tobytes() == made(content, "100x").convert("RGB").tobytes()


def test_lossless_animation_has_the_pixels_of_its_frames() -> None:
    frames = [images.photograph(60, 40, seed) for seed in range(3)]
    content = images.animated("webp", frames, [40, 50, 60])
    result = made(content, "60x40", "webp", lossless=True)
    for index, frame in enumerate(frames):
        result.seek(index)
        assert result.convert("RGB").tobytes() == frame.tobytes()


@pytest.mark.parametrize("source", ["gif", "webp"])
def test_animation_stays_one_as_avif_only_if_asked_for(source: str) -> None:
    frames = [Image.new("RGB", (40, 30), color) for color in ("red", "green", "blue")]
    content = images.animated(source, frames, [40, 60, 80], loop=0)
    still = made(content, "20x", "avif")
    assert getattr(still, "n_frames", 1) == 1
    moving = made(content, "20x", "avif", animated=True)
    assert moving.n_frames == 3  # type: ignore[attr-defined]
    for index, color in enumerate([(255, 0, 0), (0, 128, 0), (0, 0, 255)]):
        moving.seek(index)
        moving.load()
        assert images.near(images.mean(moving.convert("RGB")), color, 12)
        assert moving.info["duration"] == (40, 60, 80)[index]


def test_still_picture_is_a_still_avif_although_animated_is_asked_for() -> None:
    content = images.encoded(images.quadrants(), "png")
    assert getattr(made(content, "20x", "avif", animated=True), "n_frames", 1) == 1


def test_transparency_of_one_frame_stays_in_an_animated_avif() -> None:
    clear = Image.new("RGBA", (40, 30), (0, 0, 255, 0))
    frames = [Image.new("RGBA", (40, 30), (255, 0, 0, 255)), clear]
    content = images.animated("webp", frames, [40, 60])
    moving = made(content, "20x", "avif", animated=True)
    moving.seek(1)
    assert moving.convert("RGBA").getchannel("A").getextrema()[1] < 10


# HDR


def test_gain_map_of_a_phone_is_dropped() -> None:
    """The picture for plain screens is resized; the map, a second JPEG, never is."""
    picture = images.photograph(200, 120)
    output = BytesIO()
    gain = Image.linear_gradient("L").resize((100, 60))
    xmp = b'<x:xmpmeta xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"/>'
    picture.save(output, "MPO", save_all=True, append_images=[gain.convert("RGB")], xmp=xmp)
    content = output.getvalue()
    assert content.count(b"\xff\xd8\xff") == 2
    for format in ("jpg", "webp", "avif"):
        spec = Spec.make("100x60", format=format)
        result = engine.make(BytesIO(content), spec).content
        assert b"hdrgm" not in result
        assert result.count(b"\xff\xd8\xff") <= 1
        assert difference(images.opened(result), picture.resize((100, 60))) < 8

"""Animations: which stay animated, their times and loops, and how frames are composed."""

from __future__ import annotations

from io import BytesIO

import pytest
from PIL import Image, ImageSequence

from shift_media.core.errors import LimitExceeded
from shift_media.core.spec import Limits, Spec
from shift_media.imaging import engine
from shift_media.imaging.probe import SourceLimits
from tests.imaging import images

pytestmark = pytest.mark.acceptance(27)

COLORS = [images.RED, images.GREEN, images.BLUE]
DELAYS = [60, 120, 300]


def make(content: bytes, format: str, size: str = "20x20", **options: object) -> bytes:
    spec = Spec.make(size, format=format, **options)  # type: ignore[arg-type]
    return engine.make(BytesIO(content), spec).content


def frames(content: bytes) -> list[Image.Image]:
    """Decode all frames as they are shown."""
    with Image.open(BytesIO(content)) as image:
        return [frame.convert("RGBA") for frame in ImageSequence.Iterator(image)]


def plain(format: str, loop: int | None = 0) -> bytes:
    pictures = [Image.new("RGB", (40, 30), color) for color in COLORS]
    return images.animated(format, pictures, DELAYS, loop)


@pytest.mark.parametrize("source", ["gif", "webp"])
@pytest.mark.parametrize("output", ["gif", "webp"])
@pytest.mark.parametrize("mode", ["fit", "fill", "pad", "stretch"])
def test_animation_stays_animated_with_its_times(source: str, output: str, mode: str) -> None:
    content = make(plain(source), output, mode=mode)
    shown = frames(content)
    assert [frame.size for frame in shown] == [(20, 15 if mode == "fit" else 20)] * 3
    for frame, color in zip(shown, COLORS, strict=True):
        assert images.near(frame.getpixel((10, 10))[:3], color)  # type: ignore[index]
    with Image.open(BytesIO(content)) as image:
        seen = []
        for index in range(3):
            image.seek(index)
            image.load()
            seen.append(image.info["duration"])
    assert seen == DELAYS


@pytest.mark.parametrize("source", ["gif", "webp", "png", "avif"])
@pytest.mark.parametrize("output", ["jpg", "png", "avif"])
def test_animation_in_a_still_format_shows_its_first_frame(source: str, output: str) -> None:
    content = make(plain(source), output)
    image = images.opened(content)
    assert getattr(image, "n_frames", 1) == 1
    assert images.near(images.mean(image), images.RED)


@pytest.mark.parametrize("source", ["png", "avif"])
def test_apng_or_avif_sequence_shows_its_first_frame(source: str) -> None:
    for output in ("gif", "webp"):
        (frame,) = frames(make(plain(source), output))
        assert images.near(images.mean(frame), images.RED)


@pytest.mark.parametrize(
    ("source", "loop", "output", "expected"),
    [
        ("gif", 0, "gif", 0),
        ("gif", 3, "gif", 3),
        ("gif", None, "gif", None),
        ("gif", 0, "webp", 0),
        ("gif", 3, "webp", 4),
        ("gif", None, "webp", 1),
        ("webp", 0, "gif", 0),
        ("webp", 1, "gif", None),
        ("webp", 4, "gif", 3),
        ("webp", 4, "webp", 4),
    ],
)
def test_loops_are_counted_as_each_format_counts_them(
    source: str, loop: int | None, output: str, expected: int | None
) -> None:
    """A GIF stores how often it is repeated, a WebP how often it is played."""
    with Image.open(BytesIO(make(plain(source, loop), output))) as image:
        assert image.info.get("loop") == expected


def overlay(disposal: int, background: tuple[int, int, int, int] = (0, 0, 0, 0)) -> bytes:
    """Draw red, a green square in a corner that is disposed of, and a blue one opposite."""
    canvas = Image.new("RGBA", (40, 40), (*images.RED, 255))
    first, second = (Image.new("RGBA", (40, 40), background) for _ in range(2))
    first.paste((*images.GREEN, 255), (0, 0, 20, 20))
    second.paste((*images.BLUE, 255), (20, 20, 40, 40))
    output = BytesIO()
    canvas.save(
        output,
        "GIF",
        save_all=True,
        append_images=[first, second],
        duration=100,
        disposal=[1, disposal, 1],
        optimize=False,
    )
    return output.getvalue()


@pytest.mark.parametrize("disposal", [1, 2, 3])
@pytest.mark.parametrize("output", ["gif", "webp"])
def test_disposed_frame_looks_as_in_browsers(disposal: int, output: str) -> None:
    content = overlay(disposal)
    shown = frames(make(content, output, "20x20"))
    assert len(shown) == 3
    first, second, third = (images.corners(frame) for frame in shown)
    assert all(images.near(color, images.RED) for color in first)
    assert images.near(second[0], images.GREEN)
    assert images.near(second[3], images.RED)
    assert images.near(third[3], images.BLUE)
    left = {1: images.GREEN, 2: images.WHITE, 3: images.RED}[disposal]
    assert images.near(third[0], left)


def test_canvas_without_a_frame_is_transparent() -> None:
    sprite = images.encoded(Image.new("RGB", (20, 20), images.RED), "gif")
    descriptor = sprite.index(b",\0\0\0\0\x14\0\x14\0")
    placed = sprite[:6] + b"\x28\0\x28\0" + sprite[10:descriptor]
    placed += b",\x0a\0\x0a\0" + sprite[descriptor + 5 :]
    image = images.opened(make(placed, "png", "40x40")).convert("RGBA")
    assert image.getpixel((2, 2))[3] == 0  # type: ignore[index]
    assert images.near(image.getpixel((20, 20)), (*images.RED, 255))  # type: ignore[arg-type]


def test_transparent_frame_does_not_show_the_one_before() -> None:
    pictures = []
    for left in (0, 20):
        picture = Image.new("RGBA", (40, 40))
        picture.paste((*images.RED, 255), (left, 0, left + 20, 40))
        pictures.append(picture)
    content = images.animated("webp", pictures, [100, 100])
    for output in ("gif", "webp"):
        second = frames(make(content, output, "40x40"))[1]
        assert second.getpixel((5, 20))[3] == 0  # type: ignore[index]
        assert images.near(second.getpixel((30, 20)), (*images.RED, 255))  # type: ignore[arg-type]


def test_later_frame_is_cut_to_the_canvas() -> None:
    pictures = [Image.new("RGB", (40, 40), color) for color in COLORS]
    content = bytearray(images.animated("gif", pictures, DELAYS))
    assert content[6:10] == b"\x28\0\x28\0"
    shown = frames(make(bytes(content), "webp", "40x40"))
    assert {frame.size for frame in shown} == {(40, 40)}


def test_animation_that_would_grow_over_the_limit_is_refused() -> None:
    spec = Spec.make("2000x2000", format="webp", upscale=True)
    with pytest.raises(LimitExceeded):
        engine.make(
            BytesIO(plain("gif")),
            spec,
            limits=SourceLimits(pixels=10_000),
            output=Limits(side=5000, area=5_000_000),
        )

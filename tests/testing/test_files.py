"""Files for tests are small and valid, in each format."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from shift_media.core.formats import RESIZE_FORMATS
from shift_media.testing import make_image, make_media, make_video
from shift_media.testing.files import SAMPLES, VIDEO_SECONDS, VIDEO_SIZE
from shift_media.transcoding.probing import VideoLimits, probe_video
from shift_media.validators import inspect

VIDEOS = ("mp4", "mov", "webm")


@pytest.mark.parametrize("format", RESIZE_FORMATS)
def test_image_is_accepted_in_each_format(format: str) -> None:
    file = make_image(30, 20, format=format)
    inspection = inspect(file)
    assert inspection.format.extension == format
    assert (inspection.metadata.width, inspection.metadata.height) == (30, 20)
    assert (file.name, file.content_type) == (f"image.{format}", inspection.format.content_type)


@pytest.mark.parametrize("format", ["gif", "webp", "avif"])
def test_image_with_frames_is_animated(format: str) -> None:
    assert inspect(make_image(format=format, frames=3)).metadata.frames == 3


def test_orientation_turns_the_image() -> None:
    metadata = inspect(make_image(30, 20, orientation=6)).metadata
    assert (metadata.width, metadata.height) == (20, 30)


def test_color_with_alpha_makes_the_image_transparent() -> None:
    assert inspect(make_image(format="png", color=(0, 128, 128, 90))).metadata.has_alpha


def test_equal_arguments_make_equal_files() -> None:
    assert make_image().read() == make_image().read()
    assert make_image(color="red").read() != make_image().read()


@pytest.mark.parametrize("make", [make_image, make_video])
def test_unknown_format_names_the_known_ones(make: object) -> None:
    with pytest.raises(ValueError, match="'bmp' must be one of '"):
        make(format="bmp")  # type: ignore[operator]


@pytest.mark.slow
@pytest.mark.parametrize("format", VIDEOS)
def test_video_is_accepted_and_can_be_played(format: str, tmp_path: Path) -> None:
    file = make_video(format=format)
    assert inspect(file, accept=["video/*"]).format.extension == format
    (tmp_path / f"one.{format}").write_bytes(file.read())
    facts = probe_video(tmp_path / f"one.{format}", VideoLimits())
    assert (facts.width, facts.height) == VIDEO_SIZE
    assert facts.duration == pytest.approx(VIDEO_SECONDS, abs=0.1)
    assert facts.video
    assert facts.audio


def test_samples_are_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES.iterdir()) < 15_000


def test_picture_of_plain_color_opens_in_pillow() -> None:
    picture = Image.open(make_image(color="red", format="png"))
    assert picture.convert("RGB").getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("accept", "name"),
    [
        (["image/*"], "image.jpg"),
        (["image/webp"], "image.webp"),
        (["video/webm"], "video.webm"),
        (["*/*"], "image.jpg"),
    ],
)
def test_media_is_of_an_accepted_type(accept: list[str], name: str) -> None:
    file = make_media(accept)
    assert file.name == name
    inspect(file, accept=accept)


def test_media_of_other_types_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="application/pdf"):
        make_media(["application/pdf"])

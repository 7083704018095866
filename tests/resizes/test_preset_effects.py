"""Presets with a watermark, trimming, round corners or a limit of bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.template import Context, Template
from django.test import Client, override_settings
from PIL import Image

from shift_media.conf.presets import check_preset
from shift_media.conf.reader import ConfigurationError
from shift_media.core.errors import InvalidSpec
from shift_media.core.preset_effects import EFFECT_VALUES, PresetEffects, Watermark
from tests.fields.conftest import media, use
from tests.imaging import images
from tests.parts import ROOT
from tests.testapp.models import Photo

__all__ = ["media", "use"]  # fixtures

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

Make = Callable[..., Image.Image]
BLUE, WHITE = (0, 0, 255), (255, 255, 255)


@pytest.fixture
def logo(tmp_path: Path) -> Path:
    path = tmp_path / "logo.png"
    path.write_bytes(images.encoded(Image.new("RGB", (40, 20), BLUE), "png"))
    return path


def photo(picture: Image.Image, format: str = "png") -> Photo:
    row = Photo()
    row.image.save(f"x.{format}", ContentFile(images.encoded(picture, format)))
    return row


def made(row: Photo, **preset: Any) -> Image.Image:
    return images.opened(content_of(row, **preset))


def content_of(row: Photo, **preset: Any) -> bytes:
    with override_settings(SHIFT_MEDIA={"PRESETS": {"own": {"size": "100x", **preset}}}):
        resize = row.image.resize("own")
        assert resize.ensure()
        with row.image.storage.open(resize.key) as file:
            content: bytes = file.read()
        if resize.size is not None:
            assert images.opened(content).size == resize.size
    return content


def at(image: Image.Image, x: int, y: int) -> tuple[int, ...]:
    color = image.convert("RGBA").getpixel((x, y))
    assert isinstance(color, tuple)
    return color


# Watermark


@pytest.mark.parametrize(
    ("position", "x", "y"),
    [("northwest", 5, 5), ("center", 50, 50), ("southeast", 94, 94), ("west", 5, 50)],
)
def test_watermark_lies_where_the_preset_says(logo: Path, position: str, x: int, y: int) -> None:
    row = photo(Image.new("RGB", (200, 200), WHITE))
    image = made(row, watermark={"file": str(logo), "position": position})
    assert at(image, x, y)[:3] == BLUE
    blue = np.all(np.asarray(image.convert("RGB")) == BLUE, axis=-1)
    assert abs(int(blue.sum()) - 25 * 12) < 40  # a quarter of the width, in its own ratio


@pytest.mark.parametrize("format", ["jpg", "png", "webp", "avif", "gif"])
def test_opacity_mixes_the_watermark_with_the_picture(logo: Path, format: str) -> None:
    row = photo(Image.new("RGB", (200, 200), WHITE))
    mark = {"file": str(logo), "position": "center", "opacity": 50, "width": 60}
    image = made(row, watermark=mark, format=format)
    assert images.near(at(image, 50, 50)[:3], (127, 127, 255), 14)
    assert images.near(at(image, 2, 2)[:3], WHITE)


def test_watermark_of_a_gray_resize_keeps_its_colors(logo: Path) -> None:
    mark = {"file": str(logo), "position": "center"}
    image = made(photo(images.quadrants(200, 200)), watermark=mark, gray=True)
    assert at(image, 50, 50)[:3] == BLUE
    assert len(set(at(image, 10, 90)[:3])) == 1


def test_watermark_is_read_from_a_storage(logo: Path) -> None:
    name = storages["default"].save("brand/logo.png", ContentFile(logo.read_bytes()))
    row = photo(Image.new("RGB", (100, 100), WHITE))
    picture = made(row, watermark={"file": name, "storage": "default"})
    assert at(picture, 94, 94)[:3] == BLUE


def test_watermark_of_a_missing_file_or_storage_is_refused() -> None:
    row = photo(Image.new("RGB", (100, 100), WHITE))
    mark = {"file": "brand/none.png", "storage": "default"}
    check_preset("own", {"size": "100x", "watermark": mark})  # without reading the storage
    with pytest.raises(InvalidSpec, match=r"brand/none\.png in 'default' cannot be read"):
        made(row, watermark=mark)
    with pytest.raises(ConfigurationError, match="'other', but STORAGES has"):
        check_preset("own", {"size": "1x", "watermark": {**mark, "storage": "other"}})


def test_other_bytes_of_a_watermark_are_another_url(logo: Path) -> None:
    row = photo(images.quadrants())
    preset = {"own": {"size": "100x", "watermark": {"file": str(logo)}}}
    urls = set()
    for color in ("red", "green"):
        logo.write_bytes(images.encoded(Image.new("RGB", (4, 4), color), "png"))
        with override_settings(SHIFT_MEDIA={"PRESETS": preset}):
            urls.add(row.image.resize("own").url)
    assert len(urls) == 2
    assert all(re.search(r"-noupscale-d[0-9a-f]{8}-", url) for url in urls)


def test_every_frame_of_an_animation_has_the_watermark(logo: Path) -> None:
    row = Photo()
    frames = [Image.new("RGB", (60, 60), color) for color in ("red", "green")]
    row.image.save("x.gif", ContentFile(images.animated("gif", frames, [50, 50])))
    image = made(row, watermark={"file": str(logo), "position": "center", "width": 50})
    for frame in range(2):
        image.seek(frame)
        assert images.near(at(image, 30, 30)[:3], BLUE)


# Trim


@pytest.mark.parametrize("rotate", [0, 90])
def test_border_of_one_color_is_cut_off(rotate: int) -> None:
    picture = Image.new("RGB", (300, 200), WHITE)
    picture.paste(BLUE, (50, 20, 250, 120))
    image = made(photo(picture), trim=True, rotate=rotate)
    assert image.size == ((100, 50) if rotate == 0 else (100, 200))
    assert {at(image, x, y)[:3] for x in (2, 97) for y in (2, 47)} == {BLUE}


def test_transparent_border_is_cut_off() -> None:
    picture = Image.new("RGBA", (300, 200))
    picture.paste((*BLUE, 255), (50, 20, 250, 120))
    assert made(photo(picture), trim=True).size == (100, 50)


def test_size_of_a_trimmed_resize_is_not_promised() -> None:
    row = photo(images.quadrants())
    with override_settings(SHIFT_MEDIA={"PRESETS": {"own": {"size": "100x", "trim": True}}}):
        assert row.image.resize("own").size is None
        tag = "{% load shift_media %}{% resize_img p.image 'own' %}"
        assert "<img" in Template(tag).render(Context({"p": row}))


def test_crop_of_a_trimmed_preset_is_refused() -> None:
    row = photo(images.quadrants())
    presets = {"own": {"size": "100x", "trim": True}}
    with (
        override_settings(SHIFT_MEDIA={"PRESETS": presets}),
        pytest.raises(InvalidSpec, match="trim"),
    ):
        row.image.resize("own", crop=(0, 0, 9, 9))


def test_picture_of_one_color_stays_whole() -> None:
    assert made(photo(Image.new("RGB", (300, 200), WHITE)), trim=True).size == (100, 67)


# Round corners


def test_round_corners_are_transparent_where_the_format_can() -> None:
    row = photo(Image.new("RGB", (200, 200), BLUE))
    image = made(row, round=50)
    assert at(image, 0, 0)[3] == 0
    assert at(image, 50, 50) == (*BLUE, 255)
    covered = np.asarray(image.getchannel("A")).mean() / 255
    assert abs(covered - np.pi / 4) < 0.01
    assert images.near(at(made(row, round=50, format="jpg"), 1, 1)[:3], WHITE)
    colored = made(row, round=50, format="jpg", background="ff0000")
    assert images.near(at(colored, 1, 1)[:3], (254, 0, 0))


# Bytes


@pytest.mark.slow
@pytest.mark.parametrize("format", ["jpg", "webp", "avif"])
def test_file_is_no_larger_than_asked_for_in_the_best_quality(format: str) -> None:
    row = photo(images.photograph(400, 300))
    preset = {"size": "400x", "format": format, "quality": 90}
    full = content_of(row, **preset)
    limit = len(full) // 2
    small = content_of(row, **preset, max_bytes=limit)
    assert limit * 0.8 < len(small) <= limit
    assert content_of(row, **preset, max_bytes=len(full)) == full


def test_file_that_cannot_be_so_small_has_the_lowest_quality() -> None:
    row = photo(images.photograph(200, 150))
    assert len(content_of(row, format="jpg", max_bytes=10)) < len(
        content_of(row, format="jpg", quality=10)
    )


# Keys and the view


def test_several_presets_are_made_from_one_original(logo: Path) -> None:
    from shift_media.resizes import ensure_many

    row = photo(images.quadrants(200, 150))
    presets = {
        "plain": {"size": "50x"},
        "round": {"size": "50x", "round": 20},
        "mark": {"size": "50x", "watermark": {"file": str(logo)}},
    }
    with override_settings(SHIFT_MEDIA={"PRESETS": presets}):
        keys = [row.image.resize(name).key for name in presets]
        outcomes = list(ensure_many(keys, row.image.storage))
        assert len(outcomes) == 3
        for key in keys:
            assert row.image.storage.exists(key)


def test_double_of_a_resize_has_its_effects() -> None:
    row = photo(images.quadrants(400, 300))
    with override_settings(SHIFT_MEDIA={"PRESETS": {"own": {"size": "100x", "round": 20}}}):
        html = Template("{% load shift_media %}{% resize_img p.image 'own' %}").render(
            Context({"p": row})
        )
    assert len(re.findall(r"/200x-fit-99-noupscale-d[0-9a-f]{8}-", html)) == 1


def test_stored_resize_of_a_changed_preset_is_served_and_a_missing_one_is_not_made() -> None:
    row = photo(images.quadrants())
    with override_settings(SHIFT_MEDIA={"PRESETS": {"own": {"size": "50x", "round": 20}}}):
        stored = row.image.resize("own")
        assert stored.ensure()
        missing = row.image.resize("own", gray=True)
    assert Client().get(stored.url).status_code == 200
    assert Client().get(missing.url).status_code == 404


def test_digest_covers_every_value() -> None:
    marks = [
        None,
        Watermark(b"a"),
        Watermark(b"b"),
        Watermark(b"a", "north"),
        Watermark(b"a", opacity=1),
    ]
    effects = [
        *(PresetEffects(mark) for mark in marks),
        PresetEffects(trim=0), PresetEffects(trim=1), PresetEffects(round=1),
        PresetEffects(max_bytes=1), PresetEffects(Watermark(b"a", width=2)),
    ]  # fmt: skip
    assert len({each.digest for each in effects}) == len(effects)


# Checks and the reference


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"watermark": "logo.png"}, "is not a watermark"),
        ({"watermark": {"file": "/nowhere/logo.png"}}, "cannot be read"),
        ({"watermark": {"file": str(ROOT / "LICENSE"), "opacity": 0}}, "opacity"),
        ({"watermark": {"file": str(ROOT / "LICENSE"), "place": 0}}, "no option place"),
        ({"watermark": {"file": str(ROOT / "LICENSE"), "position": "top"}}, "northwest"),
        ({"watermark": {"file": str(ROOT / "LICENSE")}}, "is not a picture"),
        ({"trim": 256}, "0 to 255"),
        ({"trim": True, "crop": (0, 0, 9, 9)}, "exclude"),
        ({"round": 51}, "0 to 50"),
        ({"max_bytes": "1 MB"}, "max_bytes"),
        ({"max_bytes": 1000, "format": "png"}, "quality"),
        ({"watermarks": {}}, 'did you mean "watermark"'),
    ],
)
def test_wrong_effect_of_a_preset_is_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        check_preset("own", {"size": "9x", **options})


def test_effects_are_no_arguments() -> None:
    with pytest.raises(TypeError):
        photo(images.quadrants()).image.resize("9x", round=20)  # type: ignore[call-arg]


def test_reference_lists_the_effects() -> None:
    page = (ROOT / "docs/reference/tags.rst").read_text()
    table = page.partition(":name: effects")[2].partition("\n\n")[2].partition("\n\n")[0]
    rows = re.findall(r"   \* - ``(.+)``\n     - (.+)\n     - (.+)", table)
    assert {name: (values.strip("`"), text) for name, values, text in rows} == EFFECT_VALUES

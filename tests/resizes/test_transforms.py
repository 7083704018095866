"""Turned and changed resizes in every place that takes options: Python, tags, presets, the API."""

from __future__ import annotations

import inspect
import io
import re
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.template import Context, Template
from django.test import override_settings
from jinja2 import Environment

from shift_media.conf import presets
from shift_media.conf.reader import ConfigurationError
from shift_media.core.errors import InvalidSpec
from shift_media.core.metadata import Metadata
from shift_media.core.preset_effects import EFFECT_VALUES
from shift_media.core.spec import Focal
from shift_media.core.spec_options import DIGEST, OPTION_NAMES, OPTIONS, POSTER
from shift_media.fields.file import MediaFile
from shift_media.jinja2 import MediaExtension
from shift_media.resizes import builder
from tests.fields.conftest import media, use
from tests.imaging import images
from tests.parts import ROOT, package
from tests.testapp.models import Photo

__all__ = ["media", "use"]  # fixtures

KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"
WIDE = Metadata(content_type="image/jpeg", size=1, width=4000, height=3000)
GIVEN: dict[str, Any] = {
    "rotate": 90, "flip": "h", "gray": True, "blur": 20, "sharpen": 50, "lossless": True,
}  # fmt: skip
SPELLED = "-g-h-l-r90-s50-u20"


def photo(metadata: Metadata = WIDE, key: str = KEY) -> Photo:
    return Photo(image=key, image_meta=metadata.to_json(key))


def leaf(url: str) -> str:
    return re.sub(r"-[0-9a-f]{32}\.", ".", url.rpartition("/")[2])


# Python


def test_options_are_arguments_everywhere_in_the_same_order() -> None:
    _, size, *names = inspect.signature(MediaFile.resize).parameters
    assert (size, *names) == ("size", *OPTION_NAMES)
    assert builder.OPTIONS == OPTION_NAMES
    assert {"size", *OPTION_NAMES, *EFFECT_VALUES} == presets.OPTIONS


def test_resize_has_all_options_in_its_url_and_turned_sides() -> None:
    resize = photo().image.resize("400x", format="webp", **GIVEN)
    assert leaf(resize.url) == f"400x-fit-99-noupscale{SPELLED}.webp"
    assert resize.size == (400, 533)


def test_same_values_of_other_types_are_refused_although_they_are_equal() -> None:
    image = photo().image
    assert image.resize("9x", blur=1, rotate=90)
    for wrong in ({"blur": True}, {"blur": 1.0}, {"rotate": 90.0}, {"page": True}):
        with pytest.raises(InvalidSpec):
            image.resize("9x", **wrong)
    assert image.resize("9x", gray=True, upscale=True)


def test_stored_focal_point_is_turned_with_the_picture() -> None:
    image = photo(Metadata(**{**vars_of(WIDE), "focal": Focal(10, 30)})).image
    assert image.resize("9x9", mode="fill").spec.focal == (10, 30)
    assert image.resize("9x9", mode="fill", rotate=90).spec.focal == (70, 10)
    assert image.resize("9x9", mode="fill", flip="h").spec.focal == (90, 30)
    assert image.resize("9x9", mode="fill", focal="center").spec.focal is None


def vars_of(metadata: Metadata) -> dict[str, Any]:
    return {name: getattr(metadata, name) for name in metadata.__slots__}


def test_srcset_is_never_wider_than_the_turned_original() -> None:
    image = photo().image
    assert list(image.ladder([1000, 9000], rotate=90)) == [1000, 3000]
    assert list(image.ladder([1000, 9000])) == [1000, 4000]


def test_file_without_a_key_is_shown_as_it_is() -> None:
    image = Photo(image="photos/2019/old.jpg").image
    resize = image.resize("400x300", mode="fill", rotate=90)
    assert resize.is_legacy
    assert (resize.spec.rotate, resize.size) == (0, (400, 300))


def test_page_of_a_picture_is_refused() -> None:
    with pytest.raises(InvalidSpec, match="has no pages"):
        photo().image.resize("9x", page=2)


# Tags, Jinja2, presets, the API, the command


TAGS = {
    "resize_url": 'p.image "400x" {}',
    "resize": 'p.image "400x" {}',
    "resize_img": 'p.image "400x" {}',
    "resize_video": 'p.image "400x" {}',
    "resize_picture": 'p.image "400" {}',
    "resize_preload": 'p.image "400" {}',
    "resize_image_set": 'p.image "400x" {}',
}


@pytest.mark.parametrize("tag", TAGS)
def test_every_tag_takes_every_option(tag: str) -> None:
    given = " ".join(f'{n}="{v}"' if n == "flip" else f"{n}={v}" for n, v in GIVEN.items())
    arguments = TAGS[tag].format(given + ' format="webp"')
    html = Template(f"{{% load shift_media %}}{{% {tag} {arguments} %}}").render(
        Context({"p": photo()})
    )
    assert f"/400x-fit-99-noupscale{SPELLED}-" in html
    engine = Environment(autoescape=True, extensions=[MediaExtension])
    call = re.sub(r" (?=\w+=)", ", ", arguments.replace(' "', ', "', 1))
    assert engine.from_string(f"{{{{ {tag}({call}) }}}}").render(p=photo()) == html


def test_img_of_a_turned_picture_has_turned_sides_and_a_double() -> None:
    html = Template(
        '{% load shift_media %}{% resize_img p.image "400x" rotate=90 flip="v" blur=7 %}'
    ).render(Context({"p": photo()}))
    assert 'height="533"' in html
    assert 'width="400"' in html
    assert html.count("/800x-fit-80-noupscale-h-r270-u7-") == 1


def test_animated_avif_is_offered_for_an_animation_only_if_asked_for() -> None:
    key = KEY.replace(".jpg", ".gif")
    moving = Metadata(content_type="image/gif", size=1, width=400, height=300, frames=9)
    for options, offered in (("", False), ("animated=True", True)):
        tag = f'{{% resize_picture p.image "200" formats="avif" {options} %}}'
        context = Context({"p": photo(moving, key)})
        html = Template("{% load shift_media %}" + tag).render(context)
        assert ("image/avif" in html) is offered
        assert ("-a-" in html) is offered


def test_preset_has_all_options() -> None:
    with override_settings(
        SHIFT_MEDIA={"PRESETS": {"mist": {"size": "400x", **GIVEN, "format": "webp"}}}
    ):
        assert leaf(photo().image.resize("mist").url) == f"400x-fit-99-noupscale{SPELLED}.webp"
        assert leaf(photo().image.resize("mist", blur=0).url).count("-u") == 0


@pytest.mark.parametrize(
    "options", [{"rotate": 45}, {"flip": "x"}, {"blur": 101}, {"focal": "top"}, {"gray": 3}]
)
def test_preset_with_a_wrong_value_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="mist"):
        presets.check_preset("mist", {"size": "9x9", "mode": "fill", **options})


def test_preset_of_the_api_has_turned_sides() -> None:
    package("rest_framework", "drf")
    from shift_media.contrib.rest_framework import MediaModelSerializer

    class PhotoSerializer(MediaModelSerializer):
        class Meta:
            model = Photo
            fields: ClassVar = ("image",)

    with override_settings(SHIFT_MEDIA={"PRESETS": {"tall": {"size": "400x", "rotate": 90}}}):
        shown = PhotoSerializer(photo()).data["image"]["resizes"]["tall"]
    assert (shown["width"], shown["height"]) == (400, 533)


@pytest.mark.django_db
def test_resizes_of_a_preset_are_made_ahead(media: Any) -> None:
    row = Photo()
    content = images.encoded(images.quadrants(64, 48), "png")
    row.image.save("x.png", ContentFile(content))
    preset = {"size": "32x", "rotate": 90, "flip": "h", "gray": True}
    with override_settings(SHIFT_MEDIA={"PRESETS": {"tall": preset}}):
        call_command("media_resize", "testapp.Photo.image", presets=["tall"], stdout=io.StringIO())
        resize = row.image.resize("tall")
    assert not resize.ensure()
    with row.image.storage.open(resize.key) as file:
        assert images.opened(file.read()).size == resize.size == (32, 43)


# The reference


def test_reference_lists_the_options_of_the_table() -> None:
    page = (ROOT / "docs/reference/tags.rst").read_text()
    table = page.partition(":name: options")[2].partition("\n\n``crop``")[0]
    rows = re.findall(r"   \* - (.+)\n     - (.+)\n     - (.+)", table)[1:]
    assert [(name, values.strip("`"), text) for name, values, text in rows] == [
        (f"``{option.name}``", option.values, option.text) for option in OPTIONS
    ]


def test_grammar_lists_the_letters_of_the_table() -> None:
    page: Path = ROOT / "docs/reference/urls.rst"
    grammar = page.read_text().partition("   option     =")[2].partition("   signature")[0]
    letters = re.findall(r'^ *\|? "([a-z])"', grammar, re.MULTILINE)
    spelled = (*OPTIONS, DIGEST, POSTER)
    assert letters == sorted(option.letter for option in spelled if option.letter)

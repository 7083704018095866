"""The picture that tags show for an empty field, and in production for a file that fails."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.checks import run_checks
from django.template import Context, Template
from django.template.backends.jinja2 import Jinja2
from django.test import override_settings

from shift_media.core.errors import InvalidSpec
from testproject.gallery.models import Clip, Photo

PRESETS = {"card": {"size": "400x300", "mode": "fill"}, "wide": {"size": "800x"}}
URL = "/static/img/none.svg"
BROKEN = Photo(image="3c72aedc/ba25/41e6/a569/406c8f413974/data.bin/data.bin")


def fallback(picture: str | None = "img/none.svg", **more: Any) -> Any:
    return override_settings(SHIFT_MEDIA={"FALLBACK": picture, "PRESETS": PRESETS, **more})


def render(source: str, file: Any = None, **context: Any) -> str:
    names = {"p": Photo() if file is None else file, **context}
    return Template("{% load shift_media %}" + source).render(Context(names))


def attributes(html: str) -> dict[str, str]:
    assert re.fullmatch(r"<img( [a-z-]+=\"[^\"<>]*\")+>", html), html
    return dict(re.findall(r' ([a-z-]+)="([^"]*)"', html))


@pytest.mark.parametrize(
    ("picture", "url"),
    [
        ("img/none.svg", URL),
        ("/files/none.png", "/files/none.png"),
        ("https://cdn.example/none.png", "https://cdn.example/none.png"),
        ("data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA=", None),
    ],
)
def test_url_of_an_empty_field_is_that_of_the_picture(picture: str, url: str | None) -> None:
    with fallback(picture):
        assert render('{% resize_url p.image "card" %}') == (url or picture)
        assert render('{% resize_url p.image "card" as u %}{{ u }}') == (url or picture)


@pytest.mark.parametrize(
    ("size", "sides"),
    [("40x30", ("40", "30")), ("card", ("400", "300")), ("wide", None), ("x30", None)],
)
def test_image_has_the_sides_of_the_resize_if_both_are_given(
    size: str, sides: tuple[str, str] | None
) -> None:
    with fallback():
        found = attributes(render(f'{{% resize_img p.image "{size}" class="round" alt="none" %}}'))
    assert (found["src"], found["class"], found["alt"]) == (URL, "round", "none")
    assert (found.get("width"), found.get("height")) == (sides or (None, None))
    assert "srcset" not in found


def test_options_of_a_resize_are_no_attributes_of_the_picture() -> None:
    tag = '{% resize_img p.image "40x30" format="webp" quality=9 loading=None data_id=7 %}'
    with fallback():
        found = attributes(render(tag))
    assert found.keys() == {"src", "width", "height", "alt", "decoding", "data-id"}


def test_picture_element_becomes_one_image() -> None:
    tag = '{% resize_picture p.image widths="320 640" size="4x3" formats="webp" sizes="9px" %}'
    with fallback():
        found = attributes(render(tag))
    assert found["src"] == URL
    assert "sizes" not in found
    assert "width" not in found  # The size is a ratio, and not four pixels.


def test_file_that_fails_shows_the_picture_in_production_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    tags = ('resize_url p.image "9x"', 'resize_img p.image "9x"', "resize_picture p.image 320")
    with fallback():
        for tag in tags:
            assert URL in render(f"{{% {tag} %}}", BROKEN)
        assert len(caplog.records) == len(tags)
    with fallback(), override_settings(DEBUG=True):
        for tag in tags:
            with pytest.raises(InvalidSpec):
                render(f"{{% {tag} %}}", BROKEN)


def test_absolute_picture_begins_with_the_site() -> None:
    site = "https://www.example.com"
    with fallback(SITE_URL=site):
        assert render('{% resize_url p.image "9x" absolute=True %}') == site + URL
        assert site + URL in render('{% resize_img p.image "9x" absolute=True %}')


def test_absolute_picture_without_address_of_the_site_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with fallback():
        assert render('{% resize_url p.image "9x" absolute=True %}') == ""
        assert render('{% resize_img p.image "9x" absolute=True %}') == ""
    assert caplog.text.count("SITE_URL") >= 2


def test_resize_and_video_render_nothing_for_an_empty_field() -> None:
    with fallback():
        assert render('{% resize p.image "9x" as img %}[{{ img }}]') == "[]"
        assert render("{% media_video c.video %}", c=Clip()) == ""


def test_function_of_jinja2_shows_the_picture() -> None:
    options = {"extensions": ["shift_media.jinja2.MediaExtension"]}
    engine = Jinja2({"NAME": "j", "DIRS": [], "APP_DIRS": False, "OPTIONS": options})
    source = '{{ resize_url(p.image, "9x") }} {{ resize_img(p.image, "9x") }}'
    with fallback():
        shown = engine.from_string(source).render({"p": Photo()})
    assert shown.startswith(f"{URL} <img ")
    assert shown.count(URL) == 2


def test_without_the_setting_nothing_is_rendered() -> None:
    with fallback(None):
        for tag in ("resize_url", "resize_img", "resize_picture"):
            assert render(f"{{% {tag} p.image 320 %}}") == ""


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", ["", 7, ["img/none.svg"]])
def test_wrong_fallback_is_e001(wrong: Any) -> None:
    with fallback(wrong):
        messages = {message.id: str(message.msg) for message in run_checks()}
    assert 'SHIFT_MEDIA["FALLBACK"]' in messages["shift_media.E001"]

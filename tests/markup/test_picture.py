"""Pictures by breakpoints, preloads, placeholders and sets for CSS."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.template import Context, Template
from django.test import override_settings

from shift_media.core.errors import InvalidSpec
from shift_media.core.metadata import Metadata
from testproject.gallery.models import Photo

KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"
DOT = "data:image/webp;base64,UklGRg=="


def photo(**facts: Any) -> Photo:
    known = {"content_type": "image/jpeg", "size": 1, "width": 4000, "height": 3000, **facts}
    return Photo(image=KEY, image_meta=Metadata(**known).to_json(KEY))


def render(source: str, **context: Any) -> str:
    return Template("{% load shift_media %}" + source).render(Context({"p": photo(), **context}))


def attributes(html: str, element: str) -> list[dict[str, str]]:
    """Return the attributes of each element of a kind, in order."""
    found = re.findall(rf"<{element} ([^>]*)>", html)
    return [dict(re.findall(r'([a-z-]+)="([^"]*)"', each)) for each in found]


def widths_of(srcset: str) -> list[int]:
    return [int(width) for width in re.findall(r" (\d+)w", srcset)]


def test_ratio_from_a_breakpoint_on_has_a_source_before_that_of_other_pages() -> None:
    html = render(
        '{% resize_picture p.image "400 800" size="4x3 lg:2x1" mode="fill" formats="webp" %}'
    )
    sources, (shown,) = attributes(html, "source"), attributes(html, "img")
    assert [(each.get("media"), each["type"]) for each in sources] == [
        ("(min-width: 1024px)", "image/webp"),
        ("(min-width: 1024px)", "image/jpeg"),
        (None, "image/webp"),
    ]
    assert [(each.get("width"), each.get("height")) for each in [*sources, shown]] == [
        ("800", "400"),
        ("800", "400"),
        (None, None),
        ("800", "600"),
    ]
    assert "/400x200-fill" in sources[1]["srcset"]
    assert "/400x300-fill" in shown["srcset"]


OTHER = "3c72aedc/ba25/41e6/a569/406c8f413975/wide.jpg/wide.jpg"
FOLDER = OTHER.rpartition("/")[0]


def test_file_from_a_breakpoint_on_has_sources_of_its_own() -> None:
    wide = {"file": OTHER, "empty": Photo().image}
    options = 'file_lg=file file_xl=empty size="1x1 sm:4x3" mode="fill"'
    html = render(f'{{% resize_picture p.image "400" {options} %}}', **wide)
    sources, (shown,) = attributes(html, "source"), attributes(html, "img")
    assert [(each["media"], FOLDER in each["srcset"]) for each in sources] == [
        ("(min-width: 1024px)", True),
        ("(min-width: 640px)", False),
    ]
    assert "/400x300-fill" in sources[0]["srcset"]  # The ratio of sm holds on wider pages, too.
    assert KEY.rpartition("/")[0] in shown["src"]
    links = attributes(render('{% resize_preload p.image "400" file_lg=file %}', **wide), "link")
    assert [(each["media"], FOLDER in each["href"]) for each in links] == [
        ("(min-width: 1024px)", True),
        ("(max-width: 1023.98px)", False),
    ]


def test_other_file_that_is_a_legacy_name_has_a_source() -> None:
    old = Photo(image="photos/2019/old.jpg").image
    html = render('{% resize_picture p.image "400" file_lg=old %}', old=old)
    (source,) = attributes(html, "source")
    assert source == {"media": "(min-width: 1024px)", "srcset": old.url}


@pytest.mark.parametrize(
    ("option", "message"),
    [("file_huge=p.image", '"huge" in file_huge is not in'), ("file_lg=3", "cannot be resized")],
)
def test_other_file_of_no_breakpoint_or_that_is_none_is_an_error(
    option: str, message: str
) -> None:
    with override_settings(DEBUG=True), pytest.raises(InvalidSpec, match=message):
        render(f'{{% resize_picture p.image "400" {option} %}}')


def test_widest_breakpoint_comes_first() -> None:
    html = render('{% resize_picture p.image "400" size="xl:3x1 1x1 sm:2x1" mode="fill" %}')
    assert [each["media"] for each in attributes(html, "source")] == [
        "(min-width: 1280px)",
        "(min-width: 640px)",
    ]


def test_unknown_breakpoint_of_a_ratio_names_the_nearest() -> None:
    with override_settings(DEBUG=True), pytest.raises(InvalidSpec, match='mean "lg"'):
        render('{% resize_picture p.image "400" size="4x3 lgg:2x1" mode="fill" %}')


@pytest.mark.parametrize("widths", ["", '"auto"'])
def test_widths_left_out_follow_from_sizes_and_end_at_the_original(widths: str) -> None:
    html = render(f'{{% resize_picture p.image {widths} sizes="50vw" %}}')
    assert widths_of(attributes(html, "img")[0]["srcset"]) == [
        160, 240, 320, 480, 640, 800, 960, 1280, 1600, 1920,
    ]  # fmt: skip
    small = render("{% resize_picture p.image %}", p=photo(width=700, height=500))
    assert widths_of(attributes(small, "img")[0]["srcset"]) == [320, 480, 640, 700]


def test_preload_names_what_the_picture_loads() -> None:
    options = 'widths="400 800" sizes="100vw" formats="avif webp"'
    (link,) = attributes(render(f"{{% resize_preload p.image {options} %}}"), "link")
    source = attributes(render(f"{{% resize_picture p.image {options} %}}"), "source")[0]
    assert link.pop("href") in source["srcset"]
    assert link == {
        "rel": "preload",
        "as": "image",
        "imagesrcset": source["srcset"],
        "imagesizes": "100vw",
        "type": "image/avif",
        "fetchpriority": "high",
    }


def test_preload_by_breakpoints_has_conditions_of_which_one_holds() -> None:
    html = render('{% resize_preload p.image "400" size="4x3 sm:1x1 lg:2x1" mode="fill" %}')
    assert [each.get("media") for each in attributes(html, "link")] == [
        "(min-width: 1024px)",
        "(min-width: 640px) and (max-width: 1023.98px)",
        "(max-width: 639.98px)",
    ]


def test_preload_of_a_legacy_name_and_of_an_empty_field_renders_nothing() -> None:
    tag = '{% resize_preload p.image "400" %}'
    assert render(tag, p=Photo(image="old/name.jpg")) == ""
    assert render(tag, p=Photo()) == ""


@pytest.mark.parametrize("tag", ['resize_img p.image "400x"', 'resize_picture p.image "400"'])
def test_placeholder_is_behind_the_picture_without_an_inline_style(tag: str) -> None:
    html = render(f"{{% {tag} placeholder=True %}}", p=photo(placeholder=DOT))
    assert html.startswith('<span class="media-placeholder">')
    behind, shown = attributes(html, "img")
    assert behind == {"src": DOT, "alt": "", "aria-hidden": "true"}
    assert shown["width"] == "400"
    assert "style=" not in html


@pytest.mark.parametrize(
    "facts", [{}, {"placeholder": DOT, "has_alpha": True}], ids=["unknown", "transparent"]
)
def test_picture_without_a_placeholder_to_show_is_alone(facts: dict[str, Any]) -> None:
    tag = '{% resize_img p.image "400x" placeholder=True %}'
    assert render(tag, p=photo(**facts)) == render('{% resize_img p.image "400x" %}')


def test_fluid_picture_keeps_its_own_class() -> None:
    html = render('{% resize_img p.image "400x" fluid=True class="round" %}')
    assert attributes(html, "img")[0]["class"] == "media-fluid round"
    plain = render('{% resize_picture p.image "400" fluid=True %}')
    assert attributes(plain, "img")[0]["class"] == "media-fluid"


def test_image_set_offers_formats_and_densities_and_ends_with_the_original_format() -> None:
    css = render('{% resize_image_set p.image "400x" formats="avif webp" %}')
    assert re.findall(r"type\('image/(\w+)'\) (\dx)", css) == [
        (format, density) for format in ("avif", "webp", "jpeg") for density in ("1x", "2x")
    ]
    one = photo().image
    assert f"url('{one.resize('400x', format='avif').url}')" in css
    assert f"url('{one.resize('800x').url}')" in css
    assert not re.search('["<>&]', css)


def test_image_set_leaves_out_what_would_be_enlarged() -> None:
    css = render('{% resize_image_set p.image "400x" %}', p=photo(width=400, height=300))
    assert css.count("url(") == 1


def test_misspelled_option_of_an_image_set_is_an_error() -> None:
    with override_settings(DEBUG=True), pytest.raises(InvalidSpec, match='mean "quality"'):
        render('{% resize_image_set p.image "400x" qualty=50 %}')

"""Tags of other packages in templates, and the tags of this app that do the same."""

from __future__ import annotations

from typing import Any

import pytest
from django.template import engines
from hypothesis import given
from hypothesis import strategies as st

from shift_media.markup.translation import Known, translate

KNOWN = Known(presets=frozenset({"avatar"}))
SORL, EASY, IMAGEKIT = "{% load thumbnail %}", "{% load thumbnail %}", "{% load imagekit %}"


def certain(source: str, **known: Any) -> str:
    """Return a template of which everything is certain, and whose translation compiles."""
    translation = translate(source, Known(presets=KNOWN.presets, **known))
    assert translation.changes
    assert translation.unsure == []
    engines["django"].from_string(translation.text)
    assert translate(translation.text, KNOWN).changes == ()
    return translation.text


def unsure(source: str, known: Known = KNOWN) -> tuple[str, str]:
    """Return the reason and the suggestion for a template that stays as it is."""
    translation = translate(source, known)
    assert translation.text == source
    (change,) = translation.changes
    if change.after:
        engines["django"].from_string(translate(source, known, with_suggestions=True).text)
    return change.reason, change.after


# sorl-thumbnail


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ('"100x80"', '"100x80" upscale=True'),
        ('"100"', '"100x" upscale=True'),
        ('"x80"', '"x80" upscale=True'),
        ('"100x80" crop="center"', '"100x80" mode="fill" upscale=True'),
        ('"100x80" crop="50% 50%" upscale=False', '"100x80" mode="fill"'),
        ('"100" crop="center"', '"100x" upscale=True'),
        ("'100x80' quality=100 upscale=False", '"100x80" quality=99'),
        ('"100x80" format="PNG" upscale=False', '"100x80" format="png"'),
        ('"9x8" format="JPEG" progressive=True upscale=False', '"9x8" format="jpg"'),
        ('"9x8" padding=True upscale=False', '"9x8" mode="pad" background="ffffff"'),
        (
            '"9x8" padding=True padding_color="#0aF" upscale=False',
            '"9x8" mode="pad" background="00aaff"',
        ),
    ],
)
def test_tag_of_sorl(words: str, expected: str) -> None:
    source = (
        f"{SORL}{{% thumbnail item.image {words} as im %}}"
        '<img src="{{ im.url }}">{% empty %}none{% endthumbnail %}'
    )
    assert certain(source) == (
        f"{{% load shift_media %}}{{% resize item.image {expected} as im %}}{{% if im %}}"
        '<img src="{{ im.url }}">{% else %}none{% endif %}'
    )


def test_blocks_of_sorl_in_loops_and_in_each_other() -> None:
    source = (
        "{% load static thumbnail i18n %}{% for p in photos %}"
        '{% thumbnail p.image "9" as im %}{% for x in y %}{% empty %}{% endfor %}'
        '{% thumbnail p.image "8" as small %}{{ small.url }}{% endthumbnail %}{{ im.width }}'
        "{% endthumbnail %}{% empty %}no photos{% endfor %}"
    )
    assert certain(source) == (
        "{% load static shift_media i18n %}{% for p in photos %}"
        '{% resize p.image "9x" upscale=True as im %}{% if im %}'
        "{% for x in y %}{% empty %}{% endfor %}"
        '{% resize p.image "8x" upscale=True as small %}{% if small %}{{ small.url }}{% endif %}'
        "{{ im.width }}{% endif %}{% empty %}no photos{% endfor %}"
    )


def test_tag_of_sorl_without_a_block_is_a_url() -> None:
    source = f'{SORL}{{% thumbnail item.image "9x8" upscale=False %}}'
    assert certain(source, thumbnail="sorl") == (
        '{% load shift_media %}{% resize_url item.image "9x8" %}'
    )


@pytest.mark.parametrize(
    ("words", "reason", "suggestion"),
    [
        ('item.image "9x8" crop="smart"', "'smart'", '"9x8" mode="fill" upscale=True'),
        ('item.image "9x8" crop="top"', "'top'", '"9x8" mode="fill" upscale=True'),
        ('item.image "9x8" crop=where', "crop is a variable", ""),
        ('item.image "9x8" crop="noop"', "noop", ""),
        ("item.image size", "size is a variable", ""),
        ('"http://example.com/a.jpg" "9x8"', "a path, a URL or a filter", ""),
        ('item.image "9x8" rounded=9', "rounded", ""),
        ('item.image "9x8" format="TIFF"', "'TIFF'", ""),
        ('item.image "9x8" quality=q', "quality is a variable", ""),
    ],
)
def test_tag_of_sorl_that_may_look_different_stays(
    words: str, reason: str, suggestion: str
) -> None:
    source = f"{SORL}{{% thumbnail {words} as im %}}{{{{ im.url }}}}{{% endthumbnail %}}"
    why, after = unsure(source)
    assert reason in why
    assert suggestion in after
    assert bool(suggestion) == bool(after)


@pytest.mark.parametrize("use", ["{{ im.ratio }}", "{% with a=im %}{% endwith %}", "{{ im }}"])
def test_thumbnail_of_sorl_that_is_used_in_another_way_stays(use: str) -> None:
    source = f'{SORL}{{% thumbnail item.image "9x8" as im %}}{use}{{% endthumbnail %}}'
    why, _ = unsure(source)
    assert "only url, width and height" in why


# easy-thumbnails and django-filer


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("person.photo 50x50", 'resize_url person.photo "50x50"'),
        ("person.photo '50x0'", 'resize_url person.photo "50x"'),
        ("person.photo 0x50", 'resize_url person.photo "x50"'),
        ("person.photo 50x50 crop", 'resize_url person.photo "50x50" mode="fill"'),
        (
            "person.photo 50x40 crop upscale quality=80",
            'resize_url person.photo "50x40" mode="fill" upscale=True quality=80',
        ),
        (
            'p.photo 50x40 background="#fff" as im',
            'resize p.photo "50x40" mode="pad" background="ffffff" as im',
        ),
        ('p.photo "avatar"', 'resize_url p.photo "avatar"'),
        ("p.photo 'avatar' as im", 'resize p.photo "avatar" as im'),
        ("p.photo 50x40 subsampling=2", 'resize_url p.photo "50x40"'),
    ],
)
def test_tag_of_easy_thumbnails(words: str, expected: str) -> None:
    source = f'{EASY}<img src="{{% thumbnail {words} %}}">'
    assert certain(source) == f'{{% load shift_media %}}<img src="{{% {expected} %}}">'


def test_filter_of_easy_thumbnails() -> None:
    source = f"{EASY}{{{{ person.photo|thumbnail_url:'avatar' }}}}"
    assert certain(source) == '{% load shift_media %}{% resize_url person.photo "avatar" %}'
    why, after = unsure(f"{EASY}{{{{ person.photo|thumbnail_url:'large' }}}}")
    assert 'SHIFT_MEDIA["PRESETS"]["large"]' in why
    assert after == '{% resize_url person.photo "large" %}'


@pytest.mark.parametrize(
    ("source", "reason", "suggestion"),
    [
        ("{% thumbnail p.photo 9x8 crop='smart' %}", "'smart'", 'p.photo "9x8" mode="fill"'),
        ("{% thumbnail p.photo 9x8 crop=',0' %}", "',0'", 'p.photo "9x8" mode="fill"'),
        ("{% thumbnail p.photo 9x8 crop='scale' %}", "scale", ""),
        ("{% thumbnail p.photo size %}", "variable", ""),
        ("{% thumbnail p.photo 9x8 sharpen %}", "sharpen", ""),
        ("{% thumbnail p.photo 9x8 wrong %}", "wrong is not an option", ""),
        ("{% thumbnail p.photo 'big' %}", "preset of the alias", 'p.photo "big"'),
        ("{% thumbnail p.photo 'big' crop %}", "preset of the alias", 'p.photo "big"'),
        ("{% with a=p.photo|thumbnailer %}{{ a }}{% endwith %}", "no filter", ""),
        ("{{ p.photo|thumbnailer_passive }}", "no filter", ""),
        ("{% thumbnail p.photo 9x8 as im %}{{ im.tag }}", "'tag'", 'p.photo "9x8" as im'),
    ],
)
def test_use_of_easy_thumbnails_that_may_look_different_stays(
    source: str, reason: str, suggestion: str
) -> None:
    why, after = unsure(f"{EASY}{source}")
    assert reason in why
    assert suggestion in after


# django-imagekit


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("'100x' p.photo", 'resize_img p.photo "100x"'),
        ("'100x50' p.photo crop=0", 'resize_img p.photo "100x50"'),
        ("'100x50' p.photo anchor='c'", 'resize_img p.photo "100x50" mode="fill"'),
        (
            '\'100x50\' p.photo crop=0 -- alt="A lake" class="x"',
            'resize_img p.photo "100x50" alt="A lake" class="x"',
        ),
        ("'100x50' p.photo crop=0 as th", 'resize p.photo "100x50" as th'),
        ("'9x' p.photo format='WEBP' srcset='2'", 'resize_img p.photo "9x" format="webp"'),
    ],
)
def test_tag_of_imagekit(words: str, expected: str) -> None:
    source = f"{IMAGEKIT}{{% thumbnail {words} %}}"
    assert certain(source) == f"{{% load shift_media %}}{{% {expected} %}}"


@pytest.mark.parametrize(
    ("source", "reason", "suggestion"),
    [
        ("{% thumbnail '9x8' p.photo %}", "most detail", 'resize_img p.photo "9x8" mode="fill"'),
        ("{% thumbnail '9x8' p.photo anchor='tr' %}", "'tr'", 'p.photo "9x8" mode="fill"'),
        ("{% thumbnail 'app:spec' '9x8' p.photo %}", "spec is in Python", ""),
        ("{% generateimage 'app:icon' source=p.photo %}", "preset", 'resize_img p.photo "icon"'),
        ("{% generateimage 'app:icon' source=p.photo as x %}", "preset", '"icon" as x'),
        ("{% thumbnail size p.photo %}", "variable", ""),
    ],
)
def test_tag_of_imagekit_that_may_look_different_stays(
    source: str, reason: str, suggestion: str
) -> None:
    why, after = unsure(f"{IMAGEKIT}{source}")
    assert reason in why
    assert suggestion in after


# django-versatileimagefield


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("p.photo.thumbnail.400x300", 'p.photo "400x300"'),
        ("p.photo.crop.400x300.url", 'p.photo "400x300" mode="fill"'),
        ("photo.crop.40x40", 'photo "40x40" mode="fill"'),
    ],
)
def test_attribute_of_versatileimagefield(expression: str, expected: str) -> None:
    source = f'{{% extends "base.html" %}}\n<img src="{{{{ {expression} }}}}">'
    assert translate(source).text == (
        '{% extends "base.html" %}\n{% load shift_media %}\n<img src="{% resize_url '
        f'{expected} %}}">'
    )
    assert certain(f"{{{{ {expression} }}}}").startswith("{% load shift_media %}\n{% resize_url ")


@pytest.mark.parametrize(
    "source",
    [
        "{{ p.photo.filters.invert.url }}",
        "{{ p.photo.filters.invert.thumbnail.9x9 }}",
        "{{ p.photo.crop.9x9|default:x }}",
        "{% with a=p.photo.crop.9x9 %}{% endwith %}",
    ],
)
def test_use_of_versatileimagefield_that_has_no_tag_stays(source: str) -> None:
    assert unsure(source)[1] == ""


# django-pictures


def test_tag_of_pictures() -> None:
    source = (
        '{% load pictures %}{% picture p.cover img_alt="A lake" ratio="16/9" m=6 l=4 '
        'img_loading="lazy" %}'
    )
    assert certain(source) == (
        '{% load shift_media %}{% resize_picture p.cover size="16x9" mode="fill" '
        'sizes="(min-width: 0px) and (max-width: 991px) 100vw, '
        '(min-width: 992px) and (max-width: 1199px) 33vw, 600px" formats="avif" '
        'alt="A lake" loading="lazy" %}'
    )


def test_tag_of_pictures_with_the_grid_of_the_settings() -> None:
    grid: dict[str, Any] = {"breakpoints": {"s": 600}, "container": None}
    source = "{% load pictures %}{% picture p.cover s=6 %}"
    assert certain(source, **grid, file_types=["AVIF", "WEBP"]) == (
        '{% load shift_media %}{% resize_picture p.cover sizes="50vw" formats="avif webp" %}'
    )


def test_url_of_pictures() -> None:
    source = '{% load pictures %}{% img_url p.cover file_type="webp" width=800 ratio="16/9" %}'
    assert certain(source) == (
        '{% load shift_media %}{% resize_url p.cover "800x450" mode="fill" format="webp" %}'
    )


@pytest.mark.parametrize("words", ['picture_class="x"', "wrong=3", 'ratio="wide"', "ratio=r"])
def test_tag_of_pictures_that_has_no_equal_stays(words: str) -> None:
    assert unsure(f"{{% load pictures %}}{{% picture p.cover {words} %}}")[1] == ""


# Wagtail


@pytest.mark.parametrize(
    ("words", "suggestion"),
    [
        ("image page.photo width-400", 'resize_img page.photo.file "400x"'),
        (
            'image page.photo fill-80x60 class="round"',
            'resize_img page.photo.file "80x60" mode="fill" class="round"',
        ),
        (
            "image page.photo max-9x8 format-webp as im",
            'page.photo.file "9x8" format="webp" as im',
        ),
        ("image page.photo height-40", 'resize_img page.photo.file "x40"'),
        ("image_url page.photo 'width-400'", 'resize_url page.photo.file "400x"'),
        ("image page.photo min-9x8", ""),
        ("image page.photo original", ""),
        ("picture page.photo format-{avif,jpeg} width-400", ""),
    ],
)
def test_tag_of_wagtail_stays_because_it_works(words: str, suggestion: str) -> None:
    why, after = unsure(f"{{% load wagtailimages_tags %}}{{% {words} %}}")
    assert "Wagtail's own tag works" in why
    assert suggestion in after
    assert bool(suggestion) == bool(after)


# Templates as a whole


def test_preset_as_an_attribute_is_a_suggestion() -> None:
    why, after = unsure("{{ person.photo.avatar.url }}")
    assert "is a preset" in why
    assert after == '{% resize_url person.photo "avatar" %}'


def test_library_that_is_still_used_stays_loaded() -> None:
    source = "{% load thumbnail %}{% thumbnail p.photo 9x8 %}{% thumbnail p.photo 9x8 sharpen %}"
    assert translate(source).text == (
        '{% load thumbnail shift_media %}{% resize_url p.photo "9x8" %}'
        "{% thumbnail p.photo 9x8 sharpen %}"
    )


def test_library_is_loaded_once_and_unused_ones_go() -> None:
    source = "{% load shift_media %}{% load thumbnail %}\n{% thumbnail p.photo 9x8 %}"
    assert certain(source) == '{% load shift_media %}\n{% resize_url p.photo "9x8" %}'


@pytest.mark.parametrize(
    "source",
    [
        "{% comment %}{% load thumbnail %}{% thumbnail a.b 9x8 %}{% endcomment %}",
        "{% verbatim %}{{ a.crop.9x9 }}{% endverbatim %}",
        "{% verbatim x %}{% thumbnail a 9x8 %}{% endverbatim x %}",
        "{# {% thumbnail a.b 9x8 %} #}",
        "{% load my_tags %}{% image a %}{% picture b %}{{ a.b|resolution }}",
        "{% load shift_media %}{% resize_url a.b '9x8' %}",
        "{{ a.thumbnail.url }}{{ a.crop }}",
    ],
)
def test_what_is_no_use_of_the_packages_stays(source: str) -> None:
    translation = translate(source, KNOWN)
    assert (translation.text, translation.changes) == (source, ())


PIECES = [
    "{% load thumbnail %}",
    "{% load imagekit %}",
    "{% load pictures static %}",
    '{% thumbnail a.b "9x8" as im %}',
    "{% thumbnail a.b 9x8 crop %}",
    "{% thumbnail '9x8' a.b crop=0 %}",
    "{% empty %}",
    "{% endthumbnail %}",
    "{% for a in b %}",
    "{% endfor %}",
    "{{ im.url }}",
    "{{ a.crop.9x9 }}",
    "{% comment %}",
    "{% endcomment %}",
    "{% verbatim %}",
    "{% endverbatim %}",
    "{% %}",
    "{{ }}",
    "{% thumbnail %}",
    "{% thumbnail a %}",
    "{% picture a.b %}",
    '{% extends "x" %}',
    "\n",
    "text",
    "{%",
    "%}",
]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_template_is_translated_once_and_for_all(source: str) -> None:
    once = translate(source, KNOWN)
    again = translate(once.text, KNOWN)
    assert again.text == once.text
    assert again.certain == []
    if not once.certain:
        assert once.text == source
    for change in once.changes:
        assert source.splitlines()[change.line - 1 :] != []
        assert change.before in source


@pytest.mark.slow
@given(st.text())
def test_text_without_tags_stays(text: str) -> None:
    if "{%" not in text and "{{" not in text:
        assert translate(text, KNOWN).text == text

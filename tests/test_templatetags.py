"""Template tags: URLs and markup without any I/O, and errors in development and production."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache.backends.base import BaseCache
from django.template import Context, Template, TemplateSyntaxError
from django.test import override_settings
from django.utils.safestring import SafeString

from shift_media.conf import settings
from shift_media.core.errors import InvalidSpec, MediaError
from shift_media.core.metadata import Metadata
from shift_media.markup.options import ATTRIBUTES, split_options
from shift_media.resizes.builder import OPTIONS
from shift_media.storages import LocalMediaStorage
from testproject.gallery.models import Photo

KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"


class NoCache(BaseCache):
    """A cache that fails the test when it is used."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("the cache was touched")

    add = set = touch = delete = get_many = get


def photo(width: int = 4000, height: int = 3000) -> Photo:
    metadata = Metadata(content_type="image/jpeg", size=1, width=width, height=height)
    return Photo(image=KEY, image_meta=metadata.to_json(KEY))


def render(source: str, **context: Any) -> str:
    return Template("{% load shift_media %}" + source).render(Context(context))


def test_resize_url_renders_the_url() -> None:
    one = photo()
    url = one.image.resize("400x300", mode="fill").url
    assert render('{% resize_url p.image "400x300" mode="fill" %}', p=one) == url
    named = '{% resize_url p.image "400x300" mode="fill" as u %}{{ u }}!'
    assert render(named, p=one) == f"{url}!"


def test_url_is_escaped_where_template_escapes(tmp_path: Any) -> None:
    storage = LocalMediaStorage(location=tmp_path, public_url="https://cdn.example/it's/")
    one = photo()
    one.image.storage = storage
    plain = one.image.resize("9x").url
    escaped = plain.replace("'", "&#x27;")
    for tag in ("resize_url", "resize"):
        assert render(f'{{% {tag} p.image "9x" %}}', p=one) == escaped
        off = f'{{% autoescape off %}}{{% {tag} p.image "9x" %}}{{% endautoescape %}}'
        assert render(off, p=one) == plain
        assert render(f'{{% {tag} p.image "9x" as u %}}{{{{ u }}}}', p=one) == escaped


def test_arguments_from_variables_and_filters_are_resolved_in_each_round() -> None:
    tag = '{% resize_url p.image s|add:"x300" mode=mode quality=50 %}'
    source = f"{{% for s in sizes %}}{tag} {{% endfor %}}"
    one = photo()
    urls = [one.image.resize(f"{w}x300", mode="pad", quality=50).url for w in (100, 200)]
    assert render(source, p=one, sizes=["100", "200"], mode="pad").split() == urls


def test_file_and_size_may_be_keyword_arguments() -> None:
    one = photo()
    source = '{% resize_url size="9x" file=p.image format=None as u %}{{ u }}'
    assert render(source, p=one) == one.image.resize("9x").url


@pytest.mark.parametrize(
    ("tag", "error"),
    [
        ("resize_url p.image", "needs a size"),
        ('resize_url p.image "9x" "fill"', 'has no place for .*"fill"'),
        ('resize_url p.image "9x" size="9x"', "has no place for .*size="),
    ],
)
def test_malformed_tag_raises_when_template_is_compiled(tag: str, error: str) -> None:
    with pytest.raises(TemplateSyntaxError, match=error):
        Template(f"{{% load shift_media %}}{{% {tag} %}}")


def test_compiled_tag_follows_changed_settings() -> None:
    template = Template('{% load shift_media %}{% resize_url p.image "small" %}')
    for side in ("9x", "8x"):
        presets = {"small": {"size": side}}
        with override_settings(SHIFT_MEDIA={"PRESETS": presets}):
            assert f"/{side}-fit-" in template.render(Context({"p": photo()}))


def test_compiled_tag_is_safe_in_several_threads() -> None:
    template = Template('{% load shift_media %}{% resize_url p.image size mode="fill" %}')
    sizes = [f"{side}x9" for side in range(1, 200)]
    with ThreadPoolExecutor(4) as pool:
        one = [lambda s=s: template.render(Context({"p": photo(), "size": s})) for s in sizes]
        found = list(pool.map(lambda call: call(), one))
    assert found == [photo().image.resize(size, mode="fill").url for size in sizes]


def test_resize_returns_the_resize() -> None:
    source = '{% resize p.image "400x400" as img %}{{ img.width }}x{{ img.height }} {{ img }}'
    assert render(source, p=photo()) == f"400x300 {photo().image.resize('400x400').url}"


def attributes(html: str) -> dict[str, str]:
    assert re.fullmatch(r"<img( [a-z-]+(=\"[^\"<>]*\")?)+>", html), html
    return dict(re.findall(r' ([a-z-]+)="([^"]*)"', html))


def test_resize_img_has_size_and_double() -> None:
    source = '{% resize_img p.image "400x400" alt=name %}'
    found = attributes(render(source, p=photo(), name='A "<cat>"'))
    single, double = (photo().image.resize(size).url for size in ("400x400", "800x800"))
    assert found == {
        "src": single, "srcset": f"{single} 1x, {double} 2x", "width": "400", "height": "300",
        "alt": "A &quot;&lt;cat&gt;&quot;", "loading": "lazy", "decoding": "async",
    }  # fmt: skip


def test_resize_img_separates_attributes_from_options() -> None:
    html = render(
        '{% resize_img p.image "40x30" mode="fill" format="webp" class="card" data_id=7 '
        'loading="eager" decoding=None %}',
        p=photo(),
    )
    found = attributes(html)
    assert "-fill-79-" in found["src"]
    assert found["src"].endswith(".webp")
    assert (found["class"], found["data-id"], found["loading"]) == ("card", "7", "eager")
    assert "decoding" not in found
    assert "mode" not in found


@pytest.mark.parametrize(
    ("tag", "option"),
    [
        ('resize_img p.image "40x30" fromat="webp"', "format"),
        ('resize_img p.image "40x30" qualty=80', "quality"),
        ('resize_img p.image "40x30" back_ground="ffffff"', "background"),
        ('resize_img p.image "40x30" Format="webp"', "format"),
        ('resize_picture p.image widths="320" formts="webp"', "formats"),
        ('resize_picture p.image widths="320" siz="4x3"', "size"),
        ('resize_url p.image "40x30" fromat="webp"', "format"),
        ('resize p.image "40x30" modes="fill" as img', "mode"),
        ('media_video p.image caption="/a.vtt"', "captions"),
    ],
)
def test_name_that_resembles_an_option_is_an_error(tag: str, option: str) -> None:
    with override_settings(DEBUG=True), pytest.raises(InvalidSpec, match=f'mean "{option}"'):
        render(f"{{% {tag} %}}", p=photo())


def test_attributes_are_written_with_dashes() -> None:
    html = render(
        '{% resize_img p.image "40x30" data_format="a" aria_label="b" hx_get="/c" x_on="d" '
        'fetchpriority="high" sizes="100vw" usemap="#m" style="e" is="f" %}',
        p=photo(),
    )
    found = attributes(html)
    assert found.items() >= {
        "data-format": "a", "aria-label": "b", "hx-get": "/c", "x-on": "d",
        "fetchpriority": "high", "sizes": "100vw", "usemap": "#m", "style": "e", "is": "f",
    }.items()  # fmt: skip
    assert found["src"].endswith(".jpg")


def test_no_attribute_of_html_is_taken_for_an_option() -> None:
    for name in ATTRIBUTES:
        split_options({name: "x"}, (*OPTIONS, "size", "formats", "captions", "srclang", "label"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("100vw", "100vw"),
        ("100vw lg:33vw", "(min-width: 1024px) 33vw, 100vw"),
        ("lg:33vw 50vw", "(min-width: 1024px) 33vw, 50vw"),
        ("sm:50vw xl:400px", "(min-width: 1280px) 400px, (min-width: 640px) 50vw, 100vw"),
        ("2xl:calc(50vw-10px) 90vw", "(min-width: 1536px) calc(50vw-10px), 90vw"),
        ("(min-width: 9px) 50vw, 100vw", "(min-width: 9px) 50vw, 100vw"),
    ],
)
def test_sizes_are_those_of_html_or_breakpoints(given: str, expected: str) -> None:
    tag = '{% resize_picture p.image "320 640" sizes=s formats="webp" %}'
    html = render(tag, p=photo(), s=given)
    assert html.count(f'sizes="{expected}"') == 2


def test_breakpoints_are_those_of_the_settings() -> None:
    with override_settings(SHIFT_MEDIA={"BREAKPOINTS": {"wide": 900}}):
        html = render('{% resize_picture p.image "320" sizes="wide:50vw" %}', p=photo())
    assert 'sizes="(min-width: 900px) 50vw, 100vw"' in html


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [("100vw lgg:33vw", 'did you mean "lg"'), ("100vw lg:", "has no value")],
)
def test_wrong_breakpoint_is_an_error(sizes: str, expected: str) -> None:
    with override_settings(DEBUG=True), pytest.raises(InvalidSpec, match=expected):
        render('{% resize_picture p.image "320" sizes=s %}', p=photo(), s=sizes)


@pytest.mark.parametrize("tag", ['resize_img p.image "40x30"', 'resize_picture p.image "40"'])
def test_picture_of_high_priority_is_not_lazy(tag: str) -> None:
    assert 'loading="lazy"' not in render(f'{{% {tag} fetchpriority="high" %}}', p=photo())
    assert 'loading="lazy"' in render(f'{{% {tag} fetchpriority="low" %}}', p=photo())
    both = f'{{% {tag} fetchpriority="high" loading="lazy" %}}'
    assert 'loading="lazy"' in render(both, p=photo())


def test_resize_img_has_no_double_beyond_original_or_limits() -> None:
    assert "srcset" not in render('{% resize_img p.image "400x400" %}', p=photo(400, 300))
    with override_settings(SHIFT_MEDIA={"MAX_OUTPUT": (500, 250_000)}):
        assert "srcset" not in render('{% resize_img p.image "400x400" %}', p=photo())


def test_resize_img_without_metadata_has_no_size() -> None:
    found = attributes(render('{% resize_img p.image "400x300" %}', p=Photo(image=KEY)))
    assert "width" not in found
    assert found["srcset"].endswith(" 2x")


def sources(html: str) -> list[dict[str, str]]:
    """Return the attributes of each source of a picture, and last those of its img."""
    assert re.fullmatch(r"<picture>(<source[^<>]+>)*<img[^<>]+></picture>", html), html
    tags = re.findall(r"<(?:source|img)([^<>]+)>", html)
    return [dict(re.findall(r' ([a-z-]+)="([^"]*)"', tag)) for tag in tags]


def test_resize_picture_offers_formats_in_given_order() -> None:
    one = photo()
    html = render(
        '{% resize_picture p.image widths="640 320" formats="avif webp" sizes="100vw" '
        'alt=name class="wide" %}',
        p=one,
        name='A "<cat>"',
    )
    avif, webp, img = sources(html)
    assert avif == {
        "type": "image/avif",
        "srcset": one.image.srcset([320, 640], format="avif"),
        "sizes": "100vw",
    }
    assert (webp["type"], webp["srcset"]) == (
        "image/webp", one.image.srcset([320, 640], format="webp")
    )  # fmt: skip
    assert img == {
        "src": one.image.resize("640x").url, "srcset": one.image.srcset([320, 640]),
        "sizes": "100vw", "width": "640", "height": "480", "alt": "A &quot;&lt;cat&gt;&quot;",
        "loading": "lazy", "decoding": "async", "class": "wide",
    }  # fmt: skip


def test_resize_picture_is_never_wider_than_the_original() -> None:
    source = '{% resize_picture p.image widths="320 640 1280" formats="webp" %}'
    for found in sources(render(source, p=photo(500, 400))):
        assert re.findall(r" (\d+)w", found["srcset"]) == ["320", "500"]
    assert sources(render(source, p=photo(500, 400)))[-1]["width"] == "500"
    unknown = sources(render(source, p=Photo(image=KEY)))[-1]
    assert unknown["srcset"].endswith(" 1280w")
    assert "width" not in unknown


def test_resize_picture_keeps_a_ratio_and_takes_options() -> None:
    source = (
        '{% resize_picture p.image widths=widths formats=formats size="4x3" mode="fill" '
        'quality=50 format="png" %}'
    )
    webp, img = sources(render(source, p=photo(), widths=[100, 200], formats=["webp", "png"]))
    assert "/200x150-fill-50-" in webp["srcset"]
    assert "/200x150-fill-99-" in img["src"]
    assert img["src"].endswith(".png")  # the format of the <img>, so no source has it
    assert (img["width"], img["height"]) == ("200", "150")


def test_resize_picture_offers_no_still_format_for_animation() -> None:
    key = KEY.replace("jpg", "gif")
    facts = Metadata(content_type="image/gif", size=1, width=400, height=300, frames=9)
    one = Photo(image=key, image_meta=facts.to_json(key))
    source = '{% resize_picture p.image widths="320" formats="avif webp" %}'
    assert [found.get("type") for found in sources(render(source, p=one))] == ["image/webp", None]


@pytest.mark.parametrize("wrong", ['widths="wide"', 'widths=""', "widths=0", "widths=None"])
def test_resize_picture_with_wrong_widths_raises_or_logs(
    wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    with override_settings(DEBUG=True), pytest.raises(InvalidSpec, match="whole numbers"):
        render(f"{{% resize_picture p.image {wrong} %}}", p=photo())
    with override_settings(DEBUG=False):
        assert render(f"{{% resize_picture p.image {wrong} %}}", p=photo()) == ""
        assert render('{% resize_picture p.image widths="9" formats="tiff" %}', p=photo()) == ""
    assert "'tiff' in formats is not a format" in caplog.text


@pytest.mark.parametrize(
    "tag",
    [
        *(f'{tag} p.image "9x"' for tag in ("resize_url", "resize_img", "resize")),
        'resize_picture p.image "9"',
    ],
)
def test_empty_field_renders_nothing(tag: str) -> None:
    assert render(f"{{% {tag} %}}", p=Photo()) == ""
    assert render(f"{{% {tag} %}}", p=None) == ""


@pytest.mark.parametrize("tag", ["resize_url", "resize_img", "resize"])
def test_wrong_size_raises_in_debug_and_is_logged_in_production(
    tag: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = f'{{% {tag} p.image "huge" %}}'
    with override_settings(DEBUG=True), pytest.raises(InvalidSpec):
        render(source, p=photo())
    with override_settings(DEBUG=False):
        assert render(source, p=photo()) == ""
    assert "'huge' is not a size" in caplog.text


def test_unknown_option_raises_in_debug_and_is_logged_in_production(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = '{% resize_url p.image "9x9" colour="red" %}'
    with override_settings(DEBUG=True), pytest.raises(InvalidSpec, match="'colour' is not"):
        render(source, p=photo())
    with override_settings(DEBUG=False):
        assert render(source, p=photo()) == ""
    assert "'colour' is not an option" in caplog.text


@pytest.mark.django_db
def test_page_of_100_resizes_costs_one_query_and_no_other_call(
    django_assert_num_queries: Any, media_root: Any
) -> None:
    Photo.objects.bulk_create([photo() for _ in range(100)])
    source = '{% for p in photos %}{% resize_img p.image "400x300" mode="fill" %}{% endfor %}'
    caches = {"default": {"BACKEND": f"{__name__}.NoCache"}}
    with override_settings(CACHES=caches), django_assert_num_queries(1):
        html = render(source, photos=Photo.objects.all())
    assert html.count("<img") == 100
    assert not media_root.exists()  # no storage call was made


@pytest.mark.parametrize("value", ['"False"', '"no"', '"True"', '""', "2"])
@pytest.mark.parametrize("tag", ["resize_url", "resize", "resize_img"])
def test_upscale_that_is_not_a_boolean_is_an_error(tag: str, value: str) -> None:
    source = f'{{% {tag} p.image "400x300" upscale={value} %}}'
    assert render(source, p=photo()) == ""
    with override_settings(DEBUG=True), pytest.raises(InvalidSpec, match="use True or False"):
        render(source, p=photo())


def test_upscale_follows_a_boolean() -> None:
    for value, word in (("True", "upscale"), ("False", "noupscale"), ("None", "noupscale")):
        assert f"-{word}-" in render(f'{{% resize_url p.image "9x" upscale={value} %}}', p=photo())


@pytest.mark.parametrize("value", ["False", "no", 2])
def test_preset_whose_upscale_is_not_a_boolean_is_refused(value: object) -> None:
    presets = {"card": {"size": "400x300", "upscale": value}}
    with override_settings(SHIFT_MEDIA={"PRESETS": presets}):
        (error,) = settings.errors()
    assert "use True or False" in str(error)


ELEMENTS = (
    'resize_url f "400x300"', 'resize f "400x300"', 'resize_img f "400x300"',
    'resize_picture f widths="320 640"',
)  # fmt: skip


def test_key_as_text_is_resized_as_the_file_of_a_field() -> None:
    plain = Photo(image=KEY)
    for tag in ELEMENTS:
        shown = render(f"{{% {tag} %}}", f=KEY)
        assert "upscale-" in shown
        assert shown == render(f"{{% {tag} %}}", f=SafeString(KEY))
    assert render('{% resize_url f "400x300" %}', f=KEY) == plain.image.resize("400x300").url
    named = '{% resize f "9x9" mode="fill" as img %}{{ img.url }}'
    assert render(named, f=KEY) == plain.image.resize("9x9", mode="fill").url


@pytest.mark.parametrize("value", ["photos/old.jpg", "x", KEY.upper(), 7, Photo(), object()])
@pytest.mark.parametrize("tag", [*ELEMENTS, "media_video f"])
def test_value_that_is_neither_file_nor_key_renders_nothing_or_raises_when_debug(
    tag: str, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    assert render(f"{{% {tag} %}}", f=value) == ""
    assert "in a template failed" in caplog.text
    with override_settings(DEBUG=True), pytest.raises(MediaError):
        render(f"{{% {tag} %}}", f=value)


def test_elements_have_plain_digits_with_a_thousand_separator() -> None:
    names = [
        'resize_img f "2400x" data_id=1234567',
        'resize_picture f widths="1200 2400" data_id=1234567',
    ]
    plain = [render(f"{{% {name} %}}", f=photo().image) for name in names]
    with override_settings(USE_THOUSAND_SEPARATOR=True, LANGUAGE_CODE="en"):
        assert render("{{ n }}", n=2400) == "2,400"  # what a variable is written as
        assert [render(f"{{% {name} %}}", f=photo().image) for name in names] == plain
        size = "{% load l10n %}{% resize f '2400x' as img %}{{ img.width|unlocalize }}"
        assert render(size, f=photo().image) == "2400"
    for html in plain:
        for attribute in ('width="2400"', 'height="1800"', 'data-id="1234567"'):
            assert f" {attribute}" in html

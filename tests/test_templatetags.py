"""Template tags: URLs and images without any I/O, and what happens when something is wrong."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.cache.backends.base import BaseCache
from django.template import Context, Template
from django.test import override_settings

from shift_media.core.errors import InvalidSpec
from shift_media.core.metadata import Metadata
from testproject.gallery.models import Photo

KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"


class NoCache(BaseCache):
    """A cache that nobody may touch."""

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


def test_resize_url_gives_the_url() -> None:
    one = photo()
    url = one.image.resize("400x300", mode="fill").url
    assert render('{% resize_url p.image "400x300" mode="fill" %}', p=one) == url
    named = '{% resize_url p.image "400x300" mode="fill" as u %}{{ u }}!'
    assert render(named, p=one) == f"{url}!"


def test_resize_gives_the_resize() -> None:
    source = '{% resize p.image "400x400" as img %}{{ img.width }}x{{ img.height }} {{ img }}'
    assert render(source, p=photo()) == f"400x300 {photo().image.resize('400x400').url}"


def attributes(html: str) -> dict[str, str]:
    assert re.fullmatch(r"<img( [a-z-]+(=\"[^\"<>]*\")?)+>", html), html
    return dict(re.findall(r' ([a-z-]+)="([^"]*)"', html))


def test_resize_img_has_its_size_and_a_double() -> None:
    source = '{% resize_img p.image "400x400" alt=name %}'
    found = attributes(render(source, p=photo(), name='A "<cat>"'))
    single, double = (photo().image.resize(size).url for size in ("400x400", "800x800"))
    assert found == {
        "src": single, "srcset": f"{single} 1x, {double} 2x", "width": "400", "height": "300",
        "alt": "A &quot;&lt;cat&gt;&quot;", "loading": "lazy", "decoding": "async",
    }  # fmt: skip


def test_resize_img_passes_attributes_and_options_apart() -> None:
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


def test_resize_img_offers_no_double_that_the_original_cannot_give() -> None:
    assert "srcset" not in render('{% resize_img p.image "400x400" %}', p=photo(400, 300))
    with override_settings(SHIFT_MEDIA={"MAX_OUTPUT": (500, 250_000)}):
        assert "srcset" not in render('{% resize_img p.image "400x400" %}', p=photo())


def test_resize_img_knows_no_size_without_metadata() -> None:
    found = attributes(render('{% resize_img p.image "400x300" %}', p=Photo(image=KEY)))
    assert "width" not in found
    assert found["srcset"].endswith(" 2x")


@pytest.mark.parametrize(
    "tag", ['resize_url p.image "9x"', 'resize_img p.image "9x"', 'resize p.image "9x"']
)
def test_an_empty_field_renders_nothing(tag: str) -> None:
    assert render(f"{{% {tag} %}}", p=Photo()) == ""
    assert render(f"{{% {tag} %}}", p=None) == ""


@pytest.mark.parametrize("tag", ["resize_url", "resize_img", "resize"])
def test_a_wrong_tag_raises_in_debug_and_is_logged_in_production(
    tag: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = f'{{% {tag} p.image "huge" %}}'
    with override_settings(DEBUG=True), pytest.raises(InvalidSpec):
        render(source, p=photo())
    with override_settings(DEBUG=False):
        assert render(source, p=photo()) == ""
    assert "'huge' is not a size" in caplog.text


def test_an_option_that_is_none_is_named_in_debug_and_logged_in_production(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = '{% resize_url p.image "9x9" colour="red" %}'
    with override_settings(DEBUG=True), pytest.raises(InvalidSpec, match="'colour' is not"):
        render(source, p=photo())
    with override_settings(DEBUG=False):
        assert render(source, p=photo()) == ""
    assert "'colour' is not an option" in caplog.text


def test_a_key_that_is_none_of_ours_renders_nothing_in_production() -> None:
    with override_settings(DEBUG=False):
        assert render('{% resize_url p.image "9x" %}', p=Photo(image="old/upload.jpg")) == ""


@pytest.mark.django_db
def test_a_page_of_100_resizes_costs_nothing_but_its_rows(
    django_assert_num_queries: Any, media_root: Any
) -> None:
    Photo.objects.bulk_create([photo() for _ in range(100)])
    source = '{% for p in photos %}{% resize_img p.image "400x300" mode="fill" %}{% endfor %}'
    caches = {"default": {"BACKEND": f"{__name__}.NoCache"}}
    with override_settings(CACHES=caches), django_assert_num_queries(1):
        html = render(source, photos=Photo.objects.all())
    assert html.count("<img") == 100
    assert not media_root.exists()  # the storage was asked for nothing

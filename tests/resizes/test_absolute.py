"""Absolute URLs, for e-mail and og:image, come from the settings and never from a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import run_checks
from django.template import Context, Template
from django.template.backends.jinja2 import Jinja2
from django.test import RequestFactory, override_settings

from shift_media.conf import ConfigurationError
from shift_media.core.errors import InvalidSpec
from shift_media.core.metadata import Metadata
from shift_media.storages import LocalMediaStorage
from testproject.gallery.models import Photo

KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"
SITE = "https://www.example.com"


@pytest.fixture
def photo() -> Photo:
    metadata = Metadata(content_type="image/jpeg", size=1, width=4000, height=3000)
    return Photo(image=KEY, image_meta=metadata.to_json(KEY))


@pytest.fixture
def site() -> Iterator[None]:
    with override_settings(SHIFT_MEDIA={"SITE_URL": SITE}):
        yield


def render(source: str, **context: Any) -> str:
    return Template("{% load shift_media %}" + source).render(Context(context))


def test_urls_of_original_and_resize_begin_with_the_site(photo: Photo, site: None) -> None:
    resize = photo.image.resize("1200x630", mode="fill")
    assert photo.image.absolute_url == SITE + photo.image.url
    assert resize.absolute_url == SITE + resize.url


def test_url_of_a_cdn_stays_as_it_is(photo: Photo, tmp_path: Any) -> None:
    photo.image.storage = LocalMediaStorage(tmp_path, public_url="https://cdn.example/m/")
    resize = photo.image.resize("9x")
    assert resize.absolute_url == resize.url
    assert resize.url.startswith("https://cdn.example/m/")


def test_url_without_the_setting_names_it(photo: Photo) -> None:
    for file in (photo.image, photo.image.resize("9x")):
        with pytest.raises(ConfigurationError, match='"SITE_URL"'):
            file.absolute_url  # noqa: B018


def test_tag_renders_the_absolute_url_for_any_host(photo: Photo, site: None) -> None:
    url = photo.image.resize("9x").absolute_url
    request = RequestFactory().get("/", headers={"host": "evil.example"})
    source = '{% resize_url p.image "9x" absolute=a %}'
    assert render(source, p=photo, request=request, a=True) == url
    assert render(source.replace("=a", "=True"), p=photo, request=request) == url
    assert render(source, p=photo, request=request, a=False) == photo.image.resize("9x").url


def test_function_of_jinja2_returns_the_absolute_url(photo: Photo, site: None) -> None:
    options = {"extensions": ["shift_media.jinja2.MediaExtension"]}
    engine = Jinja2({"NAME": "j", "DIRS": [], "APP_DIRS": False, "OPTIONS": options})
    template = engine.from_string('{{ resize_url(p.image, "9x", absolute=True) }}')
    assert template.render({"p": photo}) == photo.image.resize("9x").absolute_url


def test_all_urls_of_an_image_are_absolute(photo: Photo, site: None) -> None:
    html = render('{% resize_img p.image "40x30" absolute=True alt="" %}', p=photo)
    assert html.count(f"{SITE}/media/") == html.count("/media/") == 3
    assert "absolute" not in html


@pytest.mark.parametrize("tag", ["resize_url", "resize_img"])
def test_value_that_is_not_a_bool_is_refused(tag: str, photo: Photo, site: None) -> None:
    with override_settings(DEBUG=True), pytest.raises(InvalidSpec, match="absolute is 'no'"):
        render(f'{{% {tag} p.image "9x" absolute="no" %}}', p=photo)


@pytest.mark.parametrize("tag", ["resize_url", "resize_img"])
def test_missing_setting_is_logged_in_production(
    tag: str, photo: Photo, caplog: pytest.LogCaptureFixture
) -> None:
    assert render(f'{{% {tag} p.image "9x" absolute=True %}}', p=photo) == ""
    assert "SITE_URL" in caplog.text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    ["www.example.com", "https://a.example/", "ftp://a.example", "https://", 7, b"x"],
)
def test_wrong_address_of_the_site_is_e001(wrong: Any) -> None:
    with override_settings(SHIFT_MEDIA={"SITE_URL": wrong}):
        messages = {message.id: str(message.msg) for message in run_checks()}
    assert 'SHIFT_MEDIA["SITE_URL"]' in messages["shift_media.E001"]

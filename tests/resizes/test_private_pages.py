"""Pages with private files: each URL that a tag, field or page shows is signed and works."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.template import Context, Template
from django.test import Client, RequestFactory

from shift_media.forms import MediaFormField
from shift_media.markup.representation import media_json
from shift_media.storages import default_media_storage
from shift_media.transcoding.base import State
from shift_media.transcoding.models import Rendition, TranscodeJob
from tests.parts import package
from tests.resizes.conftest import picture
from tests.testapp.models import Film, Photo

pytestmark = [pytest.mark.acceptance(79), pytest.mark.django_db]

PRIVATE = {"originals": "private", "derived": "private"}
PRESETS = {"PRESETS": {"avatar": {"size": "48x48", "mode": "fill"}}}
URL = re.compile(r"""/media/(?:[0-9]+-\w{32}/)?[0-9a-f]{8}/[^\s"'(),\\<>]+""")
TAGS = {
    "resize_url p.image '400x300'": 1,
    "resize_img p.image '400x300' alt=''": 2,
    "resize_picture p.image widths='160 320' formats='webp' alt=''": 4,
    "resize_preload p.image widths='160 320'": 2,
    "resize_image_set p.image '200x'": 2,
    "resize_video f.video '200x'": 3,
    "media_video f.video": 5,
    "resize_url f.video '100x'": 1,
}
RENDITIONS = {
    "_poster.jpg": ("poster", "image/jpeg"),
    "_web/hls.m3u8": ("hls", "application/vnd.apple.mpegurl"),
    "_web/720p.mp4": ("mp4", "video/mp4"),
    "_web/preview.vtt": ("sprite", "text/vtt"),
    "_web/en.vtt": ("captions", "text/vtt"),
}


@pytest.fixture
def rows(site: Callable[..., Any]) -> tuple[Photo, Film]:
    """Return a photo and a film with renditions in a private storage."""
    storage = site(shift_media=PRESETS, **PRIVATE)
    photo, film = Photo(title="Lake"), Film(title="Film")
    photo.image.save("lake.jpg", ContentFile(picture()))
    film.video = f"{photo.image.key[:36].replace('a', 'b')}/clip.mp4/clip.mp4"
    film.save()
    job = TranscodeJob.objects.create(
        original=str(film.video.key), source="testapp.Film.video", profile="web", state="complete"
    )
    for leaf, (kind, content_type) in RENDITIONS.items():
        key = f"{film.video.key.rpartition('/')[0]}/{leaf}"
        content = picture() if kind == "poster" else leaf.encode()
        storage.put(key, io.BytesIO(content), content_type=content_type)
        facts = {"kind": kind, "content_type": content_type, "width": 640, "height": 480}
        Rendition.objects.create(
            job=job, original=job.original, key=key, state=State.COMPLETE, **facts
        )
    storage.put(str(film.video.key), io.BytesIO(b"movie"), content_type="video/mp4")
    return photo, film


def assert_urls_work(text: str, least: int) -> None:
    """Request each URL in a text, which must be signed, and nothing without its signature."""
    urls = set(URL.findall(html.unescape(text)))
    assert len(urls) >= least, text
    for url in urls:
        assert read(url) == 200, url
        bare = re.sub(r"\?.*|[0-9]+-[0-9a-f]{32}/", "", url)
        assert bare != url
        assert read(bare) == 404


def read(url: str) -> int:
    response: Any = Client().get(url)
    if response.streaming:
        b"".join(response.streaming_content)
    return int(response.status_code)


@pytest.mark.slow
def test_urls_of_tags_work(rows: tuple[Photo, Film]) -> None:
    photo, film = rows
    for tag, least in TAGS.items():
        template = Template("{% load shift_media %}{% " + tag + " %}")
        assert_urls_work(template.render(Context({"p": photo, "f": film})), least)


def test_urls_of_a_file_in_python_and_json_work(rows: tuple[Photo, Film]) -> None:
    photo, film = rows
    image, video = photo.image, film.video
    assert video.poster is not None
    shown = [
        *(image.url, image.download_url, image.resize("avatar").url),
        *(image.srcset([100, 200]), video.poster.url, video.poster.resize("100x").url),
        *(rendition.url for rendition in video.renditions),
        json.dumps([media_json(image, ["avatar", "80x"]), media_json(video, ["80x"])]),
    ]
    assert_urls_work(" ".join(shown), 12)


@pytest.mark.slow
def test_urls_of_forms_and_serializers_work(rows: tuple[Photo, Film]) -> None:
    package("rest_framework", "drf")
    from tests.contrib.test_rest_framework import PhotoSerializer

    photo, _ = rows
    assert_urls_work(MediaFormField().widget.render("image", photo.image), 1)
    request = RequestFactory().get("/")
    shown: Any = PhotoSerializer(photo, context={"request": request}).data
    shown = json.dumps(shown).replace("http://testserver", "")
    assert_urls_work(shown, 2)


@pytest.mark.slow
def test_urls_of_the_admin_work(rows: tuple[Photo, Film], admin_client: Client) -> None:
    photo, film = rows
    for page in (
        "testapp/photo/",
        f"testapp/photo/{photo.pk}/change/",
        f"testapp/film/{film.pk}/change/",
        "shift_media/libraryfile/",
    ):
        assert_urls_work(admin_client.get(f"/admin/{page}").content.decode(), 1)


def test_resizes_that_were_made_ahead_are_answered_without_another(
    rows: tuple[Photo, Film],
) -> None:
    photo, _ = rows
    storage: Any = default_media_storage
    call_command("media_resize", "testapp.Photo", "--preset", "avatar", stdout=io.StringIO())
    storage.calls.clear()
    assert_urls_work(photo.image.resize("avatar").url, 1)
    assert storage.calls["put"] == 0


def test_urls_on_a_page_cost_no_call_and_no_query_for_pictures(
    rows: tuple[Photo, Film], django_assert_num_queries: Any
) -> None:
    photo, _ = rows
    storage: Any = default_media_storage
    storage.calls.clear()
    photo = Photo.objects.get(pk=photo.pk)
    tags = [tag for tag in TAGS if "p.image" in tag]
    source = "".join("{% " + tag + " %}" for tag in tags)
    with django_assert_num_queries(0):
        Template("{% load shift_media %}" + source).render(Context({"p": photo}))
        media_json(photo.image)
    assert not storage.calls

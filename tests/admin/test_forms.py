"""Forms of the admin: crops, focal point, panel, and what users see who may only view."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.template import Context, Template
from django.test import Client, override_settings

from shift_media.testing import make_image
from shift_media.transcoding.base import State
from tests.admin.conftest import Login, new_films
from tests.fields.material import upload
from tests.testapp.models import Film, Pair

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

ADD = "/admin/testapp/pair/add/"
EMPTY = {
    f"{name}-{rest}": ""
    for name in ("left", "right")
    for rest in ("across", "down", "1x1-left", "1x1-top", "1x1-width")
}


def change(pair: Pair) -> str:
    return f"/admin/testapp/pair/{pair.pk}/change/"


def text_of(html: str) -> str:
    return re.sub(r"<[^>]*>", " ", html)


def test_crop_and_focal_point_are_stored_with_a_new_file(admin_client: Client) -> None:
    numbers = {"left-across": "30", "left-down": "70", "left-1x1-left": "0", "left-1x1-top": "0"}
    data = {**EMPTY, **numbers, "left-1x1-width": "50", "left": upload()}
    assert admin_client.post(ADD, data).status_code == 302
    image = Pair.objects.get().left
    assert image.focal == (30, 70)
    assert list(image.crops) == ["1x1"]
    assert "-c0.0." in image.resize("9x9", mode="fill").key


def test_form_shows_the_picture_with_its_boxes_and_facts(admin_client: Client) -> None:
    pair = Pair.objects.create(left=upload(name="Lake & wood.jpg"))
    pair.left.crops = {"1:1": (0, 0, 32, 32)}
    pair.save()
    page = admin_client.get(change(pair)).content.decode()
    assert pair.left.resize("720x720").url in page
    assert 'name="left-1x1-width" value="50"' in page
    assert "Lake &amp; wood.jpg" in page
    assert "image/jpeg" in page
    assert "64 × 48" in page
    assert pair.left.metadata.sha256 in page
    assert page.count("focal-input.js") == 1
    panel = page.partition('class="shift-media-frame"')[2].partition("submit-row")[0]
    assert "style=" not in panel
    assert "<script" not in panel


def test_ratios_are_those_of_the_presets_that_fill_cuts(admin_client: Client) -> None:
    presets = {
        "card": {"size": "400x300", "mode": "fill"},
        "tile": {"size": "80x60", "mode": "fill"},
        "wide": {"size": "1600x"},
        "north": {"size": "90x10", "mode": "fill", "focal": "north"},
    }
    with override_settings(SHIFT_MEDIA={"PRESETS": presets}):
        page = admin_client.get("/admin/testapp/metafirst/add/").content.decode()
    assert 'data-tab="4x3" title="card, tile"' in page
    assert page.count("data-tab") == 2


def test_user_who_may_only_view_sees_the_panel_and_no_inputs(login: Login) -> None:
    pair = Pair.objects.create(left=upload(name="Lake.jpg"))
    page = login("view_pair").get(change(pair)).content.decode()
    assert "Lake.jpg" in page
    assert pair.left.resize("720x480").url in page
    assert 'type="file"' not in page
    assert "shift-media-frame" not in page
    shown = page.partition("field-left")[2].partition("<details")[0]
    assert pair.left.key not in text_of(shown)


def test_user_who_may_only_view_changes_nothing(login: Login) -> None:
    pair = Pair.objects.create(left=upload())
    key = pair.left.key
    response = login("view_pair").post(change(pair), {**EMPTY, "left": upload()})
    assert response.status_code == 403
    assert Pair.objects.get().left.key == key


@pytest.mark.slow
def test_inline_has_the_inputs_and_stores_crops(admin_client: Client) -> None:
    data: dict[str, Any] = {
        "title": "Alps",
        "views-TOTAL_FORMS": 0, "views-INITIAL_FORMS": 0,
        "covers-TOTAL_FORMS": 1, "covers-INITIAL_FORMS": 0,
        "covers-0-file": make_image(), "covers-0-position": 0,
        "covers-0-properties": "{}",
        "covers-0-file-across": "10", "covers-0-file-down": "20",
    }  # fmt: skip
    page = admin_client.get("/admin/testapp/tour/add/").content.decode()
    assert 'name="covers-__prefix__-file-across"' in page
    response = admin_client.post("/admin/testapp/tour/add/", data)
    assert response.status_code == 302, response.context["errors"]
    from tests.testapp.models import Cover

    assert Cover.objects.get().file.focal == (10, 20)


def test_player_and_jobs_stand_below_the_input_of_a_video(admin_client: Client) -> None:
    (film,) = new_films(1, State.PROGRESSING, progress=30)
    url = f"/admin/testapp/film/{film.pk}/change/"
    page = admin_client.get(url).content.decode()
    assert f'data-url="/admin/testapp/film/{film.pk}/media/video/"' in page
    assert '<progress max="100" value="30"' in page
    assert "Cancel" in page
    assert f'<video class="shift-media-player" src="{film.video.url}"' in page
    assert "shift-media-frame" not in page


@override_settings(SHIFT_MEDIA={"HLS_JS": {"src": "vendor/hls.min.js"}})
def test_pages_of_videos_have_the_player_of_the_tag(admin_client: Client) -> None:
    (film,) = new_films(1)
    tag = Template("{% load shift_media %}{% media_player %}").render(Context())
    assert 'data-hls="/static/vendor/hls.min.js"' in tag
    form = f"/admin/testapp/film/{film.pk}/change/"
    library = f"/admin/shift_media/libraryfile/testapp.film.video/{film.pk}/"
    for url, number in {form: 1, library: 1, "/admin/testapp/photo/add/": 0}.items():
        page = admin_client.get(url).content.decode()
        players = re.findall(r"<script [^>]*player\.js[^>]*></script>", page)
        assert [sorted(each) for each in players] == [sorted(tag)] * number, url


def test_clip_without_a_file_has_no_panel(admin_client: Client) -> None:
    film = Film.objects.create(title="none")
    page = admin_client.get(f"/admin/testapp/film/{film.pk}/change/").content.decode()
    assert "shift-media-panel" not in page


def test_missing_original_leaves_the_form_whole(
    admin_client: Client, media: Any, caplog: pytest.LogCaptureFixture
) -> None:
    (film,) = new_films(1)
    assert admin_client.get(f"/admin/testapp/film/{film.pk}/change/").status_code == 200
    assert "could not be read" in caplog.text

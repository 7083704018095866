"""Lists of the admin: thumbnails without keys, filters, and the number of queries."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from shift_media.transcoding.base import State
from tests.admin.conftest import new_films
from tests.fields.material import PDF, picture, upload
from tests.testapp.models import Anything, Film, Pair

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

PAIRS, FILMS = "/admin/testapp/pair/", "/admin/testapp/film/"
ANYTHING = "/admin/testapp/anything/"


def rows_of(client: Client, url: str, **query: str) -> str:
    response = client.get(url, query)
    assert response.status_code == 200, response.status_code
    page = response.content.decode()
    return page.partition('id="result_list"')[2].partition("</table>")[0]


def text_of(html: str) -> str:
    return re.sub(r"<[^>]*>", " ", html)


def test_list_shows_thumbnails_and_no_keys(admin_client: Client) -> None:
    pair = Pair.objects.create(left=upload(name="Lake.jpg"), right=upload())
    rows = rows_of(admin_client, PAIRS)
    assert rows.count("<img") == 2
    assert pair.left.resize("80x60", mode="fill").url in rows
    assert pair.left.resize("160x120", mode="fill").url in rows
    assert 'alt="Lake.jpg"' in rows
    assert pair.left.key not in text_of(rows)
    assert f'href="{PAIRS}{pair.pk}/change/"' in rows


def test_list_without_columns_of_its_own_begins_with_thumbnails(admin_client: Client) -> None:
    pair = Pair.objects.create(left=upload())
    rows = rows_of(admin_client, PAIRS)
    assert rows.index("column-left_thumbnail") < rows.index("column-__str__")
    assert rows.count(f'href="{PAIRS}{pair.pk}/change/') == 2


@pytest.mark.slow
def test_file_without_a_picture_is_shown_by_its_type(admin_client: Client) -> None:
    Anything.objects.create(file=upload(PDF, "paper.pdf", "application/pdf"))
    rows = rows_of(admin_client, ANYTHING)
    assert 'title="paper.pdf"' in rows
    assert ">PDF<" in rows or "<img" in rows


def test_video_shows_its_poster_or_the_state_of_its_job(admin_client: Client) -> None:
    (done,) = new_films(1)
    new_films(1, State.PROGRESSING, progress=42)
    new_films(1, State.ERROR)
    rows = rows_of(admin_client, FILMS)
    assert done.video.resize("80x60", mode="fill").url in rows
    assert rows.count("<img") == 1
    assert "progressing 42 %" in rows
    assert 'data-state="error"' in rows


def count_queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        rows_of(client, url)
    return len(captured)


@pytest.mark.slow
def test_list_of_100_rows_asks_as_many_queries_as_one_of_10(admin_client: Client) -> None:
    url = f"{FILMS}?all=1"
    new_films(5)
    new_films(5, State.PENDING)
    rows_of(admin_client, url)  # Content types and permissions are cached by now.
    few = count_queries(admin_client, url)
    new_films(45)
    new_films(45, State.PENDING)
    assert count_queries(admin_client, url) == few
    assert few <= 10


@pytest.mark.slow
def test_list_is_filtered_by_type_size_state_and_file(admin_client: Client) -> None:
    Pair.objects.create(left=upload())
    Pair.objects.create(left=upload(picture("PNG"), "a.png"), right=upload())
    assert rows_of(admin_client, PAIRS, left_type="png").count("<tr>") == 2
    assert rows_of(admin_client, PAIRS, right_type="none").count("<tr>") == 2
    assert rows_of(admin_client, PAIRS, left_size="small").count("<tr>") == 3
    assert rows_of(admin_client, PAIRS, left_size="huge").count("<tr>") == 0
    new_films(2)
    new_films(1, State.PENDING)
    new_films(1, State.ERROR)
    Film.objects.create(title="empty")
    counts = {"live": 1, "complete": 2, "error": 1, "canceled": 0, "none": 1}
    for state, number in counts.items():
        rows = rows_of(admin_client, FILMS, video_state=state)
        assert rows.count('class="action-checkbox"') == number, state
    assert rows_of(admin_client, FILMS, video_type="video").count("action-select") == 4


def test_filters_name_their_field_where_there_are_several(admin_client: Client) -> None:
    page = admin_client.get(PAIRS).content.decode()
    assert "left: type" in page
    assert "right: size" in page
    assert "?left_type=avif" in page


def test_site_may_do_without_filters_and_actions(admin_client: Client) -> None:
    own = type(admin.site._registry[Pair])(Pair, admin.site)
    own.media_filters = False
    assert own.get_list_filter(admin_client.get(PAIRS).wsgi_request) == []

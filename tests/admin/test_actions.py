"""Actions: confirmed, done in parts, limited by permissions."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client, override_settings
from PIL import Image

from shift_media.admin import actions, batches
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from tests.admin.conftest import Login, new_films
from tests.fields.material import picture, upload
from tests.testapp.models import Pair

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

PAIRS, FILMS = "/admin/testapp/pair/", "/admin/testapp/film/"
PRESETS = {"card": {"size": "40x30", "mode": "fill"}, "wide": {"size": "60x"}}


def post(client: Client, url: str, action: str, rows: list[Any], **more: Any) -> Any:
    data = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    return client.post(url, data, follow=True)


def with_gps() -> bytes:
    exif = Image.Exif()
    exif[0x0110] = "Camera of Ada"
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)}
    return picture(exif=exif.tobytes())


@pytest.mark.slow
def test_action_is_confirmed_before_anything_is_done(admin_client: Client, stored: Any) -> None:
    pair = Pair.objects.create(left=upload())
    before = stored()
    with override_settings(SHIFT_MEDIA={"PRESETS": PRESETS}):
        page = post(admin_client, PAIRS, "make_resizes", [pair]).content.decode()
    assert "1 pair is selected." in page
    assert 'name="preset" value="card" checked' in page
    assert 'name="confirmed" value="yes"' in page
    assert stored() == before


def test_resizes_of_the_chosen_presets_are_made(admin_client: Client, stored: Any) -> None:
    pair = Pair.objects.create(left=upload())
    with override_settings(SHIFT_MEDIA={"PRESETS": PRESETS}):
        more = {"confirmed": "yes", "preset": "card"}
        page = post(admin_client, PAIRS, "make_resizes", [pair], **more).content.decode()
        assert "Resizes made: 1" in page
        assert pair.left.resize("card").key in stored()
        assert pair.left.resize("wide").key not in stored()
        again = post(admin_client, PAIRS, "make_resizes", [pair], **more).content.decode()
    assert "Stored before: 1" in again
    assert not LogEntry.objects.exists()


def test_action_is_shown_only_where_there_is_something_to_do(admin_client: Client) -> None:
    Pair.objects.create(left=upload())
    new_films(1)
    pairs, films = (admin_client.get(url).content.decode() for url in (PAIRS, FILMS))
    assert "make_resizes" not in pairs
    assert "strip_metadata" in pairs
    assert "transcode_again" not in pairs
    assert "transcode_again" in films
    assert "strip_metadata" not in films


@pytest.mark.slow
def test_metadata_is_removed_and_framing_and_name_stay(admin_client: Client, stored: Any) -> None:
    pair = Pair.objects.create(left=upload(with_gps(), "Lake.jpg"))
    pair.left.focal, pair.left.crops = (30, 70), {"1:1": (0, 0, 32, 32)}
    pair.save()
    key, pixels = pair.left.key, Image.open(io.BytesIO(with_gps())).tobytes()
    page = post(admin_client, PAIRS, "strip_metadata", [pair], confirmed="yes").content.decode()
    assert "Files replaced: 1" in page
    pair.refresh_from_db()
    assert pair.left.key != key
    with pair.left.open() as file:
        after = Image.open(file)
        assert not after.getexif()
        assert after.tobytes() == pixels
    assert pair.left.metadata.original_name == "Lake.jpg"
    assert (pair.left.focal, dict(pair.left.crops)) == ((30, 70), {"1x1": (0, 0, 32, 32)})
    assert LogEntry.objects.get().get_change_message() == "Removed the metadata of the file."
    again = post(admin_client, PAIRS, "strip_metadata", [pair], confirmed="yes").content.decode()
    assert "Without metadata before: 1" in again
    assert Pair.objects.get().left.key == pair.left.key


def test_videos_are_transcoded_again_unless_they_are_under_way(admin_client: Client) -> None:
    films = [*new_films(2), *new_films(1, State.PENDING)]
    said = post(admin_client, FILMS, "transcode_again", films, confirmed="yes").content.decode()
    assert "Jobs submitted: 2" in said
    assert "Under way already: 1" in said
    assert TranscodeJob.objects.filter(state=State.PENDING).count() == 3


def test_missing_original_is_named_and_the_others_are_done(
    admin_client: Client, media: Any
) -> None:
    broken, whole = (Pair.objects.create(left=upload(name=f"{n}.jpg")) for n in ("lost", "there"))
    media.delete(broken.left.key)
    with override_settings(SHIFT_MEDIA={"PRESETS": PRESETS}):
        more = {"confirmed": "yes", "preset": ["card", "wide"]}
        page = post(admin_client, PAIRS, "make_resizes", [broken, whole], **more).content.decode()
    assert "Resizes made: 2" in page
    assert "Lost.jpg: " in page


def test_action_in_parts_continues_where_the_last_part_ended(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "PART_SECONDS", -1)
    films, after, counts = new_films(3), "", []
    while after is not None:
        more = {"confirmed": "yes", "after": after}
        part = post(admin_client, FILMS, "transcode_again", films, **more).json()
        after = part["after"]
        counts.append((part["counts"], part["left"]))
    assert counts == [({"done": 1}, 2), ({"done": 1}, 1), ({"done": 1}, 0)]
    wrong = post(admin_client, FILMS, "transcode_again", films, confirmed="yes", after="x")
    assert wrong.status_code == 400


def test_request_without_the_script_says_what_is_left(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(actions, "SECONDS", -1)
    page = post(
        admin_client, FILMS, "transcode_again", new_films(3), confirmed="yes"
    ).content.decode()
    assert "2 rows are left: run the action again." in page


def test_user_who_may_only_view_has_no_actions(login: Login) -> None:
    films = new_films(1)
    client = login("view_film")
    assert "transcode_again" not in client.get(FILMS).content.decode()
    post(client, FILMS, "transcode_again", films, confirmed="yes")
    assert not TranscodeJob.objects.filter(state=State.PENDING).exists()


def test_get_of_a_confirmation_does_nothing(admin_client: Client) -> None:
    (film,) = new_films(1)
    query = {"action": "transcode_again", "_selected_action": film.pk, "confirmed": "yes"}
    admin_client.get(FILMS, query)
    assert not TranscodeJob.objects.filter(state=State.PENDING).exists()


def test_file_that_is_replaced_meanwhile_is_not_overwritten(
    admin_client: Client, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = Pair.objects.create(left=upload(with_gps(), "old.jpg"))
    strip = batches.validators.strip_metadata

    def strip_slowly(*arguments: Any) -> Any:
        other = Pair.objects.get()
        other.left = upload(picture("PNG"), "new.png", "image/png")
        other.save()
        return strip(*arguments)

    monkeypatch.setattr(batches.validators, "strip_metadata", strip_slowly)
    page = post(admin_client, PAIRS, "strip_metadata", [pair], confirmed="yes").content.decode()
    assert "The file was replaced meanwhile, so nothing was changed." in page
    assert "Failed: 1" in page
    key = Pair.objects.get().left.key
    assert key.endswith("new.png")
    assert not [name for name in stored() if name not in (key, pair.left.key)]

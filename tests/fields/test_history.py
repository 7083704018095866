"""Earlier versions of a row, which history packages restore, and the files that these need.

django-simple-history makes an instance of the values of an earlier version, and its user saves it.
django-reversion restores a row in the way in which a fixture is loaded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from django.apps import AppConfig, apps
from django.core import serializers
from django.test import override_settings

from shift_media.conf import ConfigurationError
from shift_media.core.errors import NotStored
from shift_media.deletion.checks import check_history
from shift_media.deletion.models import PendingDeletion
from shift_media.deletion.references import is_referenced, referenced_keys
from tests.deletion.test_deletions import run_all
from tests.fields.material import picture, upload
from tests.testapp.models import Album, Photo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

Stored = Callable[[], list[str]]
HISTORY = override_settings(SHIFT_MEDIA={"HISTORY": {"testapp.Album.title": "contains"}})


def version(photo: Photo) -> Photo:
    """Return a version of a row as django-simple-history's ``history.instance`` makes it."""
    values = {f.attname: getattr(photo, f.attname) for f in Photo._meta.concrete_fields}
    return Photo(**{**values, "image": photo.image.name})


@pytest.fixture
def replaced() -> tuple[Photo, str]:
    """Return the earlier version of a row whose file was replaced, and the present key."""
    photo = Photo.objects.create(image=upload())
    earlier = version(photo)
    photo.image = upload(picture("PNG"))
    photo.save()
    return earlier, photo.image.name


@pytest.mark.parametrize("is_deleted_twice", [False, True])
def test_restored_version_of_a_row_without_its_file_is_refused(
    replaced: tuple[Photo, str], is_deleted_twice: bool, stored: Stored
) -> None:
    earlier, key = replaced
    if is_deleted_twice:
        run_all()
    with pytest.raises(NotStored, match="earlier version of it was restored"):
        earlier.save()
    assert Photo.objects.get().image.name == key
    assert stored() == [key]


def test_restored_row_without_its_file_is_refused(stored: Stored) -> None:
    photo = Photo.objects.create(image=upload())
    earlier = version(photo)
    photo.delete()
    run_all()
    with pytest.raises(NotStored, match="earlier version"):
        earlier.save()
    assert not Photo.objects.exists()


def test_restored_version_with_its_file_is_saved(stored: Stored) -> None:
    photo = Photo.objects.create(image=upload())
    earlier = version(photo)
    photo.title = "other"
    photo.save()
    earlier.save()
    assert stored() == [Photo.objects.get().image.name]


def test_row_that_reversion_restores_without_its_file_is_logged(
    replaced: tuple[Photo, str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed = AppConfig("reversion", apps.get_app_config("testapp").module)
    monkeypatch.setitem(apps.app_configs, "reversion", installed)
    earlier, _ = replaced
    earlier_key = earlier.image.name
    text = serializers.serialize("json", [earlier])
    with caplog.at_level(logging.WARNING, "shift_media"):
        for restored in serializers.deserialize("json", text):
            restored.save()
    assert f"image = {earlier_key}, which is not stored any more" in caplog.text


@HISTORY
@pytest.mark.sqlite("The text is longer than its column.")
@pytest.mark.parametrize("way", ["replaced", "deleted"])
def test_file_that_a_history_row_has_stays_until_that_row_goes(way: str, stored: Stored) -> None:
    photo = Photo.objects.create(image=upload())
    key = photo.image.name
    Album.objects.create(title=f'["{key}"]')
    if way == "replaced":
        photo.image = upload(picture("PNG"))
        photo.save()
    else:
        photo.delete()
    run_all()
    assert key in stored()
    assert is_referenced(key, "default")
    assert not PendingDeletion.objects.exists()
    Album.objects.all().delete()
    assert not is_referenced(key, "default")


@pytest.mark.slow
@pytest.mark.parametrize("lookup", ["exact", "contains"])
def test_keys_of_a_history_are_found_among_many(lookup: str) -> None:
    keys = [f"k{number:03}/" for number in range(120)]
    Album.objects.bulk_create(Album(title=key) for key in keys[::2])
    with override_settings(SHIFT_MEDIA={"HISTORY": {"testapp.Album.title": lookup}}):
        assert referenced_keys(keys) == set(keys[::2])
    assert referenced_keys(keys) == set()


@override_settings(SHIFT_MEDIA={"HISTORY": {"testapp.Album.gone": "exact"}})
def test_wrong_name_of_a_history_keeps_all_files(stored: Stored) -> None:
    photo = Photo.objects.create(image=upload())
    photo.delete()
    assert len(stored()) == 1
    assert "testapp.Album.gone" in PendingDeletion.objects.get().last_error
    with pytest.raises(ConfigurationError, match="HISTORY"):
        is_referenced("a", "default")


def test_wrong_name_of_a_history_is_an_error_of_the_check() -> None:
    for wrong in ("testapp.Album.gone", "gone.Album.title"):
        with override_settings(SHIFT_MEDIA={"HISTORY": {wrong: "exact"}}):
            (message,) = check_history(None)
            assert message.id == "shift_media.E013"
            assert wrong in message.msg
    with HISTORY:
        assert check_history(None) == []

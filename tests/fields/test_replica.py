"""Rows that were read from a replica: they are saved, replaced and deleted on the primary."""

from __future__ import annotations

import pytest
from django.db import OperationalError

from shift_media.storages import default_media_storage
from tests.fields.material import upload
from tests.servers.replica import Replicate, replicate
from tests.testapp.models import Photo

__all__ = ["replicate"]

pytestmark = [pytest.mark.acceptance(65), pytest.mark.usefixtures("media_root")]


def stored() -> list[str]:
    return [entry.key for entry in default_media_storage.entries()]  # type: ignore[attr-defined]


def test_replica_of_the_tests_lags_and_refuses_writes(replicate: Replicate) -> None:
    Photo.objects.create(image=upload())
    assert not Photo.objects.exists()
    replicate()
    assert Photo.objects.get()._state.db == "replica"
    with pytest.raises(OperationalError, match="readonly"):
        Photo(image="").save(using="replica")


def test_stale_save_of_a_row_from_a_replica_keeps_the_newer_file(replicate: Replicate) -> None:
    Photo.objects.create(image=upload())
    replicate()
    stale, other = Photo.objects.get(), Photo.objects.get()
    other.image = upload()
    other.save()
    stale.title = "new"
    stale.save()
    row = Photo.objects.using("default").get()
    assert (row.image.name, row.title) == (other.image.name, "new")

"""Rows that were read from a replica: they are saved, replaced and deleted on the primary."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone

from shift_media.core.errors import NotStored
from shift_media.deletion.models import PendingDeletion
from shift_media.deletion.service import run_due
from shift_media.storages import default_media_storage
from tests.fields.material import upload
from tests.servers.replica import Replicate, replicate
from tests.testapp.models import Photo

__all__ = ["replicate"]


def past() -> datetime:
    return timezone.now() - timedelta(hours=1)


pytestmark = [
    pytest.mark.sqlite("The replica is a copied file."),
    pytest.mark.acceptance(65),
    pytest.mark.usefixtures("media_root"),
]


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


def run_later() -> None:
    """Run the deletions that wait for the replica."""
    PendingDeletion.objects.using("default").update(created=past(), not_before=past())
    run_due()


def test_replacing_a_file_of_a_row_from_a_replica_deletes_the_old_one(
    replicate: Replicate,
) -> None:
    Photo.objects.create(image=upload())
    replicate()
    photo = Photo.objects.get()
    photo.image = upload()
    photo.save()
    replicate()
    run_later()
    assert stored() == [photo.image.name]


@pytest.mark.parametrize("defer", [False, True])
def test_deleting_a_row_from_a_replica_deletes_its_file(replicate: Replicate, defer: bool) -> None:
    Photo.objects.create(image=upload())
    replicate()
    (Photo.objects.only("title") if defer else Photo.objects).get().delete()
    replicate()
    run_later()
    assert stored() == []


@pytest.mark.slow
def test_deleting_a_row_with_a_deferred_key_deletes_the_newest_file(replicate: Replicate) -> None:
    Photo.objects.create(image=upload())
    replicate()
    other = Photo.objects.get()
    other.image = upload()
    other.save()
    Photo.objects.only("title").get().delete()
    replicate()
    run_later()
    assert stored() == []


def test_deleting_the_file_of_a_row_from_a_replica_schedules_it_on_the_primary(
    replicate: Replicate,
) -> None:
    Photo.objects.create(image=upload())
    replicate()
    Photo.objects.get().image.delete()
    assert PendingDeletion.objects.using("default").exists()


def test_deletion_waits_for_a_replica_that_still_has_the_row(replicate: Replicate) -> None:
    key = Photo.objects.create(image=upload()).image.name
    replicate()
    Photo.objects.get().delete()
    run_due()
    pending = PendingDeletion.objects.using("default").get()
    assert (pending.stage, pending.attempts) == (PendingDeletion.Stage.FIRST, 0)
    assert pending.not_before > timezone.now()
    assert stored() == [key]
    run_later()  # The replica lags for longer: the sweep of media_cleanup removes the file.
    assert not PendingDeletion.objects.using("default").exists()
    assert stored() == [key]


def test_row_is_not_saved_with_a_file_that_only_a_replica_still_has(replicate: Replicate) -> None:
    photo = Photo.objects.create(image=upload())
    replicate()
    photo.delete()
    PendingDeletion.objects.using("default").update(attempts=1)  # It is being deleted.
    copy = Photo.objects.get()
    copy.pk, copy._state.adding = None, True
    with pytest.raises(NotStored):
        copy.save()


@pytest.mark.slow
def test_cleanup_runs_on_the_primary_while_the_replica_lags(
    replicate: Replicate, capsys: pytest.CaptureFixture[str]
) -> None:
    Photo.objects.create(image=upload())
    photo = Photo.objects.create(image=upload())
    replicate()
    photo.delete()
    PendingDeletion.objects.using("default").update(not_before=past())
    replicate()
    PendingDeletion.objects.using("default").update(created=past())
    call_command("media_cleanup")
    assert len(stored()) == 1
    out = capsys.readouterr().out
    assert "1 of 1 ran" in out
    assert 'Database "replica", pending deletions: skipped' in out

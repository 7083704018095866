"""``media_cleanup`` removes exactly the unreferenced objects, even during uploads."""

from __future__ import annotations

import io
import itertools
import os
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from shift_media.core.keys import new_original_key, parse_original_key
from shift_media.deletion import sweep
from shift_media.deletion.models import PendingDeletion
from shift_media.deletion.references import referenced_keys
from shift_media.deletion.sweep import Sweep
from shift_media.storages import default_media_storage
from testproject.gallery.models import Photo
from tests.resizes.conftest import picture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media_root")]

OLD = time.time() - 48 * 3600


def storage() -> Any:
    return default_media_storage


def upload(name: str = "photo.jpg") -> Photo:
    photo = Photo()
    photo.image.save(name, ContentFile(picture()))
    return photo


def age(root: Path) -> None:
    """Set the time of every file to two days ago."""
    for path in root.rglob("*"):
        if path.is_file():
            os.utime(path, (OLD, OLD))


def orphan() -> str:
    """Store an original whose row is never committed."""
    key = str(new_original_key("orphan", "jpg"))
    storage().put(key, io.BytesIO(picture()), content_type="image/jpeg")
    return key


def run(*options: str) -> str:
    out = io.StringIO()
    call_command("media_cleanup", *options, stdout=out)
    return out.getvalue()


@pytest.mark.slow
@pytest.mark.acceptance(40)
def test_old_orphans_are_removed_with_their_derived_files(media_root: Path) -> None:
    photo, key = upload(), orphan()
    photo.image.resize("40x30").ensure()
    resize = parse_original_key(key).prefix + "40x30-fit-80-noupscale-" + "0" * 32 + ".jpg"
    storage().put(resize, io.BytesIO(b"made of it"), content_type="image/jpeg")
    age(media_root)
    output = run()
    assert "Orphaned originals and their derived files: 2 (" in output
    assert {entry.key for entry in storage().entries()} == {
        photo.image.name,
        photo.image.resize("40x30").key,
    }


@pytest.mark.slow
@pytest.mark.acceptance(40)
def test_orphan_younger_than_the_grace_time_stays(media_root: Path) -> None:
    upload()
    old, young = orphan(), orphan()
    age(media_root)
    os.utime(media_root / young)
    assert "younger than the grace time: 1 (" in run()
    assert storage().exists(young)
    assert not storage().exists(old)
    assert storage().exists(orphan())
    with pytest.raises(CommandError, match="files of running uploads would be removed"):
        run("--grace", "0")


@pytest.mark.slow
def test_dry_run_counts_and_changes_nothing(media_root: Path) -> None:
    key = orphan()
    age(media_root)
    assert "1 (1" in run("--dry-run") or "would be removed" in run("--dry-run")
    assert storage().exists(key)


@pytest.mark.slow
def test_resizes_of_retired_signatures_are_removed(media_root: Path) -> None:
    photo = upload()
    with override_settings(SHIFT_MEDIA={"SIGNING_KEYS": ["retired"]}):
        retired = photo.image.resize("40x30")
        retired.ensure()
    kept = photo.image.resize("40x30")
    kept.ensure()
    assert retired.key != kept.key
    assert "Resizes of retired signatures: 1 (" in run()
    assert not storage().exists(retired.key)
    assert storage().exists(kept.key)
    assert storage().exists(photo.image.name)


@pytest.mark.slow
@pytest.mark.acceptance(48)
def test_resign_copies_resizes_to_their_new_names() -> None:
    photo = upload()
    with override_settings(SHIFT_MEDIA={"SIGNING_KEYS": ["old"]}):
        old = photo.image.resize("40x30").key
        photo.image.resize("40x30").ensure()
    with override_settings(SHIFT_MEDIA={"SIGNING_KEYS": ["new", "old"]}):
        new = photo.image.resize("40x30").key
        assert "1 (" in run("--resign", "--dry-run").split("older signatures: ")[1]
        assert not storage().exists(new)
        run("--resign")
        assert storage().exists(new)
        assert storage().exists(old)
        assert "older signatures: 0 (" in run("--resign")
    with override_settings(SHIFT_MEDIA={"SIGNING_KEYS": ["new"]}):
        run()
        assert storage().exists(new)
        assert not storage().exists(old)


@pytest.mark.slow
def test_objects_under_other_keys_are_left_alone(media_root: Path) -> None:
    foreign = media_root / "ab" / "foreign.txt"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("keep me")
    age(media_root)
    assert "Keys that are not of shift_media: 1 (7 bytes) left alone" in run()
    assert foreign.exists()


@pytest.mark.slow
@pytest.mark.acceptance(42)
def test_failed_deletions_are_run_again() -> None:
    photo = upload()
    key = photo.image.name
    PendingDeletion.objects.create(
        storage="media",
        source="gallery.Photo.image",
        prefix=parse_original_key(str(key)).prefix,
        attempts=3,
        not_before=timezone.now() - timedelta(minutes=1),
    )
    Photo.objects.filter(pk=photo.pk).update(image="")
    assert "1 would run" in run("--dry-run")
    assert "Pending deletions: 1 of 1 ran" in run()
    assert not storage().exists(key)


@pytest.mark.slow
def test_temporary_files_of_killed_uploads_are_removed(media_root: Path) -> None:
    upload()
    left = media_root / ".tmp" / "left"
    left.write_bytes(b"half")
    age(media_root)
    assert "Temporary files of killed uploads: 1 removed" in run()
    assert not left.exists()


@pytest.mark.acceptance(40)
def test_original_of_a_row_committed_during_the_sweep_stays(
    media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row is committed after the look-up of its shard and before the deletion."""
    key = orphan()
    age(media_root)
    looked_up = referenced_keys

    def then_commit(keys: Any) -> set[str]:
        found = looked_up(keys)
        if key in keys:
            Photo.objects.create(image=key)
        return found

    monkeypatch.setattr(sweep, "referenced_keys", then_commit)
    Sweep(storage(), timezone.now()).run()
    assert storage().exists(key)


@pytest.mark.slow
@pytest.mark.acceptance(40)
@pytest.mark.django_db(transaction=True)
def test_uploads_during_a_sweep_are_all_kept() -> None:
    done, photos = threading.Event(), []

    def keep_uploading() -> None:
        try:
            while not done.is_set():
                photos.append(upload())
        finally:
            connection.close()

    uploads = threading.Thread(target=keep_uploading)
    uploads.start()
    try:
        for swept in itertools.count(1):
            run("--grace", "1")
            if swept >= 3 and (len(photos) > 1 or not uploads.is_alive()):
                break
    finally:
        done.set()
        uploads.join()
    assert len(photos) > 1
    assert all(storage().exists(photo.image.name) for photo in photos)


def test_unknown_or_wrong_storage_is_refused() -> None:
    with pytest.raises(CommandError, match="nowhere"):
        run("--storage", "nowhere")
    with pytest.raises(CommandError, match="not a media storage"):
        run("--storage", "staticfiles")

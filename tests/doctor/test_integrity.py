"""``media_doctor --verify``: originals that differ from their upload are reported."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shift_media.doctor import integrity
from shift_media.doctor.integrity import IntegrityCheck, IntegrityState
from shift_media.staging import PendingUpload
from shift_media.storages import default_media_storage
from tests.doctor.broken import InterruptingStorage
from tests.doctor.conftest import Doctor, media_storage
from tests.resizes.conftest import picture
from tests.servers.fixtures import S3Server, client_of, new_bucket, storage_options
from tests.testapp.models import Bare, Photo

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """Yield the folder of a local media storage."""
    options = {"location": tmp_path / "media", "base_url": "/media/"}
    with media_storage("LocalMediaStorage", options):
        yield tmp_path / "media"


def upload(number: int = 1) -> list[Photo]:
    made = []
    for _ in range(number):
        photo = Photo()
        photo.image.save("photo.jpg", ContentFile(picture()))
        made.append(photo)
    return made


def seen_by_code(found: list[dict[str, str]]) -> dict[str, str]:
    return {one["code"]: one["seen"] for one in found}


@pytest.mark.slow
@pytest.mark.acceptance(47)
def test_verify_reports_altered_and_missing_files(root: Path, doctor: Doctor) -> None:
    good, altered, missing = upload(3)
    path = root / altered.image.key
    content = bytearray(path.read_bytes())
    content[-3] ^= 1  # one bit, and the size stays
    path.write_bytes(content)
    (root / missing.image.key).unlink()
    found = seen_by_code(doctor.findings("--verify"))
    assert doctor.code == 1
    assert f"row {altered.pk}: {altered.image.key}: Its SHA-256 is" in found["object-altered"]
    assert f"row {missing.pk}: {missing.image.key}" in found["object-missing"]
    assert found["verified"].startswith("1 of 3 originals are what was uploaded")
    assert good.image.key not in str(found)


@pytest.mark.acceptance(47)
@pytest.mark.s3
def test_verify_reports_altered_objects_in_bucket(seaweedfs: S3Server, doctor: Doctor) -> None:
    bucket, client = new_bucket(seaweedfs), client_of(seaweedfs)
    with media_storage("S3MediaStorage", storage_options(seaweedfs, bucket)):
        kept, replaced, _ = upload(3)
        for photo, metadata in ((kept, photo_metadata(client, bucket, kept)), (replaced, {})):
            key = photo.image.key
            client.put_object(Bucket=bucket, Key=key, Body=picture(size=(9, 9)), Metadata=metadata)
        found = doctor.findings("--verify")
    altered = [one["seen"] for one in found if one["code"] == "object-altered"]
    assert len(altered) == 2
    assert all(any(photo.image.key in seen for seen in altered) for photo in (kept, replaced))
    assert seen_by_code(found)["verified"].startswith("1 of 3")


def photo_metadata(client: Any, bucket: str, photo: Photo) -> dict[str, str]:
    found: dict[str, str] = client.head_object(Bucket=bucket, Key=photo.image.key)["Metadata"]
    return found


@pytest.mark.slow
def test_verify_reports_unreadable_file_apart_from_missing(root: Path, doctor: Doctor) -> None:
    (photo,) = upload()
    path = root / photo.image.key
    path.unlink()
    path.parent.rmdir()
    path.parent.parent.rmdir()
    path.parent.parent.symlink_to(root.parent)  # leads out of the storage
    assert doctor.codes("--verify") == {"object-unreadable"}


@pytest.mark.slow
def test_verify_without_stored_sha256_says_so(root: Path, doctor: Doctor) -> None:
    row = Bare()
    row.image.save("photo.jpg", ContentFile(picture()))
    found = seen_by_code(doctor.findings("--verify"))
    assert "of 1 no SHA-256 is known" in found["verified"]
    assert doctor.code == 0


@pytest.mark.slow
def test_verify_without_rows_is_skipped(root: Path, doctor: Doctor) -> None:
    assert doctor.codes("--verify", severity="skipped") == {"verified"}


@pytest.mark.slow
def test_verify_with_limit_names_where_next_sample_begins(root: Path, doctor: Doctor) -> None:
    keys = {photo.image.key for photo in upload(5)}
    seen: set[str] = set()
    after: list[str] = []
    for expected in (2, 2, 1):
        text = doctor.run("--verify", "--limit", "2", *after)
        assert f"{expected} of {expected} original" in " ".join(text.split())
        lines = [line for line in text.splitlines() if line.startswith("The next ones: ")]
        after = lines[0].removeprefix("The next ones: --verify ").split() if lines else []
        seen |= {after[-1].partition(":")[2]} if after else set()
    assert seen <= keys
    assert doctor.codes("--verify", *after, severity="skipped") == {"verified"}


def test_closed_integrity_check_can_be_resumed(root: Path) -> None:
    upload(3)
    check = IntegrityCheck(default_media_storage)  # type: ignore[arg-type]
    running = check.run()
    next(running)
    running.close()
    field, _, key = check.position.partition(":")
    rest = IntegrityCheck(default_media_storage, after=f"{field}:{key}")  # type: ignore[arg-type]
    assert rest.count() == 2
    assert [tally.done for tally in rest.run()] == [1, 2]


@pytest.mark.slow
def test_interrupted_verify_prints_after_option(
    tmp_path: Path, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"location": tmp_path / "media", "base_url": "/media/"}
    with media_storage("tests.doctor.broken.InterruptingStorage", options):
        keys = sorted(photo.image.key for photo in upload(3))
        monkeypatch.setattr(InterruptingStorage, "last", keys[-1])
        doctor.run("--verify")
        assert doctor.code == 130
        place = re.search(r"To go on: --verify --after (\S+)", doctor.errors)
        monkeypatch.setattr(InterruptingStorage, "last", "")
        again = doctor.run("--verify", *(["--after", place[1]] if place else []))
    left = 3 - (keys.index(place[1].partition(":")[2]) + 1 if place else 0)
    assert f"{left} of {left} originals are what was uploaded" in " ".join(again.split())


def test_row_deleted_during_verify_is_not_reported_missing(root: Path) -> None:
    reported: list[Any] = []
    first, second = sorted(upload(2), key=lambda photo: photo.image.key)
    (root / second.image.key).unlink()
    running = IntegrityCheck(
        default_media_storage,  # type: ignore[arg-type]
        on_finding=lambda *args: reported.append(args),
    ).run()
    next(running)
    second.delete()
    assert next(running).by_state[IntegrityState.MISSING] == 0
    assert reported == []
    assert first.image.storage.exists(first.image.key)


def test_file_that_a_task_is_to_store_is_not_reported_missing(root: Path) -> None:
    missing, pending = upload(2)
    for photo in (missing, pending):
        (root / photo.image.key).unlink()
    PendingUpload.objects.create(source="", key=pending.image.key, staged="", size=1)
    check = IntegrityCheck(default_media_storage)  # type: ignore[arg-type]
    assert list(check.run())
    states = check.counts.by_state
    assert (states[IntegrityState.MISSING], states[IntegrityState.UNKNOWN]) == (1, 1)


def test_verify_reads_rows_in_pages(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrity, "_PAGE", 2)
    upload(5)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        *_, last = IntegrityCheck(default_media_storage).run()  # type: ignore[arg-type]
    assert last.by_state[IntegrityState.SAME] == 5
    selects = [query["sql"] for query in queries if "testapp_photo" in query["sql"]]
    assert len(selects) == 4  # three with rows, and one that finds none
    assert json.dumps(selects).count("LIMIT 2") == 4


@pytest.mark.slow
@pytest.mark.acceptance(47)
def test_verify_reports_missing_files_of_rows_without_metadata(root: Path, doctor: Doctor) -> None:
    good, gone = (Bare(), Bare())
    for bare in (good, gone):
        bare.image.save("photo.jpg", ContentFile(picture()))
    (moved,) = upload()
    Photo.objects.update(image_meta={"key": "of another file"})
    for row in (gone, moved):
        (root / row.image.key).unlink()
    found = doctor.findings("--verify")
    missing = [one["seen"] for one in found if one["code"] == "object-missing"]
    for row in (gone, moved):
        assert any(f"row {row.pk}: {row.image.key}" in seen for seen in missing)
    assert len(missing) == 2
    assert "0 of 3 originals are what was uploaded" in seen_by_code(found)["verified"]
    assert "of 1 no SHA-256 is known" in seen_by_code(found)["verified"]
    assert doctor.code == 1


@pytest.mark.s3
def test_verify_reports_missing_objects_of_rows_without_metadata(
    seaweedfs: S3Server, doctor: Doctor
) -> None:
    bucket = new_bucket(seaweedfs)
    with media_storage("S3MediaStorage", storage_options(seaweedfs, bucket)):
        bare = Bare()
        bare.image.save("photo.jpg", ContentFile(picture()))
        client_of(seaweedfs).delete_object(Bucket=bucket, Key=bare.image.key)
        assert doctor.codes("--verify") == {"object-missing"}

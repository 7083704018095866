"""Large direct uploads that a task checks and stores, after the row was written."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from botocore.config import Config
from django.core.management import call_command
from django.db import transaction
from django.http import HttpRequest
from django.test import Client, override_settings
from django.utils import timezone

from shift_media.deletion.holding import held_keys
from shift_media.deletion.sweep import Sweep
from shift_media.direct import StagedFile, staged_bytes
from shift_media.fields import pending, pending_run
from shift_media.markup.representation import media_json
from shift_media.signals import media_saved
from shift_media.staging import PendingUpload
from shift_media.storages import LocalMediaStorage, default_media_storage
from shift_media.testing import make_video
from shift_media.transcoding.models import TranscodeJob
from shift_media.validators import InvalidMedia
from testproject.gallery.models import Clip as GalleryClip
from tests.direct.part_steps import anybody
from tests.direct.steps import put, request_of, ticket
from tests.fields.conftest import Use
from tests.fields.test_ahead import TASKS
from tests.servers.sites import S3Site
from tests.testapp.models import Attachment, Clip, Photo

__all__ = ["anybody"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.acceptance(39, 77)]

FIELD = "testapp.Attachment.file"
CONTENT = b"a large file of an unknown type " * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MEDIA = {
    "UPLOADS": {FIELD: "tests.direct.part_steps.anybody"},
    "TASKS": "media",
    "UPLOAD_TASK_ABOVE": 1000,
}
QUEUE = {"media": {"BACKEND": f"{TASKS}.backends.dummy.DummyBackend"}}


@pytest.fixture(autouse=True)
def small_files_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read by ranges what is larger than a thousand bytes."""
    monkeypatch.setattr(staged_bytes, "_HELD", 1000)


@pytest.fixture
def queue() -> Iterator[Callable[[], list[Any]]]:
    """Return a function that lists the tasks that were enqueued."""
    with override_settings(TASKS=QUEUE, SHIFT_MEDIA=MEDIA):
        yield lambda: [
            (result.task.name, result.args)
            for result in import_module(TASKS).task_backends["media"].results
        ]


@pytest.fixture
def local(queue: Callable[[], list[Any]], use: Use) -> Callable[[], list[Any]]:
    """Store on a local disk."""
    use("shift_media.storages.LocalMediaStorage")
    return queue


def staged(client: Client, content: bytes = CONTENT, **facts: Any) -> StagedFile:
    """Upload a file directly, and return it as a form does."""
    return StagedFile(*staged_token(client, content, **facts))


def staged_token(
    client: Client, content: bytes = CONTENT, **facts: Any
) -> tuple[str, HttpRequest]:
    """Upload a file directly, and return its ticket and a request with it."""
    facts = {"field": FIELD, "name": "data.bin", "type": "application/octet-stream"} | facts
    given = ticket(client, content, **facts)
    if given["url"].startswith("/"):
        assert put(client, given, content).status_code == 204
    else:
        from tests.direct.test_presigned import send

        assert send(given, content) == 200
    return given["ticket"], request_of(client, given["ticket"])


def exists(key: str) -> bool:
    return default_media_storage.stat(key) is not None


def test_row_of_a_large_file_is_pending_until_the_task_has_stored_it(
    client: Client, local: Callable[[], list[Any]]
) -> None:
    saved: list[str] = []

    def on_saved(key: str, **kwargs: Any) -> None:
        saved.append(key)

    media_saved.connect(on_saved, sender=Attachment)
    row = Attachment.objects.create(file=staged(client))
    key = row.file.key
    assert row.file.is_pending
    assert (media_json(row.file) or {})["state"] == "pending"
    assert not exists(key)
    assert (row.file_meta["state"], row.file_meta["size"]) == ("pending", len(CONTENT))
    assert row.file_meta["sha256"] == ""
    assert local() == [("store_pending", [key, "default"])]
    assert saved == []
    assert pending_run.store_pending(key, "default") == "stored"
    row.refresh_from_db()
    assert not row.file.is_pending
    assert (row.file_meta["sha256"], "state" in row.file_meta) == (SHA256, False)
    with row.file.open() as file:
        assert file.read() == CONTENT
    assert saved == [key]
    assert not PendingUpload.objects.exists()
    assert pending_run.store_pending(key, "default") == "busy"
    media_saved.disconnect(on_saved, sender=Attachment)


def test_ticket_of_a_pending_file_is_used_once_it_is_stored(
    client: Client, local: Callable[[], list[Any]]
) -> None:
    file = staged(client)
    row = Attachment.objects.create(file=file)
    assert exists(file.staged_key)
    pending_run.store_pending(row.file.key, "default")
    stat = default_media_storage.stat(file.staged_key)
    assert stat is not None
    assert stat.size == 0


def test_ticket_of_a_pending_file_is_refused_a_second_time(
    client: Client, local: Callable[[], list[Any]]
) -> None:
    token, request = staged_token(client)
    row = Attachment.objects.create(file=StagedFile(token, request))
    with pytest.raises(InvalidMedia) as refused:
        Attachment.objects.create(file=StagedFile(token, request))
    assert refused.value.code == "upload_missing"
    assert pending_run.store_pending(row.file.key, "default") == "stored"
    assert Attachment.objects.count() == 1


def test_picker_that_removes_the_ticket_of_a_pending_file_leaves_it_to_the_task(
    client: Client, local: Callable[[], list[Any]]
) -> None:
    token, request = staged_token(client)
    row = Attachment.objects.create(file=StagedFile(token, request))
    removed = client.delete("/media/upload/form/", token, content_type="text/plain")
    assert removed.status_code == 204
    assert pending_run.store_pending(row.file.key, "default") == "stored"
    assert exists(row.file.key)


def test_two_rows_that_use_one_ticket_at_once_are_one(
    client: Client, local: Callable[[], list[Any]]
) -> None:
    token, request = staged_token(client)
    first, second = (Attachment(file=StagedFile(token, request)) for _ in range(2))
    for row in (first, second):
        row.full_clean()
    first.save()
    with pytest.raises(InvalidMedia, match="used for another row"):
        second.save()
    assert Attachment.objects.get() == first


def test_staged_bytes_of_another_digest_fail_and_the_row_says_so(
    client: Client, local: Callable[[], list[Any]]
) -> None:
    file = staged(client)
    row = Attachment.objects.create(file=file)
    PendingUpload.objects.update(sha256="0" * 64)
    assert pending_run.store_pending(row.file.key, "default") == "failed"
    row.refresh_from_db()
    assert (row.file.is_pending, row.file.has_failed) == (False, True)
    assert not exists(row.file.key)
    assert not PendingUpload.objects.exists()


def test_staged_file_that_is_gone_fails_and_the_row_says_so(
    client: Client, local: Callable[[], list[Any]]
) -> None:
    file = staged(client)
    row = Attachment.objects.create(file=file)
    default_media_storage.delete(file.staged_key)
    assert pending_run.store_pending(row.file.key, "default") == "retried"
    PendingUpload.objects.update(not_before=timezone.now(), attempts=4)
    assert pending_run.store_pending(row.file.key, "default") == "failed"
    row.refresh_from_db()
    assert row.file.has_failed
    assert row.file.state == "failed"


def test_rolled_back_row_leaves_nothing_pending(
    client: Client, local: Callable[[], list[Any]]
) -> None:
    file = staged(client)
    with transaction.atomic():
        Attachment.objects.create(file=file)
        transaction.set_rollback(True)
    assert not PendingUpload.objects.exists()
    assert local() == []
    assert Attachment.objects.create(file=file).file.is_pending


def test_row_that_is_deleted_before_the_task_leaves_nothing(
    client: Client, local: Callable[[], list[Any]]
) -> None:
    row = Attachment.objects.create(file=staged(client))
    key = row.file.key
    row.delete()
    assert pending_run.store_pending(key, "default") == "gone"
    assert not exists(key)
    assert not PendingUpload.objects.exists()


def test_staged_file_of_a_pending_row_survives_the_sweep(
    client: Client, local: Callable[[], list[Any]]
) -> None:
    file = staged(client)
    row = Attachment.objects.create(file=file)
    assert held_keys([file.staged_key, row.file.key]) == {file.staged_key}
    Sweep(default_media_storage, timezone.now() + timedelta(hours=1)).run()
    assert pending_run.store_pending(row.file.key, "default") == "stored"


@pytest.mark.slow
def test_lost_task_is_run_by_media_cleanup(client: Client, local: Callable[[], list[Any]]) -> None:
    row = Attachment.objects.create(file=staged(client))
    PendingUpload.objects.update(not_before=timezone.now() - timedelta(hours=1))
    out = io.StringIO()
    call_command("media_cleanup", "--dry-run", stdout=out)
    assert "no task has stored: 1 would be tried" in out.getvalue()
    call_command("media_cleanup", stdout=out)
    assert "no task has stored: 1 were tried" in out.getvalue()
    row.refresh_from_db()
    assert not row.file.is_pending


def test_storage_that_fails_is_tried_again_later(
    client: Client, local: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Attachment.objects.create(file=staged(client))
    with monkeypatch.context() as broken:
        broken.setattr(pending_run, "_hash", _fail)
        assert pending_run.store_pending(row.file.key, "default") == "retried"
    waiting = PendingUpload.objects.get()
    assert "no disk" in waiting.last_error
    assert waiting.not_before > timezone.now()
    assert pending_run.store_pending(row.file.key, "default") == "busy"
    PendingUpload.objects.update(not_before=timezone.now())
    assert pending_run.store_pending(row.file.key, "default") == "stored"


def _fail(copy: Any) -> str:
    raise OSError("no disk")


def test_attempt_that_died_after_its_copy_is_finished_by_the_next(
    client: Client, local: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Attachment.objects.create(file=staged(client))
    with monkeypatch.context() as broken:
        broken.setattr(pending_run, "_settle", _fail_to_settle)
        with pytest.raises(KeyboardInterrupt):
            pending_run.store_pending(row.file.key, "default")
    assert exists(row.file.key)
    PendingUpload.objects.update(not_before=timezone.now())
    assert pending_run.store_pending(row.file.key, "default") == "stored"
    row.refresh_from_db()
    assert row.file_meta["sha256"] == SHA256


def _fail_to_settle(*args: Any, **kwargs: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("is_right", [True, False])
def test_storage_without_copies_is_read_and_written(
    client: Client,
    local: Callable[[], list[Any]],
    monkeypatch: pytest.MonkeyPatch,
    is_right: bool,
) -> None:
    row = Attachment.objects.create(file=staged(client))
    if not is_right:
        PendingUpload.objects.update(sha256="0" * 64)
    monkeypatch.setattr(LocalMediaStorage, "begin_copy", lambda *args, **options: None)
    outcome = pending_run.store_pending(row.file.key, "default")
    assert outcome == ("stored" if is_right else "failed")
    assert exists(row.file.key) is is_right
    row.refresh_from_db()
    assert row.file_meta["sha256"] == (SHA256 if is_right else "")


def test_outage_of_the_storage_does_not_fail_a_file(s3_site: S3Site, client: Client) -> None:
    s3_site.configure(shift_media=MEDIA, client_config=Config(retries={"total_max_attempts": 1}))
    with override_settings(TASKS=QUEUE):
        row = Attachment.objects.create(file=staged(client))
        s3_site.proxy.inject(status=503, code="SlowDown")
        assert pending_run.store_pending(row.file.key, "default") == "retried"
        s3_site.proxy.clear()
        PendingUpload.objects.update(not_before=timezone.now())
        assert pending_run.store_pending(row.file.key, "default") == "stored"


@pytest.mark.parametrize("change", [{"TASKS": None}, {"UPLOAD_TASK_ABOVE": 10**9}])
def test_file_is_stored_at_once_without_tasks_or_below_the_limit(
    client: Client, local: Callable[[], list[Any]], change: dict[str, Any]
) -> None:
    with override_settings(SHIFT_MEDIA=MEDIA | change):
        row = Attachment.objects.create(file=staged(client))
    assert not row.file.is_pending
    assert row.file_meta["sha256"] == SHA256
    assert local() == []


def test_what_the_field_reads_whole_is_stored_at_once(
    client: Client, local: Callable[[], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def scan(inspection: Any, row: Any) -> None:
        seen.append(len(inspection.file.read()))

    monkeypatch.setattr(Attachment.file.field, "rules", [scan])
    row = Attachment.objects.create(file=staged(client))
    assert seen == [len(CONTENT)]
    assert not row.file.is_pending
    assert row.file_meta["sha256"] == SHA256
    monkeypatch.setattr(pending, "LONG_COPY", 1000)
    assert Attachment.objects.create(file=staged(client)).file.is_pending
    assert seen == [len(CONTENT)] * 2


def test_bulk_create_and_plain_uploads_are_never_pending(
    client: Client, local: Callable[[], list[Any]]
) -> None:
    (row,) = Attachment.objects.bulk_create([Attachment(file=staged(client))])
    assert exists(row.file.key)
    assert not PendingUpload.objects.exists()


@pytest.mark.slow
def test_video_is_transcoded_once_it_is_stored(
    client: Client, local: Callable[[], list[Any]]
) -> None:
    rules = {"gallery.Clip.video": "tests.direct.part_steps.anybody"}
    facts = {"field": "gallery.Clip.video", "name": "a.mp4", "type": "video/mp4"}
    with override_settings(SHIFT_MEDIA=MEDIA | {"UPLOADS": rules}):
        clip = GalleryClip.objects.create(video=staged(client, make_video().read(), **facts))
        assert clip.video.is_pending
        assert clip.video_meta["duration"]
        assert not TranscodeJob.objects.exists()
        assert pending_run.store_pending(clip.video.key, "default") == "stored"
        assert TranscodeJob.objects.get().original == clip.video.key


def test_picture_is_never_pending(client: Client, local: Callable[[], list[Any]]) -> None:
    from tests.fields.material import picture

    content = picture(size=(640, 480))
    assert len(content) > 1000
    with override_settings(
        SHIFT_MEDIA=MEDIA | {"UPLOADS": {"testapp.Photo.image": "shift_media.direct.may_add"}}
    ):
        file = staged(client, content, field="testapp.Photo.image", type="image/jpeg")
        photo = Photo.objects.create(image=file)
    assert not photo.image.is_pending
    assert exists(photo.image.key)


def test_large_video_in_a_bucket_is_read_by_ranges_and_copied_by_the_task(
    s3_site: S3Site, client: Client
) -> None:
    rules = {"testapp.Clip.video": "tests.direct.part_steps.anybody"}
    s3_site.configure(shift_media=MEDIA | {"UPLOADS": rules})
    short = make_video().read()
    content = short + (6_000_000).to_bytes(4, "big") + b"free" + bytes(6_000_000 - 8)
    with override_settings(TASKS=QUEUE):
        file = staged(client, content, field="testapp.Clip.video", type="video/mp4")
        s3_site.proxy.clear()
        clip = Clip.objects.create(video=file)
        asked = list(s3_site.proxy.requests)
        assert {request.method for request in asked} == {"HEAD", "GET"}
        assert all("range" in map(str.lower, one.headers) for one in asked if one.method == "GET")
        assert clip.video_meta["width"]
        assert clip.video.is_pending
        s3_site.proxy.clear()
        assert pending_run.store_pending(clip.video.key, "default") == "stored"
        methods = [request.method for request in s3_site.proxy.requests]
        assert methods == ["HEAD", "GET", "PUT", "HEAD", "DELETE", "PUT"]
    clip.refresh_from_db()
    assert clip.video_meta["sha256"] == hashlib.sha256(content).hexdigest()
    head = s3_site.client.head_object(Bucket=s3_site.bucket, Key=clip.video.key)
    assert (head["ContentType"], head["ContentLength"]) == ("video/mp4", len(content))
    assert head["Metadata"]["sha256"] == clip.video_meta["sha256"]

"""Deleting and replacing: exactly the unreferenced files are deleted, after the commit."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import IntegrityError, connection, models, transaction
from django.db.models.signals import post_delete
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from shift_media.core.keys import parse_original_key
from shift_media.deletion import service as deletion
from shift_media.deletion.models import PendingDeletion
from shift_media.deletion.references import is_referenced
from shift_media.registry import all_media_fields
from shift_media.signals import media_deleted, media_saved
from tests.fields.conftest import Use
from tests.fields.failing import DownStorage
from tests.fields.material import picture, upload
from tests.resizes.counting import CountingStorage
from tests.testapp.models import (
    Album,
    Bare,
    Base,
    Child,
    Coded,
    Gallery,
    MetaFirst,
    Pair,
    Photo,
    PhotoProxy,
    PlainChild,
    Secret,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

Stored = Callable[[], list[str]]


def make_due() -> None:
    PendingDeletion.objects.update(not_before=timezone.now() - timedelta(seconds=1))


def run_all() -> None:
    """Run the first and the second deletion of every pending row."""
    for _ in range(2):
        make_due()
        deletion.run_due()


class RollBack(Exception):
    """Raised to roll a transaction back."""


def roll_back(work: Callable[[], object]) -> None:
    with transaction.atomic():
        work()
        raise RollBack


@pytest.fixture
def received() -> Iterator[list[dict[str, Any]]]:
    """Return a list of the arguments with which `media_deleted` is sent."""
    arguments: list[dict[str, Any]] = []

    def listen(**kwargs: Any) -> None:
        arguments.append(kwargs)

    media_deleted.connect(listen)
    yield arguments
    media_deleted.disconnect(listen)


@pytest.fixture
def photo() -> Photo:
    photo = Photo.objects.create(image=upload(), album=Album.objects.create())
    assert photo.image.resize("32x32").ensure()
    return photo


DELETIONS: dict[str, Callable[[Photo], object]] = {
    "instance": lambda photo: photo.delete(),
    "queryset": lambda photo: Photo.objects.all().delete(),
    "cascade": lambda photo: photo.album.delete() if photo.album else None,
    "queryset cascade": lambda photo: Album.objects.all().delete(),
    "proxy": lambda photo: PhotoProxy.objects.get().delete(),
    "proxy queryset": lambda photo: PhotoProxy.objects.all().delete(),
    "deferred": lambda photo: Photo.objects.only("pk").get().delete(),
    "file": lambda photo: photo.image.delete(),
    "file, then saved": lambda photo: (photo.image.delete(save=False), photo.save()),
    "emptied": lambda photo: (setattr(photo, "image", ""), photo.save()),
    "replaced": lambda photo: (setattr(photo, "image", upload()), photo.save()),
    "replaced by save": lambda photo: photo.image.save("b.jpg", ContentFile(picture())),
}


@pytest.mark.acceptance(42)
@pytest.mark.parametrize("way", DELETIONS)
def test_original_and_derived_files_are_deleted_after_the_commit(
    way: str, photo: Photo, stored: Stored
) -> None:
    prefix = parse_original_key(photo.image.name).prefix
    assert len(stored()) == 2
    with transaction.atomic():
        DELETIONS[way](photo)
        assert sum(key.startswith(prefix) for key in stored()) == 2
    assert not any(key.startswith(prefix) for key in stored())


@pytest.mark.acceptance(42, 40)
@pytest.mark.parametrize("way", DELETIONS)
def test_rollback_keeps_all_files(way: str, photo: Photo, stored: Stored) -> None:
    before, key = stored(), photo.image.name
    with pytest.raises(RollBack):
        roll_back(lambda: DELETIONS[way](photo))
    assert set(before) <= set(stored())
    assert Photo.objects.get().image.name == key
    assert not PendingDeletion.objects.exists()


@pytest.mark.parametrize("way", DELETIONS)
def test_rolled_back_savepoint_keeps_all_files(way: str, photo: Photo, stored: Stored) -> None:
    before = stored()
    with transaction.atomic():
        with pytest.raises(RollBack):
            roll_back(lambda: DELETIONS[way](photo))
        Album.objects.create()
    assert set(before) <= set(stored())
    assert not PendingDeletion.objects.exists()


@pytest.mark.acceptance(40)
def test_rolled_back_upload_leaves_no_row_and_an_orphan(
    stored: Stored,
) -> None:
    with pytest.raises(RollBack):
        roll_back(lambda: Photo.objects.create(image=upload()))
    assert not Photo.objects.exists()
    (orphan,) = stored()  # media_cleanup sweeps it once it is old enough.
    assert not is_referenced(orphan, "default")


@pytest.mark.acceptance(20)
def test_resize_made_between_the_deletions_goes_with_the_second_one(
    photo: Photo, stored: Stored, media: CountingStorage
) -> None:
    resize = photo.image.resize("20x20")
    photo.delete()
    assert not stored()
    media.put(resize.key, ContentFile(b"late"), content_type="image/jpeg")
    pending = PendingDeletion.objects.get()
    assert (pending.storage, pending.source) == ("media", "testapp.Photo.image")
    assert pending.stage == PendingDeletion.Stage.SECOND
    assert pending.not_before > timezone.now() + timedelta(minutes=4)
    deletion.run_due()
    assert stored() == [resize.key]
    make_due()
    assert deletion.run_due() == 1
    assert not stored()
    assert not PendingDeletion.objects.exists()


def test_due_deletion_is_run_after_another_commit(photo: Photo, stored: Stored) -> None:
    photo.delete()
    make_due()
    other = Photo.objects.create(image=upload())
    other.delete()
    assert PendingDeletion.objects.count() == 1


@pytest.mark.acceptance(42)
def test_deletion_of_a_missing_object_succeeds(
    photo: Photo, media: CountingStorage, stored: Stored
) -> None:
    media.delete_prefix(parse_original_key(photo.image.name).prefix)
    photo.delete()
    run_all()
    assert not PendingDeletion.objects.exists()


@pytest.mark.slow
@pytest.mark.acceptance(42)
def test_deletion_is_kept_and_tried_again_while_the_storage_is_down(
    use: Use, stored: Stored, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    use("tests.fields.failing.DownStorage")
    photo = Photo.objects.create(image=upload())
    with caplog.at_level(logging.WARNING, "shift_media"):
        photo.delete()
    assert not Photo.objects.exists()
    assert "the bucket does not answer" in caplog.text
    pauses = []
    for attempt in range(1, 4):
        pending = PendingDeletion.objects.get()
        assert (pending.attempts, pending.stage) == (attempt, PendingDeletion.Stage.FIRST)
        assert pending.last_error == "StorageError: the bucket does not answer"
        pauses.append(pending.not_before - timezone.now())
        make_due()
        assert deletion.run_due() == 0
    assert pauses[0] < pauses[1] < pauses[2]
    assert len(stored()) == 1
    monkeypatch.setattr(DownStorage, "down", False)
    run_all()
    assert not stored()
    assert not PendingDeletion.objects.exists()


def test_pause_after_many_attempts_is_at_most_a_day() -> None:
    pending = PendingDeletion.objects.create(storage="media", source="x", prefix="x/", attempts=60)
    PendingDeletion.retry_all_later([pending], OSError("no"))
    assert pending.not_before - timezone.now() <= timedelta(days=1)


def test_deletion_claimed_by_a_dead_process_is_tried_again(photo: Photo, stored: Stored) -> None:
    with transaction.atomic():
        photo.delete()
        pending = PendingDeletion.objects.get()
        assert PendingDeletion.claim_all([pending])  # The process that claims it dies.
    assert stored()
    assert deletion.run_due() == 0
    make_due()
    assert deletion.run_due() == 1
    assert not stored()


def test_deletion_is_claimed_by_one_of_two_processes() -> None:
    pending = PendingDeletion.objects.create(storage="media", source="x", prefix="x/")
    other = PendingDeletion.objects.get()
    assert PendingDeletion.claim_all([pending])
    assert not PendingDeletion.claim_all([other])
    assert not deletion.run(other)


@pytest.mark.parametrize(
    ("storage", "source"),
    [("", "gone.Model.image"), ("", "testapp.Photo.gone"), ("", "nonsense"), ("gone", "x.Y.z")],
)
def test_deletion_without_its_storage_keeps_the_error(storage: str, source: str) -> None:
    prefix = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/"
    pending = PendingDeletion.objects.create(storage=storage, source=source, prefix=prefix)
    assert not deletion.run(pending)
    assert PendingDeletion.objects.get().last_error


def test_deletion_of_a_removed_model_is_run(photo: Photo, stored: Stored) -> None:
    key = photo.image.name
    Photo.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
    prefix = parse_original_key(key).prefix
    PendingDeletion.objects.create(storage="media", source="gone.Model.image", prefix=prefix)
    run_all()
    assert not stored()
    assert not PendingDeletion.objects.exists()


@pytest.mark.acceptance(43)
def test_deletion_removes_exactly_its_own_prefix(media: CountingStorage, stored: Stored) -> None:
    id = "3c72aedc/ba25/41e6/a569/406c8f413974"
    near = [
        f"{id}/a.jpg/a.jpg",
        f"{id}/a.jpg/40x-fit-80-noupscale-{'0' * 32}.jpg",
        f"{id}/aa.jpg/aa.jpg",
        f"{id}/a.jpgx/a.jpg",
        "3c72aedc/ba25/41e6/a569/406c8f413975/a.jpg/a.jpg",
    ]
    for key in near:
        media.put(key, ContentFile(b"x"), content_type="image/jpeg")
    Photo.objects.create(image=near[0]).delete()
    assert stored() == sorted(near[2:])


@pytest.mark.acceptance(49)
def test_file_of_a_copied_row_stays_until_the_last_row_goes(stored: Stored) -> None:
    photo = Photo.objects.create(image=upload())
    key = photo.image.name
    copy = Photo.objects.get()
    copy.pk = None
    copy._state.adding = True
    copy.save()
    assert (copy.image.name, copy.image_meta) == (key, photo.image_meta)
    photo.delete()
    run_all()
    assert stored() == [key]
    copy.image = upload(picture("PNG"))
    copy.save()
    assert stored() == [copy.image.name]


@pytest.mark.acceptance(49)
@pytest.mark.parametrize("model", [MetaFirst, Bare, Base, Child, PlainChild, Coded, Secret])
def test_row_of_any_model_keeps_the_file(model: type[models.Model], stored: Stored) -> None:
    photo = Photo.objects.create(image=upload())
    key = photo.image.name
    name = "document" if model is Secret else "image"
    other = model(**{name: key})
    other.save()
    photo.delete()
    run_all()
    assert stored() == [key]
    model._base_manager.all().delete()


def test_two_rows_deleted_at_once_delete_their_file_once(
    stored: Stored, received: list[dict[str, Any]]
) -> None:
    photo = Photo.objects.create(image=upload())
    Photo.objects.create(image=photo.image.name)
    Photo.objects.all().delete()
    assert not stored()
    assert len(received) == 1
    assert PendingDeletion.objects.count() == 1


def test_both_files_of_a_deleted_row_are_deleted(stored: Stored) -> None:
    pair = Pair.objects.create(left=upload(), right=upload())
    pair.left = None
    pair.save()
    assert stored() == [pair.right.name]
    pair.delete()
    assert not stored()


@pytest.mark.slow
def test_deleted_child_row_deletes_files_of_its_parents(stored: Stored) -> None:
    Child.objects.create(image=upload(), extra=upload())
    Child.objects.get().delete()
    assert not stored()
    child = Child.objects.create(image=upload(), extra=upload())
    child.delete(keep_parents=True)
    assert stored() == [Base.objects.get().image.name]
    Base.objects.all().delete()
    PlainChild.objects.create(image=upload()).plain_ptr.delete()
    assert not stored()


def test_replacement_in_a_child_row_deletes_the_file_of_its_parent(stored: Stored) -> None:
    child = Child.objects.create(image=upload(), extra=upload())
    child.image = upload(picture("PNG"))
    child.save()
    assert stored() == sorted([child.image.name, child.extra.name])
    child.extra = upload(picture("PNG"))
    child.save(update_fields=["extra"])
    assert stored() == sorted([child.image.name, child.extra.name])


def test_deleted_relation_leaves_files_of_related_rows(stored: Stored) -> None:
    photo = Photo.objects.create(image=upload())
    gallery = Gallery.objects.create(cover=photo)
    gallery.photos.add(photo)
    gallery.delete()
    assert stored() == [photo.image.name]


def test_file_in_the_own_storage_of_a_field_is_deleted_from_it(media: CountingStorage) -> None:
    secret = Secret.objects.create(document=upload())
    key, storage = secret.document.name, secret.document.storage
    assert storage.exists(key)
    secret.delete()
    assert not storage.exists(key)
    assert not media.calls["delete_prefix"]
    # The storage of the field was made before these settings, so no alias refers to it.
    assert PendingDeletion.objects.get().storage == ""
    run_all()
    assert not PendingDeletion.objects.exists()


def test_row_written_over_another_deletes_the_old_file(stored: Stored) -> None:
    Coded.objects.create(code="a", image=upload())
    row = Coded(code="a", image=upload(picture("PNG")))
    row.save()
    assert stored() == [row.image.name]
    Coded(code="a").save()
    assert not stored()


def test_file_of_an_unsaved_row_can_be_deleted(stored: Stored) -> None:
    photo = Photo()
    photo.image.save("a.jpg", ContentFile(picture()), save=False)
    photo.image.delete(save=False)
    assert not stored()
    photo.image.save("a.jpg", ContentFile(picture()), save=False)
    photo.image.delete()
    assert not stored()
    assert photo.pk


def test_file_deleted_in_a_post_delete_receiver_is_deleted_once(stored: Stored) -> None:
    def clean(sender: Any, instance: Photo, **kwargs: Any) -> None:
        instance.image.delete(save=False)

    post_delete.connect(clean, sender=Photo)
    try:
        Photo.objects.create(image=upload()).delete()
    finally:
        post_delete.disconnect(clean, sender=Photo)
    assert not stored()


def test_value_that_is_no_key_is_never_deleted(
    media: CountingStorage, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    old = tmp_path / "media" / "photos" / "2019" / "x.jpg"
    old.parent.mkdir(parents=True)
    old.write_bytes(picture())
    Photo.objects.bulk_create([Photo(image="photos/2019/x.jpg")])
    Photo.objects.get().delete()
    assert old.exists()
    assert "is not a key of shift_media" in caplog.text
    assert not PendingDeletion.objects.exists()


def test_queryset_update_leaves_an_orphan(stored: Stored) -> None:
    photo = Photo.objects.create(image=upload())
    Photo.objects.update(image="")
    assert stored() == [photo.image.name]
    assert not PendingDeletion.objects.exists()


def test_media_deleted_has_model_key_and_storage(
    received: list[dict[str, Any]], media: CountingStorage
) -> None:
    photo = Photo.objects.create(image=upload())
    key = photo.image.name
    photo.delete()
    (arguments,) = received
    assert (arguments["sender"], arguments["key"], arguments["storage"]) == (Photo, key, media)
    run_all()
    assert len(received) == 1


@pytest.mark.acceptance(41)
def test_media_saved_is_sent_after_a_commit_and_not_after_a_rollback() -> None:
    keys: list[str] = []

    def listen(key: str, instance: Photo, **kwargs: Any) -> None:
        assert Photo.objects.filter(image=key).exists()
        assert not instance._state.adding
        keys.append(key)

    media_saved.connect(listen)
    try:
        Photo.objects.create(image=upload())
        assert len(keys) == 1
        with transaction.atomic():
            Photo.objects.create(image=upload())
            assert len(keys) == 1
        with pytest.raises(RollBack):
            roll_back(lambda: Photo.objects.create(image=upload()))
    finally:
        media_saved.disconnect(listen)
    assert len(keys) == 2


def test_failing_receiver_breaks_neither_save_nor_deletion(stored: Stored) -> None:
    def fail(**kwargs: Any) -> None:
        raise RuntimeError("receiver")

    media_saved.connect(fail)
    media_deleted.connect(fail)
    try:
        Photo.objects.create(image=upload()).delete()
    finally:
        media_saved.disconnect(fail)
        media_deleted.disconnect(fail)
    assert not stored()


def test_failing_post_save_receiver_loses_no_file(stored: Stored) -> None:
    def fail(**kwargs: Any) -> None:
        raise RuntimeError("receiver")

    models.signals.post_save.connect(fail, sender=Photo)
    try:
        with pytest.raises(RuntimeError):
            Photo.objects.create(image=upload())
        with pytest.raises(RuntimeError):
            Photo().image.save("a.jpg", ContentFile(picture()))
        with pytest.raises(RuntimeError), transaction.atomic():
            Photo.objects.create(image=upload())
    finally:
        models.signals.post_save.disconnect(fail, sender=Photo)
    rows = list(Photo.objects.values_list("image", flat=True))
    assert len(rows) == 2
    assert set(rows) <= set(stored())


def test_failed_child_row_removes_the_stored_file_of_its_parent(stored: Stored) -> None:
    Child.objects.create(code="taken")
    child = Child(code="taken", image=upload(), extra=upload())
    with pytest.raises(IntegrityError):
        child.save()
    assert not stored()
    child.code = "free"
    child.save()
    assert stored() == sorted([child.image.name, child.extra.name])


def test_replacement_and_deletion_take_the_counted_statements(media: CountingStorage) -> None:
    photo = Photo.objects.create(image=upload())
    fields = len(list(all_media_fields()))
    media.calls.clear()
    photo.image = upload(picture("PNG"))
    with CaptureQueriesContext(connection) as captured:
        photo.save()
    assert media.calls == {"put": 1, "delete_prefix": 1}
    lock = 0 if connection.features.has_select_for_update else 1
    written = lock + 3  # The old key, the row, the pending deletion, between BEGIN and COMMIT.
    run = 1 + fields + 3  # Claim, references, twin, second stage, and other due rows.
    assert len(captured) == 2 + written + run
    media.calls.clear()
    with CaptureQueriesContext(connection) as captured:
        photo.delete()
    assert media.calls == {"delete_prefix": 1}
    galleries = 2  # Django's query for galleries that refer to the photo.
    assert len(captured) == 2 + galleries + 2 + 1 + run  # The row is still there: 1.


@pytest.mark.acceptance(44)
def test_file_replaced_by_two_instances_is_the_last_one(stored: Stored) -> None:
    Photo.objects.create(image=upload())
    first, second = Photo.objects.get(), Photo.objects.get()
    first.image, second.image = upload(picture("PNG")), upload(picture("GIF"))
    first.save()
    second.save()
    assert stored() == [second.image.name]
    assert Photo.objects.get().image.name == second.image.name


@pytest.mark.acceptance(45)
def test_one_name_in_twenty_threads_gets_twenty_keys(stored: Stored) -> None:
    start, keys = threading.Barrier(20), []

    def work() -> None:
        photo = Photo()
        content = ContentFile(picture())
        start.wait()
        photo.image.save("photo.jpg", content, save=False)
        keys.append(photo.image.name)

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 20
    assert stored() == sorted(keys)


@pytest.mark.acceptance(45)
def test_object_under_a_taken_id_is_never_overwritten(
    use: Use, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    import uuid

    media: Any = use("tests.fields.failing.CollidingStorage")
    first = Photo.objects.create(image=upload(picture("JPEG", (10, 10))))
    taken = uuid.UUID(parse_original_key(first.image.name).id.replace("/", ""))
    ids = iter([taken, taken, uuid.uuid4(), *[taken] * 9])
    monkeypatch.setattr(uuid, "uuid4", lambda: next(ids))
    second = Photo()
    with monkeypatch.context() as patch:
        patch.setattr("shift_media.core.keys.uuid.uuid4", lambda: next(ids))
        second.image.save("photo.jpg", ContentFile(picture()), save=False)
    assert second.image.name != first.image.name
    assert media.taken >= 1
    assert first.image.metadata.width == 10
    with media.open(first.image.name) as file:
        assert file.read() == picture("JPEG", (10, 10))

"""Deletions in a request: few queries and requests for many rows, and a bounded wait."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models.signals import pre_delete
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import path

from shift_media.core.keys import new_original_key, parse_original_key
from shift_media.deletion import budget, references
from shift_media.deletion import service as deletion
from shift_media.deletion.budget import TimeBudget
from shift_media.deletion.models import PendingDeletion
from shift_media.registry import all_media_fields
from shift_media.signals import media_deleted
from tests.deletion.test_deletions import RollBack, Stored, make_due, roll_back
from tests.fields.conftest import Use
from tests.fields.material import upload
from tests.resizes.counting import CountingStorage
from tests.servers.sites import S3Site
from tests.testapp.models import Child, Photo
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def delete_all(request: HttpRequest) -> HttpResponse:
    Photo.objects.all().delete()
    return HttpResponse()


def delete_each(request: HttpRequest) -> HttpResponse:
    for photo in Photo.objects.all():
        photo.delete()
    return HttpResponse()


def add_twice(request: HttpRequest) -> HttpResponse:
    for _ in range(2):
        with pytest.raises(IntegrityError):
            Child(code="taken", image=upload()).save()
    return HttpResponse()


urlpatterns = [path(view.__name__, view) for view in (delete_all, delete_each, add_twice)]


def post(view: Callable[[HttpRequest], HttpResponse]) -> float:
    """Send a request to a view, and return the seconds it took."""
    with override_settings(ROOT_URLCONF=__name__):
        begin = time.monotonic()
        assert Client().post(f"/{view.__name__}").status_code == 200
        return time.monotonic() - begin


def queries(work: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as captured:
        work()
    return len(captured)


def photos(count: int, site: S3Site | None = None) -> list[str]:
    """Create rows, each with an original and a resize in the bucket if there is one."""
    keys = [str(new_original_key("photo", "jpg")) for _ in range(count)]
    if site:
        resize = f"40x-fit-80-noupscale-{'0' * 32}.jpg"
        names = [name for key in keys for name in (key, f"{key[:-9]}{resize}")]
        put = partial(site.client.put_object, Bucket=site.bucket, Body=b"x")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: put(Key=name), names))
        site.proxy.clear()
    Photo.objects.bulk_create(Photo(image=key) for key in keys)
    return keys


class SilentStorage(CountingStorage):
    """A storage that does not answer deletions until ``answer`` is set."""

    answer = threading.Event()

    def delete_prefix(self, prefix: str) -> int:
        self._count("delete_prefix", prefix)
        assert self.answer.wait(60)
        return super().delete_prefix(prefix)


@pytest.fixture
def silent(use: Use) -> Iterator[SilentStorage]:
    """Use a storage that does not answer deletions during the test."""
    SilentStorage.answer.clear()
    yield use(f"{__name__}.SilentStorage")  # type: ignore[misc]
    SilentStorage.answer.set()
    wait_until(lambda: not any(thread.is_alive() for thread in budget._abandoned))


short = override_settings(SHIFT_MEDIA={"DELETE_SECONDS": 0.05})


@pytest.mark.slow
@pytest.mark.usefixtures("media")
def test_queries_of_a_deletion_do_not_depend_on_the_number_of_rows() -> None:
    references.referenced_keys(photos(1))  # looks up once which tables there are
    photos(1)
    few = queries(Photo.objects.all().delete)
    photos(90)
    assert queries(Photo.objects.all().delete) == few
    assert PendingDeletion.objects.filter(stage=PendingDeletion.Stage.SECOND).count() == 92
    own = 7  # Django's: rows, relations, rows, BEGIN and COMMIT, and ours: pending deletions.
    # Rows still there, claim, references, twins, second stage, and other due rows.
    assert few <= own + 2 + len(list(all_media_fields())) + 3


@pytest.mark.slow
@pytest.mark.usefixtures("media")
def test_second_deletions_of_a_batch_do_not_depend_on_the_number_of_rows() -> None:
    counted = []
    for number in (2, 90):
        photos(number)
        Photo.objects.all().delete()
        make_due()
        counted.append(queries(deletion.run_due))
    assert counted[0] == counted[1]
    assert not PendingDeletion.objects.exists()


def test_files_of_many_rows_are_deleted_by_one_request_beside_the_listings(
    s3_site: S3Site,
) -> None:
    photos(20, s3_site)
    post(delete_all)
    assert Counter(s3_site.proxy.methods()) == {"GET": 20, "POST": 1}
    assert not s3_site.stored()


def test_refused_key_keeps_its_own_row_only(s3_site: S3Site) -> None:
    keys = photos(3, s3_site)
    error = f"<Error><Key>{keys[1]}</Key><Code>AccessDenied</Code></Error>"
    body = f"<DeleteResult>{error}</DeleteResult>".encode()
    s3_site.proxy.inject(method="POST", status=200, body=body)
    Photo.objects.all().delete()
    failed = PendingDeletion.objects.get(stage=PendingDeletion.Stage.FIRST)
    assert failed.key == keys[1]
    assert "AccessDenied" in failed.last_error
    assert PendingDeletion.objects.filter(stage=PendingDeletion.Stage.SECOND).count() == 2


def test_refused_listing_keeps_its_own_row_only(s3_site: S3Site) -> None:
    keys = photos(3, s3_site)
    listing = f"prefix={parse_original_key(keys[1]).prefix.replace('/', '%2F')}"
    s3_site.proxy.inject(method="GET", query=listing, status=403, code="AccessDenied")
    Photo.objects.all().delete()
    failed = PendingDeletion.objects.get(stage=PendingDeletion.Stage.FIRST)
    assert failed.key == keys[1]
    assert all(name.startswith(failed.prefix) for name in s3_site.stored())


@pytest.mark.s3
@pytest.mark.parametrize("s3_server", ["seaweedfs"], indirect=True)
def test_request_waits_no_longer_than_its_time_for_a_silent_s3(s3_site: S3Site) -> None:
    s3_site.configure(shift_media={"DELETE_SECONDS": 0.2})
    keys = photos(30, s3_site)
    s3_site.proxy.inject(hang=True)
    assert post(delete_all) < 10  # 60 seconds for one request without the limit
    assert not Photo.objects.exists()
    assert PendingDeletion.objects.count() == 30
    s3_site.proxy.clear()
    wait_until(lambda: not any(thread.is_alive() for thread in budget._abandoned))
    make_due()
    assert deletion.run_due() == 30
    assert s3_site.stored().isdisjoint(keys)


@pytest.mark.slow
@pytest.mark.parametrize("view", [delete_all, delete_each])
def test_time_is_that_of_the_request_and_not_of_each_commit(
    view: Callable[[HttpRequest], HttpResponse], silent: SilentStorage
) -> None:
    photos(20)
    with override_settings(SHIFT_MEDIA={"DELETE_SECONDS": 0.2}):
        post(view)
    assert silent.calls["delete_prefix"] == 1
    assert PendingDeletion.objects.count() == 20
    assert not Photo.objects.exists()


@short
def test_next_request_has_its_own_time(silent: SilentStorage) -> None:
    for number in (1, 2):
        photos(1)
        post(delete_all)
        assert silent.calls["delete_prefix"] == number


@pytest.mark.slow
@short
def test_silent_storage_is_not_called_while_many_threads_wait_for_it(
    silent: SilentStorage,
) -> None:
    for _ in range(budget.MOST_ABANDONED + 3):
        photos(1)
        Photo.objects.all().delete()
    assert silent.calls["delete_prefix"] == budget.MOST_ABANDONED
    untouched = PendingDeletion.objects.filter(attempts=0)
    assert untouched.count() == 3


@short
def test_requests_at_once_begin_no_more_calls_than_a_process_may(
    silent: SilentStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of them has waited for its time when the next one begins."""
    monkeypatch.setattr(budget, "MOST_AT_ONCE", 6)

    def call() -> bool:
        try:
            TimeBudget(0.2).call(partial(silent.delete_prefix, "a/"))
        except TimeoutError:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert not any(pool.map(lambda _: call(), range(20)))
    assert silent.calls["delete_prefix"] <= 6
    assert budget.is_full()
    silent.answer.set()
    wait_until(lambda: not budget.is_full())
    assert call()


def test_error_of_a_call_is_raised_and_begun_calls_are_ended_by_themselves() -> None:
    def fail() -> None:
        raise TimeoutError("of the storage")

    with pytest.raises(TimeoutError, match="of the storage"):
        TimeBudget(5).call(fail)
    with pytest.raises(TimeoutError, match="of the storage"):
        TimeBudget(5).start(fail)
    with pytest.raises(TimeoutError, match="No time was left"):
        TimeBudget(0).call(fail)
    done = threading.Event()
    TimeBudget(0).start(done.set)
    assert done.wait(60)
    TimeBudget(None).start(done.clear)
    assert not done.is_set()


@short
def test_deletion_that_took_too_long_is_run_again_and_announced_once(
    silent: SilentStorage,
) -> None:
    announced: list[str] = []

    def listen(key: str, **kwargs: Any) -> None:
        announced.append(key)

    photo = Photo.objects.create(image=upload())
    key = photo.image.name
    media_deleted.connect(listen)
    try:
        photo.delete()
        pending = PendingDeletion.objects.get()
        assert (pending.stage, pending.attempts) == (PendingDeletion.Stage.FIRST, 1)
        assert "took longer than" in pending.last_error
        assert not announced
        silent.answer.set()
        make_due()
        assert deletion.run_due() == 1
    finally:
        media_deleted.disconnect(listen)
    assert announced == [key]
    assert not list(silent.entries())


@pytest.mark.slow
@override_settings(SHIFT_MEDIA={"DELETE_SECONDS": 0})
def test_no_time_leaves_all_files_to_media_cleanup(media: CountingStorage, stored: Stored) -> None:
    photo = Photo.objects.create(image=upload())
    photo.delete()
    assert not media.calls["delete_prefix"]
    assert len(stored()) == 1
    call_command("media_cleanup", verbosity=0)
    assert not stored()


@short
def test_file_of_a_row_that_fails_to_insert_is_not_waited_for(silent: SilentStorage) -> None:
    Child.objects.create(code="taken")
    post(add_twice)
    assert silent.calls["delete_prefix"] == 1  # of two files; media_cleanup removes them


@pytest.mark.slow
@short
def test_action_of_the_admin_waits_no_longer_than_a_request(
    silent: SilentStorage, admin_client: Client
) -> None:
    rows = [
        PendingDeletion.objects.create(storage="media", source="x", prefix=f"{key[:-9]}")
        for key in photos(3)
    ]
    Photo.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
    send = {"action": "run_now", "_selected_action": [row.pk for row in rows]}
    url = "/admin/shift_media/pendingdeletion/"
    page = admin_client.post(url, send, follow=True).content.decode()
    assert "3 deletions failed and will be tried again." in page


# The rows of a batch are written in the transaction that deletes their rows.


@pytest.mark.acceptance(42, 40)
@pytest.mark.usefixtures("media")
def test_pending_deletions_are_written_before_the_commit() -> None:
    photos(3)
    with transaction.atomic():
        Photo.objects.all().delete()
        assert PendingDeletion.objects.count() == 3


@pytest.mark.usefixtures("media")
def test_batch_of_a_rolled_back_savepoint_is_not_written_with_the_next_one() -> None:
    photos(2)
    first, second = Photo.objects.all()
    with transaction.atomic():
        with pytest.raises(RollBack):
            roll_back(first.delete)
        second.delete()
        assert [row.key for row in PendingDeletion.objects.all()] == [second.image.name]
    assert Photo.objects.get().image.name == first.image.name


@pytest.mark.usefixtures("media")
def test_deletion_that_fails_between_the_signals_leaves_nothing_behind() -> None:
    photos(2)
    first, second = Photo.objects.all()

    def fail(instance: Photo, **kwargs: Any) -> None:
        if instance.pk == first.pk:
            raise RollBack

    pre_delete.connect(fail, sender=Photo)
    try:
        with pytest.raises(RollBack):
            Photo.objects.all().delete()
    finally:
        pre_delete.disconnect(fail, sender=Photo)
    second.delete()
    assert [row.key for row in PendingDeletion.objects.all()] == [second.image.name]


@pytest.mark.usefixtures("media")
def test_row_deleted_in_a_receiver_and_a_savepoint_takes_its_own_fate(stored: Stored) -> None:
    Photo.objects.create(image=upload())
    Photo.objects.create(image=upload())
    child = Child.objects.create(image=upload(), extra=upload())

    def delete_child(**kwargs: Any) -> None:
        with transaction.atomic():
            Child.objects.all().delete()

    pre_delete.connect(delete_child, sender=Photo)
    try:
        with transaction.atomic():
            Photo.objects.all().delete()
            assert PendingDeletion.objects.count() == 4
    finally:
        pre_delete.disconnect(delete_child, sender=Photo)
    assert child.image.name
    assert not stored()


@pytest.mark.acceptance(62)
@pytest.mark.usefixtures("media")
@pytest.mark.parametrize("outer", [nullcontext, transaction.atomic])
def test_file_is_deleted_although_a_receiver_rolled_back_a_deletion_of_its_own(
    outer: Callable[[], AbstractContextManager[None]], stored: Stored
) -> None:
    photo = Photo.objects.create(image=upload())
    child = Child.objects.create(image=upload(), extra=upload())
    kept = {str(child.image.name), str(child.extra.name)}
    key = str(photo.image.name)

    def delete_child(**kwargs: Any) -> None:
        with pytest.raises(RollBack):
            roll_back(lambda: Child.objects.all().delete())

    # The receiver of this app is called first: the deletion of the photo is collected already.
    pre_delete.connect(delete_child, sender=Photo)
    try:
        with outer(), override_settings(SHIFT_MEDIA={"DELETE_SECONDS": 0}):
            photo.delete()
            # Before an outer commit too, so that no crash after it can lose the deletion.
            assert [row.key for row in PendingDeletion.objects.all()] == [key]
    finally:
        pre_delete.disconnect(delete_child, sender=Photo)
    assert [row.key for row in PendingDeletion.objects.all()] == [key]
    deletion.run_due()
    assert set(stored()) == kept


@pytest.mark.acceptance(62)
@pytest.mark.usefixtures("media")
def test_file_is_deleted_although_a_receiver_rolled_back_a_savepoint_made_by_hand(
    stored: Stored,
) -> None:
    # The name until Django 6.1, and the one since then.
    make_savepoint = getattr(transaction, "savepoint_create", None) or transaction.savepoint
    photo, other = Photo.objects.create(image=upload()), Photo.objects.create(image=upload())
    pk = photo.pk

    def delete_other(instance: Photo, **kwargs: Any) -> None:
        if instance.pk == pk:
            savepoint = make_savepoint()
            Photo.objects.filter(pk=other.pk).delete()
            transaction.savepoint_rollback(savepoint)

    pre_delete.connect(delete_other, sender=Photo)
    try:
        photo.delete()
    finally:
        pre_delete.disconnect(delete_other, sender=Photo)
    assert stored() == [other.image.name]


@pytest.mark.usefixtures("media")
def test_batches_of_signals_without_a_deletion_are_forgotten() -> None:
    photo = Photo.objects.create(image=upload())
    for _ in range(2):
        with transaction.atomic():
            pre_delete.send(sender=Photo, instance=photo, using="default", origin=photo)
    assert connection._shift_media_batches == []  # type: ignore[attr-defined]


@pytest.mark.usefixtures("media")
def test_row_whose_signal_another_package_sends_is_deleted(stored: Stored) -> None:
    photo = Photo.objects.create(image=upload())
    with transaction.atomic():
        pre_delete.send(sender=Photo, instance=photo, using="default", origin=photo)
        Photo.objects.all()._raw_delete("default")  # type: ignore[attr-defined]
    assert not stored()


@pytest.mark.usefixtures("media")
def test_rows_of_a_batch_that_another_process_has_claimed_are_left_to_it(
    media: CountingStorage,
) -> None:
    photos(3)
    with override_settings(SHIFT_MEDIA={"DELETE_SECONDS": 0}):
        Photo.objects.all().delete()
    rows = list(PendingDeletion.objects.all())
    other = PendingDeletion.objects.get(pk=rows[1].pk)
    assert PendingDeletion.claim_all([other]) == [other]
    assert deletion.run_all(rows) == 2
    assert media.calls["delete_prefix"] == 2
    assert PendingDeletion.objects.get(stage=PendingDeletion.Stage.FIRST) == other

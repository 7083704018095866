"""The field on real S3 servers: rows and objects agree, and each step costs few requests."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection, transaction
from django.template import Context, Template
from django.test import Client
from django.utils import timezone

from shift_media.core.errors import AlreadyStored
from shift_media.core.keys import parse_original_key
from shift_media.deletion import service as deletion
from shift_media.deletion.models import PendingDeletion
from shift_media.deletion.sweep import Sweep
from shift_media.imaging.strip import strip
from shift_media.signals import media_saved
from tests.fields.material import picture, upload
from tests.imaging.test_strip import annotated
from tests.servers.sites import S3Site
from tests.testapp.models import Album, Photo, Portrait
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

RESIZES = 100


class RollBack(Exception):
    """Raised to roll a transaction back."""


def roll_back(work: Callable[[], object]) -> None:
    def fail() -> None:
        with transaction.atomic():
            work()
            raise RollBack

    with pytest.raises(RollBack):
        fail()


def second_deletions() -> None:
    """Run the second deletions, which are due some minutes later."""
    PendingDeletion.objects.update(not_before=timezone.now() - timedelta(seconds=1))
    deletion.run_due()


def sweep(site: S3Site, **options: Any) -> Any:
    """Sweep as if every object had been written long ago."""
    return Sweep(site.storage, timezone.now() + timedelta(hours=1), **options).run()


@pytest.mark.acceptance(36)
def test_stripped_upload_is_one_put_of_the_stripped_bytes(s3_site: S3Site) -> None:
    content = annotated("jpg")
    portrait = Portrait.objects.create(image=upload(content))
    assert [request.method for request in s3_site.proxy.requests] == ["PUT"]
    with portrait.image.open() as file:
        stored = file.read()
    assert stored == strip(io.BytesIO(content)).read()
    assert portrait.image.metadata.sha256 == hashlib.sha256(stored).hexdigest()


@pytest.fixture
def photo(s3_site: S3Site) -> Photo:
    """Store a picture and one resize."""
    photo = Photo.objects.create(image=upload(), album=Album.objects.create())
    assert photo.image.resize("32x32").ensure()
    s3_site.proxy.clear()
    return photo


def test_upload_resize_page_and_deletion_make_the_fewest_s3_requests(s3_site: S3Site) -> None:
    """Count the requests of an upload, a first resize, a page with 100 resizes and a deletion."""
    proxy, costs = s3_site.proxy, {}

    def cost(step: str) -> list[str]:
        costs[step] = [f"{r.method} {r.query}".strip() for r in proxy.requests]
        proxy.clear()
        return costs[step]

    photo = Photo.objects.create(image=upload(content=picture(size=(640, 480))))
    assert cost("upload") == ["PUT"]
    resizes = [photo.image.resize(f"{100 + number}x") for number in range(RESIZES)]
    assert Client().get(f"/media/{resizes[0].key}").status_code == 302
    assert cost("first resize") == ["HEAD", "GET", "PUT"]

    page = Template(
        "{% load shift_media %}"
        "{% for size in sizes %}{% resize_img photo.image size %}{% endfor %}"
    )
    shown = Photo.objects.get()
    sizes = [f"{100 + number}x" for number in range(RESIZES)]
    html = page.render(Context({"photo": shown, "sizes": sizes}))
    assert html.count("<img") == RESIZES
    assert cost("page with 100 resizes") == []

    photo.delete()
    deleted = cost("deletion")
    assert [line.partition(" ")[0] for line in deleted] == ["GET", "POST"]  # list, delete
    second_deletions()
    assert [line.partition(" ")[0] for line in cost("second deletion")] == ["GET"]  # list
    assert s3_site.stored() == set()
    print(f"\n{s3_site.server.__class__.__name__}: {costs}")  # noqa: T201


@pytest.mark.acceptance(40)
def test_rolled_back_save_leaves_no_row_and_an_orphan_that_is_swept(
    s3_site: S3Site, photo: Photo
) -> None:
    kept = s3_site.stored()
    roll_back(lambda: Photo.objects.create(image=upload()))
    assert Photo.objects.count() == 1
    (orphan,) = s3_site.stored() - kept
    Sweep(s3_site.storage, timezone.now() - timedelta(hours=1)).run()
    assert orphan in s3_site.stored()  # it may be an upload whose row is yet to be committed
    sweep(s3_site, dry_run=True)
    assert orphan in s3_site.stored()
    findings = sweep(s3_site)
    assert findings.orphaned.objects == 1
    assert s3_site.stored() == kept


@pytest.mark.acceptance(41)
def test_media_saved_is_sent_after_the_commit(s3_site: S3Site) -> None:
    received: list[bool] = []

    def listen(key: str, **kwargs: object) -> None:
        received.append(Photo.objects.filter(image=key).exists() and key in s3_site.stored())

    media_saved.connect(listen)
    try:
        with transaction.atomic():
            Photo.objects.create(image=upload())
            assert received == []
        roll_back(lambda: Photo.objects.create(image=upload()))
    finally:
        media_saved.disconnect(listen)
    assert received == [True]


DELETIONS: dict[str, Callable[[Photo], object]] = {
    "instance": lambda photo: photo.delete(),
    "queryset": lambda photo: Photo.objects.all().delete(),
    "cascade": lambda photo: Album.objects.all().delete(),
    "replaced": lambda photo: photo.image.save("b.jpg", ContentFile(picture())),
}


@pytest.mark.acceptance(42)
@pytest.mark.parametrize("way", DELETIONS)
def test_files_are_deleted_after_the_commit(s3_site: S3Site, photo: Photo, way: str) -> None:
    prefix, before = parse_original_key(photo.image.name).prefix, s3_site.stored()
    assert len(before) == 2
    roll_back(lambda: DELETIONS[way](Photo.objects.get()))
    assert before <= s3_site.stored()
    with transaction.atomic():
        DELETIONS[way](Photo.objects.get())
        assert before <= s3_site.stored()
    assert not any(key.startswith(prefix) for key in s3_site.stored())


@pytest.mark.acceptance(42)
def test_missing_object_is_no_error_and_failed_deletion_is_retried(
    s3_site: S3Site, photo: Photo
) -> None:
    other = Photo.objects.create(image=upload())
    s3_site.storage.delete_prefix(parse_original_key(photo.image.name).prefix)
    photo.delete()
    s3_site.proxy.inject(status=503, code="SlowDown")
    other.delete()
    assert not Photo.objects.exists()
    pending = PendingDeletion.objects.get(stage=PendingDeletion.Stage.FIRST)
    assert pending.attempts == 1
    assert "StorageBusy" in pending.last_error
    assert len(s3_site.stored()) == 1
    s3_site.proxy.clear()
    second_deletions()
    assert s3_site.stored() == set()
    second_deletions()
    assert not PendingDeletion.objects.exists()


@pytest.mark.acceptance(20)
def test_resize_made_during_a_deletion_goes_with_the_second_one(
    s3_site: S3Site, photo: Photo
) -> None:
    resize = photo.image.resize("20x20")
    deleted = threading.Event()
    s3_site.proxy.inject(method="PUT", key=resize.key, until=deleted)
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(Client().get, f"/media/{resize.key}")
        wait_until(lambda: "PUT" in s3_site.proxy.methods())
        photo.delete()
        assert s3_site.stored() == set()
        deleted.set()
        assert made.result().status_code == 302
    assert s3_site.stored() == {resize.key}
    second_deletions()
    assert s3_site.stored() == set()
    assert Client().get(f"/media/{resize.key}").status_code == 404


@pytest.mark.acceptance(43)
def test_deletion_removes_exactly_its_own_prefix(s3_site: S3Site, photo: Photo) -> None:
    prefix = parse_original_key(photo.image.name).prefix
    beside = {f"{prefix[:-1]}x/photo.jpg", f"{prefix[:-5]}/photo.jpg", f"x{prefix}photo.jpg"}
    for key in beside:
        s3_site.storage.put(key, io.BytesIO(b"beside"), content_type="image/jpeg")
    assert s3_site.storage.delete_prefix(prefix) == 2
    assert s3_site.stored() == beside


@pytest.mark.acceptance(44)
def test_two_replacements_at_once_leave_the_file_of_the_last_commit(
    s3_site: S3Site, photo: Photo
) -> None:
    def replace(number: int) -> None:
        try:
            mine = Photo.objects.get(pk=photo.pk)
            mine.image.save(f"new-{number}.jpg", ContentFile(picture(size=(64, 48 + number))))
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(replace, range(2)))
    second_deletions()
    sweep(s3_site)
    assert s3_site.stored() == {Photo.objects.get().image.name}


@pytest.mark.acceptance(45)
def test_one_name_from_twenty_threads_gets_twenty_keys(s3_site: S3Site) -> None:
    contents = [picture(size=(40 + number, 30)) for number in range(20)]

    def save(content: bytes) -> str:
        photo = Photo()
        photo.image.save("photo.jpg", ContentFile(content), save=False)
        return str(photo.image.name)

    with ThreadPoolExecutor(20) as pool:
        keys = list(pool.map(save, contents))
    assert len(set(keys)) == 20
    for key, content in zip(keys, contents, strict=True):
        stored = s3_site.client.get_object(Bucket=s3_site.bucket, Key=key)
        assert stored["Body"].read() == content


@pytest.mark.acceptance(45)
def test_upload_with_a_taken_id_overwrites_nothing(
    s3_site: S3Site, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = str(photo.image.name)
    with pytest.raises(AlreadyStored):
        s3_site.storage.save(key, ContentFile(picture(size=(9, 9))))
    with ThreadPoolExecutor(20) as pool:
        written = list(
            pool.map(
                lambda number: s3_site.storage.put(
                    "a/b/c.jpg", io.BytesIO(b"%d" % number), content_type="image/jpeg"
                ),
                range(20),
            )
        )
    assert sorted(written) == [False] * 19 + [True]
    stored = s3_site.client.get_object(Bucket=s3_site.bucket, Key="a/b/c.jpg")["Body"].read()
    assert stored == b"%d" % written.index(True)


@pytest.mark.acceptance(48)
def test_resign_copies_resizes_of_a_rotated_key_inside_the_bucket(s3_site: S3Site) -> None:
    s3_site.configure(shift_media={"SIGNING_KEYS": ["old"]})
    photo = Photo.objects.create(image=upload())
    old = photo.image.resize("32x32")
    assert old.ensure()
    old_key = old.key
    s3_site.configure(shift_media={"SIGNING_KEYS": ["new", "old"]})
    new_key = photo.image.resize("32x32").key
    assert new_key != old_key
    assert Client().get(f"/media/{old_key}").status_code == 200
    s3_site.proxy.clear()
    call_command("media_cleanup", "--resign", stdout=io.StringIO())
    assert {old_key, new_key} <= s3_site.stored()
    s3_site.configure(shift_media={"SIGNING_KEYS": ["new"]})
    assert Client().get(f"/media/{old_key}").status_code == 404
    assert Client().get(f"/media/{new_key}").status_code == 200
    call_command("media_cleanup", stdout=io.StringIO())
    assert s3_site.stored() == {photo.image.name, new_key}


@pytest.mark.acceptance(49)
def test_file_of_a_copied_row_stays_until_the_last_row_goes(s3_site: S3Site, photo: Photo) -> None:
    before = s3_site.stored()
    copy = Photo.objects.get()
    copy.pk = None
    copy.save()
    photo.delete()
    assert s3_site.stored() == before
    copy.delete()
    assert s3_site.stored() == set()

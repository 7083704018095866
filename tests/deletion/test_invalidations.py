"""Deleted directories are invalidated in CloudFront: in batches, and again after a failure."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import transaction
from django.test import Client, override_settings
from django.utils import timezone

from shift_media.core.keys import parse_original_key
from shift_media.deletion import invalidation
from shift_media.deletion import service as deletion
from shift_media.deletion.models import PendingDeletion, PendingInvalidation
from shift_media.storages import S3MediaStorage
from tests.fields.material import upload
from tests.servers.cloudfront_api import MOST_WILDCARDS, CloudFrontApi
from tests.servers.fixtures import new_bucket, storage_options
from tests.testapp.models import Photo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.s3]

DISTRIBUTION = "EDFDVBD6EXAMPLE"
PUBLIC_URL = "https://cdn.example/media/"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudFrontApi]:
    api = CloudFrontApi(DISTRIBUTION)
    # boto3 reads the endpoints of services from the environment.
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", api.endpoint)
    try:
        yield api
    finally:
        api.stop()


@pytest.fixture(scope="module")
def options(seaweedfs: Any) -> dict[str, Any]:
    site_options = storage_options(seaweedfs, new_bucket(seaweedfs))
    return {**site_options, "public_url": PUBLIC_URL, "cloudfront_distribution": DISTRIBUTION}


@pytest.fixture(autouse=True)
def site(options: dict[str, Any], api: CloudFrontApi) -> Iterator[None]:
    media = {"BACKEND": "shift_media.storages.S3MediaStorage", "OPTIONS": options}
    # Refused requests are repeated after pauses, which a busy machine draws out.
    patient = {"DELETE_SECONDS": 60}
    with override_settings(STORAGES={**settings.STORAGES, "media": media}, SHIFT_MEDIA=patient):
        yield


def path_of(key: str) -> str:
    return f"/media/{parse_original_key(key).prefix}*"


def make_due() -> None:
    due = timezone.now() - timedelta(seconds=1)
    PendingDeletion.objects.update(not_before=due)
    PendingInvalidation.objects.update(not_before=due)


def photos(count: int) -> list[str]:
    return [Photo.objects.create(image=upload()).image.name for _ in range(count)]


def test_deletion_invalidates_its_directory_once(api: CloudFrontApi) -> None:
    (key,) = photos(1)
    Photo.objects.get().delete()
    assert api.requests == [[path_of(key)]]
    assert "cloudfront/aws4_request" in api.signed[0]
    assert not PendingInvalidation.objects.exists()
    make_due()
    deletion.run_due()  # The second deletion finds nothing, so no invalidation is needed.
    assert not PendingDeletion.objects.exists()
    assert len(api.requests) == 1


def test_resize_made_between_the_deletions_is_invalidated_too(api: CloudFrontApi) -> None:
    (key,) = photos(1)
    photo = Photo.objects.get()
    storage = photo.image.storage
    resize = photo.image.resize("32x32")
    photo.delete()
    storage.put(resize.key, io.BytesIO(b"late"), content_type="image/jpeg")
    make_due()
    deletion.run_due()
    invalidation.run_due()
    assert api.requests == [[path_of(key)]] * 2


def test_admin_shows_the_last_error_and_sends_an_invalidation_at_once(
    api: CloudFrontApi, admin_client: Client
) -> None:
    keys = photos(MOST_WILDCARDS + 1)
    Photo.objects.all().delete()
    (left,) = PendingInvalidation.objects.all()
    url = "/admin/shift_media/pendinginvalidation/"
    page = admin_client.get(url).content.decode()
    assert "TooManyInvalidationsInProgress" in page
    assert left.prefix in page
    assert admin_client.get(f"{url}add/").status_code == 403
    assert admin_client.get(f"{url}{left.pk}/delete/").status_code == 403
    send = {"action": "run_now", "_selected_action": [left.pk]}
    page = admin_client.post(url, send, follow=True).content.decode()
    assert "1 invalidation failed and will be tried again." in page
    api.in_progress.clear()
    page = admin_client.post(url, send, follow=True).content.decode()
    assert "1 invalidation was sent." in page
    assert not PendingInvalidation.objects.exists()
    assert api.requests[-1][0] in map(path_of, keys)


def test_rows_deleted_at_once_are_invalidated_in_batches(api: CloudFrontApi) -> None:
    keys = photos(MOST_WILDCARDS + 2)
    Photo.objects.all().delete()
    # A batch is as large as CloudFront allows. It refuses the rest while it works on the batch.
    assert [len(request) for request in api.requests] == [MOST_WILDCARDS, 2]
    assert PendingInvalidation.objects.count() == 2
    error = PendingInvalidation.objects.first().last_error  # type: ignore[union-attr]
    assert "StorageBusy" in error
    assert "TooManyInvalidationsInProgress" in error
    api.in_progress.clear()
    make_due()
    assert invalidation.run_due() == 2
    invalidated = [path for request in (api.requests[0], api.requests[2]) for path in request]
    assert sorted(invalidated) == sorted(map(path_of, keys))
    assert not PendingInvalidation.objects.exists()


def test_rollback_invalidates_nothing(api: CloudFrontApi) -> None:
    photos(1)
    with transaction.atomic():
        Photo.objects.get().delete()
        transaction.set_rollback(True)
    assert Photo.objects.exists()
    assert api.requests == []
    assert not PendingInvalidation.objects.exists()


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDenied"), (404, "NoSuchDistribution"), (400, "Throttling")]
)
def test_refused_invalidation_is_kept_and_tried_again(
    api: CloudFrontApi, status: int, code: str
) -> None:
    (key,) = photos(1)
    api.status, api.code = status, code
    Photo.objects.get().delete()
    waiting = PendingInvalidation.objects.get()
    assert code in waiting.last_error
    assert waiting.not_before > timezone.now() + timedelta(seconds=30)
    assert not Photo.objects.exists()  # The deletion itself is done.
    api.status = 0
    assert invalidation.run_due() == 0  # It is not due yet.
    make_due()
    assert invalidation.run_due() == 1
    assert api.requests[-1] == [path_of(key)]


def test_media_cleanup_sends_and_counts_pending_invalidations(api: CloudFrontApi) -> None:
    (key,) = photos(1)
    api.status, api.code = 403, "AccessDenied"
    Photo.objects.get().delete()
    for line in (
        "Invalidations in the CDN: 0 were sent, 1 are pending.",
        "Invalidations in the CDN: 1 were sent, 0 are pending.",
    ):
        out = io.StringIO()
        call_command("media_cleanup", stdout=out)
        assert line in out.getvalue()
        api.status = 0
        make_due()
    assert api.requests[-1] == [path_of(key)]


def test_later_deletions_wait_while_the_cdn_refuses_requests(api: CloudFrontApi) -> None:
    photos(4)
    api.status, api.code = 400, "TooManyInvalidationsInProgress"
    for photo in Photo.objects.all():
        photo.delete()
    assert len(set(map(tuple, api.requests))) == 1
    assert PendingInvalidation.objects.count() == 4
    api.status = 0
    make_due()
    assert invalidation.run_due() == 4
    assert len(api.requests[-1]) == 4


def test_invalidation_with_a_lost_answer_repeats_the_same_request(api: CloudFrontApi) -> None:
    photos(1)
    api.status, api.code, api.lost = 500, "InternalError", True
    Photo.objects.get().delete()
    assert PendingInvalidation.objects.count() == 1
    api.status = 0
    make_due()
    assert invalidation.run_due() == 1
    assert len(api.in_progress) == 1


def test_unreachable_cdn_loses_no_invalidation(
    api: CloudFrontApi, monkeypatch: pytest.MonkeyPatch, free_port: Callable[[], int]
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDFRONT", f"http://127.0.0.1:{free_port()}")
    photos(1)
    Photo.objects.get().delete()
    assert "cannot be reached" in PendingInvalidation.objects.get().last_error


def test_storage_without_a_distribution_has_no_pending_invalidations(
    api: CloudFrontApi, options: dict[str, Any]
) -> None:
    plain = {name: value for name, value in options.items() if name != "cloudfront_distribution"}
    media = {"BACKEND": "shift_media.storages.S3MediaStorage", "OPTIONS": plain}
    with override_settings(STORAGES={**settings.STORAGES, "media": media}):
        photos(1)
        Photo.objects.get().delete()
    assert api.requests == []
    assert not PendingInvalidation.objects.exists()


@pytest.mark.parametrize("id", ["arn:aws:cloudfront::1:distribution/E1", "edf", "../x", "E1/../x"])
def test_invalid_distribution_is_refused(options: dict[str, Any], id: str) -> None:
    with pytest.raises(ImproperlyConfigured, match='such as "EDFDVBD6EXAMPLE"'):
        S3MediaStorage(**{**options, "cloudfront_distribution": id})

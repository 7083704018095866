"""Imports on an S3 server: inside a bucket, and from a disk into a bucket."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import override_settings

from shift_media.importing.finish import FinishRun
from shift_media.importing.outcomes import RowOutcome
from shift_media.importing.plan import ImportPlan
from shift_media.importing.run import ImportOptions, ImportRun
from shift_media.importing.survey import DryRun
from shift_media.importing.undo import UndoRun
from shift_media.importing.verify import VerifyRun
from tests.fields.material import picture
from tests.servers.fixtures import S3Server, client_of, new_bucket, storage_options
from tests.testapp.models import Photo

pytestmark = pytest.mark.django_db(transaction=True)

SERVERS = [
    pytest.param("seaweedfs", marks=pytest.mark.s3),
    pytest.param("rgw", marks=pytest.mark.rgw),
]
NAMES = ["photos/Ünder (1) +&.jpg", "photos/2.jpg"]


class Site:
    """A site whose media are in a bucket, and what the bucket holds."""

    def __init__(self, server: S3Server) -> None:
        self.bucket = new_bucket(server)
        self.client = client_of(server)
        self.media = {
            "BACKEND": "shift_media.storages.S3MediaStorage",
            "OPTIONS": {**storage_options(server, self.bucket), "location": "media"},
        }
        plain = storage_options(server, self.bucket)
        del plain["public_url"]
        self.old = {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {**plain, "location": "old", "file_overwrite": False},
        }

    def keys(self, prefix: str) -> list[str]:
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
        return sorted(item["Key"].removeprefix(prefix) for item in found)


@pytest.fixture(params=SERVERS)
def site(request: pytest.FixtureRequest) -> Site:
    return Site(request.getfixturevalue(request.param))


@pytest.fixture(params=["bucket", "disk"])
def old_rows(request: pytest.FixtureRequest, site: Site, tmp_path: Any) -> Iterator[str]:
    """Make rows whose files are in the same bucket, or on a disk; return which."""
    storages = copy.deepcopy(settings.STORAGES)
    storages["media"] = site.media
    if request.param == "bucket":
        storages["default"] = site.old
    else:
        storages["default"]["OPTIONS"]["location"] = tmp_path / "old"
    with override_settings(STORAGES=storages):
        for name in NAMES:
            row = Photo.objects.create()
            default_storage.save(name, ContentFile(picture()))
            Photo.objects.filter(pk=row.pk).update(image=name)
        yield request.param


def plan() -> ImportPlan:
    return ImportPlan.make(Photo, "image", None, "default")


def import_all() -> list[RowOutcome]:
    return list(ImportRun(plan(), ImportOptions(workers=2)).outcomes())


@pytest.mark.acceptance(69)
def test_import_into_a_bucket_is_verified_undone_and_finished(site: Site, old_rows: str) -> None:
    assert [outcome.code for outcome in import_all()] == ["", ""]
    keys = sorted(Photo.objects.values_list("image", flat=True))
    assert site.keys("media/") == keys
    for photo in Photo.objects.all():
        with photo.image.open() as file:
            assert file.read() == picture()
    head = site.client.head_object(Bucket=site.bucket, Key=f"media/{keys[0]}")
    assert head["ContentType"] == "image/jpeg"
    assert head["CacheControl"] == "public, max-age=31536000, immutable"
    assert head["Metadata"]["sha256"] == Photo.objects.all()[0].image.metadata.sha256

    import threading

    found = list(VerifyRun(plan(), workers=2, stop=threading.Event()).outcomes())
    assert [outcome.code for outcome in found] == ["", ""]

    list(UndoRun(plan()).outcomes())
    assert sorted(Photo.objects.values_list("image", flat=True)) == sorted(NAMES)
    assert site.keys("media/") == []

    import_all()
    assert [outcome.code for outcome in FinishRun(plan()).outcomes()] == ["", ""]
    assert not any(map(default_storage.exists, NAMES))
    assert len(site.keys("media/")) == 2


@pytest.mark.acceptance(70)
def test_missing_and_empty_objects_are_left_alone(site: Site, old_rows: str) -> None:
    default_storage.delete(NAMES[0])
    default_storage.delete(NAMES[1])
    default_storage.save(NAMES[1], ContentFile(b""))
    assert sorted(outcome.code for outcome in import_all()) == ["empty", "not_stored"]
    assert sorted(Photo.objects.values_list("image", flat=True)) == sorted(NAMES)
    assert site.keys("media/") == []


def test_dry_run_counts_the_requests(site: Site, old_rows: str) -> None:
    found = list(DryRun(plan(), ImportOptions()).outcomes())
    # A HEAD, a GET and a copy; or a PUT.
    assert [outcome.requests for outcome in found] == ([3, 3] if old_rows == "bucket" else [1, 1])
    assert site.keys("media/") == []

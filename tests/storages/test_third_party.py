"""A storage that a third party could have written from the guide passes the contract."""

from __future__ import annotations

import urllib.request
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import Client, override_settings

from shift_media.storages import storages
from shift_media.storages.base import MediaStorage
from shift_media.testing import MediaStorageContract
from shift_media.testing.steps import fetch_bytes, list_keys, new_key, put_bytes
from tests import parts
from tests.fields.material import picture
from tests.servers.fixtures import client_of, new_bucket
from tests.servers.seaweedfs import SeaweedFS
from tests.testapp.models import Photo

parts.package("obstore", "dev")

from obstore.store import MemoryStore, S3Store  # noqa: E402

from tests.storages.obstore_storage import ObstoreMediaStorage  # noqa: E402

PUBLIC_URL = "https://cdn.example/"


def s3_store(server: SeaweedFS, bucket: str) -> S3Store:
    return S3Store(
        bucket,
        endpoint=server.endpoint,
        access_key_id=server.access_key,
        secret_access_key=server.secret_key,
        region=server.region,
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )


class TestInMemory(MediaStorageContract):
    """The contract on obstore's store in memory."""

    @pytest.fixture(autouse=True)
    def _store(self) -> None:
        self.storage = ObstoreMediaStorage(MemoryStore(), public_url=PUBLIC_URL)

    def make_storage(self) -> MediaStorage:
        return self.storage


@pytest.mark.s3
class TestOnSeaweedFS(MediaStorageContract):
    """The contract on obstore's client of S3 with a real server."""

    many = 1001 if parts.full() else 30
    storage: ObstoreMediaStorage
    server: SeaweedFS
    bucket: str

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _store(cls, seaweedfs: SeaweedFS) -> None:
        cls.server, cls.bucket = seaweedfs, new_bucket(seaweedfs)
        cls.storage = ObstoreMediaStorage(s3_store(seaweedfs, cls.bucket), public_url=PUBLIC_URL)

    def make_storage(self) -> MediaStorage:
        return self.storage

    def stored_type(self, storage: MediaStorage, key: str) -> str | None:
        return client_of(self.server).head_object(Bucket=self.bucket, Key=key)["ContentType"]


@pytest.mark.s3
def test_private_original_has_signed_url(seaweedfs: SeaweedFS) -> None:
    store = s3_store(seaweedfs, new_bucket(seaweedfs))
    storage = ObstoreMediaStorage(store, public_url=PUBLIC_URL, originals="private")
    key = str(new_key())
    put_bytes(storage, key, b"x")
    with urllib.request.urlopen(storage.url(key)) as answer:
        assert answer.read() == b"x"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_field_view_and_commands_work_on_it(tmp_path: Any) -> None:
    store = MemoryStore()
    media = {
        "BACKEND": f"{ObstoreMediaStorage.__module__}.ObstoreMediaStorage",
        "OPTIONS": {"store": store, "public_url": "/media/", "delivery": "content"},
    }
    local = {
        "BACKEND": "shift_media.storages.LocalMediaStorage",
        "OPTIONS": {"location": str(tmp_path / "backup"), "base_url": "/m/"},
    }
    named = {**settings.STORAGES, "media": media, "backup": local}
    with override_settings(STORAGES=named, SHIFT_MEDIA={"LOCK_DIR": tmp_path / "locks"}):
        photo = Photo.objects.create()
        photo.image.save("a.jpg", ContentFile(picture()))
        answer = Client().get(photo.image.resize("20x").url)
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
        call_command("media_copy", "--from", "media", "--to", "backup", verbosity=0)
        assert list_keys(storages["backup"], "") == [photo.image.key]  # type: ignore[arg-type]
        call_command("media_cleanup", "--dry-run", verbosity=0)
        photo.image.delete()
        assert list_keys(storages["media"], "") == []  # type: ignore[arg-type]
        assert fetch_bytes(storages["backup"], list_keys(storages["backup"], "")[0]) == picture()  # type: ignore[arg-type]


def test_store_without_signed_urls_cannot_have_private_originals() -> None:
    with pytest.raises(ImproperlyConfigured, match="no signed URLs"):
        ObstoreMediaStorage(MemoryStore(), public_url=PUBLIC_URL, originals="private")

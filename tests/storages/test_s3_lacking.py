"""Servers that refuse or ignore a part of the S3 API: the storage does without it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.test import Client, override_settings

from shift_media.core.errors import StorageError
from shift_media.doctor.client import HttpClient
from shift_media.doctor.deployment import Deployment
from shift_media.doctor.probe import ProbeImage
from shift_media.doctor.storage import check_storage
from shift_media.storages import S3MediaStorage
from shift_media.storages.base import MediaStorage
from shift_media.testing import MediaStorageContract
from shift_media.testing.steps import JPEG, fetch_bytes, list_keys, new_key, put_bytes
from tests import parts
from tests.fields.material import picture
from tests.servers import plain_s3
from tests.servers.fixtures import storage_options
from tests.servers.plain_s3 import BUCKET, Lacks, PlainS3
from tests.testapp.models import Photo

B2 = Lacks(conditions="refused", checksums=True)
BEFORE_2025 = Lacks(conditions="refused", bulk_delete=True)


@pytest.fixture
def plain() -> Iterator[PlainS3]:
    """Run a server that ignores conditions; a test may change what it lacks."""
    server = PlainS3(Lacks()).start()
    yield server
    server.stop()


def storage_on(server: PlainS3, **options: Any) -> S3MediaStorage:
    return S3MediaStorage(**{**storage_options(server, BUCKET), **options})


class TestServerThatRefusesHeaders(MediaStorageContract):
    """The contract on a server that refuses conditions, checksums and DeleteObjects."""

    # Two writers of one key at the same moment need the condition.
    test_concurrent_puts_of_one_key_store_one_whole_content = None  # type: ignore[assignment]
    # The length of a part is in the signature, which the server does not verify.
    test_part_with_other_bytes_than_announced_is_refused = None  # type: ignore[assignment]
    # The server itself holds the file in the memory that would be measured.
    test_large_file_is_put_and_fetched_in_little_memory = None  # type: ignore[assignment]
    many = 1001 if parts.full() else 30
    storage: S3MediaStorage

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls) -> Iterator[None]:
        server = PlainS3(Lacks("refused", checksums=True, bulk_delete=True)).start()
        cls.storage = storage_on(server)
        yield
        server.stop()

    def make_storage(self) -> MediaStorage:
        return self.storage


@pytest.mark.parametrize(
    ("lacks", "abilities"),
    [
        (Lacks(), (True, True)),
        (B2, (False, False)),
        (BEFORE_2025, (False, True)),
        (Lacks(checksums=True), (True, False)),
    ],
)
def test_only_refused_headers_are_left_out(
    plain: PlainS3, lacks: Lacks, abilities: tuple[bool, bool]
) -> None:
    plain.lacks = lacks
    storage = storage_on(plain)
    assert put_bytes(storage, str(new_key()), b"x") is True
    found = storage.abilities
    assert (found.conditional_put, found.checksum_header) == abilities


def test_refusal_is_remembered_and_key_is_looked_for_before_each_write(plain: PlainS3) -> None:
    plain.lacks = B2
    storage, key = storage_on(plain), str(new_key())
    put_bytes(storage, key, b"first")
    plain.requests.clear()
    assert put_bytes(storage, key, b"second") is False
    assert plain.requests == {"HEAD": 1}
    assert put_bytes(storage, str(new_key()), b"other") is True
    assert plain.requests == {"HEAD": 2, "PUT": 1}
    assert fetch_bytes(storage, key) == b"first"


@pytest.mark.slow
def test_option_looks_for_key_where_the_condition_is_ignored(plain: PlainS3) -> None:
    key = str(new_key())
    put_bytes(storage_on(plain), key, b"first")
    assert put_bytes(storage_on(plain), key, b"overwritten") is True, "it ignores conditions"
    careful = storage_on(plain, conditional_put=False)
    assert put_bytes(careful, key, b"third") is False
    assert fetch_bytes(careful, key) == b"overwritten"


def test_presigned_upload_has_only_headers_that_the_server_knows(plain: PlainS3) -> None:
    storage = storage_on(plain, conditional_put=False, checksum_header=False)
    upload = storage.presigned_upload(
        str(new_key()), content_type=JPEG, size=1, sha256="0" * 64, seconds=60
    )
    assert upload is not None
    assert {name.lower() for name in upload.headers} == {"content-type", "cache-control"}


def test_copy_is_read_and_written_where_the_server_copies_nothing(plain: PlainS3) -> None:
    storage, key = storage_on(plain), new_key()
    put_bytes(storage, str(key), b"x")
    assert storage.copy(str(key), f"{key.prefix}copy") is True
    assert fetch_bytes(storage, f"{key.prefix}copy") == b"x"


def test_keys_are_deleted_one_by_one_without_bulk_deletion(plain: PlainS3) -> None:
    plain.lacks = BEFORE_2025
    storage, key = storage_on(plain), new_key()
    for name in ("a", "b", "c"):
        put_bytes(storage, key.prefix + name, b"x")
    plain.requests.clear()
    assert storage.delete_prefix(key.prefix) == 3
    assert (plain.requests["POST"], plain.requests["DELETE"]) == (1, 3)
    storage.delete_many([f"{key.prefix}a"])
    assert plain.requests["POST"] == 1
    assert list_keys(storage, "") == []


def test_other_errors_of_a_write_are_raised_as_they_are(plain: PlainS3) -> None:
    storage = storage_on(plain, object_parameters={"StorageClass": "UNKNOWN"})
    plain.lacks = Lacks(conditions="refused", checksums=True)

    def refuse(self: Any, *args: Any) -> bool:
        self._refuse(400, "InvalidRequest", "No such class.")
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_s3._Handler, "_is_refused", refuse)
        with pytest.raises(StorageError, match="400 InvalidRequest"):
            put_bytes(storage, str(new_key()), b"x")
    assert (storage.abilities.conditional_put, storage.abilities.checksum_header) == (True, True)


def test_default_checksums_of_botocore_are_refused_and_not_those_of_the_storage(
    plain: PlainS3,
) -> None:
    plain.lacks = Lacks(checksums=True)
    options = {
        "endpoint_url": plain.endpoint,
        "aws_access_key_id": "plain",
        "aws_secret_access_key": "plain",
        "region_name": "us-east-1",
        "config": Config(s3={"addressing_style": "path"}),
    }
    client: Any = boto3.client("s3", **options)
    with pytest.raises(ClientError, match="Unsupported header"):
        client.put_object(Bucket=BUCKET, Key="a", Body=b"x")
    storage = storage_on(plain)
    assert storage.save("docs/a.txt", ContentFile(b"x")) == "docs/a.txt"
    assert put_bytes(storage, str(new_key()), b"x") is True


@pytest.mark.parametrize("name", ["conditional_put", "checksum_header"])
def test_option_that_is_no_flag_is_refused(name: str) -> None:
    options: dict[str, Any] = {"bucket_name": "b", "public_url": "/m/", name: "no"}
    with pytest.raises(ImproperlyConfigured, match=rf"{name}.*True or False"):
        S3MediaStorage(**options)


# The site on such a server


def site_on(server: PlainS3, folder: Path, **options: Any) -> Any:
    media = {
        "BACKEND": "shift_media.storages.S3MediaStorage",
        "OPTIONS": {
            **storage_options(server, BUCKET),
            "public_url": "/media/",
            "delivery": "content",
            **options,
        },
    }
    return override_settings(
        STORAGES={**settings.STORAGES, "media": media}, SHIFT_MEDIA={"LOCK_DIR": folder}
    )


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_site_without_conditions_and_redirects_works_by_content_delivery(
    plain: PlainS3, tmp_path: Path
) -> None:
    plain.lacks = Lacks("refused", checksums=True, bulk_delete=True)
    with site_on(plain, tmp_path):
        photo = Photo.objects.create(image=ContentFile(picture(), "a.jpg"))
        url = photo.image.resize("20x").url
        for _ in range(2):
            answer = Client().get(url)
            assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
            assert "immutable" in answer["Cache-Control"]
        assert len(plain.objects) == 2
        photo.image.delete()
        assert plain.objects == {}


@pytest.mark.parametrize(
    ("lacks", "options", "severity", "says"),
    [
        (B2, {}, "warning", 'refuses If-None-Match.*"conditional_put": False'),
        (Lacks(), {}, "error", 'ignored.*"conditional_put": False'),
        (Lacks(), {"conditional_put": False}, "ok", "looked for before each write"),
    ],
)
def test_doctor_says_which_fallback_applies(
    plain: PlainS3, lacks: Lacks, options: Any, severity: str, says: str
) -> None:
    plain.lacks = lacks
    storage = storage_on(plain, **options)
    with ProbeImage(storage) as probe:
        deployment = Deployment("", storage, probe, "", HttpClient(0.5))
        found = {one.code: one for one in check_storage(deployment)}
    finding = found["conditional-put"]
    assert str(finding.severity) == severity
    assert re.search(says, f"{finding.seen} {finding.fix}"), finding
    assert plain.objects == {}

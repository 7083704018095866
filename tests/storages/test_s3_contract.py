"""The contract on two S3 servers, SeaweedFS and Ceph's gateway."""

from __future__ import annotations

from typing import Any

import pytest

from shift_media.storages import S3MediaStorage
from shift_media.storages.base import MediaStorage
from shift_media.testing import MediaStorageContract
from testproject.servers.rgw import RGW
from tests import parts
from tests.servers.fixtures import S3Server, client_of, new_bucket, storage_options
from tests.servers.seaweedfs import SeaweedFS


class S3Contract(MediaStorageContract):
    """The contract on one storage, whose client all tests share."""

    storage: S3MediaStorage
    server: S3Server

    def make_storage(self) -> MediaStorage:
        return self.storage

    def stored_type(self, storage: MediaStorage, key: str) -> str | None:
        client = client_of(self.server)
        head = client.head_object(Bucket=self.storage.bucket_name, Key=key)
        return head["ContentType"]

    @classmethod
    def use(cls, server: S3Server, **options: Any) -> None:
        cls.server = server
        cls.storage = S3MediaStorage(**storage_options(server, new_bucket(server)), **options)


@pytest.mark.s3
class TestSeaweedFS(S3Contract):
    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls, seaweedfs: SeaweedFS) -> None:
        cls.use(seaweedfs)


@pytest.mark.rgw
class TestCephGateway(S3Contract):
    many = 1001 if parts.full() else 30

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _server(cls, rgw: RGW) -> None:
        cls.use(rgw)

"""Fixtures of the S3 servers; a ``conftest.py`` imports those it wants.

Each server is started once in a run, by the worker whose test asks for it first.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from django.conf import settings
from django.test import override_settings

from shift_media.aws.cors import cors_configuration
from testproject.servers.rgw import RGW
from tests.servers.faults import FaultProxy
from tests.servers.seaweedfs import SeaweedFS
from tests.servers.shared import share

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


class S3Server(Protocol):
    """The attributes that all S3 servers of the tests have."""

    access_key: str
    secret_key: str
    region: str

    @property
    def port(self) -> int: ...

    @property
    def endpoint(self) -> str: ...


@pytest.fixture(scope="session")
def seaweedfs(needs: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> SeaweedFS:
    """Return the SeaweedFS that all workers share."""
    program = needs("seaweedfs")
    return share(
        tmp_path_factory, "seaweedfs", SeaweedFS, lambda folder: SeaweedFS(program, folder).start()
    )


@pytest.fixture(scope="session")
def rgw(needs: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> RGW:
    """Return the gateway of Ceph that all workers share."""
    needs("rgw")
    return share(tmp_path_factory, "rgw", RGW, lambda folder: RGW(folder).start())


def client_of(server: S3Server) -> S3Client:
    """Return a plain boto3 client, which does not use the code under test."""
    import boto3
    from botocore.config import Config

    client: S3Client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.access_key,
        aws_secret_access_key=server.secret_key,
        region_name=server.region,
        config=Config(s3={"addressing_style": "path"}, signature_version="s3v4"),
    )
    return client


def new_bucket(server: S3Server) -> str:
    """Create an empty bucket, and return its name."""
    name = f"test-{uuid.uuid4().hex[:12]}"
    client_of(server).create_bucket(Bucket=name)
    return name


def allow_uploads(server: S3Server, bucket: str, origin: str) -> None:
    """Give a bucket the CORS rules that ``media_bucket`` would, for the pages of an origin."""
    rules: Any = cors_configuration([origin])
    client_of(server).put_bucket_cors(Bucket=bucket, CORSConfiguration=rules)


def storage_options(server: S3Server, bucket: str, endpoint: str = "") -> dict[str, Any]:
    """Return the options of a storage on a server's bucket, perhaps through a proxy."""
    return {
        "bucket_name": bucket,
        "access_key": server.access_key,
        "secret_key": server.secret_key,
        "region_name": server.region,
        "endpoint_url": endpoint or server.endpoint,
        "addressing_style": "path",
        "public_url": "https://cdn.example/",
    }


def media_on(options: dict[str, Any]) -> override_settings:
    """Use a storage with these options as that of media."""
    media = {"BACKEND": "shift_media.storages.S3MediaStorage", "OPTIONS": options}
    return override_settings(STORAGES={**settings.STORAGES, "media": media})


@pytest.fixture(scope="session")
def fault_proxy(seaweedfs: SeaweedFS) -> Iterator[FaultProxy]:
    """Run a proxy in front of SeaweedFS."""
    proxy = FaultProxy(seaweedfs.port)
    try:
        yield proxy
    finally:
        proxy.stop()


@pytest.fixture
def faults(fault_proxy: FaultProxy) -> Iterator[FaultProxy]:
    """Return the proxy without faults and counted requests."""
    fault_proxy.clear()
    yield fault_proxy
    fault_proxy.clear()


@pytest.fixture(scope="session")
def bucket(seaweedfs: SeaweedFS) -> str:
    """Create a bucket in SeaweedFS that the tests of a module share."""
    return new_bucket(seaweedfs)

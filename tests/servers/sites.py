"""A site with its media on a real S3 server, behind a proxy that counts and injects faults."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from django.test import override_settings

from shift_media.core.keys import new_original_key
from shift_media.resizes import builder
from shift_media.resizes.resize import Resize
from shift_media.storages import default_media_storage
from tests.servers.faults import FaultProxy
from tests.servers.fixtures import S3Server, client_of, new_bucket, storage_options

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

    from shift_media.storages import S3MediaStorage

PUBLIC_URL = "https://cdn.example/"


@dataclass
class S3Site:
    """The settings of a site on one bucket; `configure` changes them."""

    server: S3Server
    proxy: FaultProxy
    bucket: str
    locks: Path
    client: S3Client
    _overrides: list[Any] = field(default_factory=list)

    def configure(
        self, *, shift_media: dict[str, Any] | None = None, **options: Any
    ) -> S3MediaStorage:
        """Set the storage's options.

        Its timeouts are the usual ones: what a busy machine delays is not asked for twice, and
        counted twice. Where a test waits for them, it gives a ``client_config``.
        """
        from django.conf import settings

        server = storage_options(self.server, self.bucket, self.proxy.endpoint)
        options = {**server, **options}
        media = {"BACKEND": "shift_media.storages.S3MediaStorage", "OPTIONS": options}
        override = override_settings(
            STORAGES={**settings.STORAGES, "media": media},
            # A busy machine may need more than the default of DELETE_SECONDS.
            SHIFT_MEDIA={"LOCK_DIR": self.locks, "DELETE_SECONDS": 60, **(shift_media or {})},
        )
        override.enable()
        self._overrides.append(override)
        return self.storage

    def close(self) -> None:
        for override in reversed(self._overrides):
            override.disable()

    @property
    def storage(self) -> S3MediaStorage:
        return cast("S3MediaStorage", default_media_storage)

    def add(self, content: bytes, name: str = "photo.jpg") -> str:
        """Store an original without counting the requests."""
        stem, _, extension = name.rpartition(".")
        key = str(new_original_key(stem, extension))
        assert self.storage.put(key, io.BytesIO(content), content_type="image/jpeg")
        self.proxy.clear()
        return key

    def resize(self, key: str, size: str = "400x300", **options: Any) -> Resize:
        return builder.build(key, size, storage=self.storage, **options)

    def stored(self) -> set[str]:
        """Return the keys in the bucket, not counted by the proxy."""
        listed = self.client.list_objects_v2(Bucket=self.bucket)
        return {item["Key"] for item in listed.get("Contents", ())}

    def counts(self) -> dict[tuple[str, str], int]:
        """Return the number of requests by method and key."""
        return dict(self.proxy.counts())


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("seaweedfs", marks=pytest.mark.s3),
        pytest.param("rgw", marks=pytest.mark.rgw),
    ],
)
def s3_server(request: pytest.FixtureRequest) -> S3Server:
    """Run a test on each of the S3 servers."""
    return cast("S3Server", request.getfixturevalue(request.param))


@pytest.fixture(scope="session")
def s3_proxy(s3_server: S3Server) -> Iterator[FaultProxy]:
    """Return a proxy in front of the server."""
    proxy = FaultProxy(s3_server.port)
    try:
        yield proxy
    finally:
        proxy.stop()


_clients: dict[str, Any] = {}


@pytest.fixture
def s3_site(s3_server: S3Server, s3_proxy: FaultProxy, tmp_path: Path) -> Iterator[S3Site]:
    """Return a site with an empty bucket and no faults."""
    if s3_server.endpoint not in _clients:
        _clients[s3_server.endpoint] = client_of(s3_server)
    client = _clients[s3_server.endpoint]
    s3_proxy.clear()
    site = S3Site(s3_server, s3_proxy, new_bucket(s3_server), tmp_path / "locks", client)
    try:
        site.configure()
        yield site
    finally:
        site.close()
        s3_proxy.clear()

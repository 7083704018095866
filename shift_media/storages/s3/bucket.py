"""The client of a bucket, and what is read from it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import ClientError
from django.utils.http import parse_header_parameters

from shift_media.core.errors import NotStored
from shift_media.storages.base import Entry, Stat
from shift_media.storages.interface import Name
from shift_media.storages.s3 import errors
from shift_media.storages.s3.client import create_client, default_config, merge_config
from shift_media.storages.s3.compatible import S3Compatible
from shift_media.storages.s3.errors import translate_errors
from shift_media.storages.s3.observed import observe
from shift_media.storages.s3.parameters import send_with_each_request
from shift_media.storages.s3.upload import SHA256_METADATA
from shift_media.storages.streams import HashedSource, Source
from shift_media.storages.validation import check_key

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

_client_lock = threading.Lock()


def _replace_lock() -> None:
    # Another thread, which does not run in the child, may hold the lock during the fork.
    global _client_lock  # noqa: PLW0603
    _client_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_replace_lock)


class S3Bucket(S3Compatible):
    """The client that the threads of a process share, and the methods that only read."""

    _max_pool_connections: int | None
    _held: tuple[int, S3Client] | None

    # The client

    @property
    def client(self) -> S3Client:
        """Return the client that the threads of this process share; a fork makes its own."""
        held = self._held
        if held is None or held[0] != os.getpid():
            with _client_lock:
                held = self._held
                if held is None or held[0] != os.getpid():
                    held = self._held = (os.getpid(), self._make_client())
        return held[1]

    def _make_client(self) -> S3Client:
        config = merge_config(
            default_config(self._max_pool_connections, self.signature_version),
            self.client_config,
            self.addressing_style,
            self.proxies,
        )
        with translate_errors(self.bucket_name):
            client = create_client(self._create_client, config)
        send_with_each_request(client, self.object_parameters)
        observe(client)
        return client

    def _create_client(self, config: Config) -> S3Client:
        session: Session = self._create_session()
        client: S3Client = session.client(
            "s3",
            region_name=self.region_name,
            use_ssl=self.use_ssl,
            endpoint_url=self.endpoint_url,
            config=config,
            verify=self.verify,
        )
        return client

    # Reading

    def stat(self, key: str) -> Stat | None:
        """Return what one HEAD says; None if nothing is stored, or if S3 does not say (403)."""
        with translate_errors(key):
            try:
                head = self.client.head_object(
                    Bucket=self.bucket_name, Key=self.bucket_key(check_key(key))
                )
            except ClientError as error:
                if errors.is_missing(error.response) or errors.is_forbidden(error.response):
                    return None
                raise
        sha256 = head["Metadata"].get(SHA256_METADATA, "")
        return Stat(head["ContentLength"], head["LastModified"], sha256)

    def fetch(self, key: str) -> Source:
        """Return the body of one GET, whose bytes arrive as they are read. Raises `NotStored`."""
        with translate_errors(key, errors.as_read_error):
            got = self.client.get_object(
                Bucket=self.bucket_name, Key=self.bucket_key(check_key(key))
            )
        sha256 = got["Metadata"].get(SHA256_METADATA, "")
        body = cast("BinaryIO", got["Body"])
        return HashedSource(body, got["ContentLength"], key, sha256, translate_errors)

    def read_download_name(self, key: str) -> str:
        """Return the client's name of an attachment, from its Content-Disposition; else ``""``."""
        try:
            with translate_errors(key, errors.as_read_error):
                head = self.client.head_object(
                    Bucket=self.bucket_name, Key=self.bucket_key(check_key(key))
                )
        except NotStored:
            return ""
        _, parameters = parse_header_parameters(head.get("ContentDisposition", ""))
        name = parameters.get("filename", "")
        return "" if name == key.rpartition("/")[2] else name

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the keys with a prefix in their order; one request for each thousand."""
        for item in self._objects(prefix):
            key = item["Key"].removeprefix(self.key_prefix)
            yield Entry(key, item["Size"], item["LastModified"])

    def listdir(self, path: Name) -> tuple[list[str], list[str]]:
        """Return the names of the folders and files in a folder; ``""`` is the location."""
        path = str(path)
        prefix = f"{path.strip('/')}/" if path.strip("/.") else ""
        begin = len(self.bucket_key(prefix))
        folders: list[str] = []
        files: list[str] = []
        for page in self._pages(prefix, Delimiter="/"):
            folders += [item["Prefix"][begin:-1] for item in page.get("CommonPrefixes", ())]
            files += [item["Key"][begin:] for item in page.get("Contents", ())]
        return folders, files

    def _objects(self, prefix: str) -> Iterator[dict[str, Any]]:
        """Yield what S3 lists for keys with a prefix; its names are those in the bucket."""
        for page in self._pages(prefix):
            yield from page.get("Contents", ())

    def _pages(self, prefix: str, **options: Any) -> Iterator[dict[str, Any]]:
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket_name, Prefix=self.bucket_key(prefix), **options
        )
        with translate_errors(prefix):
            yield from cast("Iterator[dict[str, Any]]", pages)

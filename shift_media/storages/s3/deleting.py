"""Deletion of many keys of a bucket with few requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from shift_media.core.errors import MediaError
from shift_media.storages.base import DeletedPrefixes
from shift_media.storages.s3 import errors
from shift_media.storages.s3.errors import translate_errors

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

KEYS_PER_REQUEST: Final = 1000
"""Keys that DeleteObjects takes (Amazon S3 API reference)."""

LISTINGS: Final = 8
"""Prefixes that are listed at once: most of the time is spent waiting for S3."""

Refusals = dict[str, dict[str, Any]]
"""S3's error by key."""

Listing = list[str] | MediaError


def delete_keys(client: S3Client, bucket: str, keys: Iterable[str], about: str) -> Refusals:
    """Delete keys, a thousand with each request; return those that S3 refused.

    Raises `StorageError` if a request fails as a whole; ``about`` names the keys in the error.
    """
    refused: Refusals = {}
    remaining = iter(keys)
    while part := list(islice(remaining, KEYS_PER_REQUEST)):
        with translate_errors(about):
            answer = client.delete_objects(
                Bucket=bucket, Delete={"Objects": [{"Key": key} for key in part], "Quiet": True}
            )
        for error in answer.get("Errors", ()):
            if not errors.is_missing({"Error": error}):
                refused[error["Key"]] = {"Error": error}
    return refused


def raise_refused(refused: Refusals, about: str) -> None:
    """Raise `StorageError` for the first of the keys that S3 refused, if there are any."""
    if refused:
        first = next(iter(refused.values()))
        raise errors.as_media_error(first, f"{len(refused)} keys of {about}")


def delete_prefixes(
    client: S3Client,
    bucket: str,
    prefixes: Sequence[str],
    list_keys: Callable[[str], Iterable[str]],
) -> DeletedPrefixes:
    """List several prefixes at once, and delete their keys together."""
    deleted: DeletedPrefixes = {}
    listed: dict[str, list[str]] = {}
    for prefix, found in _list_all(prefixes, list_keys):
        if isinstance(found, MediaError):
            deleted[prefix] = found
            continue
        listed[prefix] = found
        if sum(map(len, listed.values())) >= KEYS_PER_REQUEST:
            deleted |= _delete_listed(client, bucket, listed)
            listed = {}
    return deleted | _delete_listed(client, bucket, listed)


def _delete_listed(client: S3Client, bucket: str, listed: dict[str, list[str]]) -> DeletedPrefixes:
    about = next(iter(listed), "") if len(listed) == 1 else f"{len(listed)} prefixes"
    try:
        keys = (key for keys in listed.values() for key in keys)
        refused = delete_keys(client, bucket, keys, about)
    except MediaError as error:
        return dict.fromkeys(listed, error)
    deleted: DeletedPrefixes = {}
    for prefix, keys_of_prefix in listed.items():
        try:
            raise_refused({key: refused[key] for key in keys_of_prefix if key in refused}, prefix)
        except MediaError as error:
            deleted[prefix] = error
        else:
            deleted[prefix] = len(keys_of_prefix)
    return deleted


def _list_all(
    prefixes: Sequence[str], list_keys: Callable[[str], Iterable[str]]
) -> Iterator[tuple[str, Listing]]:
    """Yield the keys of each prefix, or the error.

    A server that does not answer is not asked for the remaining ones.
    """
    silent: list[MediaError] = []

    def list_one(prefix: str) -> Listing:
        if silent:
            return silent[0]
        try:
            return list(list_keys(prefix))
        except MediaError as error:
            if not isinstance(error.__cause__, ClientError):
                silent.append(error)
            return error

    with ThreadPoolExecutor(LISTINGS) as pool:
        yield from zip(prefixes, pool.map(list_one, prefixes), strict=True)

"""Deletion of many keys of a bucket with few requests."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import ClientError

from shift_media.core.errors import MediaError
from shift_media.storages.base import DeletedPrefixes
from shift_media.storages.s3 import errors
from shift_media.storages.s3.abilities import Abilities, is_refusal
from shift_media.storages.s3.errors import translate_errors

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

logger = logging.getLogger("shift_media.storages")

KEYS_PER_REQUEST: Final = 1000
"""Keys that DeleteObjects takes (Amazon S3 API reference)."""

LISTINGS: Final = 8
"""Prefixes that are listed at once: most of the time is spent waiting for S3."""

Refusals = dict[str, dict[str, Any]]
"""S3's error by key."""

Listing = list[str] | MediaError


def delete_keys(
    client: S3Client, bucket: str, keys: Iterable[str], about: str, abilities: Abilities
) -> Refusals:
    """Delete keys, a thousand with each request; return those that S3 refused.

    A server that does not know such a request deletes them one by one. Raises `StorageError` if a
    request fails as a whole; ``about`` names the keys in the error.
    """
    refused: Refusals = {}
    remaining = iter(keys)
    while part := list(islice(remaining, KEYS_PER_REQUEST)):
        with translate_errors(about):
            for error in _delete_part(client, bucket, part, abilities):
                if not errors.is_missing({"Error": error}):
                    refused[str(error["Key"])] = {"Error": error}
    return refused


def _delete_part(
    client: S3Client, bucket: str, keys: Sequence[str], abilities: Abilities
) -> Sequence[Mapping[str, Any]]:
    """Delete keys, and return the errors of those that were refused."""
    if abilities.bulk_delete:
        try:
            answer = client.delete_objects(
                Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            )
        except ClientError as error:
            if not is_refusal(client, error.response):
                raise
            logger.warning("The S3 server refuses DeleteObjects; keys are deleted one by one.")
            abilities.bulk_delete = False
        else:
            return cast("Sequence[Mapping[str, Any]]", answer.get("Errors", ()))

    def delete_one(key: str) -> Mapping[str, Any]:
        try:
            client.delete_object(Bucket=bucket, Key=key)
        except ClientError as error:
            return {**error.response["Error"], "Key": key}
        return {}

    with ThreadPoolExecutor(LISTINGS) as pool:
        return [error for error in pool.map(delete_one, keys) if error]


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
    abilities: Abilities,
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
            deleted |= _delete_listed(client, bucket, listed, abilities)
            listed = {}
    return deleted | _delete_listed(client, bucket, listed, abilities)


def _delete_listed(
    client: S3Client, bucket: str, listed: dict[str, list[str]], abilities: Abilities
) -> DeletedPrefixes:
    about = next(iter(listed), "") if len(listed) == 1 else f"{len(listed)} prefixes"
    try:
        keys = (key for keys in listed.values() for key in keys)
        refused = delete_keys(client, bucket, keys, about, abilities)
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

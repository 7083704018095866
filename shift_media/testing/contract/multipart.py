# ruff: noqa: D102  # the name of a test says what it requires
"""Tests of uploads in parts, which a storage may have."""

from __future__ import annotations

import base64
import hashlib
import io
import urllib.error
import urllib.request
from typing import Any

from shift_media.storages.multipart import (
    LEAST_PART,
    DifferingPart,
    MultipartUploads,
    NoSuchUpload,
)
from shift_media.testing.contract.base import StorageContract
from shift_media.testing.steps import assert_raises, fetch_bytes, new_key

_FIRST, _LAST = b"a" * LEAST_PART, b"the end"
_TYPE = "video/mp4"


class MultipartContract(StorageContract):
    """The tests of `MediaStorage.multipart`. A storage without parts passes them."""

    def test_parts_in_any_order_become_one_file(self) -> None:
        storage, key = self.make_storage(), str(new_key("mp4"))
        uploads = storage.multipart
        if uploads is None:
            return
        begun = uploads.begin(key, content_type=_TYPE)
        for number, content in ((2, _LAST), (1, _FIRST)):
            assert send_part(uploads, key, begun, number, content), f"part {number} was refused"
        parts = uploads.parts(key, begun)
        assert {number: part.size for number, part in parts.items()} == {
            1: len(_FIRST),
            2: len(_LAST),
        }
        assert storage.stat(key) is None, "the file is there before it is complete"
        assert uploads.complete(key, begun, parts)
        assert fetch_bytes(storage, key) == _FIRST + _LAST
        assert_raises((NoSuchUpload,), uploads.parts, key, begun)

    def test_part_with_other_bytes_than_announced_is_refused(self) -> None:
        storage, key = self.make_storage(), str(new_key("mp4"))
        uploads = storage.multipart
        if uploads is None:
            return
        begun = uploads.begin(key, content_type=_TYPE)
        for facts in ({"md5": _md5(b"another")}, {"size": len(_LAST) - 1}):
            assert not send_part(uploads, key, begun, 1, _LAST, **facts), f"accepted: {facts}"
        assert not uploads.parts(key, begun)
        uploads.abort(key, begun)

    def test_aborted_upload_is_gone_and_may_be_aborted_again(self) -> None:
        storage, key = self.make_storage(), str(new_key("mp4"))
        uploads = storage.multipart
        if uploads is None:
            return
        begun = uploads.begin(key, content_type=_TYPE)
        assert send_part(uploads, key, begun, 1, _LAST)
        assert begun in {one.upload_id for one in uploads.unfinished() if one.key == key}
        for _ in range(2):
            uploads.abort(key, begun)
        assert_raises((NoSuchUpload,), uploads.parts, key, begun)
        assert begun not in {one.upload_id for one in uploads.unfinished()}
        assert storage.stat(key) is None


def send_part(
    uploads: MultipartUploads,
    key: str,
    upload_id: str,
    number: int,
    content: bytes,
    **announced: Any,
) -> bool:
    """Send a part as a client does, and return whether the storage accepted it."""
    facts: dict[str, Any] = {"size": len(content), "md5": _md5(content)} | announced
    signed = uploads.sign(key, upload_id, number, seconds=60, **facts)
    try:
        if signed is None:
            uploads.put_part(key, upload_id, number, io.BytesIO(content), **facts)
        else:
            headers = {"Content-Type": "", **signed.headers}
            request = urllib.request.Request(  # noqa: S310 (what the storage has signed)
                signed.url, content, headers, method="PUT"
            )
            urllib.request.urlopen(request, timeout=60).close()  # noqa: S310
    except (DifferingPart, urllib.error.HTTPError):
        return False
    return True


def _md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()

"""The interface of media storages, and what all of them have in common.

A key is written once and never again: `MediaStorage.put` says whether this call wrote it.
docs/how-to/write-a-storage.rst shows how to write another storage.
"""

from __future__ import annotations

import io
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, get_args

from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage
from django.utils.encoding import filepath_to_uri
from django.utils.functional import cached_property
from django.views.decorators.debug import sensitive_variables

from shift_media.core.errors import MediaError, NotStored
from shift_media.core.keys import name_key
from shift_media.storages.interface import DjangoInterface, MissingFile, Name, Stat, missing
from shift_media.storages.multipart import MultipartUploads, PresignedUpload
from shift_media.storages.private_paths import sign_path
from shift_media.storages.server_copy import ServerCopy
from shift_media.storages.streams import Readable
from shift_media.storages.validation import (
    ACCEL_HEADER,
    check_base_url,
    check_choice,
    check_flag,
    check_key,
    check_seconds,
    format_of_key,
    has_key_shape,
    tidy_name,
)

__all__ = [
    "DeletedPrefixes",
    "DeliveryMode",
    "Entry",
    "MediaStorage",
    "MissingFile",
    "Originals",
    "PresignedUpload",
    "Stat",
    "delete_each",
    "missing",
]

DeliveryMode = Literal["redirect", "content"]
Originals = Literal["public", "private"]
Derived = Literal["public", "private"]

DeletedPrefixes = dict[str, int | Exception]
"""The number of keys that were deleted by prefix, or the error of a prefix that failed."""

URL_EXPIRE = 3600
"""The default of ``url_expire``: seconds that the URL of a private original is valid."""

_SPOOL_BYTES = 2 << 20
"""The size up to which an opened file is held in memory; a larger one is on disk."""
_NO_PRIVATE_MEZZANINE = (
    'mezzanine=True cannot be combined with originals="private": mezzanines are public in the '
    "bucket, so a picture of 2048 pixels could be read without a signature. Remove one of them, "
    'or write "derived": "private" as well.'
)
_NO_PUBLIC_ORIGINALS = (
    'derived="private" cannot be combined with public originals, which show more than what is '
    'derived from them. Write "originals": "private" as well.'
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored file in a listing."""

    key: str
    size: int
    modified: datetime


class MediaStorage(DjangoInterface):
    """The base class of media storages; it stands before a Django storage among the bases.

    Args:
        public_url: the URL that keys are appended to; a slash at its end is added.
        delivery: ``"redirect"`` if ``public_url`` is a bucket that the app sends browsers back to,
            ``"content"`` if the app answers with the bytes.
        originals: ``"public"``, or ``"private"`` for signed URLs of originals, which expire.
        derived: ``"private"`` for resizes and renditions at signed URLs of the app, which expire.
            Needs private originals, and a ``public_url`` that is the address of the include.
        mezzanine: whether smaller resizes are made from a stored smaller version of the original.
            With private originals only if what is derived is private, too, or if the app alone
            serves what is stored.
        url_expire: seconds that the URL of a private original is valid.
    """

    default_delivery: ClassVar[DeliveryMode] = "content"
    serves_files: ClassVar[bool] = False
    """True if the app serves originals and renditions, because no server does.

    Then `fetch` must return a `SeekableSource`.
    """
    accel_header: str = ACCEL_HEADER
    """The header by which the web server is told to send a file; see `accel_path`."""

    @sensitive_variables()
    def __init__(
        self,
        *args: Any,
        public_url: str | None = None,
        delivery: DeliveryMode | None = None,
        originals: Originals = "public",
        derived: Derived = "public",
        mezzanine: bool = False,
        url_expire: int = URL_EXPIRE,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._public_url = None if public_url is None else check_base_url(public_url)
        delivery = delivery or self.default_delivery
        self.delivery: DeliveryMode = check_choice("delivery", delivery, get_args(DeliveryMode))
        self.originals: Originals = check_choice("originals", originals, get_args(Originals))
        self.derived: Derived = check_choice("derived", derived, get_args(Derived))
        self.mezzanine = check_flag("mezzanine", mezzanine)
        self._check_access()
        self.url_expire = check_seconds("url_expire", url_expire)

    def _check_access(self) -> None:
        if self.derived == "private" and self.originals == "public":
            raise ImproperlyConfigured(_NO_PUBLIC_ORIGINALS)
        is_exposed = self.derived == "public" and not self.serves_files
        if self.mezzanine and self.originals == "private" and is_exposed:
            raise ImproperlyConfigured(_NO_PRIVATE_MEZZANINE)

    # Hooks of each storage

    @abstractmethod
    def delete_prefix(self, prefix: str) -> int:
        """Delete all keys that begin with a prefix, which ends in a slash, and return how many."""

    def delete_prefixes(self, prefixes: Sequence[str]) -> DeletedPrefixes:
        """Delete several prefixes; return for each how many keys were deleted, or the error.

        A storage that can do it with fewer requests than `delete_prefix` overrides it.
        """
        return delete_each(self, prefixes)

    def delete_many(self, keys: Sequence[str]) -> None:
        """Delete several keys; missing ones are no error. Override it to save requests."""
        for key in keys:
            self.delete(key)

    @abstractmethod
    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """Yield all keys that begin with a prefix, in no particular order."""

    @property
    def invalidation_batch(self) -> int:
        """How many directories one call of `invalidate` takes; 0 without a cache."""
        return 0

    def invalidate(self, prefixes: Sequence[str], reference: str) -> None:
        """Invalidate all keys of some directories in a cache before the storage.

        Raises `StorageError` if it should be tried again, which happens with the same
        ``reference``.
        """

    def put_original(
        self,
        key: str,
        content: Readable,
        *,
        content_type: str,
        download_name: str,
        sha256: str = "",
        size: int | None = None,
    ) -> bool:
        """Write an original as `put` does; an attachment is saved under the client's name.

        Where the app serves the files, the name is in a file beside the original.
        """
        written = self.put(key, content, content_type=content_type, sha256=sha256, size=size)
        if written:
            self._put_download_name(key, download_name)
        return written

    def _put_download_name(self, key: str, download_name: str) -> None:
        is_attachment = not format_of_key(key).inline
        if self.serves_files and is_attachment and download_name:
            name = io.BytesIO(download_name.encode(errors="replace"))
            self.put(name_key(key), name, content_type="text/plain")

    def read_download_name(self, key: str) -> str:
        """Return the client's name of an attachment that the app serves; ``""`` without one."""
        try:
            with self.fetch(name_key(key)) as source:
                return source.read().decode(errors="replace")
        except NotStored:
            return ""

    def copy(self, key: str, new_key: str) -> bool:
        """Copy what is stored under a key to a new one; return whether this call wrote it."""
        with self.fetch(key) as source:
            return self.put(
                new_key, source, content_type=format_of_key(new_key).served_type, size=source.size
            )

    def begin_copy(self, source: Storage, name: str, *, link: bool = False) -> ServerCopy | None:
        """Return a copy of a file of any storage that is made on the server; None to read it.

        Args:
            source: the storage of the file.
            name: its name there, which may be any.
            link: whether original and file may share their bytes, so that a program which writes
                into the file changes the original.
        """
        return None

    @abstractmethod
    def _private_url(self, key: str) -> str:
        """Return a signed URL of an original that expires after ``url_expire`` seconds."""

    def _default_public_url(self) -> str:
        raise ImproperlyConfigured(
            f'{type(self).__name__} needs the option public_url, such as "https://cdn.example/".'
        )

    # URLs and access

    @cached_property
    def public_url(self) -> str:
        """Return the URL that keys are appended to, with a slash at its end."""
        return self._public_url or self._default_public_url()

    def url(self, name: Name | None) -> str:
        """Return the URL of an original: its public URL, or a signed one that expires."""
        key = str(name) if str(name).endswith("/") else tidy_name(name)
        if not has_key_shape(key):
            return self._other_url(key)
        if self.originals == "private":
            return self._private_url(check_key(key))
        return self.plain_url(filepath_to_uri(check_key(key)))

    def _other_url(self, name: str) -> str:
        """Return the URL of a name that is not a key."""
        if self.originals == "private":
            return self._private_url(check_key(name))
        return self.plain_url(filepath_to_uri(check_key(name)))

    def download_url(self, key: str, name: str) -> str:
        """Return a URL at which browsers save an original under a name, where there is one.

        The extension of the key takes the place of the name's own, because it says what the bytes
        are. A storage without such URLs returns the one of the original.
        """
        return self.url(key)

    def may_download(self, key: str, query: Mapping[str, str]) -> bool:
        """Return True if the app may answer a query with ``download`` in it with an attachment."""
        return False

    def derived_url(self, key: str) -> str:
        """Return the URL of a resize or a rendition; no I/O.

        With ``derived="private"`` it is signed and expires after one to two hours.
        """
        return self.playback_url(key, 0)

    def playback_url(self, key: str, seconds: float) -> str:
        """Return the URL of a rendition that can be played for so long before it expires."""
        if self.derived == "private":
            return self._sign_derived(key, seconds)
        return self.plain_url(key)

    def _sign_derived(self, key: str, seconds: float) -> str:
        return f"{self.public_url}{sign_path(key, seconds)}"

    def plain_url(self, key: str) -> str:
        """Return the URL of a canonical key, which needs no quoting, without a signature."""
        return f"{self.public_url}{key}"

    def accel_path(self, key: str) -> str | None:
        """Return the path by which the web server sends a file itself; None to send the bytes.

        It is the value of the header `accel_header`.
        """
        return None

    def presigned_url(
        self, key: str, *, seconds: int, method: str = "GET", caching: str = "", name: str = ""
    ) -> str | None:
        """Return a URL at which a client reads one key from the bucket itself; no I/O.

        Returns None if the storage has no such URLs: then the app answers with the bytes.

        Args:
            key: any key.
            seconds: for which the URL is valid.
            method: ``"GET"`` or ``"HEAD"``.
            caching: the ``Cache-Control`` of the response.
            name: under which browsers save the file; ``""`` to show it.
        """
        return None

    def presigned_upload(
        self, key: str, *, content_type: str, size: int, sha256: str, seconds: int
    ) -> PresignedUpload | None:
        """Return a URL by which a client may write one key, once, with these bytes and no others.

        Returns None if the storage has no such URLs: then the app takes the bytes and calls `put`.
        """
        return None

    @property
    def multipart(self) -> MultipartUploads | None:
        """The uploads in parts of this storage; None if it has none."""
        return None

    def may_read(self, key: str, query: Mapping[str, str]) -> bool:
        """Return True if the app may serve an original to a request with this query string."""
        return self.originals == "public"


def delete_each(storage: Any, prefixes: Sequence[str]) -> DeletedPrefixes:
    """Delete prefixes one after another; see `MediaStorage.delete_prefixes`."""
    deleted: DeletedPrefixes = {}
    for prefix in prefixes:
        try:
            deleted[prefix] = storage.delete_prefix(prefix)
        except (MediaError, OSError) as error:
            deleted[prefix] = error
    return deleted

"""The interface of media storages, and what all of them have in common.

A key is written once and never again: `MediaStorage.put` says whether this call wrote it.
docs/how-to/write-a-storage.rst shows how to write another storage.
"""

from __future__ import annotations

import io
import shutil
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, cast, get_args

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import File
from django.utils.encoding import filepath_to_uri
from django.utils.functional import cached_property
from django.utils.timezone import make_naive
from django.views.decorators.debug import sensitive_variables

from shift_media.core.errors import AlreadyStored, MediaError, NotStored
from shift_media.storages.naming import NamedStorage
from shift_media.storages.streams import CHUNK, Readable, Source, StoredFile
from shift_media.storages.validation import (
    check_base_url,
    check_choice,
    check_flag,
    check_key,
    check_seconds,
    format_of_key,
)

DeliveryMode = Literal["redirect", "content"]
Originals = Literal["public", "private"]

DeletedPrefixes = dict[str, int | Exception]
"""The number of keys that were deleted by prefix, or the error of a prefix that failed."""

URL_EXPIRE = 3600
"""The default of ``url_expire``: seconds that the URL of a private original is valid."""

_SPOOL_BYTES = 2 << 20
"""The size up to which an opened file is held in memory; a larger one is on disk."""
_NO_PRIVATE_MEZZANINE = (
    'mezzanine=True cannot be combined with originals="private": mezzanines are public in the '
    "bucket, so a picture of 2048 pixels could be read without a signature. Remove one of them."
)


@dataclass(frozen=True, slots=True)
class Stat:
    """Facts of a stored file.

    Attributes:
        size: in bytes.
        modified: when it was written, with a time zone.
        sha256: in hex; ``""`` if the storage does not keep it.
    """

    size: int
    modified: datetime
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored file in a listing."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class PresignedUpload:
    """A signed URL to write one key by one PUT, with these headers beside the browser's own."""

    url: str
    headers: Mapping[str, str]


class MissingFile(NotStored, FileNotFoundError):
    """Nothing is stored under a key; also the error that Django's storages raise."""


class MediaStorage(NamedStorage, ABC):
    """The base class of media storages; it stands before a Django storage among the bases.

    Args:
        public_url: the URL that keys are appended to; a slash at its end is added.
        delivery: ``"redirect"`` if ``public_url`` is a bucket that the app sends browsers back to,
            ``"content"`` if the app answers with the bytes.
        originals: ``"public"``, or ``"private"`` for signed URLs of originals, which expire.
        mezzanine: whether smaller resizes are made from a stored smaller version of the original.
            Not with private originals, unless the app alone serves what is stored.
        url_expire: seconds that the URL of a private original is valid.
    """

    default_delivery: ClassVar[DeliveryMode] = "content"
    serves_files: ClassVar[bool] = False
    """Whether the app serves originals and renditions, because no server does.

    Then `fetch` must return a `SeekableSource`.
    """

    @sensitive_variables()
    def __init__(
        self,
        *args: Any,
        public_url: str | None = None,
        delivery: DeliveryMode | None = None,
        originals: Originals = "public",
        mezzanine: bool = False,
        url_expire: int = URL_EXPIRE,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._public_url = None if public_url is None else check_base_url(public_url)
        delivery = delivery or self.default_delivery
        self.delivery: DeliveryMode = check_choice("delivery", delivery, get_args(DeliveryMode))
        self.originals: Originals = check_choice("originals", originals, get_args(Originals))
        self.mezzanine = check_flag("mezzanine", mezzanine)
        if self.mezzanine and self.originals == "private" and not self.serves_files:
            raise ImproperlyConfigured(_NO_PRIVATE_MEZZANINE)
        self.url_expire = check_seconds("url_expire", url_expire)

    # Hooks of each storage

    @abstractmethod
    def stat(self, key: str) -> Stat | None:
        """Return the facts of what is stored under a key; None if nothing is."""

    @abstractmethod
    def fetch(self, key: str) -> Source:
        """Open what is stored under a key, to be read once. Raises `NotStored`."""

    @abstractmethod
    def put(
        self,
        key: str,
        content: Readable,
        *,
        content_type: str,
        sha256: str = "",
        size: int | None = None,
    ) -> bool:
        """Write a content from its position on, all of it or nothing.

        Returns True if this call wrote it, and False if something was stored under the key, which
        stays as it is. Raises `SourceTruncated` if the content has another size than ``size``.

        Args:
            key: a relative path.
            content: read in parts, and only once.
            content_type: to store with it; see `validation.get_served_type`.
            sha256: of the content, in hex, if the caller knows it.
            size: of the content, in bytes, if the caller knows it.
        """

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

    def copy(self, key: str, new_key: str) -> bool:
        """Copy what is stored under a key to a new one; return whether this call wrote it."""
        with self.fetch(key) as source:
            return self.put(
                new_key, source, content_type=format_of_key(new_key).served_type, size=source.size
            )

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

    def url(self, name: str | None) -> str:
        """Return the URL of an original: its public URL, or a signed one that expires."""
        key = check_key(name or "")
        if self.originals == "private":
            return self._private_url(key)
        return self.derived_url(filepath_to_uri(key))

    def derived_url(self, key: str) -> str:
        """Return the public URL of a canonical key, which needs no quoting; no I/O."""
        return f"{self.public_url}{key}"

    def presigned_upload(
        self, key: str, *, content_type: str, size: int, sha256: str, seconds: int
    ) -> PresignedUpload | None:
        """Return a URL by which a client may write one key, once, with these bytes and no others.

        Returns None if the storage has no such URLs: then the app takes the bytes and calls `put`.
        """
        return None

    def may_read(self, key: str, query: Mapping[str, str]) -> bool:
        """Return True if the app may serve an original to a request with this query string."""
        return self.originals == "public"

    # Django's interface

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name unchanged: keys are unique, and a collision is an error."""
        return str(name)

    def exists(self, name: str) -> bool:
        """Return True if something is stored under a name."""
        return self.stat(name) is not None

    def size(self, name: str) -> int:
        """Return the size in bytes. Raises `MissingFile`."""
        return self._require_stat(name).size

    def get_modified_time(self, name: str) -> datetime:
        """Return when it was written; aware if ``USE_TZ``. Raises `MissingFile`."""
        modified = self._require_stat(name).modified
        return modified if django_settings.USE_TZ else make_naive(modified)

    def _require_stat(self, name: str) -> Stat:
        stat = self.stat(name)
        if stat is None:
            raise missing(name)
        return stat

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        require_read_mode(name, mode)
        spool = tempfile.SpooledTemporaryFile(max_size=_SPOOL_BYTES)
        try:
            with self.fetch(name) as source:
                shutil.copyfileobj(source, spool, CHUNK)
        except BaseException:
            spool.close()
            raise
        spool.seek(0)
        return StoredFile(spool, name, lambda: self._open(name, mode).file)

    def _save(self, name: str, content: File[Any]) -> str:
        stream = as_binary(content)
        written = self.put(
            name,
            stream,
            content_type=format_of_key(name).served_type,
            sha256=getattr(content, "sha256", ""),
            size=getattr(stream, "size", None),
        )
        if not written:
            raise AlreadyStored(f"Something is stored under {name!r} already, and stays as it is.")
        return name


def delete_each(storage: Any, prefixes: Sequence[str]) -> DeletedPrefixes:
    """Delete prefixes one after another; see `MediaStorage.delete_prefixes`."""
    deleted: DeletedPrefixes = {}
    for prefix in prefixes:
        try:
            deleted[prefix] = storage.delete_prefix(prefix)
        except (MediaError, OSError) as error:
            deleted[prefix] = error
    return deleted


def missing(key: str) -> MissingFile:
    """Return the error for a key with nothing stored under it."""
    return MissingFile(f"Nothing is stored under {key!r}.")


def as_binary(content: File[Any]) -> Readable:
    """Return a file of Django's from its beginning, and a text file as its UTF-8."""
    if hasattr(content, "seek") and content.seekable():
        content.seek(0)
    if isinstance(cast("object", content.file), io.TextIOBase):
        return File(io.BytesIO(content.read().encode()))
    return content


def require_read_mode(name: str, mode: str) -> None:
    """Raise `ValueError` for a mode that writes: keys are written by `put` or `save` alone."""
    if mode not in ("r", "rb"):
        raise ValueError(f"{name!r} can only be opened for reading, not with mode {mode!r}.")

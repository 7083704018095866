"""What every media storage can do, whatever it keeps the bytes in.

A key is written once and never again: `put` says whether it was this call that wrote it. A new
kind of storage implements the five abstract methods and `delete`, and is held to the promises
by `shift_media.testing.MediaStorageContract`.
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
from django.core.files.storage import Storage
from django.utils.encoding import filepath_to_uri
from django.utils.functional import cached_property
from django.utils.timezone import make_naive

from shift_media.core.errors import AlreadyStored, NotStored
from shift_media.storages.streams import CHUNK, Readable, Source
from shift_media.storages.validation import (
    base_url_of,
    check_key,
    choice_of,
    flag_of,
    format_of,
    seconds_of,
)

DeliveryMode = Literal["redirect", "content"]
Originals = Literal["public", "private"]

URL_EXPIRE = 3600
"""Seconds that the URL of a private original holds, where the storage is told nothing else."""

_SPOOL = 2 << 20
_NO_PRIVATE_MEZZANINE = (
    'mezzanine=True does not go with originals="private": anybody may read what lies under /_ in '
    "the bucket, and would find a picture of 2048 pixels there without a signature. Leave one out."
)


@dataclass(frozen=True, slots=True)
class Stat:
    """What a storage knows of what lies under a key; ``sha256`` only where it keeps that."""

    size: int
    modified: datetime
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a listing."""

    key: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class PresignedUpload:
    """Leave to write one key by one PUT, with exactly these headers beside the browser's own."""

    url: str
    headers: Mapping[str, str]


class MissingFile(NotStored, FileNotFoundError):
    """There is nothing under this key: our error, and the one that Django's users catch."""


class MediaStorage(Storage, ABC):
    """The options and methods of a media storage; comes before a Django storage in the bases.

    Args:
        public_url: what a key is appended to in a public URL; a slash at its end is added.
        delivery: ``"redirect"`` where ``public_url`` is a bucket that the app sends browsers back
            to, ``"content"`` where the app answers with the bytes.
        originals: ``"private"`` makes the URLs of originals signed and expiring.
        mezzanine: whether smaller resizes are made from a stored smaller version of the original.
            Not with private originals, unless the app alone answers for what is stored.
        url_expire: seconds that the URL of a private original holds.
    """

    default_delivery: ClassVar[DeliveryMode] = "content"
    serves_files: ClassVar[bool] = False
    """Whether the app itself answers for originals and renditions, as nobody else does."""

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
        self._public_url = None if public_url is None else base_url_of(public_url)
        delivery = delivery or self.default_delivery
        self.delivery: DeliveryMode = choice_of("delivery", delivery, get_args(DeliveryMode))
        self.originals: Originals = choice_of("originals", originals, get_args(Originals))
        self.mezzanine = flag_of("mezzanine", mezzanine)
        if self.mezzanine and self.originals == "private" and not self.serves_files:
            raise ImproperlyConfigured(_NO_PRIVATE_MEZZANINE)
        self.url_expire = seconds_of("url_expire", url_expire)

    # What each storage brings.

    @abstractmethod
    def stat(self, key: str) -> Stat | None:
        """Look at what lies under a key; None where there is nothing."""

    @abstractmethod
    def fetch(self, key: str) -> Source:
        """Open what lies under a key for reading once; raises `NotStored`."""

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
        """Write what ``content`` has from its position on, all of it or nothing.

        Returns True when this call wrote it; False when something lay there already, which stays
        as it is. Raises `SourceTruncated` when ``size`` is given and the content is another.
        """

    @abstractmethod
    def delete_prefix(self, prefix: str) -> int:
        """Delete all keys that begin with a prefix, which ends in a slash; return how many."""

    @abstractmethod
    def entries(self, prefix: str = "") -> Iterator[Entry]:
        """List, lazily and in no promised order, all keys that begin with a prefix."""

    @property
    def invalidation_batch(self) -> int:
        """How many directories a cache before it is told of at once; 0 where there is none."""
        return 0

    def invalidate(self, prefixes: Sequence[str], reference: str) -> None:
        """Have a cache before it forget directories; raises `StorageError` to be tried again.

        ``reference`` is the same when the same is asked again.
        """

    def copy(self, key: str, new_key: str) -> bool:
        """Copy what lies under a key to a new one; returns what `put` does."""
        with self.fetch(key) as source:
            return self.put(
                new_key, source, content_type=format_of(new_key).served_type, size=source.size
            )

    @abstractmethod
    def _private_url(self, key: str) -> str:
        """Make a signed URL of an original that expires after ``url_expire`` seconds."""

    def _default_public_url(self) -> str:
        raise ImproperlyConfigured(
            f'{type(self).__name__} needs the option public_url, such as "https://cdn.example/".'
        )

    # What follows from it.

    @cached_property
    def public_url(self) -> str:
        """Give what a key is appended to in a public URL; it always ends in a slash."""
        return self._public_url or self._default_public_url()

    def url(self, name: str | None) -> str:
        """Give the URL of an original: its public one, or a signed one that expires."""
        key = check_key(name or "")
        if self.originals == "private":
            return self._private_url(key)
        return self.derived_url(filepath_to_uri(key))

    def derived_url(self, key: str) -> str:
        """Give the public URL of a canonical key, which needs no quoting; asks nobody."""
        return f"{self.public_url}{key}"

    def presigned_upload(
        self, key: str, *, content_type: str, size: int, sha256: str, seconds: int
    ) -> PresignedUpload | None:
        """Give a client leave to write one key, once, with these bytes and no others.

        None where the storage cannot: then the app takes the bytes and calls `put`.
        """
        return None

    def may_read(self, key: str, query: Mapping[str, str]) -> bool:
        """Tell whether the app may answer with this original, asked for with this query string."""
        return self.originals == "public"

    # Django's interface.

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Give the name back: a key is unique when it is made, and a collision is an error."""
        return str(name)

    def exists(self, name: str) -> bool:
        """Tell whether something lies under this name."""
        return self.stat(name) is not None

    def size(self, name: str) -> int:
        """Give the size in bytes; raises `NotStored`, which is a `FileNotFoundError` here."""
        return self._known(name).size

    def get_modified_time(self, name: str) -> datetime:
        """Tell when it was written; aware where Django uses time zones."""
        modified = self._known(name).modified
        return modified if django_settings.USE_TZ else make_naive(modified)

    def _known(self, name: str) -> Stat:
        stat = self.stat(name)
        if stat is None:
            raise missing(name)
        return stat

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        check_mode(name, mode)
        spool = tempfile.SpooledTemporaryFile(max_size=_SPOOL)
        try:
            with self.fetch(name) as source:
                shutil.copyfileobj(source, spool, CHUNK)
        except BaseException:
            spool.close()
            raise
        spool.seek(0)
        return File(cast("Any", spool), name)

    def _save(self, name: str, content: File[Any]) -> str:
        stream = binary(content)
        written = self.put(
            name,
            stream,
            content_type=format_of(name).served_type,
            sha256=getattr(content, "sha256", ""),
            size=getattr(stream, "size", None),
        )
        if not written:
            raise AlreadyStored(f"There is something under {name!r} already; it stays as it is.")
        return name


def missing(key: str) -> MissingFile:
    """Make the error for a key with nothing under it."""
    return MissingFile(f"There is nothing under {key!r}.")


def binary(content: File[Any]) -> Readable:
    """Rewind a file of Django's; one of text gives its UTF-8."""
    if hasattr(content, "seek") and content.seekable():
        content.seek(0)
    if isinstance(cast("object", content.file), io.TextIOBase):
        return File(io.BytesIO(content.read().encode()))
    return content


def check_mode(name: str, mode: str) -> None:
    """Refuse to open for writing: a key is written once, by `put` or `save`."""
    if mode not in ("r", "rb"):
        raise ValueError(f"{name!r} can be opened for reading only, not with mode {mode!r}.")

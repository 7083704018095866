"""Storages of media files, on S3 or on a local disk, behind one interface.

Importing this package does not import boto3: `S3MediaStorage` is loaded on first use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.core.files.storage import Storage, storages
from django.core.signals import setting_changed
from django.utils.functional import LazyObject, empty

from shift_media.registry import find_field
from shift_media.storages.base import Entry, MediaStorage, MissingFile, Stat
from shift_media.storages.local import LocalMediaStorage
from shift_media.storages.naming import MEDIA_ALIAS, find_alias, get_by_alias, unwrap
from shift_media.storages.streams import Source

if TYPE_CHECKING:
    from shift_media.storages.s3.storage import S3MediaStorage

    LazyStorage = LazyObject[Storage]
else:
    LazyStorage = LazyObject

__all__ = [
    "DefaultMediaStorage",
    "Entry",
    "LocalMediaStorage",
    "MediaStorage",
    "MissingFile",
    "S3MediaStorage",
    "Source",
    "Stat",
    "default_media_storage",
    "find_alias",
    "get_default_media_storage",
    "get_storage",
    "resolve",
    "unwrap",
]

_STORAGE_SETTINGS = frozenset(("STORAGES", "MEDIA_ROOT", "MEDIA_URL"))


def __getattr__(name: str) -> Any:
    if name == "S3MediaStorage":
        from shift_media.storages.s3.storage import S3MediaStorage

        return S3MediaStorage
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class DefaultMediaStorage(LazyStorage):
    """A lazy proxy of ``STORAGES["media"]``, else ``STORAGES["default"]``, as settings are now.

    There is one instance, and copies and pickles of it are that instance, so that the storage
    behind it, with the secrets in its options, gets into neither a pickle nor a migration.
    """

    def _setup(self) -> None:
        self._wrapped = storages[MEDIA_ALIAS if MEDIA_ALIAS in storages.backends else "default"]

    def __copy__(self) -> DefaultMediaStorage:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> DefaultMediaStorage:
        return self

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # The migration writer serialises the first argument of this in place of a lazy object.
        return _call, (get_default_media_storage,)


def get_default_media_storage() -> Storage:
    """Return the default media storage; a callable for ``storage=`` of a model field."""
    return default_media_storage


def _call(function: Callable[[], Any]) -> Any:
    return function()


default_media_storage: Storage = DefaultMediaStorage()  # type: ignore[assignment]  # lazy


def get_storage(alias: str) -> Storage:
    """Return the storage of an alias in ``STORAGES``; ``""`` is the default media storage."""
    return get_by_alias(alias) if alias else default_media_storage


def resolve(alias: str, source: str) -> Storage | None:
    """Return the storage of a row that keeps an alias and the label of a media field.

    It is the one with the alias in ``STORAGES``. Without an alias the field has a storage of its
    own. None is returned if the field is gone; `InvalidStorageError` is raised if the alias is.
    """
    return get_storage(alias) if alias else getattr(find_field(source), "storage", None)


def _reset_default(*, setting: str, **kwargs: Any) -> None:
    if setting in _STORAGE_SETTINGS:
        default_media_storage._wrapped = empty  # type: ignore[attr-defined]  # of LazyObject


setting_changed.connect(_reset_default, dispatch_uid="shift_media.storages")

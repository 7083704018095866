"""System checks of where a field has its files; see `shift_media.fields.checks`."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error, Warning
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, storages
from django.db import models

from shift_media.fields.types import AnyMediaField
from shift_media.registry import find_sibling, is_media_field
from shift_media.storages import MediaStorage, default_media_storage, find_alias, unwrap
from shift_media.storages.naming import holds_secrets


def check_storages(field: AnyMediaField) -> Iterator[CheckMessage]:
    """Yield the messages about the storage of a field, and about old files and their folder."""
    yield from _check_storage(field)
    yield from _check_legacy_storage(field)
    yield from _check_imported_from(field)
    yield from _check_upload_to(field)


def _check_storage(field: AnyMediaField) -> Iterator[CheckMessage]:
    if field.storage is default_media_storage:
        return  # shift_media.checks.storages checks the default storage once.
    try:
        storage = unwrap(field.storage)
        alias = find_alias(field.storage)
    except (ImproperlyConfigured, InvalidStorageError) as error:
        yield Error(str(error), obj=field, id="shift_media.E108")
        return
    if not isinstance(storage, MediaStorage):
        kind = type(storage)
        yield Error(
            f"'storage' must be a media storage, got {kind.__module__}.{kind.__qualname__}.",
            hint="Use shift_media.storages.LocalMediaStorage or S3MediaStorage.",
            obj=field,
            id="shift_media.E108",
        )
    elif not hasattr(field, "_storage_callable"):
        yield from _check_storage_object(field, storage, alias)


def _check_storage_object(
    field: AnyMediaField, storage: MediaStorage, alias: str
) -> Iterator[CheckMessage]:
    if alias:
        yield Warning(
            f"'storage' is the object that STORAGES[{alias!r}] had when the models were imported, "
            "so settings that change later, in tests for example, have no effect.",
            hint=f'Pass a function instead: def {alias}_storage(): return storages["{alias}"].',
            obj=field,
            id="shift_media.W102",
        )
    elif holds_secrets(storage):
        yield Warning(
            f"'storage' is a {type(storage).__name__} that is not in STORAGES. Its options may "
            "hold secrets, so no migration can be written with it.",
            hint='Add it to STORAGES, for example as "archive", and pass a function: '
            'def archive_storage(): return storages["archive"].',
            obj=field,
            id="shift_media.W102",
        )


def _check_legacy_storage(field: AnyMediaField) -> Iterator[CheckMessage]:
    alias: object = field.legacy_storage
    if alias is not None and alias not in storages.backends:
        yield Error(
            f"'legacy_storage' must be an alias in STORAGES, got {alias!r}.",
            hint=f"Write one of {', '.join(storages.backends)}, or add the storage to STORAGES.",
            obj=field,
            id="shift_media.E111",
        )


def _check_imported_from(field: AnyMediaField) -> Iterator[CheckMessage]:
    name: object = field.imported_from
    if name is None:
        return
    source = find_sibling(field, name) if isinstance(name, str) else None
    if not isinstance(source, models.FileField) or is_media_field(source):
        kind = f", which is a {type(source).__name__}" if source is not None else ""
        yield Error(
            f"'imported_from' must be the name of a FileField or ImageField of "
            f"{field.model._meta.label}, got {name!r}{kind}.",
            hint="Name the field that has the old files, or leave imported_from out once they "
            "are imported.",
            obj=field,
            id="shift_media.E113",
        )


def _check_upload_to(field: AnyMediaField) -> Iterator[CheckMessage]:
    if field.ignored_upload_to is not None:
        yield Warning(
            "'upload_to' is not used, because a media field makes keys that never collide.",
            hint="Leave upload_to out. Keep a function that migrations name. The name of an "
            "uploaded file is kept as metadata.",
            obj=field,
            id="shift_media.W105",
        )

"""System checks of the storages for media, and of plain fields in the same storages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, Storage, storages
from django.urls import NoReverseMatch, Resolver404, resolve
from PIL import Image

from shift_media.checks.configuration import are_settings_valid
from shift_media.conf import settings
from shift_media.registry import plain_file_fields
from shift_media.storages import LocalMediaStorage, MediaStorage, default_media_storage
from shift_media.storages.interface import overwrites_unasked


@register()
def check_storages(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that media are in a media storage, and that URLs of local ones reach the view."""
    try:
        return [*_check_default(), *_check_locations()]
    except (ImproperlyConfigured, InvalidStorageError) as error:
        return [Error(str(error), hint="Correct the OPTIONS in STORAGES.", id="shift_media.E002")]


def _check_default() -> Iterator[CheckMessage]:
    default_media_storage.exists  # noqa: B018 (sets up the lazy object, which may raise)
    if not isinstance(default_media_storage, MediaStorage):
        kind = default_media_storage.__class__
        yield Error(
            f"The storage for media must be a media storage, got {kind.__module__}."
            f"{kind.__qualname__}.",
            hint='Set STORAGES["media"] to {"BACKEND": "shift_media.storages.LocalMediaStorage"} '
            'or {"BACKEND": "shift_media.storages.S3MediaStorage"}, with its OPTIONS.',
            id="shift_media.E002",
        )
    elif are_settings_valid() and (Image.MAX_IMAGE_PIXELS or 0) < settings.MAX_PIXELS:
        yield Warning(
            f'SHIFT_MEDIA["MAX_PIXELS"] is {settings.MAX_PIXELS}, more than Pillow\'s own limit.',
            hint=f"Write at most {Image.MAX_IMAGE_PIXELS}, or raise PIL.Image.MAX_IMAGE_PIXELS "
            "too.",
            id="shift_media.W003",
        )


def _check_locations() -> Iterator[CheckMessage]:
    for alias in storages.backends:
        storage = storages[alias]
        if _is_served_here(storage) and not leads_to_view(storage, alias):
            yield Error(
                f"The base_url of STORAGES[{alias!r}] is {storage.base_url!r}, where "
                "shift_media.urls is not included for this storage.",
                hint=f"Include it there: {include_for(storage, alias)}, or set base_url to the "
                "path at which it is included. If the server mounts the site below a path, set "
                "FORCE_SCRIPT_NAME. For a CDN, set public_url.",
                id="shift_media.E003",
            )


def _is_served_here(storage: Storage) -> TypeGuard[LocalMediaStorage]:
    """Return True for a storage with a ``base_url`` whose files the app serves."""
    serves_files = isinstance(storage, MediaStorage) and storage.serves_files
    return serves_files and hasattr(storage, "base_url")


INVALID_KEY = f"{'0' * 8}/{'0' * 4}/{'0' * 4}/{'0' * 4}/{'0' * 12}/invalid"
"""A path with the shape of a key, which the view refuses before it calls the storage."""


@register()
def check_overwriting(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn about plain fields whose storage overwrites, unless the site has said so."""
    return [
        Warning(
            f"Files of {field} overwrite each other if they have the same name, as with "
            "django-storages.",
            hint='Write "file_overwrite": False in the OPTIONS of its storage, so that the second '
            "file gets another name, or True if they should.",
            obj=field,
            id="shift_media.W008",
        )
        for field in plain_file_fields()
        if overwrites_unasked(field.storage)
    ]


def include_for(storage: LocalMediaStorage, alias: str) -> str:
    """Return the line for the URLconf that a local storage needs."""
    url = storage.base_url or "/"
    prefix = (_path_info(url) or urlsplit(url).path).lstrip("/")
    other = "" if storages[alias] is _default() else f', {{"storage": "{alias}"}}'
    return f'path("{prefix}", include("shift_media.urls"){other})'


def _path_info(url: str) -> str | None:
    """Return the path of a URL as URLconfs match it; None if it is not below the site.

    The URL is what browsers ask for, so it has the path of ``FORCE_SCRIPT_NAME`` in front.
    """
    path = urlsplit(url).path
    mounted = (django_settings.FORCE_SCRIPT_NAME or "").rstrip("/")
    return path[len(mounted) :] if path.startswith(f"{mounted}/") else None


def _default() -> object:
    return storages["media" if "media" in storages.backends else "default"]


def leads_to_view(storage: LocalMediaStorage, alias: str) -> bool:
    """Return True if a local storage's ``base_url`` leads to the view of this storage."""
    if not getattr(django_settings, "ROOT_URLCONF", None):
        return True
    return is_include(storage.base_url or "/", alias)


def is_include(url: str, alias: str) -> bool:
    """Return True if the view for the storage of an alias is below the path of a URL."""
    path = _path_info(url)
    if path is None:
        return False
    try:
        match = resolve(f"{path}{INVALID_KEY}")
    except (Resolver404, NoReverseMatch):
        return False
    included = match.kwargs.get("storage", "")
    served = storages[included] if included else _default()
    return match.view_name.endswith("shift_media:resize") and served is storages[alias]

"""System checks of private files: settings that show them to others, or break their URLs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, storages

from shift_media.checks.configuration import are_settings_valid, find_problem_of_function
from shift_media.checks.storages import is_include
from shift_media.conf import settings
from shift_media.core.private_urls import HOUR
from shift_media.registry import all_media_fields
from shift_media.storages import LocalMediaStorage, MediaStorage


@register()
def check_permission(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that the function in ``MAY_READ`` exists, and is called at all."""
    if not are_settings_valid() or settings.MAY_READ is None:
        return []
    hint = 'Set SHIFT_MEDIA["MAY_READ"] to the path of a function of the request and the key.'
    if problem := find_problem_of_function(settings.MAY_READ):
        text = f'SHIFT_MEDIA["MAY_READ"]: {problem}'
        return [Error(text, hint=hint, id="shift_media.E015")]
    if any(storage.originals == "private" for _, storage in _media_storages()):
        return []
    return [
        Warning(
            'SHIFT_MEDIA["MAY_READ"] is never called, because no storage has private files.',
            hint='Write "originals": "private" and "derived": "private" in OPTIONS of a storage.',
            id="shift_media.W014",
        )
    ]


@register()
def check_addresses(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that URLs of private files in a bucket reach the view."""
    return [
        Error(
            f"The public_url of STORAGES[{alias!r}] is {storage.public_url!r}, where "
            "shift_media.urls is not included for this storage. Its files are private, so each "
            "URL must lead to the app.",
            hint=f'Include it: path("{alias}/", include("shift_media.urls"), {{"storage": '
            f'"{alias}"}}), and set public_url to "/{alias}/".',
            id="shift_media.E016",
        )
        for alias, storage in _media_storages()
        if storage.derived == "private"
        and not storage.serves_files
        and not getattr(storage, "cloudfront_signer", None)
        and _is_on_site(storage.public_url)
        and not is_include(storage.public_url, alias)
    ]


def _is_on_site(url: str) -> bool:
    """Return True if this project's URLs must answer; another host may be that of a proxy."""
    site = settings.SITE_URL if are_settings_valid() else None
    host = urlsplit(url).netloc
    return not host or (site is not None and host == urlsplit(site).netloc)


@register(Tags.security)
def check_folders(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Warn about private files below a folder from which a web server sends everything."""
    public = {
        "MEDIA_ROOT": django_settings.MEDIA_ROOT,
        "STATIC_ROOT": django_settings.STATIC_ROOT,
        **{
            f"the location of STORAGES[{alias!r}]": storage.location
            for alias, storage in _media_storages()
            if isinstance(storage, LocalMediaStorage) and storage.originals == "public"
        },
    }
    return [
        Warning(
            f"STORAGES[{alias!r}] has private files in {storage.location}, which is in {name}. A "
            "web server that sends that folder sends them to everybody.",
            hint="Move them to a folder of their own, and set the location.",
            id="shift_media.W013",
        )
        for alias, storage in _media_storages()
        if isinstance(storage, LocalMediaStorage) and storage.originals == "private"
        for name, folder in public.items()
        if folder and _is_below(str(storage.location), str(folder))
    ]


def _is_below(path: str, folder: str) -> bool:
    path, folder = os.path.realpath(path), os.path.realpath(folder)
    return os.path.commonpath((path, folder)) == folder


@register(Tags.security, deploy=True)
def check_protocol(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Warn about private files whose URLs go over the network in plain text."""
    return [
        Warning(
            f"The public_url of STORAGES[{alias!r}] is {storage.public_url}, and its files are "
            "private. Everybody between a reader and the site can copy the URL and the file.",
            hint="Serve it by https.",
            id="shift_media.W012",
        )
        for alias, storage in _media_storages()
        if storage.originals == "private" and storage.public_url.startswith("http:")
    ]


@register(Tags.security, deploy=True)
def check_public_parts(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Say what everybody sees of private originals, and what is in public ones."""
    return [*_find_public_resizes(), *_find_unstripped()]


def _find_public_resizes() -> Iterator[CheckMessage]:
    for alias, storage in _media_storages():
        if (storage.originals, storage.derived) == ("private", "public"):
            yield Info(
                f"Originals in STORAGES[{alias!r}] are private, but everybody who has the URL of "
                "a resize, a poster or a rendition reads it, for ever.",
                hint='If that is not what you want, write "derived": "private" in its OPTIONS.',
                id="shift_media.I002",
            )


def _find_unstripped() -> Iterator[CheckMessage]:
    for registered in all_media_fields():
        field: Any = registered
        is_public = getattr(field.storage, "originals", "private") == "public"
        is_picture = any(accepted.startswith(("image/", "*")) for accepted in field.accept)
        if is_public and is_picture and not field.strip:
            yield Info(
                f"Originals of {field} are public with the metadata of the camera, which may say "
                "where a picture was taken.",
                hint="Write strip=True in the field, keep originals private, or offer resizes "
                "alone. media_doctor --find-metadata counts the pictures with a place.",
                obj=field,
                id="shift_media.I003",
            )


def _media_storages() -> Iterator[tuple[str, Any]]:
    """Yield the media storages with their aliases."""
    for alias in storages.backends:
        # Another storage may lack its package or an option, which other checks report.
        with contextlib.suppress(ImproperlyConfigured, InvalidStorageError, TypeError):
            if isinstance(storages[alias], MediaStorage):
                yield alias, storages[alias]


@register(Tags.security)
def check_shared_buckets(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Warn about private originals that the policy of another storage publishes."""
    buckets = list(_buckets())
    return [
        Warning(
            f"STORAGES[{alias!r}] has private originals in the bucket {storage.bucket_name}, and "
            f"STORAGES[{other!r}] has public ones there: its policy lets everybody read all keys "
            f"that begin with {public.key_prefix!r}, which these do.",
            hint='Give each of the two a "location" of its own in OPTIONS, beside the other, or a '
            "bucket. Then run media_bucket apply --policy for both.",
            id="shift_media.W011",
        )
        for alias, storage in buckets
        if storage.originals == "private"
        for other, public in buckets
        if public.originals == "public"
        and (public.endpoint_url, public.bucket_name)
        == (storage.endpoint_url, storage.bucket_name)
        and storage.key_prefix.startswith(public.key_prefix)
    ]


def _buckets() -> Iterator[tuple[str, Any]]:
    """Yield the aliases and storages that are buckets."""
    return ((alias, one) for alias, one in _media_storages() if hasattr(one, "bucket_name"))


_SITE_CACHES = frozenset(
    f"django.middleware.cache.{name}" for name in ("CacheMiddleware", "FetchFromCacheMiddleware")
)


@register(Tags.caches)
def check_site_cache(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Warn about pages that the per-site cache keeps after the URLs in them have expired."""
    kept = django_settings.CACHE_MIDDLEWARE_SECONDS
    if _SITE_CACHES.isdisjoint(django_settings.MIDDLEWARE):
        return []
    try:
        of_aliases = {alias: storages[alias] for alias in storages.backends}
    except (ImproperlyConfigured, InvalidStorageError):
        return []  # E002 says so.
    return [
        Warning(
            f"Signed URLs in STORAGES[{alias!r}] are valid for {_validity(storage)} seconds, and "
            f"the per-site cache keeps pages with them for {kept} seconds.",
            hint="Set CACHE_MIDDLEWARE_SECONDS to less, url_expire to more, or use never_cache "
            "for the views of these pages.",
            id="shift_media.W009",
        )
        for alias, storage in of_aliases.items()
        if isinstance(storage, MediaStorage)
        and storage.originals == "private"
        and _validity(storage) <= kept
    ]


def _validity(storage: MediaStorage) -> int:
    """Return the seconds for which each signed URL of a storage is valid at least."""
    return min(storage.url_expire, HOUR if storage.derived == "private" else storage.url_expire)

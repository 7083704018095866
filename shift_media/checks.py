"""System checks: what is wrong with the set-up, and what to write instead.

None touches the network, a storage's bytes or the database.

========  ==========================================================================
E001      a value of ``SHIFT_MEDIA``, or a name in it, is wrong
E002      the media storage is no `MediaStorage`, or its options are wrong
E003      a local storage's ``base_url`` is not where ``shift_media.urls`` is included
W001      resizes are signed with ``SECRET_KEY``
W002      ``CACHE`` names a cache that lives in one process
W003      ``MAX_PIXELS`` is beyond the limit at which Pillow itself warns
E006      the transcoder, or its options, are wrong
E007      ``SNS_TOPICS`` is set, and cryptography is not installed
E008      Elastic Transcoder is closed, and nothing is named that does its work
E009      a profile asks for what the transcoder does not make
E010      ``ENGINE`` is ``"vips"``, and pyvips is not installed
W005      videos are to be transcoded, and ffmpeg is not installed
W006      a profile has renditions beside a job that Elastic Transcoder leaves out
I001      a profile in preset ids has choices of ours, where a preset is not known in full
========  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, storages
from django.urls import NoReverseMatch, Resolver404, resolve
from PIL import Image

from shift_media.concurrency import shared
from shift_media.conf import ConfigurationError, settings
from shift_media.core.errors import MissingExtra
from shift_media.imaging.engine import vips
from shift_media.registry import all_media_fields
from shift_media.storages import LocalMediaStorage, MediaStorage, default_media_storage
from shift_media.transcoding import services
from shift_media.transcoding.webhooks import sns


@register()
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check every value of ``SHIFT_MEDIA``."""
    return [
        Error(str(error), hint=_hint(error), id="shift_media.E001") for error in settings.errors()
    ]


def _hint(error: ConfigurationError) -> str:
    return f'Mend SHIFT_MEDIA["{error.key}"]; the reference of settings lists every key.'


@register()
def check_storages(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that media have a storage of ours, whose URLs lead to the view."""
    try:
        return [*_check_default(), *_check_locations()]
    except (ImproperlyConfigured, InvalidStorageError) as error:
        return [Error(str(error), hint="Mend the options in STORAGES.", id="shift_media.E002")]


def _check_default() -> Iterator[CheckMessage]:
    default_media_storage.exists  # noqa: B018 (sets up the lazy object)
    if not isinstance(default_media_storage, MediaStorage):
        kind = default_media_storage.__class__
        yield Error(
            f"Media are stored in {kind.__module__}.{kind.__qualname__}, no media storage.",
            hint='Set STORAGES["media"] to {"BACKEND": "shift_media.storages.LocalMediaStorage"} '
            'or {"BACKEND": "shift_media.storages.S3MediaStorage"}, with its OPTIONS.',
            id="shift_media.E002",
        )
    elif settings_are_right() and (Image.MAX_IMAGE_PIXELS or 0) < settings.MAX_PIXELS:
        yield Warning(
            f'SHIFT_MEDIA["MAX_PIXELS"] is {settings.MAX_PIXELS}, beyond Pillow\'s own limit.',
            hint=f"Stay below {Image.MAX_IMAGE_PIXELS}, or raise PIL.Image.MAX_IMAGE_PIXELS too.",
            id="shift_media.W003",
        )


def _check_locations() -> Iterator[CheckMessage]:
    for alias in storages.backends:
        storage = storages[alias]
        if isinstance(storage, LocalMediaStorage) and not leads_to_view(storage, alias):
            yield Error(
                f"STORAGES[{alias!r}] has the base_url {storage.base_url!r}, which does not lead "
                "to shift_media.urls.",
                hint=f"Include them there: {include_for(storage, alias)}, or set base_url to "
                "where they are included.",
                id="shift_media.E003",
            )


def include_for(storage: LocalMediaStorage, alias: str) -> str:
    """Write the include that a local storage needs in the URLs."""
    prefix = (storage.base_url or "/").lstrip("/")
    other = "" if storages[alias] is _default() else f', {{"storage": "{alias}"}}'
    return f'path("{prefix}", include("shift_media.urls"){other})'


def _default() -> object:
    return storages["media" if "media" in storages.backends else "default"]


def leads_to_view(storage: LocalMediaStorage, alias: str) -> bool:
    """Tell whether a local storage's ``base_url`` leads to the view of this very storage."""
    if not getattr(django_settings, "ROOT_URLCONF", None):
        return True
    try:
        match = resolve(f"{storage.base_url}any-key")
    except (Resolver404, NoReverseMatch):
        return False
    served = match.kwargs.get("storage", "")
    mine = storages[served] if served else _default()
    return match.view_name.endswith("shift_media:resize") and mine is storage


@register()
def check_engine(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that libvips is there where it is asked for."""
    if not settings_are_right() or settings.ENGINE != "vips":
        return []
    try:
        vips.load()
    except MissingExtra as error:
        hint = 'Set SHIFT_MEDIA["ENGINE"] to "auto" to use it only where it is installed.'
        return [Error(str(error), hint=hint, id="shift_media.E010")]
    return []


@register(Tags.security, deploy=True)
def check_signing_keys(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Recommend signing keys of their own."""
    given = getattr(django_settings, "SHIFT_MEDIA", {})
    if isinstance(given, dict) and given.get("SIGNING_KEYS") is not None:
        return []
    return [
        Warning(
            "Resizes are signed with SECRET_KEY: when it is rotated, every resize gets a new URL "
            "and is made again.",
            hint='Set SHIFT_MEDIA["SIGNING_KEYS"] to a list with a long random string of its own.',
            id="shift_media.W001",
        )
    ]


@register(Tags.caches, deploy=True)
def check_cache(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Say when hosts share no cache, so that each makes a missing resize on its own."""
    if not settings_are_right() or settings.CACHE is None or shared.shared_cache() is not None:
        return []
    return [
        Warning(
            f'SHIFT_MEDIA["CACHE"] is {settings.CACHE!r}, a cache that lives in one process: with '
            "several hosts, each makes a missing resize on its own.",
            hint="Configure a shared cache (Redis, Memcached, database), or set it to None when "
            "there is one host.",
            id="shift_media.W002",
        )
    ]


def settings_are_right() -> bool:
    """Tell whether `check_settings` finds nothing."""
    return next(settings.errors(), None) is None


@register()
def check_transcoder(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check the transcoder, where a field has videos transcoded."""
    fields = all_media_fields()
    if not settings_are_right() or not any(field.transcode for field in fields):
        return []
    try:
        chosen = services.transcoder()
        names = dict.fromkeys(field.transcode for field in fields)
        used = [settings.PROFILES[name] for name in names if name in settings.PROFILES]
        return [*chosen.check(), *(found for p in used for found in chosen.check_profile(p))]
    except ConfigurationError as error:
        hint = 'Mend SHIFT_MEDIA["TRANSCODER"].'
        return [Error(str(error), hint=hint, id=getattr(error, "check_id", "shift_media.E006"))]


@register()
def check_sns(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that the webhook can verify what it is to believe."""
    if not settings_are_right() or not settings.SNS_TOPICS or sns.is_available():
        return []
    return [
        Error(
            'SHIFT_MEDIA["SNS_TOPICS"] is set, and signatures cannot be checked here.',
            hint=str(MissingExtra("cryptography", "sns")),
            id="shift_media.E007",
        )
    ]

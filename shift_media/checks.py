"""System checks of the settings, the storages and the transcoder.

They use neither the network nor the contents of a storage. Only W103 uses the database, so it runs
only if it is told to.

========  ==========================================================================
E001      a value of ``SHIFT_MEDIA``, or a name in it, is wrong
E002      the media storage is not a `MediaStorage`, or its options are wrong
E003      a local storage's ``base_url`` is not where ``shift_media.urls`` is included
W001      resizes are signed with ``SECRET_KEY``
W002      ``CACHE`` names a cache that is local to one process
W003      ``MAX_PIXELS`` exceeds the number of pixels at which Pillow warns
E006      the transcoder or one of its options is wrong
E007      ``SNS_TOPICS`` is set, but cryptography is not installed
E008      Elastic Transcoder is closed, and no service is named that replaces it
E009      a profile has a rendition that the transcoder cannot make
E010      ``ENGINE`` is ``"vips"``, but pyvips is not installed
E011      a field in ``UPLOADS`` is not a media field, or its rule cannot be imported
E012      ``TASKS`` is not an alias of Django's ``TASKS``, or django-tasks is not installed
E013      a column in ``HISTORY`` does not exist
W005      videos are to be transcoded, but ffmpeg is not installed
W006      a profile has renditions beside its job, which Elastic Transcoder leaves out
W007      a key in ``SIGNING_KEYS`` is short, or copied from an example
W008      a plain ``FileField`` on S3 overwrites files with the same name
W009      the per-site cache keeps pages for longer than signed URLs in them are valid
W010      django-cleanup deletes files of media fields, also those that other rows refer to
W103      rows of a media field have names that are not keys (``check --database``, ``migrate``)
I001      a profile in preset ids uses defaults of shift_media for unknown details of a preset
========  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, TypeGuard
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import InvalidStorageError, Storage, storages
from django.urls import NoReverseMatch, Resolver404, resolve
from PIL import Image

from shift_media.concurrency import shared
from shift_media.conf import ConfigurationError, settings
from shift_media.conf.reader import suggest
from shift_media.core.errors import MissingExtra
from shift_media.core.signing import MIN_LENGTH, is_placeholder, is_weak
from shift_media.deletion import checks as deletion_checks  # noqa: F401 (registers E013, W010)
from shift_media.fields.legacy import WHAT_TO_DO, find_legacy_names
from shift_media.imaging.engine import vips
from shift_media.registry import all_media_fields, plain_file_fields
from shift_media.storages import LocalMediaStorage, MediaStorage, default_media_storage
from shift_media.storages.interface import overwrites_unasked
from shift_media.transcoding import services
from shift_media.transcoding.webhooks import sns


@register()
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check every value of ``SHIFT_MEDIA``."""
    return [
        Error(str(error), hint=_hint(error), id="shift_media.E001") for error in settings.errors()
    ]


def _hint(error: ConfigurationError) -> str:
    return f'Correct SHIFT_MEDIA["{error.key}"]. The settings reference lists every key.'


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
    prefix = (_path_info(storage) or urlsplit(storage.base_url or "/").path).lstrip("/")
    other = "" if storages[alias] is _default() else f', {{"storage": "{alias}"}}'
    return f'path("{prefix}", include("shift_media.urls"){other})'


def _path_info(storage: LocalMediaStorage) -> str | None:
    """Return the path of ``base_url`` as URLconfs match it; None if it is not below the site.

    ``base_url`` is what browsers ask for, so it has the path of ``FORCE_SCRIPT_NAME`` in front.
    """
    path = urlsplit(storage.base_url or "/").path
    mounted = (django_settings.FORCE_SCRIPT_NAME or "").rstrip("/")
    return path[len(mounted) :] if path.startswith(f"{mounted}/") else None


def _default() -> object:
    return storages["media" if "media" in storages.backends else "default"]


def leads_to_view(storage: LocalMediaStorage, alias: str) -> bool:
    """Return True if a local storage's ``base_url`` leads to the view of this storage."""
    if not getattr(django_settings, "ROOT_URLCONF", None):
        return True
    path = _path_info(storage)
    if path is None:
        return False
    try:
        match = resolve(f"{path}{INVALID_KEY}")
    except (Resolver404, NoReverseMatch):
        return False
    included = match.kwargs.get("storage", "")
    served = storages[included] if included else _default()
    return match.view_name.endswith("shift_media:resize") and served is storage


@register(Tags.database)
def check_legacy_names(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Count the rows whose names were there before their column was a media field's."""
    return [
        Warning(str(found), hint=WHAT_TO_DO, id="shift_media.W103")
        for found in find_legacy_names(databases or ())
    ]


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
            f"Signed URLs of originals in STORAGES[{alias!r}] are valid for {storage.url_expire} "
            f"seconds, and the per-site cache keeps pages with them for {kept} seconds.",
            hint="Set CACHE_MIDDLEWARE_SECONDS to less, url_expire to more, or use never_cache "
            "for the views of these pages.",
            id="shift_media.W009",
        )
        for alias, storage in of_aliases.items()
        if isinstance(storage, MediaStorage)
        and storage.originals == "private"
        and storage.url_expire <= kept
    ]


@register()
def check_engine(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that pyvips is installed if it is configured."""
    if not are_settings_valid() or settings.ENGINE != "vips":
        return []
    try:
        vips.load()
    except MissingExtra as error:
        hint = 'Or set SHIFT_MEDIA["ENGINE"] to "auto", which uses it only if it is installed.'
        return [Error(str(error), hint=hint, id="shift_media.E010")]
    return []


@register(Tags.security, deploy=True)
def check_signing_keys(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[CheckMessage]:
    """Recommend separate and strong signing keys."""
    raw = getattr(django_settings, "SHIFT_MEDIA", {})
    if isinstance(raw, dict) and raw.get("SIGNING_KEYS") is not None:
        return list(_check_strength())
    return [
        Warning(
            "Resizes are signed with SECRET_KEY. When it is rotated, every resize gets a new URL "
            "and is made again.",
            hint='Set SHIFT_MEDIA["SIGNING_KEYS"] to a list with another long random string.',
            id="shift_media.W001",
        )
    ]


def _check_strength() -> Iterator[CheckMessage]:
    weak = [
        n for n, key in enumerate(settings.SIGNING_KEYS, 1) if is_weak(key) or is_placeholder(key)
    ]
    if not are_settings_valid() or not weak:
        return
    yield Warning(
        f'Key {weak[0]} in SHIFT_MEDIA["SIGNING_KEYS"] can be guessed: it is shorter than '
        f"{MIN_LENGTH} characters, repetitive, or copied from an example.",
        hint="Put the output of this command first in the list, and keep the other keys as long "
        "as pages have URLs that were signed with them: "
        "python -c 'import secrets; print(secrets.token_urlsafe(48))'",
        id="shift_media.W007",
    )


@register()
def check_uploads(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check the fields and the rules of direct uploads."""
    if not are_settings_valid():
        return []
    labels = {str(field).lower(): str(field) for field in all_media_fields()}
    found = []
    for label, rule in settings.UPLOADS.items():
        if label.lower() not in labels:
            near = suggest(label, labels.values())
            found.append(f'"{label}" is not a media field{near}')
        if problem := _find_problem_of_rule(rule):
            found.append(problem)
    hint = 'Correct SHIFT_MEDIA["UPLOADS"]: {"app.Model.field": "path.of.the.function"}.'
    return [
        Error(f'SHIFT_MEDIA["UPLOADS"]: {text}', hint=hint, id="shift_media.E011")
        for text in found
    ]


def _find_problem_of_rule(rule: str) -> str:
    """Return what is wrong with the path of a function; ``""`` if it can be imported."""
    path, _, name = rule.rpartition(".")
    try:
        module = import_module(path)
    except ImportError as error:
        return f'the rule "{rule}" cannot be imported: {error}.'
    if callable(getattr(module, name, None)):
        return ""
    functions = [each for each in vars(module) if callable(getattr(module, each))]
    return f'the rule "{rule}" is not a function of {path}{suggest(name, functions)}'


@register(Tags.caches, deploy=True)
def check_cache(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Warn about a cache that hosts do not share."""
    if not are_settings_valid() or settings.CACHE is None or shared.shared_cache() is not None:
        return []
    return [
        Warning(
            f'SHIFT_MEDIA["CACHE"] is {settings.CACHE!r}, a cache that is local to one process. '
            "Several hosts would each make the same missing resize.",
            hint="Configure a shared cache (Redis, Memcached, database), or write None if the "
            "site runs on one host.",
            id="shift_media.W002",
        )
    ]


def are_settings_valid() -> bool:
    """Return True if every value of ``SHIFT_MEDIA`` is right."""
    return next(settings.errors(), None) is None


@register()
def check_transcoder(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check the transcoder and its profiles, if a field uses one."""
    fields = list(all_media_fields())
    if not are_settings_valid() or not any(field.transcode for field in fields):
        return []
    try:
        chosen = services.transcoder()
        names = dict.fromkeys(field.transcode for field in fields)
        profiles = [settings.PROFILES[name] for name in names if name in settings.PROFILES]
        of_profiles = (message for p in profiles for message in chosen.check_profile(p))
        return [*chosen.check(), *of_profiles]
    except ConfigurationError as error:
        hint = 'Correct SHIFT_MEDIA["TRANSCODER"].'
        return [Error(str(error), hint=hint, id=getattr(error, "check_id", "shift_media.E006"))]


@register()
def check_tasks(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that jobs can be enqueued, if ``TASKS`` is set."""
    if not are_settings_valid() or settings.TASKS is None:
        return []
    hint = 'Until then media_transcode alone runs jobs. With SHIFT_MEDIA["TASKS"] = None it does.'
    # Without the setting, Django and the backport have one alias.
    known = list(getattr(django_settings, "TASKS", None) or ["default"])
    if settings.TASKS in known:
        try:
            import_module("shift_media.transcoding.services.tasks")
        except MissingExtra as error:
            return [Error(str(error), hint=hint, id="shift_media.E012")]
        return []
    text = f'SHIFT_MEDIA["TASKS"] is {settings.TASKS!r}, not an alias of Django\'s TASKS'
    return [Error(f"{text}{suggest(settings.TASKS, known)}", hint=hint, id="shift_media.E012")]


@register()
def check_sns(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that the webhook can verify signatures."""
    if not are_settings_valid() or not settings.SNS_TOPICS or sns.is_available():
        return []
    return [
        Error(
            'SHIFT_MEDIA["SNS_TOPICS"] is set, but signatures of messages cannot be verified.',
            hint=str(MissingExtra("cryptography", "sns")),
            id="shift_media.E007",
        )
    ]

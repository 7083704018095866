"""System checks of the values of ``SHIFT_MEDIA`` that no other part checks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from shutil import which
from typing import Any, Final

from django.apps import AppConfig
from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from shift_media.concurrency import shared
from shift_media.conf import ConfigurationError, settings
from shift_media.conf.reader import suggest
from shift_media.core.errors import MissingExtra
from shift_media.core.signing import MIN_LENGTH, is_placeholder, is_weak
from shift_media.imaging.engine import vips
from shift_media.registry import all_media_fields

_WORKER_BYTES: Final = 256 << 20
"""The address space of a worker without a picture, with that of its result."""
_BYTES_PER_PIXEL: Final = 8
"""The most that a decoder holds of an original."""


@register()
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check every value of ``SHIFT_MEDIA``."""
    return [
        Error(str(error), hint=_hint(error), id="shift_media.E001") for error in settings.errors()
    ]


def _hint(error: ConfigurationError) -> str:
    return f'Correct SHIFT_MEDIA["{error.key}"]. The settings reference lists every key.'


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


@register()
def check_workers(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that worker processes can start, and have memory for the largest original."""
    if not are_settings_valid() or not settings.WORKERS:
        return []
    found: list[CheckMessage] = []
    if which(settings.WORKER_PYTHON) is None:
        found.append(
            Error(
                f"Worker processes are started by {settings.WORKER_PYTHON!r}, which is not an "
                "interpreter on this machine.",
                hint='Set SHIFT_MEDIA["WORKER_PYTHON"] to the path of the python3 of this '
                "environment.",
                id="shift_media.E017",
            )
        )
    needed = _WORKER_BYTES + _BYTES_PER_PIXEL * settings.MAX_PIXELS
    if needed > settings.WORKER_MEMORY:
        found.append(
            Warning(
                f'SHIFT_MEDIA["WORKER_MEMORY"] is {settings.WORKER_MEMORY} bytes. An original of '
                f"{settings.MAX_PIXELS} pixels may need {needed}.",
                hint=f'Set SHIFT_MEDIA["WORKER_MEMORY"] to {needed}, or lower "MAX_PIXELS".',
                id="shift_media.W015",
            )
        )
    return found


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
        if problem := find_problem_of_function(rule):
            found.append(f"the rule {problem}")
    hint = 'Correct SHIFT_MEDIA["UPLOADS"]: {"app.Model.field": "path.of.the.function"}.'
    return [
        Error(f'SHIFT_MEDIA["UPLOADS"]: {text}', hint=hint, id="shift_media.E011")
        for text in found
    ]


def find_problem_of_function(dotted_path: str) -> str:
    """Return what is wrong with the path of a function; ``""`` if it can be imported."""
    path, _, name = dotted_path.rpartition(".")
    try:
        module = import_module(path)
    except ImportError as error:
        return f'"{dotted_path}" cannot be imported: {error}.'
    if callable(getattr(module, name, None)):
        return ""
    functions = [each for each in vars(module) if callable(getattr(module, each))]
    return f'"{dotted_path}" is not a function of {path}{suggest(name, functions)}'


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

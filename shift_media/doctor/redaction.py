"""Keeping secrets out of what is shown, whoever put them into a message."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings as django_settings

from shift_media.conf import ConfigurationError, settings

SHOWN = "[secret]"

_NAMES = re.compile(r"SECRET|PASS(WORD)?$|TOKEN|PRIVATE_KEY|ACCESS_KEY|SIGNING_KEY", re.IGNORECASE)
_SHORTEST = 6
"""Shorter values are words that stand in many messages."""

_USER = re.compile(r"(?<=://)[^/@\s]+@")
_SIGNED = re.compile(r"((?:X-Amz-(?:Signature|Credential|Security-Token)|signature)=)[^&\s\"']+")


def redact(text: str) -> str:
    """Take out of a text every secret of the settings, and what a URL has of them."""
    for value in sorted(set(_secrets()), key=len, reverse=True):
        text = text.replace(value, SHOWN)
    return _SIGNED.sub(rf"\1{SHOWN}", _USER.sub(f"{SHOWN}@", text))


def _secrets() -> Iterator[str]:
    yield from _values(
        [django_settings.SECRET_KEY, *getattr(django_settings, "SECRET_KEY_FALLBACKS", [])]
    )
    with contextlib.suppress(ConfigurationError):
        yield from _values(list(settings.SIGNING_KEYS))
    for name in ("STORAGES", "CACHES", "DATABASES", "SHIFT_MEDIA"):
        yield from _named(getattr(django_settings, name, None))
    for name in dir(django_settings):
        if name.startswith("AWS_") and _NAMES.search(name):  # django-storages reads those
            yield from _values([getattr(django_settings, name)])
    yield from _named(os.environ)


def _named(value: Any) -> Iterator[str]:
    """Find the values in nested settings whose names say that they are secret."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if _NAMES.search(str(name)):
                yield from _values(inner if isinstance(inner, list | tuple) else [inner])
            else:
                yield from _named(inner)


def _values(given: Any) -> Iterator[str]:
    for value in given:
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if isinstance(text, str) and len(text) >= _SHORTEST:
            yield text

"""Redaction of secrets in everything that is shown, also in the messages of libraries."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.conf import settings as django_settings

from shift_media.conf import ConfigurationError, settings

REPLACEMENT = "[secret]"

_SECRET_NAMES = re.compile(r"SECRET|PASS(WORD)?$|TOKEN|KEY(S|_FALLBACKS)?$", re.IGNORECASE)
_MIN_LENGTH = 6
"""Shorter values are not replaced, because they are words that occur in many messages."""

_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")
_SIGNATURE = re.compile(
    r"((?:X-Amz-(?:Signature|Credential|Security-Token)|signature)=)[^&\s\"']+"
)


def redact(text: str) -> str:
    """Replace every secret of the settings, and passwords and signatures in URLs."""
    # The longest first, because one secret may contain another.
    for value in sorted(set(_secrets()), key=len, reverse=True):
        text = text.replace(value, REPLACEMENT)
    return _SIGNATURE.sub(rf"\1{REPLACEMENT}", _USER_INFO.sub(f"{REPLACEMENT}@", text))


def _secrets() -> Iterator[str]:
    yield from _texts(
        [django_settings.SECRET_KEY, *getattr(django_settings, "SECRET_KEY_FALLBACKS", [])]
    )
    with contextlib.suppress(ConfigurationError):
        yield from _texts(settings.SIGNING_KEYS)
    for name in ("STORAGES", "CACHES", "DATABASES", "SHIFT_MEDIA"):
        yield from _nested_secrets(getattr(django_settings, name, None))
    for name in dir(django_settings):
        if name.startswith("AWS_") and _SECRET_NAMES.search(name):  # read by django-storages
            yield from _texts([getattr(django_settings, name)])
    yield from _nested_secrets(os.environ)


def _nested_secrets(value: Any) -> Iterator[str]:
    """Yield the values in nested mappings whose names say that they are secret."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if _SECRET_NAMES.search(str(name)):
                yield from _texts(inner if isinstance(inner, list | tuple) else [inner])
            else:
                yield from _nested_secrets(inner)


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if isinstance(text, str) and len(text) >= _MIN_LENGTH:
            yield text

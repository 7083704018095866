"""What keys, prefixes and options of a storage must look like."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation

from shift_media.core.formats import BY_EXTENSION, FORMATS, UNKNOWN, Format

_LONGEST_EXPIRE = 7 * 24 * 3600  # what S3's signature version 4 admits
_URL_CHARACTERS = re.compile(r"[!-\[\]-~]+")  # printable ASCII without space and backslash
_BAD_SEGMENTS = frozenset(("", ".", ".."))
_SERVED_TYPES = {format.content_type: format.served_type for format in FORMATS}
_STREAMED = frozenset(("application/vnd.apple.mpegurl", "application/dash+xml", "text/vtt"))


def format_of(key: str) -> Format:
    """Find the row of the format table that a key's extension names."""
    return BY_EXTENSION.get(key.rpartition(".")[2].lower(), UNKNOWN)


def check_key(key: str) -> str:
    """Refuse what is no relative path in its one spelling, such as ``a/../b`` or ``/a``."""
    plain = key.isprintable() and "\\" not in key
    if not plain or not _BAD_SEGMENTS.isdisjoint(key.split("/")):
        raise SuspiciousFileOperation(f"{key[:300]!r} cannot be the name of a stored file.")
    return key


def check_prefix(prefix: str) -> str:
    """Refuse a prefix to delete that is not the whole path of a folder: ``a/b/``."""
    if not prefix.endswith("/"):
        raise SuspiciousFileOperation(f"{prefix[:300]!r} is no prefix: it must end in a slash.")
    check_key(prefix[:-1])
    return prefix


@lru_cache(maxsize=64)  # asked for each URL
def base_url_of(url: str) -> str:
    """Check what keys are appended to, and end it in a slash.

    Without that slash a key could continue the host name; user names, backslashes and
    ``//host`` send a browser elsewhere than a reader thinks.
    """
    parts = urlsplit(url)
    web = parts.scheme in ("http", "https")
    absolute = web and bool(parts.hostname) and "@" not in parts.netloc
    path_only = url.startswith("/") and not url.startswith("//")
    plain = _URL_CHARACTERS.fullmatch(url) and not parts.query and not parts.fragment
    if not plain or not (absolute or path_only) or url.endswith(("?", "#")):
        raise ImproperlyConfigured(
            f"The public URL of a media storage is {url!r}: write an http or https URL, or a path "
            'that begins with one slash, such as "https://cdn.example/media/" or "/media/".'
        )
    return url if url.endswith("/") else f"{url}/"


def choice_of(option: str, value: Any, choices: tuple[str, ...]) -> Any:
    """Check an option that is one of a few words."""
    if value not in choices:
        raise ImproperlyConfigured(
            f"The option {option} is {value!r}: write {' or '.join(map(repr, choices))}."
        )
    return value


def flag_of(option: str, value: Any) -> bool:
    """Check an option that is True or False."""
    if not isinstance(value, bool):
        raise ImproperlyConfigured(f"The option {option} is {value!r}: write True or False.")
    return value


def seconds_of(option: str, value: Any) -> int:
    """Check an option that is a time in seconds."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LONGEST_EXPIRE:
        raise ImproperlyConfigured(
            f"The option {option} is {value!r}: write whole seconds, at most {_LONGEST_EXPIRE}."
        )
    return value


def served_type_of(content_type: str) -> str:
    """Give the type that bytes of this one are served as: never one that a browser executes."""
    return _SERVED_TYPES.get(content_type, content_type)


def disposition_of(served_type: str) -> str:
    """Tell how what has this type is shown: ``""`` in place, or ``"attachment"``."""
    shown = served_type.partition("/")[0] in ("image", "video", "audio")
    return "" if shown or served_type in _STREAMED else "attachment"

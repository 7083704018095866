"""Checks of keys, prefixes and options of storages."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from inspect import Parameter, signature
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation

from shift_media.conf.reader import suggest
from shift_media.core.formats import BY_EXTENSION, FORMATS, UNKNOWN, Format
from shift_media.core.keys import ID_PATTERN

ACCEL_HEADER = "X-Accel-Redirect"
"""The header of nginx, whose value is the path of an internal location."""

SENDFILE = "X-Sendfile"
"""The header of Apache's mod_xsendfile and of lighttpd, whose value is a path on the disk."""

_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
_MAX_EXPIRE = 7 * 24 * 3600  # seconds, the limit of S3's signature version 4
_KEY_SHAPE = re.compile(rf"{ID_PATTERN}/")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_URL_CHARACTERS = re.compile(r"[!-\[\]-~]+")  # printable ASCII without space and backslash
_BAD_SEGMENTS = frozenset(("", ".", ".."))
_SERVED_TYPES = {format.content_type: format.served_type for format in FORMATS}
_DRAWING = BY_EXTENSION["svg"].content_type
_STREAMED = frozenset(("application/vnd.apple.mpegurl", "application/dash+xml", "text/vtt"))


def format_of_key(key: str) -> Format:
    """Return the row of the format table for a key's extension."""
    return BY_EXTENSION.get(key.rpartition(".")[2].lower(), UNKNOWN)


class MissingName(SuspiciousFileOperation, ValueError):
    """The name of a stored file is empty; a ``ValueError`` as Django raises it."""


def has_key_shape(name: str) -> bool:
    """Return True for a name that begins as all keys do; other names are no business of ours."""
    return _KEY_SHAPE.match(name) is not None


def check_key(name: str | os.PathLike[str] | None) -> str:
    """Return a name; refuse one that is not a normalised relative path, such as ``a/../b``."""
    if name in ("", None):
        raise MissingName("The name must be given: write the relative path of a stored file.")
    key = str(name)
    is_plain = key.isprintable() if has_key_shape(key) else not _CONTROL.search(key)
    plain = is_plain and "\\" not in key
    if not plain or not _BAD_SEGMENTS.isdisjoint(key.split("/")):
        raise SuspiciousFileOperation(
            f"{key[:300]!r} cannot be the name of a stored file: write a relative path."
        )
    return key


def tidy_name(name: str | os.PathLike[str] | None) -> str:
    """Return a name as Django's storages read it: ``a.txt`` for ``./a.txt`` and ``b/../a.txt``.

    A name that begins as a key is returned unchanged, because a key has one spelling. What leads
    out of the storage stays recognisable for `check_key`.
    """
    text = "" if name is None else str(name)
    if not text or has_key_shape(text):
        return text
    return posixpath.normpath(text)


def require_name(name: str | os.PathLike[str] | None) -> str:
    """Return the name of a file to delete; raise what Django raises if it is empty."""
    if not name:
        raise MissingName("The name must be given to delete().")
    return str(name)


def check_prefix(prefix: str) -> str:
    """Return a prefix; refuse one that is not the whole path of a folder, such as ``a/b/``."""
    if not prefix.endswith("/"):
        raise SuspiciousFileOperation(f"The prefix {prefix[:300]!r} must end in a slash.")
    check_key(prefix[:-1])
    return prefix


@lru_cache(maxsize=64)  # called for each URL of a local storage
def check_base_url(url: str) -> str:
    """Return the URL that keys are appended to, with a slash at its end.

    Without the slash a key could continue the host name. User names, backslashes and ``//host``
    are refused, because they lead browsers to another host than the one that people read.
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


class UnknownOption(ImproperlyConfigured, TypeError):
    """An option that a storage does not have; a ``TypeError`` as Python raises it."""


def check_names(options: Mapping[str, Any], *takers: Callable[..., Any]) -> None:
    """Raise `UnknownOption` for an option that none of some functions takes."""
    parameters = [p for taker in takers for p in signature(taker).parameters.values()]
    known = [p.name for p in parameters if p.kind in _NAMED and p.name != "self"]
    for name in options:
        if name not in known:
            raise UnknownOption(f"The option {name} is not known{suggest(name, known)}")


def check_choice(option: str, value: Any, choices: tuple[str, ...]) -> Any:
    """Return the value of an option that is one of a few words."""
    if value not in choices:
        raise ImproperlyConfigured(
            f"The option {option} is {value!r}: write {' or '.join(map(repr, choices))}."
        )
    return value


def check_flag(option: str, value: Any) -> bool:
    """Return the value of an option that is True or False."""
    if not isinstance(value, bool):
        raise ImproperlyConfigured(f"The option {option} is {value!r}: write True or False.")
    return value


def check_seconds(option: str, value: Any) -> int:
    """Return the value of an option that is a time in seconds."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _MAX_EXPIRE:
        raise ImproperlyConfigured(
            f"The option {option} is {value!r}: write whole seconds, at most {_MAX_EXPIRE}."
        )
    return value


def check_location_path(option: str, value: Any) -> str:
    """Return the value of an option that is the path of a location of nginx, or ``""``."""
    if value == "":
        return ""
    if not isinstance(value, str) or not re.fullmatch(r"/(?:[A-Za-z0-9_-]+/)+", value):
        raise ImproperlyConfigured(
            f"The option {option} is {value!r}: write the path of a location of nginx, with a "
            'slash at both ends, such as "/private-media/".'
        )
    return value


def check_accel_header(value: Any, location: str) -> str:
    """Return the value of the option ``accel_header``, beside that of ``accel_location``."""
    header: str = check_choice("accel_header", value, (ACCEL_HEADER, SENDFILE))
    if location and header == SENDFILE:
        raise ImproperlyConfigured(
            f'The option accel_location is {location!r}, and accel_header is "{SENDFILE}", which '
            "takes paths on the disk. Leave one of them out."
        )
    return header


def get_served_type(content_type: str) -> str:
    """Return the type to serve a content type as: never one that browsers execute."""
    return _SERVED_TYPES.get(content_type, content_type)


def get_disposition(served_type: str, *, has_policy: bool = False) -> str:
    """Return the Content-Disposition of a type: ``""`` to show it, or ``"attachment"``.

    A drawing is shown only with a Content-Security-Policy, which S3 cannot send.
    """
    if served_type == _DRAWING and not has_policy:
        return "attachment"
    shown = served_type.partition("/")[0] in ("image", "video", "audio")
    is_streamed = served_type.partition(";")[0] in _STREAMED
    return "" if shown or is_streamed else "attachment"

"""Tickets: what somebody has leave to upload, in a string that only the app can have written."""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.http import HttpRequest
from django.utils.module_loading import import_string
from django.utils.text import get_text_list
from django.utils.translation import gettext

from shift_media.conf import ConfigurationError, settings
from shift_media.core.formats import Format, accepted_formats
from shift_media.core.keys import new_original_key
from shift_media.fields import MediaField
from shift_media.validators import InvalidMedia, too_large

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

PURPOSE: Final = "upload/1"
SECONDS: Final = 3600
"""How long a ticket holds: while it does, what is staged is younger than the least grace time of
``media_cleanup``."""

LARGEST: Final = 5_000_000_000
"""Bytes that one PUT to S3 may have, where a field has no limit of its own (5 GB)."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME_LENGTH = 1000

MayUpload = Callable[[HttpRequest, MediaField], bool]


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to upload one file.

    Attributes:
        field: the field's label, ``"gallery.photo.image"``.
        key: where the bytes are staged.
        name: the client's name for the file.
        content_type, size, sha256: what the bytes must be.
        owner: the primary key of the user, or ``""`` for anybody who is not logged in.
        expires: seconds since the epoch.
    """

    field: str
    key: str
    name: str
    content_type: str
    size: int
    sha256: str
    owner: str
    expires: int

    @property
    def token(self) -> str:
        """The signed string that the client keeps."""
        text = json.dumps(astuple(self), separators=(",", ":")).encode()
        payload = base64.urlsafe_b64encode(text).decode().rstrip("=")
        return f"{payload}.{settings.signer(PURPOSE).sign(payload)}"

    @property
    def storage(self) -> MediaStorage:
        """Where the bytes are staged: the field's storage."""
        return cast("MediaStorage", field_of(self.field).storage)


def issue(request: HttpRequest, asked: Mapping[str, Any]) -> Ticket:
    """Give a ticket for what a client announces.

    Raises `InvalidMedia` for what the field does not accept and `PermissionDenied` where nobody
    may upload, this user may not, or there is no such field: one and the same answer.
    """
    field = _permitted(request, asked.get("field"))
    name, size, sha256 = asked.get("name"), asked.get("size"), asked.get("sha256")
    if not isinstance(name, str) or not isinstance(sha256, str) or type(size) is not int:
        raise InvalidMedia("upload_refused", "name, size or sha256 are missing.")
    if not _SHA256.fullmatch(sha256) or len(name) > _NAME_LENGTH:
        raise InvalidMedia("upload_refused", "sha256 is not 64 hex digits, or the name too long.")
    format = _format(field, asked.get("type"))
    most = LARGEST if field.max_bytes is None else min(field.max_bytes, LARGEST)
    if size > most:
        raise too_large(min(size, 10**15), most)
    if size < 1:
        raise InvalidMedia("empty")
    key = str(new_original_key(name, format.extension))
    expires = int(time.time()) + SECONDS
    facts = (name, format.content_type, size, sha256)
    return Ticket(field_label(field), key, *facts, owner_of(request), expires)


def read(token: str, request: HttpRequest) -> Ticket:
    """Read a ticket; raises `InvalidMedia` for one that is not ours, not theirs, or too old."""
    payload, _, signature = token.rpartition(".")
    if not settings.signer(PURPOSE).verify(payload, signature):
        raise InvalidMedia("upload_refused", "The ticket is not signed.")
    try:
        text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        ticket = Ticket(*json.loads(text))
    except (binascii.Error, ValueError, TypeError) as error:  # Of another version of the app.
        raise InvalidMedia("upload_refused", "The ticket cannot be read.") from error
    if ticket.owner != owner_of(request):
        raise InvalidMedia("upload_refused", "The ticket is somebody else's.")
    if time.time() > ticket.expires:
        raise InvalidMedia("upload_refused", "The ticket has expired.")
    return ticket


def may_add(request: HttpRequest, field: MediaField) -> bool:
    """Tell whether the user may add rows of the field's model: a rule for ``UPLOADS``."""
    user = getattr(request, "user", None)
    meta = field.model._meta
    return user is not None and user.has_perm(f"{meta.app_label}.add_{meta.model_name}")


def owner_of(request: HttpRequest) -> str:
    """Name the user of a request by their primary key; ``""`` is anybody."""
    user = getattr(request, "user", None)
    return str(user.pk) if user is not None and user.is_authenticated else ""


def field_label(field: MediaField) -> str:
    """Name a field: ``"gallery.photo.image"``."""
    return f"{field.model._meta.label_lower}.{field.name}"


def field_of(label: str) -> MediaField:
    """Find a field by its label; raises ``LookupError``."""
    model, _, name = label.rpartition(".")
    try:
        field = apps.get_model(model)._meta.get_field(name)
    except (FieldDoesNotExist, ValueError) as error:
        raise LookupError(f"{label!r} is no field.") from error
    if not isinstance(field, MediaField):
        raise LookupError(f"{label!r} is no MediaField.")
    return field


def _permitted(request: HttpRequest, label: object) -> MediaField:
    wanted = label.lower() if isinstance(label, str) else ""
    rules = {name.lower(): rule for name, rule in settings.UPLOADS.items()}
    if wanted not in rules:
        raise PermissionDenied
    try:
        field, rule = field_of(wanted), cast("MayUpload", import_string(rules[wanted]))
    except (LookupError, ImportError) as error:
        detail = f'SHIFT_MEDIA["UPLOADS"]: {label!r}: {error}'
        raise ConfigurationError(detail, key="UPLOADS") from error
    if not rule(request, field):
        raise PermissionDenied
    return field


def _format(field: MediaField, content_type: object) -> Format:
    formats = accepted_formats(field.accept)
    for format in formats:
        if format.content_type == content_type:
            return format
    expected = get_text_list([format.name for format in formats], gettext("or"))
    raise InvalidMedia("unknown_type", f"{content_type!r} is not accepted.", expected=expected)

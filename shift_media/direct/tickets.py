"""Tickets: permissions to upload one file, as strings that the app has signed."""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Final, cast, get_type_hints

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.module_loading import import_string

from shift_media.conf import ConfigurationError, settings
from shift_media.core.documents import extension_of, plainer_formats
from shift_media.core.formats import (
    BY_EXTENSION,
    HEAD_BYTES,
    SAFE_TYPE,
    Format,
    accepted_formats,
    detect,
)
from shift_media.core.keys import display_name, new_original_key
from shift_media.fields import MediaField
from shift_media.quotas import reserve
from shift_media.registry import find_field
from shift_media.storages.multipart import MOST_PARTS
from shift_media.validators import InvalidMedia, storable_format, too_large
from shift_media.validators.errors import alternatives

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

PURPOSE: Final = "upload/1"
SECONDS: Final = 3600
"""How long a ticket is valid: not longer than the least grace time of ``media_cleanup``, which
would otherwise remove staged files that can still be used."""

PARTS_SECONDS: Final = 86400
"""How long the ticket of an upload in parts is valid: a slow connection takes its time."""

LARGEST: Final = 5_000_000_000
"""The most bytes of one PUT to S3 (5 GB), which limits fields without ``max_bytes``."""

LARGEST_IN_PARTS: Final = 5_000_000_000_000
"""The most bytes of an upload in parts (5 TB), which limits fields without ``max_bytes``."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME_LENGTH = 1000
_MIB = 1 << 20

MayUpload = Callable[[HttpRequest, MediaField], bool]


@dataclass(frozen=True, slots=True)
class Ticket:
    """The permission to upload one file.

    Attributes:
        field: the field's label, ``"gallery.photo.image"``.
        key: the key of the staged bytes.
        name: the client's name for the file.
        content_type, size, sha256: type, length and digest that the bytes must have. An upload in
            parts has no digest, because its client hashes one part after another.
        owner: the primary key of the user, or ``""`` for users who are not logged in.
        expires: seconds since the epoch.
        part_size: bytes of each part but the last one; 0 for an upload in one piece.
        upload_id: what the storage calls an upload in parts.
    """

    field: str
    key: str
    name: str
    content_type: str
    size: int
    sha256: str
    owner: str
    expires: int
    part_size: int = 0
    upload_id: str = ""

    @property
    def token(self) -> str:
        """The ticket as a signed string, which the client keeps."""
        text = json.dumps(astuple(self), separators=(",", ":")).encode()
        payload = base64.urlsafe_b64encode(text).decode().rstrip("=")
        return f"{payload}.{settings.signer(PURPOSE).sign(payload)}"

    @property
    def staged_type(self) -> str:
        """The content type of the staged bytes: a drawing is not sanitized before it is stored."""
        is_drawing = self.content_type == BY_EXTENSION["svg"].content_type
        return SAFE_TYPE if is_drawing else self.content_type

    @property
    def storage(self) -> MediaStorage:
        """The storage of the field, in which the bytes are staged."""
        return cast("MediaStorage", find_media_field(self.field).storage)


def issue(request: HttpRequest, announced: Mapping[str, Any]) -> Ticket:
    """Return a ticket for the file that a client announces.

    Its type is that of the first bytes, if the client has sent them as base64 in ``head``.
    Browsers tell the type by the name of the file, which may be wrong.

    Raises `InvalidMedia` for a file that the field does not accept, and `QuotaExceeded`. Raises
    `PermissionDenied` if there is no such field, if it takes no direct uploads, or if this user
    may not upload. The client cannot tell these apart.
    """
    field = _permitted_field(request, announced.get("field"))
    in_parts = announced.get("parts") is True
    name, size, sha256 = _read_facts(announced, in_parts)
    head = announced.get("head")
    types = [announced.get("type")] if head is None else _types_of(_decode_head(head), name)
    format = _accepted_format(field, types)
    largest = LARGEST_IN_PARTS if in_parts else LARGEST
    limit = largest if field.max_bytes is None else min(field.max_bytes, largest)
    if size > limit:
        raise too_large(size, limit)
    if size < 1:
        raise InvalidMedia("empty")
    field.file_rules.check_bytes(size)
    name = display_name(name) or "file"
    key = str(new_original_key(name, format.extension))
    expires = int(time.time()) + (PARTS_SECONDS if in_parts else SECONDS)
    facts = (name, format.content_type, size, sha256)
    part_size = part_size_of(size) if in_parts else 0
    ticket = Ticket(field_label(field), key, *facts, owner_of(request), expires, part_size)
    reserve(request, key=key, owner=ticket.owner, size=size, expires=expires)
    return ticket


def part_size_of(size: int) -> int:
    """Return the size of the parts of a file: more than the setting if there were too many."""
    least = -(-size // MOST_PARTS)
    return max(settings.UPLOAD_PART_BYTES, -(-least // _MIB) * _MIB)


def verify(token: str, request: HttpRequest) -> Ticket:
    """Return the ticket of a signed string.

    Raises `InvalidMedia` if the signature is wrong, if it was issued for another user than that of
    the request, or if it has expired.
    """
    payload, _, signature = token.rpartition(".")
    if not settings.signer(PURPOSE).verify(payload, signature):
        raise InvalidMedia("upload_refused", "The signature of the ticket is wrong.")
    try:
        text = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        ticket = _parse(text)
    except (binascii.Error, ValueError, TypeError) as error:
        # The signature is right, so another version of the app has issued it.
        raise InvalidMedia("upload_refused", "The ticket cannot be read.") from error
    try:
        find_media_field(ticket.field)
    except LookupError as error:
        # A deployment has renamed or removed it since the ticket was issued.
        raise InvalidMedia("upload_refused", f"The ticket is for {error}") from error
    if ticket.owner != owner_of(request):
        raise InvalidMedia("upload_refused", "The ticket was issued for another user.")
    if time.time() > ticket.expires:
        raise InvalidMedia("upload_refused", "The ticket has expired.")
    return ticket


def _parse(text: bytes) -> Ticket:
    """Return the ticket of a payload; raise ``ValueError`` or ``TypeError`` for any other."""
    ticket = Ticket(*json.loads(text))
    for name, kind in get_type_hints(Ticket).items():
        if type(value := getattr(ticket, name)) is not kind:
            raise TypeError(f"{name} must be {kind.__name__}, got {value!r}.")
    return ticket


def may_add(request: HttpRequest, field: MediaField) -> bool:
    """Return True if the user may add rows of the field's model: a rule for ``UPLOADS``."""
    user = getattr(request, "user", None)
    meta = field.model._meta
    return user is not None and user.has_perm(f"{meta.app_label}.add_{meta.model_name}")


def owner_of(request: HttpRequest) -> str:
    """Return the primary key of the user as text; ``""`` for users who are not logged in."""
    user = getattr(request, "user", None)
    return str(user.pk) if user is not None and user.is_authenticated else ""


def field_label(field: MediaField) -> str:
    """Return the label of a field in lower case: ``"gallery.photo.image"``."""
    return f"{field.model._meta.label_lower}.{field.name}"


def find_media_field(label: str) -> MediaField:
    """Return the media field with a label; raise ``LookupError`` if there is none."""
    field = find_field(label)
    if not isinstance(field, MediaField):
        raise LookupError(f"{label!r} must be the label of a MediaField: app.Model.field.")
    return field


def _permitted_field(request: HttpRequest, label: object) -> MediaField:
    """Return the field, if the rule for it in ``UPLOADS`` lets this user upload."""
    lowered = label.lower() if isinstance(label, str) else ""
    rules = {name.lower(): rule for name, rule in settings.UPLOADS.items()}
    if lowered not in rules:
        raise PermissionDenied
    try:
        field = find_media_field(lowered)
        rule = cast("MayUpload", import_string(rules[lowered]))
    except (LookupError, ImportError) as error:
        detail = f'SHIFT_MEDIA["UPLOADS"]: {label!r}: {error}'
        raise ConfigurationError(detail, key="UPLOADS") from error
    if not rule(request, field):
        raise PermissionDenied
    return field


def _read_facts(announced: Mapping[str, Any], in_parts: bool) -> tuple[str, int, str]:
    """Return name, size and SHA-256 that a client announces; in parts there is no SHA-256."""
    name, size = announced.get("name"), announced.get("size")
    sha256 = "" if in_parts else announced.get("sha256")
    if not isinstance(name, str) or not isinstance(sha256, str) or type(size) is not int:
        raise InvalidMedia("upload_refused", "name, size or sha256 is missing or invalid.")
    if not (in_parts or _SHA256.fullmatch(sha256)) or len(name) > _NAME_LENGTH:
        raise InvalidMedia("upload_refused", "sha256 is not 64 hex digits, or name is too long.")
    return name, size, sha256


def _types_of(head: bytes, name: str) -> list[object]:
    """Return the content types that a file may have by its first bytes, the likeliest first.

    The name chooses a document among those of the same bytes. All bytes are needed to say whether
    it is one, so this is compared again when they are there.
    """
    format, named = detect(head), BY_EXTENSION.get(extension_of(name))
    fits = named is not None and named.base == format.extension
    likely = [named] if named and fits else []
    return [each.content_type for each in (*likely, format, *plainer_formats(format))]


def _accepted_format(field: MediaField, content_types: list[object]) -> Format:
    """Return the first format that is accepted; raise `InvalidMedia` if there is none."""
    formats = accepted_formats(field.accept)
    for content_type in content_types:
        for format in formats:
            if format.content_type == content_type:
                return storable_format(format, field.accept)
    expected = alternatives([format.name for format in formats])
    seen = content_types[0]
    raise InvalidMedia("unknown_type", f"{seen!r} is not accepted.", expected=expected)


def _decode_head(head: object) -> bytes:
    try:
        return base64.b64decode(str(head), validate=True)[:HEAD_BYTES]
    except ValueError as error:
        raise InvalidMedia("upload_refused", "head must be base64.") from error

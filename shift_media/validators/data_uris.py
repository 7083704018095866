"""Files in data URIs, RFC 2397: ``data:image/png;name=lake.png;base64,iVBORw0…``."""

from __future__ import annotations

import binascii
import io
import re
from base64 import b64decode
from typing import Any
from urllib.parse import unquote

from django.core.files.base import File

from shift_media.core.keys import display_name
from shift_media.validators.errors import InvalidMedia, too_large

_HEAD = re.compile(
    r"data:[^,;]{0,200}(?P<parameters>(?:;[^,;]{1,1000}){0,8});base64", re.IGNORECASE
)


def file_of_data_uri(uri: str, max_bytes: int | None = None) -> File[Any]:
    """Return the file of a data URI in base64; its announced type is not used.

    Raises `InvalidMedia`, for more than ``max_bytes`` before they are decoded.
    """
    head, comma, payload = uri.partition(",")
    match = _HEAD.fullmatch(head)
    if match is None or not comma:
        raise InvalidMedia("invalid_data_uri", "It does not begin with data:…;base64, .")
    size = len(payload) // 4 * 3
    if max_bytes is not None and size - 2 > max_bytes:
        raise too_large(size, max_bytes)
    try:
        content = b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidMedia("invalid_data_uri", f"It is not base64: {error}") from error
    parameters = dict(one.split("=", 1) for one in match["parameters"].split(";") if "=" in one)
    name = display_name(unquote(parameters.get("name", ""))) or "file"
    return File(io.BytesIO(content), name)

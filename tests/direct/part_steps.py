"""The steps of an upload in parts, as the script of a page takes them."""

from __future__ import annotations

import base64
import hashlib
import http.client
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.test import Client

from tests.direct.steps import URL, announced

FIELD = "testapp.Attachment.file"
RULES = {FIELD: "tests.direct.part_steps.anybody"}
PART = 5 << 20
CONTENT = bytes(range(256)) * (PART // 256) + b"the last part"
"""Two parts: the second is short."""


def anybody(request: HttpRequest, field: Any) -> bool:
    """Allow uploads to all users."""
    return True


def piece(number: int, content: bytes = CONTENT) -> bytes:
    """Return the bytes of a part."""
    return content[(number - 1) * PART : number * PART]


def md5(content: bytes) -> str:
    """Return the value of Content-MD5."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


def begin(client: Client, content: bytes = CONTENT, **changes: Any) -> Any:
    """Return the response to the announcement of an upload in parts."""
    facts = {"field": FIELD, "name": "data.bin", "type": "application/octet-stream", "parts": True}
    announcement = announced(content, **(facts | changes))
    del announcement["sha256"]
    return client.post(URL, announcement, content_type="application/json")


def act(client: Client, action: str, ticket: str, **facts: Any) -> Any:
    """Return the response to a request about an upload that was begun."""
    content = {"action": action, "ticket": ticket, **facts}
    return client.post(URL, content, content_type="application/json")


def send(client: Client, ticket: str, number: int, content: bytes, **facts: Any) -> int:
    """Sign a part and send it, to the app or to the bucket; return the status."""
    asked = act(client, "sign", ticket, number=number, **({"md5": md5(content)} | facts))
    if asked.status_code != 200:
        return int(asked.status_code)
    return send_signed(client, asked.json(), content)


def send_signed(client: Client, signed: dict[str, Any], content: bytes) -> int:
    """Send bytes as the answer of the app says."""
    url, headers = urlsplit(signed["url"]), signed["headers"]
    if not url.netloc:
        kind = "application/octet-stream"
        response = client.put(signed["url"], content, kind, headers=headers)
        return int(response.status_code)
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    try:
        connection.request(signed["method"], f"{url.path}?{url.query}", content, headers)
        return connection.getresponse().status
    finally:
        connection.close()

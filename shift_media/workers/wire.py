"""Messages between a server and a worker: lengths, facts as JSON, then bytes.

A server believes nothing that a worker says, because a hostile file may have taken it over: the
facts are JSON and never a pickle, and a message has a largest size.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any, Final

Message = tuple[dict[str, Any], bytes]

_LENGTHS: Final = struct.Struct("!QQ")
"""Bytes of the JSON, and of what follows it."""

MAX_BYTES: Final = 1 << 29
"""Of a message; a picture of 100 megapixels without compression has less."""

_SMALL: Final = 1 << 16
"""Bytes that are copied, so that a message takes one call of the kernel instead of two."""


_PART: Final = 1 << 20
"""Bytes that are received at once."""

_LEAST_SECONDS: Final = 0.001
"""With a timeout of 0 a socket would not wait at all."""


class BrokenMessage(Exception):
    """The other end has sent bytes that are not a message."""


class ConnectionClosed(BrokenMessage):
    """The other end has closed the connection, or has ended."""


def send(
    connection: socket.socket, facts: dict[str, Any], content: bytes = b"", *descriptors: int
) -> None:
    """Send a message, with open files; raises `OSError`."""
    text = json.dumps(facts).encode()
    head = _LENGTHS.pack(len(text), len(content)) + text
    is_small = len(content) <= _SMALL
    first = head + content if is_small else head
    sent = socket.send_fds(connection, [first], descriptors) if descriptors else 0
    connection.sendall(first[sent:])
    if not is_small:
        connection.sendall(content)


def receive(connection: socket.socket, seconds: float) -> Message:
    """Return the next message, if it is complete within so many seconds.

    Raises `BrokenMessage` and `OSError`, such as ``TimeoutError``.
    """
    return _receive_rest(connection, b"", time.monotonic() + seconds)


def receive_with_file(connection: socket.socket) -> tuple[dict[str, Any], bytes, int]:
    """Return the next message and the open file that came with it."""
    head, descriptors, _flags, _address = socket.recv_fds(connection, _LENGTHS.size, 1)
    if not descriptors:
        raise ConnectionClosed("The connection was closed, or no file has come with a message.")
    facts, content = _receive_rest(connection, head, None)
    return facts, content, descriptors[0]


def _receive_rest(connection: socket.socket, head: bytes, deadline: float | None) -> Message:
    head += _receive_bytes(connection, _LENGTHS.size - len(head), deadline)
    length, following = _LENGTHS.unpack(head)
    if length + following > MAX_BYTES:
        raise BrokenMessage(f"A message of {length + following} bytes is too long.")
    text = _receive_bytes(connection, length, deadline)
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BrokenMessage(f"A message is not JSON: {error}") from error
    if not isinstance(facts, dict):
        raise BrokenMessage(f"A message is a {type(facts).__name__} instead of an object.")
    return facts, _receive_bytes(connection, following, deadline)


def _receive_bytes(connection: socket.socket, count: int, deadline: float | None) -> bytes:
    """Return exactly so many bytes."""
    parts: list[bytes] = []
    while count:
        if deadline is not None:
            connection.settimeout(max(deadline - time.monotonic(), _LEAST_SECONDS))
        part = connection.recv(min(count, _PART))
        if not part:
            raise ConnectionClosed("The connection was closed.")
        parts.append(part)
        count -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)

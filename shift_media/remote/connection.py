"""Connections of http.client to addresses that were checked, which end at a deadline.

A timeout of a socket limits one call. A server that sends a byte now and then never exceeds it, so
each call here gets the time that is left of the whole.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point in time, in seconds of the monotonic clock."""

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the deadline in so many seconds."""
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Return the seconds that are left; raise ``TimeoutError`` if there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("The time is over.")
        return left


class PinnedConnection(http.client.HTTPConnection):
    """A connection to one of some addresses, in which the server is asked for ``host``.

    Args:
        host, port: of the URL, for the header ``Host``, SNI and the certificate.
        addresses: the checked addresses of the host, as text; the name is not resolved again.
        deadline: of the whole exchange.
        tls: the settings of TLS, or None for plain HTTP.
    """

    def __init__(
        self,
        host: str,
        port: int,
        addresses: Sequence[str],
        deadline: Deadline,
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(host, port)
        # The header "Host" names a port that is not the scheme's.
        self.default_port = 443 if tls else 80
        self._addresses = addresses
        self._deadline = deadline
        self._tls = tls

    def connect(self) -> None:
        """Connect to the first address that answers; raise ``OSError`` if none does."""
        plain = self._connected()
        try:
            secure = self._secured(plain)
        except BaseException:
            plain.close()
            raise
        self.sock: Any = _DeadlineSocket(secure, self._deadline)

    def _connected(self) -> socket.socket:
        failure: OSError = OSError("The host has no address.")
        for index, address in enumerate(self._addresses):
            # One address that never answers leaves time for the others.
            seconds = self._deadline.left() / (len(self._addresses) - index)
            try:
                return socket.create_connection((address, self.port), seconds)
            except OSError as error:
                failure = error
        raise failure

    def _secured(self, plain: socket.socket) -> socket.socket:
        if self._tls is None:
            return plain
        plain.settimeout(self._deadline.left())
        return self._tls.wrap_socket(plain, server_hostname=self.host)


class _DeadlineSocket:
    """The part of a socket that http.client uses."""

    def __init__(self, inner: socket.socket, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._inner.settimeout(self._deadline.left())
        self._inner.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._inner, self._deadline))

    def close(self) -> None:
        self._inner.close()  # A file of it that is open still keeps the connection.


class _DeadlineReader(io.RawIOBase):
    """The bytes that a socket receives until the deadline."""

    def __init__(self, inner: socket.socket, deadline: Deadline) -> None:
        self._inner = inner
        self._file = inner.makefile("rb", buffering=0)
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        self._inner.settimeout(self._deadline.left())
        return self._file.readinto(buffer)

    def close(self) -> None:
        self._file.close()
        super().close()

"""A client with a connection that stays open, as a browser has, and the outcomes of requests."""

from __future__ import annotations

import http.client
import threading
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import quantiles

_TIMEOUT = 60.0


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Client:
    """Requests to one port on loopback, one after another."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: http.client.HTTPConnection | None = None
        self._cookies: dict[str, str] = {}

    def get(self, path: str) -> Answer:
        """Return the answer to a GET."""
        return self._request("GET", path, b"", {})

    def post(self, path: str, fields: Mapping[str, str], file: bytes = b"") -> Answer:
        """Send a form of the gallery, perhaps with a picture, and return the answer as JSON."""
        if "csrftoken" not in self._cookies:
            self._cookies["csrftoken"] = uuid.uuid4().hex
        token = self._cookies["csrftoken"]
        boundary = uuid.uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in {**fields, "csrfmiddlewaretoken": token}.items()
        ]
        if file:
            parts.append(
                f'--{boundary}\r\nContent-Disposition: form-data; name="image"; '
                'filename="a lake.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
            )
        ending = "\r\n" if file else ""
        body = "".join(parts).encode() + file + f"{ending}--{boundary}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Accept": "application/json",
            "Cookie": f"csrftoken={token}",
        }
        return self._request("POST", path, body, headers)

    def _request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            if self._connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
                self._connection = connection
            self._connection.request(method, path, body or None, dict(headers))
            response = self._connection.getresponse()
            content = response.read()
            return Answer(response.status, dict(response.getheaders()), content)
        except (OSError, http.client.HTTPException) as error:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
            return Answer(0, {}, repr(error).encode())


@dataclass
class Outcomes:
    """The statuses and times of requests of one kind; any thread may add to them."""

    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, answer: Answer, since: float) -> None:
        """Count an answer to a request that was due at a time of the monotonic clock."""
        status = str(answer.status)
        if answer.status == 503 and "Retry-After" not in answer.headers:
            status = "503 without Retry-After"
        with self._lock:
            self.statuses[status] += 1
            self.seconds.append(time.monotonic() - since)

    def take(self) -> Outcomes:
        """Return the outcomes so far, and begin anew."""
        with self._lock:
            taken = Outcomes(self.statuses, self.seconds)
            self.statuses, self.seconds = Counter(), []
        return taken

    def percentile(self, percent: int) -> float:
        """Return the seconds within which so many percent of the requests were answered."""
        if len(self.seconds) < 2:
            return max(self.seconds, default=0.0)
        return quantiles(self.seconds, n=100, method="inclusive")[percent - 1]

    @property
    def unexpected(self) -> dict[str, int]:
        """The answers that are neither a success nor a 503 with Retry-After."""
        return {s: n for s, n in self.statuses.items() if s not in ("200", "201", "302", "503")}

    def row(self) -> dict[str, float]:
        """Return the columns of a table."""
        return {
            "requests": sum(self.statuses.values()),
            "503": self.statuses["503"],
            "other": sum(self.unexpected.values()),
            "p50 s": self.percentile(50),
            "p99 s": self.percentile(99),
        }

"""A distribution of CloudFront, as far as its documentation says what it does, on loopback.

Driven by the very documents that are sent to CloudFront's API. What it plays, by the Developer
Guide: origin groups ("Optimize high availability with CloudFront origin failover": GET, HEAD and
OPTIONS only, the same request to the second origin), ``OriginPath``, Origin Access Control, the
cache policy's TTLs ("Manage how long content stays in the cache": no-store and private give
MinTTL, max-age lies between MinTTL and MaxTTL, without either DefaultTTL; redirects alike), error
caching ("Control how long CloudFront caches errors": 10 s; of 404, 410, 414 and 501 no-store is
heeded) and the response-headers policy. Viewers come over HTTP here, and the clock stands still
unless a test moves it.
"""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ERROR_TTL = 10
_HEEDED = (404, 410, 414, 501)
_FAILS_OVER = ("GET", "HEAD", "OPTIONS")
_DROPPED = ("connection", "keep-alive", "transfer-encoding", "content-length", "date", "server")

Headers = dict[str, str]


@dataclass(frozen=True)
class Answer:
    """The response of an origin, as a cache keeps it."""

    status: int
    headers: Headers
    body: bytes
    expires: float = 0


Ask = Callable[[str, str, Headers], Answer]
"""Sends a request to a server on loopback: method, path, headers."""


@dataclass
class Distribution:
    """The documents, and where the names of the origins are: a server by domain name.

    Attributes:
        requests: the requests to origins, in order: id and path.
        now: seconds on the cache's clock.
    """

    documents: Mapping[str, Any]
    servers: Mapping[str, Ask]
    requests: list[tuple[str, str]] = field(default_factory=list)
    now: float = 0
    _kept: dict[str, Answer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.config = self.documents["distribution"]["DistributionConfig"]
        self.policy = self.documents["cache-policy"]["CachePolicyConfig"]
        keyed = self.policy["ParametersInCacheKeyAndForwardedToOrigin"]
        assert keyed["QueryStringsConfig"]["QueryStringBehavior"] == "none"
        assert keyed["HeadersConfig"]["HeaderBehavior"] == "none"
        assert keyed["CookiesConfig"]["CookieBehavior"] == "none"
        self._origins = {one["Id"]: one for one in self.config["Origins"]["Items"]}
        groups = self.config.get("OriginGroups", {}).get("Items", [])
        self._groups = {one["Id"]: one for one in groups}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def forget(self) -> None:
        """Empty the cache, as that of another edge."""
        self._kept.clear()
        self.requests.clear()

    def invalidate(self, patterns: list[str]) -> None:
        """Remove cached responses that match paths with a wildcard at their end."""
        for pattern in patterns:
            assert pattern.endswith("*")
            for path in [path for path in self._kept if path.startswith(pattern[:-1])]:
                del self._kept[path]

    def answer(self, method: str, target: str) -> Answer:
        """Answer a viewer; the query string is ignored."""
        path = target.partition("?")[0]
        behavior = self.config["DefaultCacheBehavior"]
        if method not in behavior["AllowedMethods"]["Items"]:
            return Answer(403, {}, b"This distribution is not configured to allow the method.")
        kept = self._kept.get(path)
        if kept and self.now < kept.expires:
            return self._told(kept, "Hit from cloudfront")
        got = self._fetch(method, path, behavior["TargetOriginId"])
        ttl = self._ttl(got)
        if method == "GET" and ttl > 0:
            self._kept[path] = Answer(got.status, got.headers, got.body, self.now + ttl)
        return self._told(got, "Miss from cloudfront")

    def _fetch(self, method: str, path: str, target: str) -> Answer:
        group = self._groups.get(target)
        if group is None:
            return self._ask(method, path, target)
        first, second = (member["OriginId"] for member in group["Members"]["Items"])
        got = self._ask(method, path, first)
        fails = got.status in group["FailoverCriteria"]["StatusCodes"]["Items"]
        return self._ask(method, path, second) if fails and method in _FAILS_OVER else got

    def _ask(self, method: str, path: str, id: str) -> Answer:
        origin = self._origins[id]
        path = f"{origin['OriginPath']}{path}"
        self.requests.append((id, path))
        headers = {"Host": origin["DomainName"], "User-Agent": "Amazon CloudFront"}
        if "S3OriginConfig" in origin and origin.get("OriginAccessControlId"):
            control = self.documents["origin-access-control"]["OriginAccessControlConfig"]
            assert control["SigningBehavior"] == "always"
            headers["X-Signed-By"] = control["Name"]
        return self.servers[origin["DomainName"]](method, path, headers)

    def _ttl(self, got: Answer) -> float:
        told = got.headers.get("cache-control", "")
        unkept = re.search(r"\b(no-store|no-cache|private)\b", told)
        age = re.search(r"s-maxage=(\d+)", told) or re.search(r"max-age=(\d+)", told)
        if got.status >= 400:
            least = self._error_ttl(got.status)
            if unkept:
                return 0 if got.status in _HEEDED else least
            return max(least, int(age[1])) if age else least
        least, most = self.policy["MinTTL"], self.policy["MaxTTL"]
        if unkept:
            return float(least)
        if age:
            return float(min(max(int(age[1]), least), most))
        return float(max(self.policy["DefaultTTL"], least))

    def _error_ttl(self, status: int) -> float:
        for custom in self.config["CustomErrorResponses"].get("Items", []):
            if custom["ErrorCode"] == status:
                return float(custom["ErrorCachingMinTTL"])
        return ERROR_TTL

    def _told(self, got: Answer, cache: str) -> Answer:
        policy = self.documents["response-headers-policy"]["ResponseHeadersPolicyConfig"]
        security, cors = policy["SecurityHeadersConfig"], policy["CorsConfig"]
        added = {
            "x-content-type-options": "nosniff",
            "content-security-policy": security["ContentSecurityPolicy"]["ContentSecurityPolicy"],
            "access-control-allow-origin": cors["AccessControlAllowOrigins"]["Items"][0],
            "access-control-expose-headers": ", ".join(
                cors["AccessControlExposeHeaders"]["Items"]
            ),
            **{
                one["Header"].lower(): one["Value"]
                for one in policy["CustomHeadersConfig"]["Items"]
            },
        }
        assert security["ContentTypeOptions"] == {"Override": True}
        return Answer(got.status, {**got.headers, **added, "x-cache": cache}, got.body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        distribution = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                got = distribution.answer(self.command, self.path)
                self.send_response_only(got.status)
                for name, value in got.headers.items():
                    if name not in _DROPPED:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(got.body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(got.body)

            do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

            def log_message(self, *args: Any) -> None:
                """Log nothing, because `Distribution.requests` keeps them."""

        return Handler


def at(port: int, host: str = "") -> Ask:
    """Send a request to a server on loopback, perhaps under another name than the origin's."""

    def ask(method: str, path: str, headers: Headers) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(
                method, path, headers={**headers, **({"Host": host} if host else {})}
            )
            got = connection.getresponse()
            told = {name.lower(): value for name, value in got.getheaders()}
            return Answer(got.status, told, got.read())
        finally:
            connection.close()

    return ask


def private_bucket(client: Any, bucket: str, missing: int) -> Ask:
    """Send a request to a bucket as CloudFront does, signed if there is an access control.

    ``missing`` is what S3 says of a missing key: 404 to who may list, as these credentials may,
    and 403 to who may not, as AWS's policy for CloudFront has it.
    """
    from botocore.exceptions import ClientError

    def ask(method: str, path: str, headers: Headers) -> Answer:
        if "X-Signed-By" not in headers or path == "/":  # A request for / would be a listing.
            return Answer(403, {}, b"AccessDenied")
        call = client.get_object if method == "GET" else client.head_object
        try:
            got = call(Bucket=bucket, Key=path.removeprefix("/"))
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return Answer(missing if status == 404 else status, {}, b"")
        told = {
            name.lower(): value
            for name, value in got["ResponseMetadata"]["HTTPHeaders"].items()
            if not name.lower().startswith("x-amz")
        }
        return Answer(200, told, got["Body"].read() if method == "GET" else b"")

    return ask

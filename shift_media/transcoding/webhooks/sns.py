"""Messages of Amazon SNS over HTTPS: parsed, and verified before anything else is done.

The order is what makes it safe: the topic is on the site's own list before anything is fetched,
the certificate's address is one of SNS itself, then come the signature and the time. Whoever
publishes to another topic gets signatures of the same certificate, so it proves nothing alone.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import base64
import http.client
import importlib.util
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shift_media.core.errors import MediaError, MissingExtra

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MOST_BYTES = 256 * 1024
"""The largest payload that SNS takes; a transcoder's message has some thousand bytes."""

MAX_AGE = timedelta(hours=1)
"""SNS gives a delivery up earlier, whatever the retry policy."""
MAX_SKEW = timedelta(minutes=15)
"""How far our clock may be behind: what AWS admits in the other direction (Signature V4)."""

_CERTIFICATE = re.compile(
    r"https://sns\.[a-z]{2}(?:-[a-z]{1,20}){1,3}-[0-9]{1,2}\.amazonaws\.com(?:\.cn)?"
    r"/SimpleNotificationService-[0-9a-f]{32}\.pem"
)
_MESSAGE_ID = re.compile(r"[0-9A-Za-z-]{1,100}")
_TIMESTAMP = re.compile(r"[0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2}(?:\.[0-9]{1,6})?Z")
_PEM = b"-----BEGIN CERTIFICATE-----"

_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED: Mapping[str, tuple[str, ...]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
"""What is signed of each type, in this order; the types that there are."""
_OPTIONAL = "Subject"

_MOST_DEPTH = 40
# Each alternative always matches where it begins, so that the scan is linear.
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)

_FETCH_SECONDS = 5.0
_CERTIFICATE_BYTES = 32 * 1024
_MOST_CERTIFICATES = 50


class Malformed(MediaError, ValueError):
    """A text that is no JSON object, or one that is nested too deeply."""

    code = "malformed"
    public = "This is no message."


class Unverified(MediaError):
    """A message that nothing is done about, whatever is wrong with it."""

    code = "unverified"
    public = "This message is not accepted."


class CertificateUnavailable(MediaError):
    """The certificate could not be fetched now: the message may be sent again."""

    code = "certificate_unavailable"
    public = "The message cannot be verified at the moment."


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came; `verify` tells whether it is to be believed."""

    type: str
    id: str
    topic: str
    text: str
    time: datetime
    token: str
    certificate_url: str
    version: str
    signature: bytes
    signed: bytes


def is_available() -> bool:
    """Tell whether signatures can be checked here."""
    return importlib.util.find_spec("cryptography") is not None


def load_object(text: str) -> dict[str, Any]:
    """Read a JSON object whose depth is bounded; raises `Malformed`."""
    depth = 0
    for found in _NESTING.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if depth > _MOST_DEPTH:
            raise Malformed(f"The JSON is nested more than {_MOST_DEPTH} levels deep.")
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"It is no JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise Malformed(f"The JSON is a {type(loaded).__name__}, no object.")
    return loaded


def parse(envelope: Mapping[str, Any]) -> Message:
    """Read a message's fields; raises `Unverified` where one is missing or misshapen."""
    kind = _text(envelope, "Type")
    if kind not in _SIGNED:
        raise Unverified(f"Type is {kind[:100]!r}, which is none of {', '.join(_SIGNED)}.")
    names = [n for n in _SIGNED[kind] if n != _OPTIONAL or envelope.get(n) is not None]
    fields = {name: _text(envelope, name) for name in names}
    if not _MESSAGE_ID.fullmatch(fields["MessageId"]):
        raise Unverified(f"MessageId is {fields['MessageId'][:100]!r}.")
    try:
        return Message(
            type=kind,
            id=fields["MessageId"],
            topic=fields["TopicArn"],
            text=fields["Message"],
            time=_time(fields["Timestamp"]),
            token=fields.get("Token", ""),
            certificate_url=_text(envelope, "SigningCertURL"),
            version=_text(envelope, "SignatureVersion"),
            signature=base64.b64decode(_text(envelope, "Signature"), validate=True),
            signed="".join(f"{name}\n{value}\n" for name, value in fields.items()).encode(),
        )
    except ValueError as error:  # no base64, no date, half a surrogate pair
        raise Unverified(f"A field is misshapen: {error}") from error


def _text(envelope: Mapping[str, Any], name: str) -> str:
    value = envelope.get(name)
    if not isinstance(value, str):
        raise Unverified(f"{name} is {'missing' if value is None else 'no text'}.")
    return value


def _time(text: str) -> datetime:
    if not _TIMESTAMP.fullmatch(text):
        raise Unverified(f"Timestamp is {text[:100]!r}.")
    return datetime.fromisoformat(text)


def verify(
    message: Message,
    topics: Collection[str],
    certificate: Callable[[str], bytes],
    now: datetime | None = None,
) -> None:
    """Hold that SNS sent a message, for one of our topics, within the last hour.

    ``certificate`` gives the PEM file at an address, and is asked for addresses of SNS alone.
    Raises `Unverified`, or `MissingExtra` where ``cryptography`` is not installed.
    """
    if message.topic not in topics:
        raise Unverified(f'{message.topic[:300]!r} is not in SHIFT_MEDIA["SNS_TOPICS"].')
    if message.version not in ("1", "2"):
        raise Unverified(f"SignatureVersion is {message.version[:100]!r}.")
    if not _CERTIFICATE.fullmatch(message.certificate_url):
        raise Unverified(f"SigningCertURL is {message.certificate_url[:300]!r}, not of SNS.")
    if not is_available():
        raise MissingExtra("cryptography", "sns")
    now = now or datetime.now(UTC)
    _check_signature(message, _load(certificate(message.certificate_url), now))
    if not now - MAX_AGE <= message.time <= now + MAX_SKEW:
        raise Unverified(f"It is of {message.time}, and now it is {now}.")


def _load(pem: bytes, now: datetime) -> Certificate:
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise Unverified(f"The certificate cannot be read: {error}") from error
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not first <= now <= last:
        raise Unverified(f"The certificate is valid from {first} to {last} only.")
    return certificate


def _check_signature(message: Message, certificate: Certificate) -> None:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    # Version 1 is what a topic has unless it is told otherwise, and its SHA-1 is given.
    algorithm = hashes.SHA256() if message.version == "2" else hashes.SHA1()  # noqa: S303
    try:
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise Unverified("The certificate has no RSA key.")
        key.verify(message.signature, message.signed, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise Unverified(f"The signature is wrong: {error!r}") from error


# Certificates


def fetch(url: str) -> bytes:
    """Get a certificate over HTTPS: no redirect, few bytes, few seconds.

    Raises `Unverified` where there is none, `CertificateUnavailable` where nobody could tell.
    """
    opener = urllib.request.OpenerDirector()  # Without a handler for redirects: a 302 is an error.
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPDefaultErrorHandler(),
    ):
        opener.add_handler(handler)
    deadline = time.monotonic() + _FETCH_SECONDS
    try:
        with opener.open(url, timeout=_FETCH_SECONDS) as response:
            return _read(response, deadline)
    except urllib.error.HTTPError as error:
        error.close()
        kind = CertificateUnavailable if error.code >= 500 else Unverified
        raise kind(f"{url} is answered with {error.code}.") from error
    except (OSError, http.client.HTTPException) as error:
        raise CertificateUnavailable(f"{url} cannot be reached: {error}") from error


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    content = b""
    while chunk := response.read1(_CERTIFICATE_BYTES):
        content += chunk
        if len(content) > _CERTIFICATE_BYTES:
            raise Unverified(f"The certificate is over {_CERTIFICATE_BYTES} bytes.")
        if time.monotonic() > deadline:
            raise CertificateUnavailable("The certificate comes too slowly.")
    if not content.lstrip().startswith(_PEM):
        raise Unverified("The certificate is no PEM file.")
    return content


class Certificates:
    """Certificates by their address, each fetched once, one after the other.

    What is fetched at such an address is SNS's own, so nobody else can fill or empty this.
    """

    def __init__(self, fetch: Callable[[str], bytes] = fetch) -> None:
        self._fetch = fetch
        self._kept: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def __call__(self, url: str) -> bytes:
        """Give a certificate; raises what the fetching raises."""
        if url in self._kept:
            return self._kept[url]
        if not self._lock.acquire(timeout=_FETCH_SECONDS):
            raise CertificateUnavailable("Too many certificates are being fetched.")
        try:
            if url not in self._kept:
                content = self._fetch(url)
                if len(self._kept) >= _MOST_CERTIFICATES:
                    self._kept.clear()
                self._kept[url] = content
            return self._kept[url]
        finally:
            self._lock.release()

    def forget(self) -> None:
        """Fetch each anew."""
        self._kept.clear()

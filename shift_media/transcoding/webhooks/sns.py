"""Messages of Amazon SNS: parsed, and verified before anything else is done.

The order of the checks matters. A topic that is not in the settings is refused before anything is
fetched, then a certificate whose URL is not one of SNS, then the signature, then the age. The
topic must be checked because SNS signs the messages of all topics with the same certificate: any
AWS customer can publish to a topic of their own and have it signed.

https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import base64
import importlib.util
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from shift_media.core.errors import MediaError, MissingExtra

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MAX_BYTES = 256 * 1024
"""The largest payload that SNS accepts; messages of transcoders have a few thousand bytes."""

MAX_AGE = timedelta(hours=1)
"""SNS stops the delivery of a message earlier, whatever the topic's retry policy says."""

MAX_SKEW = timedelta(minutes=15)
"""How far this host's clock may be behind: what AWS allows its clients (Signature V4)."""

_CERTIFICATE = re.compile(
    r"https://sns\.[a-z]{2}(?:-[a-z]{1,20}){1,3}-[0-9]{1,2}\.amazonaws\.com(?:\.cn)?"
    r"/SimpleNotificationService-[0-9a-f]{32}\.pem"
)
_MESSAGE_ID = re.compile(r"[0-9A-Za-z-]{1,100}")
_TIMESTAMP = re.compile(r"[0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2}(?:\.[0-9]{1,6})?Z")

_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED: Mapping[str, tuple[str, ...]] = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
"""The fields that are signed, in this order, by the type of the message."""
_OPTIONAL = "Subject"

_MAX_DEPTH = 40
"""Of nested JSON. The parser is recursive, and a deep text would exhaust the stack."""

# Each alternative matches without backtracking (the quantifier is possessive), so that the scan
# takes linear time for any text.
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class Malformed(MediaError, ValueError):
    """The text is not a JSON object, or it is nested too deeply."""

    code = "malformed"
    public = "This is not a message."


class Unverified(MediaError):
    """The message is refused. The client learns nothing about the reason, the log does."""

    code = "unverified"
    public = "This message is not accepted."


class CertificateUnavailable(MediaError):
    """The certificate could not be fetched, but may be when SNS delivers the message again."""

    code = "certificate_unavailable"
    public = "The message cannot be verified at the moment."


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was received; only `verify` shows that SNS has sent it.

    Attributes:
        text: what was published: JSON, if a transcoder did.
        token: of a confirmation of a subscription, else empty.
        signed: the bytes that the signature is of.
    """

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
    """Return True if the extra ``sns`` is installed, which signatures are verified with."""
    return importlib.util.find_spec("cryptography") is not None


def load_object(text: str) -> dict[str, Any]:
    """Parse a JSON object of limited depth; raise `Malformed` for any other text."""
    depth = 0
    for token in _NESTING.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > _MAX_DEPTH:
            raise Malformed(f"The JSON is nested more than {_MAX_DEPTH} levels deep.")
    try:
        loaded = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"The text is not JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise Malformed(f"The JSON must be an object, got {type(loaded).__name__}.")
    return loaded


def parse(envelope: Mapping[str, Any]) -> Message:
    """Parse the fields of a message; raise `Unverified` if one is missing or malformed."""
    kind = _text(envelope, "Type")
    if kind not in _SIGNED:
        raise Unverified(f"Type must be one of {', '.join(_SIGNED)}, got {kind[:100]!r}.")
    names = [n for n in _SIGNED[kind] if n != _OPTIONAL or envelope.get(n) is not None]
    fields = {name: _text(envelope, name) for name in names}
    if not _MESSAGE_ID.fullmatch(fields["MessageId"]):
        raise Unverified(f"MessageId is malformed: {fields['MessageId'][:100]!r}.")
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
    except ValueError as error:  # not base64, not a date, half a surrogate pair
        raise Unverified(f"A field is malformed: {error}") from error


def _text(envelope: Mapping[str, Any], name: str) -> str:
    value = envelope.get(name)
    if not isinstance(value, str):
        raise Unverified(f"{name} must be a string, got {type(value).__name__}.")
    return value


def _time(text: str) -> datetime:
    if not _TIMESTAMP.fullmatch(text):
        raise Unverified(f"Timestamp is malformed: {text[:100]!r}.")
    return datetime.fromisoformat(text)


def verify(
    message: Message,
    topics: Collection[str],
    get_certificate: Callable[[str], bytes],
    now: datetime | None = None,
) -> None:
    """Check that SNS has sent a message to one of the topics within the last hour.

    ``get_certificate`` returns the PEM file at a URL, and is called for URLs of SNS only.
    Raises `Unverified`, or `MissingExtra` if ``cryptography`` is not installed.
    """
    if message.topic not in topics:
        raise Unverified(f'{message.topic[:300]!r} is not in SHIFT_MEDIA["SNS_TOPICS"].')
    if message.version not in ("1", "2"):
        raise Unverified(f"SignatureVersion must be 1 or 2, got {message.version[:100]!r}.")
    if not _CERTIFICATE.fullmatch(message.certificate_url):
        raise Unverified(f"SigningCertURL is not one of SNS: {message.certificate_url[:300]!r}.")
    if not is_available():
        raise MissingExtra("cryptography", "sns")
    now = now or datetime.now(UTC)
    _check_signature(message, _load(get_certificate(message.certificate_url), now))
    if not now - MAX_AGE <= message.time <= now + MAX_SKEW:
        raise Unverified(f"The message is of {message.time}, and now it is {now}.")


def _load(pem: bytes, now: datetime) -> Certificate:
    from cryptography import x509

    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        raise Unverified(f"The certificate cannot be parsed: {error}") from error
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if not first <= now <= last:
        raise Unverified(f"The certificate is only valid from {first} to {last}.")
    return certificate


def _check_signature(message: Message, certificate: Certificate) -> None:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    # Version 1, the default of a topic, is defined with SHA-1.
    algorithm = hashes.SHA256() if message.version == "2" else hashes.SHA1()  # noqa: S303
    try:
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise Unverified("The certificate has no RSA key.")
        key.verify(message.signature, message.signed, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError) as error:
        raise Unverified(f"The signature is wrong: {error!r}") from error

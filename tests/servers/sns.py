"""AWS for tests of SNS: an HTTPS proxy that answers for all hosts, with its own authority.

The environment names the proxy and the authority, so that no part of the app is replaced.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import ipaddress
import json
import ssl
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

REGION = "eu-west-1"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:videos"
HOST = f"sns.{REGION}.amazonaws.com"
PEM_PATH = f"/SimpleNotificationService-{'0123456789abcdef' * 2}.pem"
CERTIFICATE_URL = f"https://{HOST}{PEM_PATH}"

_SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn")
_DAY = datetime.timedelta(days=1)
_CONFIRMED = (
    '<ConfirmSubscriptionResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">'
    "<ConfirmSubscriptionResult><SubscriptionArn>arn</SubscriptionArn></ConfirmSubscriptionResult>"
    "<ResponseMetadata><RequestId>0</RequestId></ResponseMetadata></ConfirmSubscriptionResponse>"
)
_REFUSED = (
    '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>'
    "<Code>AuthorizationError</Code><Message>made by the test</Message></Error></ErrorResponse>"
)

Key = rsa.RSAPrivateKey


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True)
class Certified:
    """A key and its certificate."""

    key: Any
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def new_key() -> Key:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certify(
    name: str,
    *hosts: str,
    issuer: Certified | None = None,
    key: Any = None,
    begins: datetime.timedelta = -_DAY,
    ends: datetime.timedelta = _DAY,
) -> Certified:
    """Issue a certificate; without an issuer it is that of an authority."""
    key = key or new_key()
    own = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    ca = issuer is None
    usage = dict.fromkeys(
        ("content_commitment", "data_encipherment", "key_agreement", "crl_sign"), False
    )
    usage |= {"encipher_only": False, "decipher_only": False, "key_cert_sign": ca}
    usage |= {"digital_signature": not ca, "key_encipherment": not ca}
    signer = key if issuer is None else issuer.key
    builder = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(own if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() + begins)
        .not_valid_after(now() + ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False
        )
    )
    if hosts:
        names = [x509.DNSName(host) for host in hosts]
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        builder = builder.add_extension(x509.SubjectAlternativeName([*names, address]), False)
    return Certified(key, builder.sign(signer, hashes.SHA256()))


def envelope(message: Any = "", **fields: Any) -> dict[str, Any]:
    """Build a valid message without its signature."""
    kind = fields.get("Type", "Notification")
    made = {
        "Type": kind,
        "MessageId": str(uuid.uuid4()),
        "TopicArn": TOPIC,
        "Message": message if isinstance(message, str) else json.dumps(message),
        "Timestamp": stamp(),
        "SignatureVersion": "1",
        "SigningCertURL": CERTIFICATE_URL,
        "UnsubscribeURL": f"https://{HOST}/?Action=Unsubscribe&SubscriptionArn={TOPIC}:1",
    }
    if kind != "Notification":
        url = f"https://{HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=2336412f"
        made |= {"Token": "2336412f", "SubscribeURL": url}
    return made | fields


def stamp(**ago: float) -> str:
    """Return the time, or one some time ago, in the format of SNS."""
    moment = now() - datetime.timedelta(**ago)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def sign(message: dict[str, Any], key: Key) -> dict[str, Any]:
    """Return a message with its signature."""
    names = [name for name in (*_SIGNED, "Type") if message.get(name) is not None]
    text = "".join(f"{name}\n{message[name]}\n" for name in names)
    algorithm = hashes.SHA256() if message["SignatureVersion"] == "2" else hashes.SHA1()
    signature = key.sign(text.encode("utf-8", "surrogatepass"), padding.PKCS1v15(), algorithm)
    return message | {"Signature": base64.b64encode(signature).decode()}


@dataclass(frozen=True)
class Answer:
    """A response of AWS; ``pause`` is in seconds after each byte of the body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0


class Aws:
    """A proxy that records all requests to any host and answers them.

    Attributes:
        signing: the key that SNS signs with, and the certificate at `CERTIFICATE_URL`.
        requests: method, URL and body of each request.
        connections: host and port of each tunnel that a client has opened.
        reached: addresses that were connected to without the proxy; tests expect none.
        answers: responses by URL, instead of the usual ones.
    """

    def __init__(self, folder: Path, authority: Certified, signing: Certified) -> None:
        self.signing = signing
        self.requests: list[tuple[str, str, bytes]] = []
        self.connections: list[str] = []
        self.reached: list[Any] = []
        self.answers: dict[str, Answer] = {}
        self.reset()
        tls = certify(HOST, "*.amazonaws.com", HOST, issuer=authority)
        self.trusted, chain = folder / "ca.pem", folder / "tls.pem"
        self.trusted.write_bytes(authority.pem)
        chain.write_bytes(tls.key_pem + tls.pem)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(chain)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = self._server.server_address
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that name the proxy and the authority."""
        proxy = f"http://127.0.0.1:{self.address[1]}"
        names = ("http_proxy", "https_proxy", "all_proxy")
        trusted = ("SSL_CERT_FILE", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
        return {
            **{name: proxy for lower in names for name in (lower, lower.upper())},
            **dict.fromkeys(trusted, str(self.trusted)),
            **dict.fromkeys(("no_proxy", "NO_PROXY"), ""),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def sign(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return a message signed with the key of SNS."""
        return sign(message, self.signing.key)

    @property
    def is_untouched(self) -> bool:
        """Return True if there was no request and no connection, here or elsewhere."""
        return not (self.requests or self.connections or self.reached)

    def reset(self) -> None:
        """Delete the records, and answer as AWS does."""
        for counted in (self.requests, self.connections, self.reached):
            counted.clear()
        self.answers = {CERTIFICATE_URL: Answer(body=self.signing.pem)}

    def close(self) -> None:
        """Stop the server."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, method: str, url: str, body: bytes) -> Answer:
        """Record a request and return the response."""
        self.requests.append((method, url, body))
        if url in self.answers:
            return self.answers[url]
        if parse_qs(body.decode()).get("Action") == ["ConfirmSubscription"]:
            return Answer(body=_CONFIRMED.encode(), headers={"Content-Type": "text/xml"})
        return Answer(status=404)

    def refuse_confirmations(self) -> None:
        """Answer confirmations of subscriptions with an error of permissions."""
        self.answers[f"https://{HOST}/"] = Answer(403, _REFUSED.encode())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        aws = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            host = ""

            def do_CONNECT(self) -> None:
                aws.connections.append(self.path)
                self.host = self.path.removesuffix(":443")
                self.send_response(200)
                self.end_headers()
                self.connection = aws._context.wrap_socket(self.connection, server_side=True)
                self.rfile = self.connection.makefile("rb")
                self.wfile = self.connection.makefile("wb", 0)
                self.close_connection = False

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                url = f"https://{self.host}{self.path}" if self.host else self.path
                answer = aws.answer(self.command, url, body)
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                step = 1 if answer.pause else len(answer.body) or 1
                for at in range(0, len(answer.body), step):
                    self.wfile.write(answer.body[at : at + step])
                    time.sleep(answer.pause)

            do_POST = do_GET

            def handle(self) -> None:
                with contextlib.suppress(OSError):  # The client may close the connection.
                    super().handle()

            def finish(self) -> None:
                with contextlib.suppress(OSError):
                    super().finish()
                self.connection.close()

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


_watchers: list[Callable[[Any], None]] = []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _watchers:
        for watcher in _watchers:
            watcher(arguments[1])


sys.addaudithook(_audit)  # A hook cannot be removed; without watchers it does nothing.


@contextlib.contextmanager
def watched(aws: Aws) -> Iterator[None]:
    """Record all connections of this process except those to the proxy."""

    def record(address: Any) -> None:
        if address != aws.address:
            aws.reached.append(address)

    _watchers.append(record)
    try:
        yield
    finally:
        _watchers.remove(record)

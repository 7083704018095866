"""Files from other servers: addresses are checked and pinned, bytes and time are limited."""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import override_settings

from shift_media.remote import afrom_url, from_url
from shift_media.remote.fetching import REDIRECTS, resolve_name
from shift_media.validators import InvalidMedia
from tests.fields.conftest import media, use
from tests.fields.material import picture
from tests.remote.conftest import Fetch, Names, RawServer, body, redirect
from tests.testapp.models import Photo

__all__ = ["media", "use"]  # fixtures


def code_of(fetch: Fetch, url: str, **limits: Any) -> str:
    with pytest.raises(InvalidMedia) as caught:
        fetch(url, **limits)
    assert isinstance(caught.value, ValidationError)
    assert "127.0.0" not in caught.value.sentence
    return str(caught.value.code)


def test_file_of_a_url_has_its_bytes_and_name(fetch: Fetch, server: RawServer) -> None:
    server.answers["/a/M%C3%BCritz.jpg?v=1"] = body(b"abc")
    file = fetch(server.url("/a/Müritz.jpg?v=1#top"))
    assert (file.name, file.size, file.read()) == ("Müritz.jpg", 3, b"abc")
    (request,) = server.requests
    assert f"\r\nHost: files.example.org:{server.port}\r\n" in request
    assert "\r\nAccept-Encoding: identity\r\n" in request


def test_chunks_and_bodies_without_length_are_received(fetch: Fetch, server: RawServer) -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    )
    server.answers = {"/chunked": chunked, "/old": b"HTTP/1.0 200 OK\r\n\r\nabc"}
    assert fetch(server.url("/chunked")).read() == b"abc"
    assert fetch(server.url("/old")).read() == b"abc"


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("media")
def test_fetched_file_is_saved_by_a_media_field(server: RawServer) -> None:
    server.answers["/lake.jpg"] = body(picture())
    with override_settings(
        SHIFT_MEDIA={"REMOTE_PORTS": [server.port], "REMOTE_NETWORKS": ["127.0.0.1/32"]}
    ):
        photo = Photo(image=from_url(server.url("/lake.jpg", host="127.0.0.1")))
    photo.save()
    assert photo.image.metadata.original_name == "lake.jpg"
    assert photo.image.width == 64


def test_async_fetch_leaves_the_event_loop_to_others(server: RawServer) -> None:
    proceed = threading.Event()

    def answer(connection: socket.socket) -> None:
        assert proceed.wait(30)
        connection.sendall(body(b"abc"))

    server.answers["/"] = answer

    async def both() -> bytes:
        task = asyncio.create_task(
            afrom_url(server.url("/", "127.0.0.1"), networks=["127.0.0.1/32"])
        )
        while not server.requests:
            await asyncio.sleep(0.01)
        proceed.set()  # from the event loop, which the fetch has not blocked
        content: bytes = (await task).read()
        return content

    with override_settings(SHIFT_MEDIA={"REMOTE_PORTS": [server.port]}):
        assert asyncio.run(both()) == b"abc"


REFUSED = [
    "ftp://files.example.org/a.jpg", "file:///etc/passwd", "//files.example.org/a.jpg", "a.jpg",
    "", "http://", "http://:80/", "http://[::1", "http://files.example.org:x/", "gopher://a/",
    "http://files.example.org:22/", "http://files.example.org:0/",
    "http://user@files.example.org/", "http://user:secret@files.example.org/",
    "http://files.example.org\\@127.0.0.1/", "http://a..b/", f"http://{'a' * 64}.de/",
    "http://files.example.org/" + "a" * 5000,
]  # fmt: skip


@pytest.mark.acceptance(76)
@pytest.mark.parametrize("url", REFUSED)
def test_url_of_another_form_is_refused_unresolved(fetch: Fetch, names: Names, url: str) -> None:
    assert code_of(fetch, url, ports=(80, 443)) == "remote_refused"
    assert not names.asked


INNER = [
    "127.0.0.2", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "224.0.0.1", "::1", "::", "fe80::1%lo", "fd00:ec2::254", "::ffff:127.0.0.2",
    "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:7f00:2::",
]  # fmt: skip


@pytest.mark.acceptance(76)
@pytest.mark.parametrize("address", INNER)
def test_name_with_an_inner_address_is_refused_before_a_byte_is_sent(
    fetch: Fetch, server: RawServer, names: Names, address: str
) -> None:
    names.answers["inner.example.org"] = [[address]]
    names.answers["both.example.org"] = [["127.0.0.1", address]]
    for host in ("inner.example.org", "both.example.org"):
        assert code_of(fetch, server.url("/", host)) == "remote_refused"
    assert server.connections == 0


@pytest.mark.acceptance(76)
@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "[::1]", "[::ffff:7f00:1]", "0"]
)
def test_other_spelling_of_loopback_is_refused(fetch: Fetch, server: RawServer, host: str) -> None:
    url = f"http://{host}:{server.port}/"
    with override_settings(SHIFT_MEDIA={"REMOTE_PORTS": [server.port]}):
        assert code_of(from_url, url) == "remote_refused"
    assert server.connections == 0


def test_name_that_does_not_exist_is_refused_as_an_inner_one(fetch: Fetch, names: Names) -> None:
    names.answers["no.example.org"] = [socket.gaierror(socket.EAI_NONAME, "Name not known")]
    assert code_of(fetch, "http://no.example.org/", ports=(80,)) == "remote_refused"


@pytest.mark.acceptance(76)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target",
    ["http://inner.example.org:{port}/", "http://169.254.169.254/", "file:///etc/passwd",
     "//127.0.0.2:{port}/", "http://u:p@files.example.org:{port}/", "http://files.example.org:1/"],
)  # fmt: skip
def test_redirect_to_a_refused_url_is_not_followed(
    fetch: Fetch, server: RawServer, names: Names, target: str, status: int
) -> None:
    names.answers["inner.example.org"] = [["10.0.0.1"]]
    server.answers["/"] = redirect(target.format(port=server.port), status)
    assert code_of(fetch, server.url("/")) == "remote_refused"
    assert server.connections == 1


def test_redirects_are_followed_up_to_their_limit(fetch: Fetch, server: RawServer) -> None:
    for number in range(REDIRECTS):
        server.answers[f"/{number}"] = redirect(f"/{number + 1}")
    server.answers[f"/{REDIRECTS}"] = body(b"abc")
    assert fetch(server.url("/0")).read() == b"abc"
    server.answers[f"/{REDIRECTS}"] = redirect("/0")
    assert code_of(fetch, server.url("/0")) == "remote_failed"


@pytest.mark.acceptance(76)
def test_second_answer_of_the_resolver_is_not_used(
    fetch: Fetch, server: RawServer, names: Names
) -> None:
    names.answers["files.example.org"] = [["127.0.0.1"], ["10.0.0.1"]]
    server.answers["/"] = body(b"abc")
    assert fetch(server.url("/")).read() == b"abc"
    assert names.asked == ["files.example.org"]
    assert code_of(fetch, server.url("/")) == "remote_refused"  # a new fetch, a new answer
    assert server.connections == 1


def test_address_that_does_not_answer_leaves_time_for_the_next(
    fetch: Fetch, server: RawServer, names: Names
) -> None:
    names.answers["files.example.org"] = [["127.0.0.3", "127.0.0.1"]]
    server.answers["/"] = body(b"abc")
    assert fetch(server.url("/"), networks=["127.0.0.0/8"]).read() == b"abc"


@pytest.mark.acceptance(76)
def test_body_over_the_limit_is_refused(fetch: Fetch, server: RawServer) -> None:
    sent = []

    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with suppress(OSError):
            while True:
                connection.sendall(b"x" * 100_000)
                sent.append(1)

    huge = b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 400 + b"\r\n\r\nx"
    server.answers = {"/announced": body(b"x" * 1001), "/huge": huge, "/endless": endless}
    assert code_of(fetch, server.url("/announced")) == "too_large"
    assert code_of(fetch, server.url("/huge")) == "too_large"
    assert code_of(fetch, server.url("/endless")) == "too_large"


def drip(connection: socket.socket, head: bytes, piece: bytes) -> None:
    connection.sendall(head)
    with suppress(OSError):
        while True:
            connection.sendall(piece)
            time.sleep(0.02)


@pytest.mark.acceptance(76)
@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["silent", "header", "body", "chunks", "continue"],
)
def test_slow_answer_ends_at_the_deadline(
    fetch: Fetch, server: RawServer, head: bytes, piece: bytes
) -> None:
    server.answers["/"] = lambda connection: drip(connection, head, piece)
    started = time.monotonic()
    assert code_of(fetch, server.url("/"), seconds=0.2) == "remote_failed"
    assert time.monotonic() - started < 5


@pytest.mark.acceptance(76)
def test_slow_redirects_share_one_deadline(fetch: Fetch, server: RawServer) -> None:
    def slow(connection: socket.socket) -> None:
        time.sleep(0.15)
        connection.sendall(redirect("/"))

    server.answers["/"] = slow
    # On a busy machine the deadline passes while the name of the next one is resolved.
    assert code_of(fetch, server.url("/"), seconds=0.2) in ("remote_failed", "remote_refused")
    assert server.connections <= 2


@pytest.mark.acceptance(76)
def test_resolver_that_hangs_ends_at_the_deadline(fetch: Fetch, names: Names) -> None:
    released = threading.Event()
    names.answers["slow.example.org"] = [released]
    slow = "http://slow.example.org/"
    assert code_of(fetch, slow, ports=(80,), seconds=0.1) == "remote_refused"
    released.set()


ANSWERS = {
    "status": body(b"abc", status="404 Not Found"),
    "partial": body(b"abc", status="206 Partial Content"),
    "short": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
    "short chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
    "gzip": body(b"abc", "Content-Encoding: gzip"),
    "no http": b"SSH-2.0-OpenSSH_9.2\r\n",
    "nothing": b"",
    "redirect to nowhere": body(b"", status="302 Found"),
    "many headers": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500 + b"\r\n",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_without_the_file_is_an_error(fetch: Fetch, server: RawServer, name: str) -> None:
    server.answers["/"] = ANSWERS[name]
    assert code_of(fetch, server.url("/")) == "remote_failed"


def test_port_without_a_server_is_an_error(fetch: Fetch, free_port: Callable[[], int]) -> None:
    port = free_port()
    assert code_of(fetch, f"http://127.0.0.1:{port}/", ports=(port,)) == "remote_failed"


def test_numeric_address_needs_no_resolver() -> None:
    assert resolve_name("127.0.0.1", 80) == ["127.0.0.1"]


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file with certificate and key of files.example.org, which is trusted."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "files.example.org")])
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    alternative = x509.SubjectAlternativeName([x509.DNSName("files.example.org")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(pem + private)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


@pytest.fixture
def secure(certificate: Path) -> Iterator[RawServer]:
    """Return a server with TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    asked = io.StringIO()
    context.sni_callback = lambda sock, name, context: asked.write(f"{name}\n") and None
    server = RawServer(lambda plain: context.wrap_socket(plain, server_side=True))
    server.asked = asked  # type: ignore[attr-defined]
    yield server
    server.close()


def test_certificate_is_that_of_the_name_and_not_of_the_address(
    fetch: Fetch, secure: RawServer, names: Names
) -> None:
    secure.answers["/"] = body(b"abc")
    ports = (secure.port,)
    assert fetch(secure.url("/", scheme="https"), ports=ports).read() == b"abc"
    assert secure.asked.getvalue() == "files.example.org\n"  # type: ignore[attr-defined]
    names.answers["other.example.org"] = [["127.0.0.1"]]
    other = secure.url("/", "other.example.org", "https")
    assert code_of(fetch, other, ports=ports) == "remote_failed"

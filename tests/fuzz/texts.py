"""Parsers of texts and documents: keys, messages, tickets, ranges, playlists, profiles."""

from __future__ import annotations

import contextlib
import io
import json
import math
import re
import tempfile
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from django.http import HttpRequest
from django.test import RequestFactory

from shift_media.conf import settings
from shift_media.core import documents, keys
from shift_media.core.errors import InvalidKey, InvalidProfile, InvalidSpec
from shift_media.core.formats import HEAD_BYTES, detect
from shift_media.core.metadata import Metadata
from shift_media.core.spec import Spec
from shift_media.direct import tickets
from shift_media.http import ResponseBody, respond
from shift_media.transcoding.probing.sparse import copy_sparsely
from shift_media.transcoding.webhooks import sns
from shift_media.validators import InvalidMedia
from shift_media.video import captions, playlists
from shift_media.video.parts import Part
from shift_media.video.profiles import BUILT_IN, parse_profile
from tests.fuzz.oracle import Refused, require
from tests.fuzz.seeds import as_json, of_corpus
from tests.fuzz.structures import BOXES, Structure


@dataclass(frozen=True)
class TextTarget:
    """A parser of texts; `tests.fuzz.targets.Target` says what the attributes are."""

    name: str
    check: Callable[[bytes], object]
    seeds: Callable[[], list[bytes]]
    refusals: tuple[type[Exception], ...] = ()
    tokens: tuple[bytes, ...] = ()
    of_lines: bool = False
    structure: Structure | None = None
    share: float = 0.5


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


# Keys

_ORIGINAL = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg"
_SIGNATURE = "0123456789abcdef" * 2
_KEYS = (
    f"{_ORIGINAL}/photo.jpg",
    f"{_ORIGINAL}/400x300-fill-80-noupscale-c1.2.3.4-f10.90-{_SIGNATURE}.webp",
    f"{_ORIGINAL}/x300-fit-99-upscale-b102030-h-r180-{_SIGNATURE}.png",
    f"{_ORIGINAL}/_poster.jpg",
    f"{_ORIGINAL}/_web/hls/v0/0001.m4s",
    f"{_ORIGINAL}/_m/2048.webp",
)
_KEY_TOKENS = tuple(
    b"/ - . _ x upscale noupscale fit fill pad stretch con nul 0 00 99 -d01234567 -a -g -h -l -n2"
    b" -r90 -s5 -u5 -bffffff -f50.50 -c0.0.1.1 A %2f .. \\ \xc3\xa9 \xd9\xa3 \n \0".split(b" ")
)


def _keys() -> list[bytes]:
    return [key.encode() for key in _KEYS]


def _check_key(content: bytes) -> None:
    text = _text(content)
    name = str(keys.new_original_key(text, "jpg"))
    require(str(keys.parse_key(name)) == name, "a new key is a key, whatever the file's name is")
    seen = {unicodedata.category(character) for character in keys.display_name(text)}
    require(not seen & {"Cc", "Cf", "Cs", "Zl", "Zp"}, "a name to show has no hidden characters")
    parsed = keys.parse_key(text)
    require(str(parsed) == text, "a key is written as it was read")
    require(keys.name_key(text) is not None, "a key has a name")


def _check_spec(content: bytes) -> None:
    text, _, extension = _text(content).rpartition(".")
    require(str(Spec.parse(text, extension)) == text, "a spec is written as it was read")


def _specs() -> list[bytes]:
    return [
        f"{spec}.{spec.format}".encode()
        for spec in (
            Spec.make("400x300", format="jpg", mode="fill", focal=(1, 2), crop=(0, 1, 2, 3)),
            Spec.make("x9999", format="webp", lossless=True, rotate=90, flip="v", page=7),
            Spec.make("1x1", format="png", mode="pad", background="a0b1c2", sharpen=5, blur=6),
        )
    ]


# Messages of SNS

_TOPIC = "arn:aws:sns:eu-west-1:123456789012:videos"
_ENVELOPE = {
    "Type": "Notification",
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": _TOPIC,
    "Subject": "a subject",
    "Message": '{"detail": {"jobId": "1", "status": "COMPLETE"}}',
    "Timestamp": "2024-05-06T07:08:09.000Z",
    "SignatureVersion": "2",
    "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-"
    + "0123456789abcdef" * 2
    + ".pem",
}


@cache
def _certified() -> Any:
    from tests.servers.sns import certify

    return certify("sns.amazonaws.com")


@cache
def _messages() -> list[bytes]:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    key = _certified().key
    found = []
    confirmation = {"SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?a=b", "Token": "2336"}
    for more in ({}, {"Type": "SubscriptionConfirmation", **confirmation}):
        envelope = {**_ENVELOPE, **more, "Timestamp": _now(), "Signature": "AAAA"}
        signed = sns.parse(envelope).signed
        signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        found.append({**envelope, "Signature": _base64(signature)})
    return as_json(*found)


def _now() -> str:
    from datetime import UTC, datetime

    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}"


def _base64(content: bytes) -> str:
    import base64

    return base64.b64encode(content).decode()


@cache
def _signed() -> frozenset[bytes]:
    return frozenset(sns.parse(json.loads(message)).signed for message in _messages())


def _check_message(content: bytes) -> None:
    message = sns.parse(sns.load_object(_text(content)))
    sns.verify(message, [_TOPIC], lambda _: _certified().pem)
    require(message.signed in _signed(), "only what was signed is verified")
    with contextlib.suppress(sns.Malformed):
        sns.load_object(message.text)


# Tickets


def _payloads() -> list[bytes]:
    values = ["gallery.clip.video", _KEYS[0], "a.mp4", "video/mp4", 9, "0" * 64, "", 4102444800]
    return as_json(values, [*values, 5_242_880, "upload-1"])


def _check_ticket(content: bytes) -> None:
    """Verify a text as a token, and as the payload of a token that the app has signed."""
    request = HttpRequest()
    with contextlib.suppress(InvalidMedia):
        tickets.verify(_text(content), request)
        require(False, "a text without a signature is no ticket")
    payload = _base64(content).replace("+", "-").replace("/", "_").rstrip("=")
    signature = settings.signer(tickets.PURPOSE).sign(payload)
    tickets.verify(f"{payload}.{signature}", request)


# Ranges

_FILE = bytes(range(256)) * 2
_RANGES = (
    b"bytes=0-99\n\n\n", b"bytes=-1\n\"tag\"\n\n", b"bytes=500-\n\n\"tag\"\n",
    b"bytes=1-1,2-2\n\n*\nWed, 21 Oct 2015 07:28:00 GMT", b"bytes=511-512\nW/\"tag\"\n\"x\"\n",
)  # fmt: skip


def _check_range(content: bytes) -> None:
    lines = [*content.decode("latin-1").split("\n"), "", "", "", ""]
    names = ("HTTP_RANGE", "HTTP_IF_RANGE", "HTTP_IF_NONE_MATCH", "HTTP_IF_MODIFIED_SINCE")
    given = {name: value for name, value in zip(names, lines, strict=False) if value}
    request = RequestFactory().get("/", **given)  # type: ignore[arg-type]
    response: Any = respond(request, ResponseBody(io.BytesIO(_FILE), 512, "image/png", '"tag"'))
    require(response.status_code in (200, 206, 304, 412, 416), "the status is one of five")
    if response.status_code == 206:
        match = re.fullmatch(r"bytes (\d+)-(\d+)/512", response["Content-Range"])
        require(match, "a range says which bytes it has")
        first, last = map(int, match.groups()) if match else (0, 0)
        require(response.content == _FILE[first : last + 1], "a range has its bytes")
    if response.status_code == 200:
        require(response.content == _FILE, "an answer with 200 has all bytes")


# Playlists and captions

_PLAYLIST = b"""#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:4
#EXT-X-MAP:URI="init.mp4"
#EXTINF:4.000000,
v0.m4s
#EXTINF:1.5,
v1.m4s?a=b
#EXT-X-ENDLIST
"""
_MASTER = b"""#EXTM3U
#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1"
720p.m3u8
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",URI="a.m3u8"
"""
_WEBVTT = b"WEBVTT\n\n1\n00:00:01.000 --> 00:00:02.500\nHello\n\n00:59.000 --> 01:02.000\nEnd\n"
_SUBRIP = (
    b"1\r\n00:00:01,000 --> 00:00:02,500\r\nHello\r\n\r\n2\r\n00:00:09,000 --> 00:00:10,000\r\nx"
)


def _check_playlist(content: bytes) -> None:
    text = _text(content)
    playlist = playlists.parse_playlist(text)
    require(set(dict(playlist.segments)) <= set(playlist.files), "segments are files")
    require(len(playlist.headers) <= len(playlist.files), "headers are files")
    if len(playlist.segments) > 1 and math.isfinite(playlist.seconds):
        with contextlib.suppress(ValueError, IndexError):
            playlists.join_last_segments(text)


def _check_captions(content: bytes) -> None:
    for text in (_text(content), captions.subrip_to_webvtt(content)):
        captions.has_cues(text)
        cut = captions.cut_captions(text, 6, 62.5)
        require(len(cut) == 11, "each six seconds have a segment")
        trimmed = captions.trim_captions(text, Part(1.0, 30.0))
        require(trimmed.startswith("WEBVTT"), "a part is WebVTT")


# Profiles


def _refuse(name: str) -> None:
    raise Refused(f"{name} is not JSON.")


def _load(content: bytes) -> Any:
    try:
        return json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Refused from error


def _profiles() -> list[bytes]:
    elastic = {
        "outputs": [{"Key": "a.mp4", "PresetId": "1351620000001-000010"}],
        "thumbnails": "t-{count}",
    }
    return as_json(*BUILT_IN.values(), elastic, {"x.mp4": {"kind": "mp4", "height": 2, "fps": 1}})


def _check_profile(content: bytes) -> None:
    given = _load(content)
    profile = parse_profile("web", given)
    require(profile == parse_profile("web", given), "a profile is read the same twice")
    require(profile.renditions, "a profile has a rendition")


# What a row has stored


def _check_metadata(content: bytes) -> None:
    given = _load(content)
    metadata = Metadata.from_json(given, _KEYS[0])
    if metadata is not None:
        require(metadata == Metadata.from_json(metadata.to_json(_KEYS[0]), _KEYS[0]), "as written")


def _rows() -> list[bytes]:
    metadata = Metadata(content_type="image/png", size=9, width=4, height=3, crops={})
    return as_json({**metadata.to_json(_KEYS[0]), "focal": [1, 2], "crops": {"4x3": [0, 0, 4, 3]}})


# Documents


def _archives() -> list[bytes]:
    import zipfile

    found = []
    for name in ("word/document.xml", "mimetype", "a" * 300):
        output = io.BytesIO()
        with zipfile.ZipFile(output, "w") as archive:
            archive.writestr(name, b"application/epub+zip")
        found.append(output.getvalue())
    return [*found, b"a,b\n1,2\n", b"{}", *of_corpus("zip", "bin")]


def _check_document(content: bytes) -> None:
    format = detect(content[:HEAD_BYTES])
    for name in ("a.docx", "a.epub", "a.csv", "a.json", "a.vtt"):
        chosen = documents.choose_by_name(format, name, io.BytesIO(content))
        require(chosen == format or chosen.base == format.extension, "of the same bytes")


def _drawings() -> list[bytes]:
    shape = b'<rect id="a" width="5" height="5" fill="url(#g)"/><use href="#a"/>'
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9">%s</svg>'
    style = b'<style>a{b:url(x)}</style><image href="data:image/png;base64,AA=="/>'
    return [svg % shape, svg % (b"<g>" + shape + style + b"</g>"), *of_corpus("svg")]


_SVG_TOKENS = tuple(
    b'<use href="#a"/>|<script>|</svg>|xlink:href="|url(http://a)|&#106;|<!ENTITY a "b">|'
    b'onload="|<foreignObject>|style="|@import|\\75rl(|<![CDATA[|]]>|width="1e9"|%'.split(b"|")
)


def _check_drawing(content: bytes) -> None:
    from shift_media.sandbox.svg_worker import DrawingRefused, sanitize

    try:
        clean, (width, height) = sanitize(content)
    except DrawingRefused as error:
        raise Refused from error
    require(width > 0 and height > 0, "a drawing has a size")
    for element in ElementTree.fromstring(clean).iter():
        name = str(element.tag).rpartition("}")[2]
        require(name not in ("script", "foreignObject", "image", "a"), f"no {name} is left")
        style = element.text or "" if name == "style" else ""
        attributes = element.attrib.items()
        # A fragment is a place in the drawing itself, whatever its letters.
        used = [v for key, v in attributes if not (key.endswith("href") and v.startswith("#"))]
        values = " ".join([*used, style])
        require("//" not in values and "script:" not in values, "no address is left")
        require(not any(key.lower().startswith("on") for key in element.attrib), "no handler")
    again, size = sanitize(clean)
    require(size == (width, height), "the size of a sanitized drawing stays")
    once, twice = (b"".join(each.split()) for each in (again, sanitize(again)[0]))
    require(once == twice, "sanitizing has an end")


def _pages() -> list[bytes]:
    from tests.sandbox.pdf import ENCRYPTED, pdf

    return [pdf(), pdf(2, page=b"/Rotate 90"), ENCRYPTED, *of_corpus("pdf")]


def _check_page(content: bytes) -> None:
    from shift_media.sandbox import pdf_worker

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.write_bytes(content)
        try:
            facts = pdf_worker.read(str(source), 1, 32, f"{folder}/picture")
        except pdf_worker.PageRefused as error:
            raise Refused from error
        except Exception as error:  # The worker turns all errors of the library into a refusal.
            if type(error).__module__.startswith("pypdfium2"):
                raise Refused from error
            raise
        require(facts["width"] > 0 and facts["height"] > 0, "a page has a size")


def _videos() -> list[bytes]:
    return of_corpus("mp4", "mov")


def _check_copy(content: bytes) -> None:
    target = io.BytesIO()
    if copy_sparsely(io.BytesIO(content), target, len(content)):
        require(len(target.getvalue()) <= len(content), "a copy is not longer")


TARGETS = (
    TextTarget("keys", _check_key, _keys, (InvalidKey,), _KEY_TOKENS),
    TextTarget("specs", _check_spec, _specs, (InvalidSpec,), _KEY_TOKENS),
    TextTarget("sns", _check_message, _messages, (sns.Malformed, sns.Unverified)),
    TextTarget("tickets", _check_ticket, _payloads, (InvalidMedia,), (b"null", b"{}", b"[]")),
    TextTarget("ranges", _check_range, lambda: list(_RANGES), tokens=(b"bytes=", b"-", b",")),
    TextTarget(
        "playlists", _check_playlist, lambda: [_PLAYLIST, _MASTER], (ValueError,),
        (b"#EXTINF:", b"nan", b"inf", b'URI="', b"1e999", b"-1"), of_lines=True,
    ),
    TextTarget(
        "captions", _check_captions, lambda: [_WEBVTT, _SUBRIP], (),
        (b" --> ", b"00:00:00.000", b"\n\n", b"999999:00:00.000"), of_lines=True,
    ),
    TextTarget(
        "profiles", _check_profile, _profiles, (InvalidProfile,),
        (b"null", b"{}", b"[]", b"1e999", b'"kind": "hls"', b'"heights"', b"true", b"-1"),
    ),
    TextTarget("metadata", _check_metadata, _rows, (), (b"null", b"{}", b"[]", b"NaN", b'"a"')),
    TextTarget("documents", _check_document, _archives),
    TextTarget("svg", _check_drawing, _drawings, (), _SVG_TOKENS, share=1.0),
    TextTarget("pdf", _check_page, _pages, (), (b"/Rotate", b"endobj", b"<<", b"1e9", b"-1")),
    TextTarget("sparse", _check_copy, _videos, (), structure=BOXES),
)  # fmt: skip

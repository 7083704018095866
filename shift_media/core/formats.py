"""The format table: what a file is by its bytes, and how it is stored and served.

One row per format. The extension and the content type of whatever is stored come from here,
never from the client.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["image", "video", "audio", "document"]

HEAD_BYTES = 4096
"""How many leading bytes `detect` wants to see."""

SAFE_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Format:
    """One file format.

    ``content_type`` is what the bytes are and what `accept` lists match; ``served_type`` is what
    they are stored and served as. The two differ for what a browser would execute.
    """

    name: str
    extension: str
    content_type: str
    kind: Kind
    pillow: str | None = None
    alpha: bool = False
    animation: bool = False
    active: bool = False

    @property
    def served_type(self) -> str:
        """The content type it is stored under: never one that a browser executes."""
        return SAFE_TYPE if self.active else self.content_type

    @property
    def inline(self) -> bool:
        """Whether a browser may show it in place; all else is an attachment."""
        return self.kind != "document"


FORMATS: tuple[Format, ...] = (
    Format("JPEG", "jpg", "image/jpeg", "image", pillow="JPEG"),
    Format("PNG", "png", "image/png", "image", pillow="PNG", alpha=True),
    Format("GIF", "gif", "image/gif", "image", pillow="GIF", alpha=True, animation=True),
    Format("WebP", "webp", "image/webp", "image", pillow="WEBP", alpha=True, animation=True),
    Format("AVIF", "avif", "image/avif", "image", pillow="AVIF", alpha=True),
    Format("MP4", "mp4", "video/mp4", "video"),
    Format("QuickTime", "mov", "video/quicktime", "video"),
    Format("WebM", "webm", "video/webm", "video"),
    Format("Matroska", "mkv", "video/x-matroska", "video"),
    Format("MPEG-4 audio", "m4a", "audio/mp4", "audio"),
    Format("MP3", "mp3", "audio/mpeg", "audio"),
    Format("Ogg", "ogg", "audio/ogg", "audio"),
    Format("FLAC", "flac", "audio/flac", "audio"),
    Format("WAV", "wav", "audio/wav", "audio"),
    Format("SVG", "svg", "image/svg+xml", "document", active=True),
    Format("HTML", "html", "text/html", "document", active=True),
    Format("XML", "xml", "application/xml", "document", active=True),
    Format("PDF", "pdf", "application/pdf", "document", active=True),
    Format("PostScript", "ps", "application/postscript", "document", active=True),
    Format("ZIP", "zip", "application/zip", "document", active=True),
    Format("data", "bin", SAFE_TYPE, "document"),
)

BY_EXTENSION = {format.extension: format for format in FORMATS}
BY_NAME = {format.name: format for format in FORMATS}

RENDITION_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "m4s": "video/iso.segment",
    "ts": "video/mp2t",
    "mpd": "application/dash+xml",
    "vtt": "text/vtt; charset=utf-8",
}
"""What transcoders write beside the formats of the table: nobody uploads it, and no bytes tell."""

RESIZE_FORMATS = {f.extension: f for f in FORMATS if f.pillow is not None}
UNKNOWN = BY_EXTENSION["bin"]

_MARKUP_HEAD = 1024
_VIDEO_BRANDS = frozenset(
    brand.encode().ljust(4)
    for brand in (
        "isom iso2 iso3 iso4 iso5 iso6 iso7 iso8 iso9 mp41 mp42 mp71 avc1 av01 dash cmfc msdh mmp4"
        " M4V M4VP M4VH MSNV XAVC f4v 3gp4 3gp5 3gp6 3gp7 3g2a"
    ).split()
)
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_M4A_BRANDS = frozenset((b"M4A ", b"M4B ", b"F4A "))


def detect(head: bytes) -> Format:
    """Tell the format of a file by its first `HEAD_BYTES` bytes; `UNKNOWN` for what is not listed.

    Decides by content alone: a name or a declared type is never looked at.
    """
    extension = _binary(head) or _markup(head) or "bin"
    return BY_EXTENSION[extension]


def _binary(head: bytes) -> str | None:
    if head.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head.startswith(b"RIFF"):
        return {b"WEBP": "webp", b"WAVE": "wav"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return _matroska(head)
    return _audio(head)


def _iso_media(head: bytes) -> str | None:
    """Tell AVIF, MP4, M4A and QuickTime apart by the brands of ISO/IEC 14496-12, 4.3."""
    size = int.from_bytes(head[:4], "big")
    box = head[: min(max(size, 16), HEAD_BYTES)]
    major = box[8:12]
    brands = {major, *(box[i : i + 4] for i in range(16, len(box) - 3, 4))}
    if major in _AVIF_BRANDS or (major in (b"mif1", b"msf1") and brands & _AVIF_BRANDS):
        return "avif"
    if major == b"qt  ":
        return "mov"
    if major in _M4A_BRANDS:
        return "m4a"
    return "mp4" if brands & _VIDEO_BRANDS else None


def _matroska(head: bytes) -> str | None:
    """Read the DocType element (ID 0x4282) of an EBML header (RFC 8794, 11.2.6)."""
    at = head.find(b"\x42\x82", 4, 128)
    if at < 0 or at + 3 > len(head):
        return None
    length = head[at + 2] & 0x7F
    return {b"webm": "webm", b"matroska": "mkv"}.get(head[at + 3 : at + 3 + length].rstrip(b"\0"))


def _audio(head: bytes) -> str | None:
    if head.startswith(b"OggS"):
        return "ogg"
    if head.startswith(b"fLaC"):
        return "flac"
    if head.startswith(b"ID3"):
        return "mp3"
    # A bare MPEG layer III frame: sync, version, layer, and no reserved bit rate or sample rate.
    frame = len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2
    return "mp3" if frame and head[2] & 0xF0 not in (0, 0xF0) and head[2] & 0x0C != 0x0C else None


def _markup(head: bytes) -> str | None:
    if head.startswith(b"%PDF-"):
        return "pdf"
    if head.startswith((b"%!PS", b"\xc5\xd0\xd3\xc6")):
        return "ps"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    text = head[:_MARKUP_HEAD].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if not text.startswith(b"<"):
        return None
    if b"<svg" in text:
        return "svg"
    if any(tag in text for tag in (b"<!doctype html", b"<html", b"<script", b"<body", b"<head")):
        return "html"
    return "xml"


def accepts(accept: Iterable[str], format: Format) -> bool:
    """Tell whether an `accept` list (``"image/*"``, ``"video/mp4"``, ``"*/*"``) admits a format.

    ``"image/*"`` means the images of the table: an SVG is a document here and is admitted only
    by its full type, or by ``"*/*"``.
    """
    wildcards = {"*/*", f"{format.kind}/*"}
    return any(item == format.content_type or item in wildcards for item in accept)


def accepted_formats(accept: Iterable[str]) -> list[Format]:
    """List the formats that an `accept` list admits, in the table's order."""
    accept = list(accept)
    return [format for format in FORMATS if accepts(accept, format)]

"""The format table: what a file is by its bytes, and how it is stored, resized and served.

One row for each format. The extension and the content type of a stored file come from here, never
from the client. `docs/how-to/add-image-format.rst` shows how a row is added.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from typing import Final, Literal

Kind = Literal["image", "video", "audio", "document"]

HEAD_BYTES: Final = 4096
"""How many leading bytes of a file `detect` needs."""

SAFE_TYPE: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Format:
    """One file format.

    Attributes:
        name: as it is written in messages.
        extension: lower case, without the dot. Keys end in it, so it never changes.
        content_type: what the bytes are, and what `accept` lists match; see `served_type`.
        kind: what it is for a browser.
        magic: the bytes that it begins with, if these alone decide. All other formats are told by
            the functions of `detect`.
        original: whether an upload may be stored as it.
        in_wildcard: whether ``image/*`` in an `accept` list admits it: False for images that
            browsers do not display.
        resize: whether a resize can be made in it.
        resized_as: the extension of a resize for which no format is given; None: an original of
            this format has no resizes.
        quality: the default quality of a resize, 1 to 99; None: it is lossless.
        pillow: Pillow's name of a format that resizes are made in.
        alpha: whether it can be transparent.
        animation: whether a resize of an animation in it can be one too.
        pixel_share: the share of ``SHIFT_MEDIA["MAX_PIXELS"]`` that an original may have; less
            than 1 if its decoder needs more memory for a pixel.
        active: whether a browser would execute it.
        base: the extension of the format that has the same bytes; the name of a file chooses
            between the two, see `documents.choose_by_name`.
        member: a file that an archive of this format holds, or the ``mimetype`` that it begins
            with.
        extra: the extra of this package without which it is not decoded; None: it needs none.
    """

    name: str
    extension: str
    content_type: str
    kind: Kind
    _: KW_ONLY
    magic: tuple[bytes, ...] = ()
    original: bool = True
    in_wildcard: bool = True
    resize: bool = False
    resized_as: str | None = None
    quality: int | None = None
    pillow: str = ""
    alpha: bool = False
    animation: bool = False
    pixel_share: float = 1
    active: bool = False
    base: str | None = None
    member: str = ""
    extra: str | None = None

    @property
    def served_type(self) -> str:
        """The content type that it is stored and served as: never one that a browser executes."""
        return SAFE_TYPE if self.active else self.content_type

    @property
    def inline(self) -> bool:
        """True if a browser may show it in place; other formats are attachments."""
        return self.kind != "document"


_SLIDES = "ppt/presentation.xml"
_EPUB = "application/epub+zip"


def _office(name: str, extension: str, type: str, member: str) -> Format:
    content_type = f"application/vnd.openxmlformats-officedocument.{type}"
    return Format(name, extension, content_type, "document", base="zip", member=member)


def _open_document(name: str, extension: str, type: str) -> Format:
    content_type = f"application/vnd.oasis.opendocument.{type}"
    return Format(name, extension, content_type, "document", base="zip", member=content_type)


FORMATS: Final[tuple[Format, ...]] = (
    Format(
        "JPEG",
        "jpg",
        "image/jpeg",
        "image",
        magic=(b"\xff\xd8\xff",),
        resize=True,
        resized_as="jpg",
        quality=80,
        pillow="JPEG",
    ),
    Format(
        "PNG",
        "png",
        "image/png",
        "image",
        magic=(b"\x89PNG\r\n\x1a\n",),
        resize=True,
        resized_as="png",
        pillow="PNG",
        alpha=True,
    ),
    Format(
        "GIF",
        "gif",
        "image/gif",
        "image",
        magic=(b"GIF87a", b"GIF89a"),
        resize=True,
        resized_as="gif",
        pillow="GIF",
        alpha=True,
        animation=True,
    ),
    Format(
        "WebP",
        "webp",
        "image/webp",
        "image",
        resize=True,
        resized_as="webp",
        quality=79,
        pillow="WEBP",
        alpha=True,
        animation=True,
        pixel_share=0.5,
    ),
    Format(
        "AVIF",
        "avif",
        "image/avif",
        "image",
        resize=True,
        resized_as="avif",
        quality=63,
        pillow="AVIF",
        alpha=True,
        pixel_share=0.5,
    ),
    Format("MP4", "mp4", "video/mp4", "video", resized_as="jpg"),
    Format("QuickTime", "mov", "video/quicktime", "video", resized_as="jpg"),
    Format("WebM", "webm", "video/webm", "video", resized_as="jpg"),
    Format("Matroska", "mkv", "video/x-matroska", "video", resized_as="jpg"),
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
    # Documents, whose bytes are those of an archive or of any text.
    _office("Word document", "docx", "wordprocessingml.document", "word/document.xml"),
    _office("Excel workbook", "xlsx", "spreadsheetml.sheet", "xl/workbook.xml"),
    _office("PowerPoint presentation", "pptx", "presentationml.presentation", _SLIDES),
    _open_document("OpenDocument text", "odt", "text"),
    _open_document("OpenDocument spreadsheet", "ods", "spreadsheet"),
    _open_document("OpenDocument presentation", "odp", "presentation"),
    Format("EPUB", "epub", _EPUB, "document", base="zip", member=_EPUB),
    Format("plain text", "txt", "text/plain", "document", base="bin"),
    Format("CSV", "csv", "text/csv", "document", base="bin"),
    Format("tab-separated values", "tsv", "text/tab-separated-values", "document", base="bin"),
    Format("JSON", "json", "application/json", "document", base="bin"),
    Format("Markdown", "md", "text/markdown", "document", base="bin"),
)

BY_EXTENSION: Final = {format.extension: format for format in FORMATS}
BY_NAME: Final = {format.name: format for format in FORMATS}
ORIGINAL_FORMATS: Final = {format.extension: format for format in FORMATS if format.original}
RESIZE_FORMATS: Final = {format.extension: format for format in FORMATS if format.resize}

RENDITION_TYPES: Final = {
    "m3u8": "application/vnd.apple.mpegurl",
    "m4s": "video/iso.segment",
    "ts": "video/mp2t",
    "mpd": "application/dash+xml",
    "vtt": "text/vtt; charset=utf-8",
}
"""Content types of files that only transcoders write; they are never uploads, so `detect` does
not know them."""

UNKNOWN: Final = BY_EXTENSION["bin"]

_MAGIC: Final = [(magic, format.extension) for format in FORMATS for magic in format.magic]
_MARKUP_HEAD: Final = 1024
"""Leading bytes in which a tag of SVG or HTML is looked for."""
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
    """Return the format of a file by its first `HEAD_BYTES` bytes; `UNKNOWN` if none is listed.

    The content alone decides: a name or a declared type is never read.
    """
    extension = _detect_media(head) or _detect_document(head) or UNKNOWN.extension
    return BY_EXTENSION[extension]


def _detect_media(head: bytes) -> str | None:
    for magic, extension in _MAGIC:
        if head.startswith(magic):
            return extension
    if head.startswith(b"RIFF"):
        return {b"WEBP": "webp", b"WAVE": "wav"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _detect_iso_media(head)
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return _detect_matroska(head)
    return _detect_audio(head)


def _detect_iso_media(head: bytes) -> str | None:
    """Distinguish AVIF, MP4, M4A and QuickTime by their brands (ISO/IEC 14496-12, 4.3)."""
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


def _detect_matroska(head: bytes) -> str | None:
    """Read the DocType element (ID 0x4282) of an EBML header (RFC 8794, 11.2.6)."""
    at = head.find(b"\x42\x82", 4, 128)
    if at < 0 or at + 3 > len(head):
        return None
    length = head[at + 2] & 0x7F
    return {b"webm": "webm", b"matroska": "mkv"}.get(head[at + 3 : at + 3 + length].rstrip(b"\0"))


def _detect_audio(head: bytes) -> str | None:
    if head.startswith(b"OggS"):
        return "ogg"
    if head.startswith(b"fLaC"):
        return "flac"
    if head.startswith(b"ID3"):
        return "mp3"
    # A bare MPEG layer III frame: sync, version, layer, and no reserved bit rate or sample rate.
    frame = len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2
    return "mp3" if frame and head[2] & 0xF0 not in (0, 0xF0) and head[2] & 0x0C != 0x0C else None


def _detect_document(head: bytes) -> str | None:
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
    """Return True if an `accept` list (``"image/*"``, ``"video/mp4"``, ``"*/*"``) admits a format.

    ``"image/*"`` means the images of the table that browsers display: an SVG is a document here
    and is admitted only by its full type, or by ``"*/*"``.
    """
    if not format.original:
        return False
    admitting = {format.content_type, "*/*"}
    if format.in_wildcard:
        admitting.add(f"{format.kind}/*")
    return any(item in admitting for item in accept)


def accepted_formats(accept: Iterable[str]) -> list[Format]:
    """Return the formats that an `accept` list admits, in the table's order."""
    accept = list(accept)
    return [format for format in FORMATS if accepts(accept, format)]

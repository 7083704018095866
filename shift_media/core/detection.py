"""The type of a file by its first bytes, for formats that no fixed first bytes tell."""

from __future__ import annotations

from typing import Final

HEAD_BYTES: Final = 4096
"""How many leading bytes of a file are needed."""

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
_HEIC_BRANDS = frozenset(b"heic heix heim heis hevc hevx hevm hevs".split())
_ITEM_BRANDS = frozenset((b"mif1", b"mif2", b"msf1", b"miaf"))
"""Brands of files of items, which do not say how these are coded (ISO/IEC 23008-12, 10.2)."""
_SYNC: Final = 0x47
_PACKETS: Final = 4  # another file has these bytes there once in four billion
_BMP_HEADERS = frozenset(n.to_bytes(4, "little") for n in (12, 40, 52, 56, 64, 108, 124))
"""Lengths of the second header of a BMP, of which the first two bytes alone may begin any text."""
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_M4A_BRANDS = frozenset((b"M4A ", b"M4B ", b"F4A "))


def detect_by_structure(head: bytes) -> str | None:
    """Return the extension of a format that no fixed first bytes tell; None if none is listed."""
    if head.startswith(_ZIP):
        return "zip"  # Before all else, because any four bytes may follow, such as those of a box.
    return _detect_media(head) or _detect_document(head)


def _detect_media(head: bytes) -> str | None:
    if head.startswith(b"RIFF"):
        return {b"WEBP": "webp", b"WAVE": "wav", b"AVI ": "avi"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        return _detect_iso_media(head)
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        return "mov"
    if head.startswith(b"BM") and head[14:18] in _BMP_HEADERS:
        return "bmp"
    if head.startswith(b"\0\0\1\0") and head[4:6] != b"\0\0" and len(head) > 22 and not head[9]:
        return "ico"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return _detect_matroska(head)
    if _is_transport_stream(head):
        return "ts"
    return _detect_audio(head)


def _is_transport_stream(head: bytes) -> bool:
    """Return True if each packet begins with a sync byte (ISO/IEC 13818-1, 2.4.3).

    Cameras write four bytes of time before each packet of 188 bytes.
    """
    for first, size in ((0, 188), (4, 192)):
        starts = range(first, first + _PACKETS * size, size)
        if len(head) > starts[-1] and all(head[at] == _SYNC for at in starts):
            return True
    return False


def _detect_iso_media(head: bytes) -> str | None:
    """Distinguish AVIF, HEIC, MP4, M4A and QuickTime by their brands (ISO/IEC 14496-12, 4.3)."""
    size = int.from_bytes(head[:4], "big")
    box = head[: min(max(size, 16), HEAD_BYTES)]
    major = box[8:12]
    brands = {major, *(box[i : i + 4] for i in range(16, len(box) - 3, 4))}
    if major in _AVIF_BRANDS or (major in _ITEM_BRANDS and brands & _AVIF_BRANDS):
        return "avif"
    if major in _HEIC_BRANDS or (major in _ITEM_BRANDS and not brands & _VIDEO_BRANDS):
        return "heic"
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
    text = head[:_MARKUP_HEAD].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if not text.startswith(b"<"):
        return None
    if b"<svg" in text:
        return "svg"
    if any(tag in text for tag in (b"<!doctype html", b"<html", b"<script", b"<body", b"<head")):
        return "html"
    return "xml"

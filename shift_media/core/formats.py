"""The format table: what a file is by its bytes, and how it is stored, resized and served.

One row for each format. The extension and the content type of a stored file come from here, never
from the client. `docs/how-to/add-image-format.rst` shows how a row is added.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from shift_media.core.detection import HEAD_BYTES, detect_by_structure
from shift_media.core.format_row import SAFE_TYPE, Format, Kind

__all__ = [
    "ANY_IMAGE",
    "BY_EXTENSION",
    "BY_NAME",
    "FORMATS",
    "HEAD_BYTES",
    "ORIGINAL_FORMATS",
    "RENDITION_TYPES",
    "RESIZE_FORMATS",
    "SAFE_TYPE",
    "UNKNOWN",
    "Format",
    "Kind",
    "accepted_formats",
    "accepts",
    "detect",
]


_SLIDES = "ppt/presentation.xml"
_EPUB = "application/epub+zip"


def _office(name: str, extension: str, type: str, member: str) -> Format:
    content_type = f"application/vnd.openxmlformats-officedocument.{type}"
    return Format(name, extension, content_type, "document", base="zip", member=member)


def _open_document(name: str, extension: str, type: str) -> Format:
    content_type = f"application/vnd.oasis.opendocument.{type}"
    return Format(name, extension, content_type, "document", base="zip", member=content_type)


_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")  # GUID of the header object


def _other_video(
    name: str, extension: str, content_type: str, magic: tuple[bytes, ...] = ()
) -> Format:
    return Format(
        name, extension, content_type, "video", magic=magic, in_wildcard=False, resized_as="jpg"
    )


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
    Format(
        "HEIC",
        "heic",
        "image/heic",
        "image",
        in_wildcard=False,
        resized_as="jpg",
        transparent_as="png",
        alpha=True,
        extra="heic",
    ),
    Format(
        "TIFF",
        "tif",
        "image/tiff",
        "image",
        magic=(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        in_wildcard=False,
        resized_as="jpg",
        transparent_as="png",
        alpha=True,
    ),
    Format(
        "BMP",
        "bmp",
        "image/bmp",
        "image",
        in_wildcard=False,
        resized_as="jpg",
        transparent_as="png",
        alpha=True,
    ),
    Format(
        "ICO",
        "ico",
        "image/x-icon",
        "image",
        in_wildcard=False,
        resized_as="png",
        alpha=True,
    ),
    Format(
        "JPEG 2000",
        "jp2",
        "image/jp2",
        "image",
        magic=(b"\0\0\0\x0cjP  \r\n\x87\n",),
        in_wildcard=False,
        resized_as="jpg",
        transparent_as="png",
        alpha=True,
        pixel_share=0.35,
    ),
    Format(
        "JPEG XL",
        "jxl",
        "image/jxl",
        "image",
        magic=(b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a"),
        in_wildcard=False,
        resized_as="jpg",
        transparent_as="png",
        alpha=True,
        pixel_share=0.5,
        extra="jxl",
    ),
    Format("MP4", "mp4", "video/mp4", "video", resized_as="jpg"),
    Format("QuickTime", "mov", "video/quicktime", "video", resized_as="jpg"),
    Format("WebM", "webm", "video/webm", "video", resized_as="jpg"),
    Format("Matroska", "mkv", "video/x-matroska", "video", resized_as="jpg"),
    # Browsers play none of these. They are accepted by their full type, to be transcoded.
    _other_video("MPEG transport stream", "ts", "video/mp2t"),
    _other_video("MPEG program stream", "mpg", "video/mpeg", magic=(b"\0\0\1\xba",)),
    _other_video("AVI", "avi", "video/x-msvideo"),
    _other_video("Windows Media", "wmv", "video/x-ms-wmv", magic=(_ASF_HEADER,)),
    _other_video("Flash video", "flv", "video/x-flv", magic=(b"FLV\x01",)),
    Format("MPEG-4 audio", "m4a", "audio/mp4", "audio"),
    Format("MP3", "mp3", "audio/mpeg", "audio"),
    Format("Ogg", "ogg", "audio/ogg", "audio"),
    Format("FLAC", "flac", "audio/flac", "audio"),
    Format("WAV", "wav", "audio/wav", "audio"),
    Format(
        "SVG",
        "svg",
        "image/svg+xml",
        "document",
        named_only=True,
        scalable=True,
        resized_as="png",
        alpha=True,
    ),
    Format("HTML", "html", "text/html", "document", active=True),
    Format("XML", "xml", "application/xml", "document", active=True),
    Format(
        "PDF",
        "pdf",
        "application/pdf",
        "document",
        active=True,
        scalable=True,
        resized_as="jpg",
    ),
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
    Format("WebVTT", "vtt", "text/vtt", "document", base="bin"),
    Format("SubRip", "srt", "application/x-subrip", "document", base="bin"),
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

ANY_IMAGE: Final = "image/any"
"""Stands in `accept` lists for all images, also those that browsers do not display."""

UNKNOWN: Final = BY_EXTENSION["bin"]

_MAGIC: Final = [(magic, format) for format in FORMATS for magic in format.magic]


def detect(head: bytes) -> Format:
    """Return the format of a file by its first `HEAD_BYTES` bytes; `UNKNOWN` if none is listed.

    The content alone decides: a name or a declared type is never read.
    """
    for magic, format in _MAGIC:
        if head.startswith(magic):
            return format
    return BY_EXTENSION[detect_by_structure(head) or UNKNOWN.extension]


def accepts(accept: Iterable[str], format: Format) -> bool:
    """Return True if an `accept` list (``"image/*"``, ``"video/mp4"``, ``"*/*"``) admits a format.

    ``"image/*"`` means the images of the table that browsers display, and ``"image/any"`` all
    images. An SVG is a document here and is admitted only by its full type.
    """
    if not format.original:
        return False
    admitting = {format.content_type, *([ANY_IMAGE] if format.kind == "image" else [])}
    if not format.named_only:
        admitting.add("*/*")
    if format.in_wildcard:
        admitting.add(f"{format.kind}/*")
    return any(item in admitting for item in accept)


def accepted_formats(accept: Iterable[str]) -> list[Format]:
    """Return the formats that an `accept` list admits, in the table's order."""
    accept = list(accept)
    return [format for format in FORMATS if accepts(accept, format)]

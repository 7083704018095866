"""Inspection: the type and the metadata of an upload, by its bytes alone."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Final, cast

from django.core.exceptions import ValidationError
from django.core.files.base import File

from shift_media.conf import settings
from shift_media.core.documents import extension_of, possible_formats
from shift_media.core.errors import NotStrippable, SourceError, UnsupportedType
from shift_media.core.faults import translated_faults
from shift_media.core.formats import HEAD_BYTES, UNKNOWN, Format, accepted_formats, accepts, detect
from shift_media.core.keys import display_name
from shift_media.core.metadata import Metadata
from shift_media.imaging import engine
from shift_media.imaging.probe import SourceLimits, probe
from shift_media.imaging.strip import can_strip
from shift_media.transcoding import probing
from shift_media.validators import drawings
from shift_media.validators.errors import (
    InvalidMedia,
    alternatives,
    refused_source,
    too_large,
)
from shift_media.validators.rules import NO_RULES, FileRules
from shift_media.validators.seekable import CHUNK, byte_length, remembered
from shift_media.workers import isolated

IMAGES: Final = ("image/*",)
"""The default of ``accept``: the images that browsers show."""

ANY: Final = "*/*"
"""Stands in ``accept`` for files of any type."""

_CACHE = "_shift_media_inspection"
_STRIPPED = "_shift_media_stripped"


@dataclass(frozen=True, slots=True)
class Inspection:
    """The type and the metadata of an accepted upload.

    Attributes:
        format: the row of the format table.
        metadata: what is stored about it.
        replacement: the bytes that are stored instead of the upload: a sanitized drawing.
        file: the bytes that are to be stored, at their beginning: for the functions of ``rules``
            alone, else None.
    """

    format: Format
    metadata: Metadata
    replacement: bytes = b""
    file: File[Any] | None = field(default=None, compare=False, repr=False)


def inspect(
    file: File[Any] | BinaryIO,
    *,
    accept: Iterable[str] = IMAGES,
    max_bytes: int | None = None,
    original_name: str | None = None,
    rules: FileRules = NO_RULES,
    checksum: bool = True,
    preview: bool = True,
) -> Inspection:
    """Return the type and the metadata of an upload, and leave it at its beginning.

    The inspection is kept on the file object, so that form, ``full_clean()`` and saving together
    read and hash a file once.

    Args:
        file: must be seekable; see `seekable`.
        accept: types, such as ``"image/*"`` or ``"video/mp4"``.
        max_bytes: the largest size.
        original_name: the client's name for the file, by default the file's. It is kept as
            metadata. It says nothing about the type, but for documents whose bytes fit several.
        rules: what the facts of the file must be.
        checksum: whether the SHA-256 is taken, for which the file is read to its end.
        preview: whether an image is decoded, for its placeholder, its colour, and to find out if
            it is whole. A preview that is known already is kept.

    Raises `InvalidMedia` for a file that is not accepted.
    """
    accept, limits = tuple(accept), settings.source_limits
    name = display_name(original_name or getattr(file, "name", None) or "")
    cause = (accept, max_bytes, limits, extension_of(name), checksum, *_content_of(file))
    rules.check_bytes(byte_length(file))
    # A large direct upload is hashed when it is certain that no task does it.
    checksum = checksum and not getattr(file, "may_wait", False)
    cached = getattr(file, _CACHE, None)
    if cached is None or cached[0] != cause or preview > cached[2]:
        found = _inspect(cast("BinaryIO", file), name, accept, max_bytes, limits, preview)
        cached = (cause, _with_checksum(found, file) if checksum else found, preview)
        if isinstance(file, File):
            setattr(file, _CACHE, cached)
    file.seek(0)
    inspection: Inspection = cached[1]
    rules.check(inspection.format, inspection.metadata)
    return replace(inspection, metadata=replace(inspection.metadata, original_name=name))


def _content_of(file: File[Any] | BinaryIO) -> tuple[object, int]:
    """Return what changes if the file inside a File is exchanged or written to."""
    return getattr(file, "file", None), byte_length(file)


def _inspect(
    file: BinaryIO,
    name: str,
    accept: Sequence[str],
    max_bytes: int | None,
    limits: SourceLimits,
    preview: bool,
) -> Inspection:
    size = byte_length(file)
    if size == 0:
        raise InvalidMedia("empty")
    if max_bytes is not None and size > max_bytes:
        raise too_large(size, max_bytes)
    format = _accepted_format(file, name, accept)
    replacement = b""
    try:
        with translated_faults():
            if format.scalable:
                plain = Metadata(content_type=format.served_type, size=size)
                metadata, replacement = drawings.describe(file, format, plain)
            else:
                metadata = _read_header(file, format, size, limits)
            if format.kind == "image" and preview:
                metadata = with_preview(metadata, file)
    except SourceError as error:
        raise refused_source(error, format, limits) from error
    return Inspection(format, metadata, replacement)


def with_preview(metadata: Metadata, file: BinaryIO) -> Metadata:
    """Return the metadata of an image with its placeholder and colour, for which it is decoded.

    Raises a `SourceError` for an image that is not whole.
    """
    found = isolated.make_preview(file)
    return replace(metadata, placeholder=found.placeholder, color=found.color)


def _with_checksum(inspection: Inspection, file: Any) -> Inspection:
    if inspection.replacement:
        sha256 = _sha256(io.BytesIO(inspection.replacement))
    else:
        # A direct upload was hashed when it was compared with its ticket.
        sha256 = getattr(file, "known_sha256", "") or _sha256(file)
    return replace(inspection, metadata=replace(inspection.metadata, sha256=sha256))


def stored_file(file: File[Any], inspection: Inspection) -> File[Any]:
    """Return the file to store for an inspected upload: itself, or a sanitized drawing."""
    if not inspection.replacement:
        return file
    return File(cast("Any", io.BytesIO(inspection.replacement)), file.name)


def strip_metadata(file: File[Any], inspection: Inspection) -> tuple[File[Any], Inspection]:
    """Return an inspected image without its metadata, and the inspection of that.

    A WebP is stored upright, because browsers ignore its orientation.

    Raises `InvalidMedia` if the metadata in it cannot be told from pixels with certainty, and for
    a file that is not an image.
    """
    if not can_strip(inspection.format):
        text = (
            f"strip=True removes the metadata of images only, and this file is "
            f"{inspection.format.content_type}. Take that type out of 'accept': see the check "
            "shift_media.E110."
        )
        raise InvalidMedia("not_strippable", text)
    limits = settings.source_limits
    source = cast("BinaryIO", file)

    def make() -> tuple[BinaryIO, str]:
        content = isolated.strip_metadata(source)
        return content, _sha256(content)

    try:
        cause = (inspection.metadata.sha256 or object(), limits, file.file)
        content, sha256 = remembered(file, _STRIPPED, cause, make)
        if content.closed:  # by what has stored it before
            content, sha256 = make()
    except (NotStrippable, UnsupportedType) as error:
        raise InvalidMedia("not_strippable", str(error)) from error
    except SourceError as error:
        raise refused_source(error, inspection.format, limits) from error
    metadata = replace(inspection.metadata, size=byte_length(content), sha256=sha256)
    stripped = File(cast("Any", content), file.name)
    return stripped, replace(inspection, metadata=metadata)


Rule = Callable[[Inspection, Any], None]
"""A function of a project that is called with an inspection and a row, or None."""


def run_rules(
    rules: Iterable[Rule], file: File[Any], inspection: Inspection, instance: object
) -> None:
    """Call rules of a project with a file that is to be stored, and leave it at its beginning.

    Raises `InvalidMedia` if one of them raises ``ValidationError``.
    """
    for rule in rules:
        file.seek(0)
        try:
            rule(replace(inspection, file=file), instance)
        except ValidationError as error:
            raise InvalidMedia.of(error) from error
    file.seek(0)


def read_facts(file: BinaryIO, format: Format, size: int) -> Metadata:
    """Return the metadata in the header of a stored original: no checksum, no placeholder.

    Raises a `SourceError` for an image that is damaged or over the limits.
    """
    return _read_header(file, format, size, settings.source_limits)


def _read_header(file: BinaryIO, format: Format, size: int, limits: SourceLimits) -> Metadata:
    plain = Metadata(content_type=format.served_type, size=size)
    if format.kind in ("video", "audio"):
        return _with_video_facts(plain, file, format)
    if format.scalable:
        return drawings.read_facts(file, format, plain)
    if format.kind != "image":
        return plain
    facts = probe(file, limits)
    return replace(
        plain,
        width=facts.width,
        height=facts.height,
        frames=facts.frames,
        has_alpha=facts.has_alpha,
    )


def _with_video_facts(plain: Metadata, file: BinaryIO, format: Format) -> Metadata:
    """Return the metadata with the facts of a video or a sound, if they can be read here."""
    formats = probing.AUDIO_FORMATS if format.kind == "audio" else probing.FORMATS
    facts = probing.probe_upload(file, format.extension, probing.VideoLimits(), formats)
    if facts is None:
        return plain
    return replace(
        plain,
        width=facts.width or None,
        height=facts.height or None,
        duration=facts.duration or None,
        fps=facts.fps or None,
        codecs=facts.codecs,
        channels=facts.channels,
        hdr=facts.hdr,
    )


def _accepted_format(file: BinaryIO, name: str, accept: Sequence[str]) -> Format:
    """Return the format of a file; raise `InvalidMedia` if it is not an accepted one.

    The name chooses only among types of the same bytes: a document, or the archive that it is.
    """
    file.seek(0)
    formats = possible_formats(detect(file.read(HEAD_BYTES)), name, file)
    for candidate in formats:
        if accepts(accept, candidate):
            return storable_format(candidate, accept)
    format = formats[0]
    names = [accepted.name for accepted in accepted_formats(accept) if accepted is not UNKNOWN]
    expected = alternatives(names)
    if format is UNKNOWN:
        raise InvalidMedia("unknown_type", expected=expected)
    raise InvalidMedia("unsupported_type", seen=format.name, expected=expected)


def storable_format(format: Format, accept: Sequence[str]) -> Format:
    """Return the format that a file of an accepted format is stored as.

    Where only ``"*/*"`` admits an image whose decoder is not installed, it is a file like others.
    """
    named = [item for item in accept if item != ANY]
    if engine.find_missing(format) is None or accepts(named, format):
        return format
    return UNKNOWN


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()

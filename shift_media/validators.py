"""What an upload really is, by its bytes, and whether it is accepted.

`inspect` is what forms, ``full_clean()`` and saving all use: one upload is read and hashed once,
since the result is remembered on the file object.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Final, cast

from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.utils.deconstruct import deconstructible
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.text import get_text_list
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shift_media.conf import settings
from shift_media.core.errors import (
    MediaError,
    NotStrippable,
    SourceError,
    TooManyFrames,
    TooManyPixels,
    UnsupportedType,
)
from shift_media.core.formats import HEAD_BYTES, UNKNOWN, Format, accepted_formats, accepts, detect
from shift_media.core.keys import display_name
from shift_media.core.metadata import Metadata
from shift_media.imaging import engine
from shift_media.imaging.probe import SourceLimits, probe
from shift_media.imaging.strip import strip
from shift_media.transcoding import probing

IMAGES: Final = ("image/*",)
"""What is accepted where nothing else is said: the images of the format table."""

MESSAGES: Final[Mapping[str, str | Promise]] = {
    "empty": _("The file is empty."),
    "too_large": _("The file is %(size)s; at most %(limit)s are allowed."),
    "unsupported_type": _("The content of this file is %(seen)s. Choose %(expected)s."),
    "unknown_type": _("The type of this file is not known. Choose %(expected)s."),
    "undecodable": _("The file is damaged or incomplete."),
    "not_strippable": _(
        "What this file says of its origin, such as where it was taken, cannot be removed. "
        "Save it in another format."
    ),
    "too_many_pixels": _(
        "The image has too many pixels: at most %(limit)s are allowed, over all its frames."
    ),
    "too_many_frames": _("The animation has too many frames: at most %(limit)s are allowed."),
    "upload_refused": _("This upload is not valid any more. Choose the file again."),
    "upload_missing": _("The file has not arrived, or was used already. Choose it again."),
    "upload_differs": _("What arrived is not the file that was announced. Choose it again."),
}
"""The sentences that people read, by the ``code`` of the error."""

_CHUNK = 1 << 20
_SPOOL = 2 << 20
_MEMORY = "_shift_media_inspection"


class InvalidMedia(MediaError, ValidationError):
    """An upload that is not accepted: Django's error and ours, in words a person understands."""

    code = "invalid_media"
    public = "The file was not accepted."

    def __init__(self, code: str, detail: str = "", **params: str) -> None:
        # Not cooperatively: each of the two would reset what the other has set.
        ValidationError.__init__(self, cast("str", MESSAGES[code]), code=code, params=params)
        MediaError.__init__(self, detail or self.sentence, code=code)

    @property
    def sentence(self) -> str:
        """What is shown to people, in the active language."""
        return str(self.messages[0])


@dataclass(frozen=True, slots=True)
class Inspection:
    """What an accepted upload is."""

    format: Format
    metadata: Metadata


def inspect(
    file: File[Any] | BinaryIO,
    *,
    accept: Iterable[str] = IMAGES,
    max_bytes: int | None = None,
    original_name: str | None = None,
) -> Inspection:
    """Tell what an upload is, by its bytes alone, and leave it at its beginning.

    Args:
        file: must be seekable; see `seekable`.
        accept: types, such as ``"image/*"`` or ``"video/mp4"``.
        max_bytes: the largest size.
        original_name: the client's name for it, by default the file's; kept, but never believed.

    Raises `InvalidMedia`.
    """
    accept, limits = tuple(accept), settings.source_limits
    name = display_name(original_name or getattr(file, "name", None) or "")
    question = (accept, max_bytes, limits, getattr(file, "file", None), _length(file))
    remembered = getattr(file, _MEMORY, None)
    if remembered is None or remembered[0] != question:
        remembered = (question, _inspect(cast("BinaryIO", file), accept, max_bytes, limits))
        if isinstance(file, File):
            setattr(file, _MEMORY, remembered)
    file.seek(0)
    found: Inspection = remembered[1]
    return replace(found, metadata=replace(found.metadata, original_name=name))


def _inspect(
    file: BinaryIO, accept: Sequence[str], max_bytes: int | None, limits: SourceLimits
) -> Inspection:
    size = _length(file)
    if size == 0:
        raise InvalidMedia("empty")
    if max_bytes is not None and size > max_bytes:
        raise too_large(size, max_bytes)
    format = _type_of(file, accept)
    try:
        metadata = _facts(file, format, size, limits)
    except SourceError as error:
        raise _refused(error, format, limits) from error
    return Inspection(format, replace(metadata, sha256=_sha256(file)))


def stripped(file: File[Any], found: Inspection) -> tuple[File[Any], Inspection]:
    """Give an inspected image without its metadata, and what is known of that.

    Raises `InvalidMedia` where nobody can tell what is metadata in it.
    """
    limits = settings.source_limits
    try:
        content = strip(cast("BinaryIO", file), limits)
    except (NotStrippable, UnsupportedType) as error:
        raise InvalidMedia("not_strippable", str(error)) from error
    except SourceError as error:
        raise _refused(error, found.format, limits) from error
    facts = replace(found.metadata, size=_length(content), sha256=_sha256(content))
    return File(cast("Any", content), file.name), replace(found, metadata=facts)


def read_facts(file: BinaryIO, format: Format, size: int) -> Metadata:
    """Read what the header of a stored original says; no checksum, no placeholder.

    Raises a `SourceError` for an image that is damaged or over the limits.
    """
    return _header(file, format, size, settings.source_limits)


def _header(file: BinaryIO, format: Format, size: int, limits: SourceLimits) -> Metadata:
    plain = Metadata(content_type=format.served_type, size=size)
    if format.kind == "video":
        return _of_video(file, format, plain)
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


def _of_video(file: BinaryIO, format: Format, plain: Metadata) -> Metadata:
    """Add what the header and the first frame say, where something is there to read them."""
    facts = probing.probe_upload(file, format.extension, probing.VideoLimits())
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


def _facts(file: BinaryIO, format: Format, size: int, limits: SourceLimits) -> Metadata:
    metadata = _header(file, format, size, limits)
    if format.kind == "image":
        look = engine.preview(file, limits=limits, decoder=settings.ENGINE)
        metadata = replace(metadata, placeholder=look.placeholder, color=look.color)
    return metadata


def _type_of(file: BinaryIO, accept: Sequence[str]) -> Format:
    file.seek(0)
    format = detect(file.read(HEAD_BYTES))
    if accepts(accept, format):
        return format
    names = [wanted.name for wanted in accepted_formats(accept) if wanted is not UNKNOWN]
    expected = get_text_list(names, gettext("or"))
    if format is UNKNOWN:
        raise InvalidMedia("unknown_type", expected=expected)
    raise InvalidMedia("unsupported_type", seen=format.name, expected=expected)


def _refused(error: SourceError, format: Format, limits: SourceLimits) -> InvalidMedia:
    """Put an error of the core into words for the one who uploads."""
    if isinstance(error, TooManyPixels):
        limit = _grouped(limits.of(format))
        return InvalidMedia("too_many_pixels", str(error), limit=limit)
    if isinstance(error, TooManyFrames):
        limit = _grouped(limits.frames)
        return InvalidMedia("too_many_frames", str(error), limit=limit)
    return InvalidMedia("undecodable", str(error))


def too_large(size: int, most: int) -> InvalidMedia:
    """Make the error for a file of more bytes than are allowed."""
    shown, limit = _human(size), _human(most)
    if shown == limit:
        shown, limit = (gettext("%s bytes") % _grouped(number) for number in (size, most))
    return InvalidMedia("too_large", size=shown, limit=limit)


def _human(size: int) -> str:
    """Write a size in decimal units, with at most one decimal: ``"25 MB"``, ``"1.5 GB"``."""
    for unit, factor in ((_("GB"), 10**9), (_("MB"), 10**6), (_("kB"), 10**3)):
        if size >= factor:
            value = size / factor
            places = 0 if value >= 10 or size % factor == 0 else 1
            return f"{number_format(value, places)} {unit}"
    return gettext("%s bytes") % size


def _grouped(number: int) -> str:
    return number_format(number, force_grouping=True)


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _length(file: File[Any] | BinaryIO) -> int:
    """Count the bytes that are there: what a client or a header said of them is not asked."""
    file.seek(0, io.SEEK_END)
    return file.tell()


def seekable(content: Any, max_bytes: int | None = None) -> File[Any]:
    """Make any content of Django's a file of bytes that can be read again from its beginning.

    An open response, say, is copied to a temporary file first, and refused on the way when it is
    too large.
    """
    file: File[Any] = content if isinstance(content, File) else File(content)
    if file.closed:
        file.open()
    if isinstance(cast("object", file.file), io.TextIOBase):
        file.seek(0)
        return File(io.BytesIO(file.read().encode()), file.name)
    return file if file.seekable() else _spooled(file, max_bytes)


class _Spool(tempfile.SpooledTemporaryFile[bytes]):
    """A temporary file that closes itself: who hands in a response never sees it."""

    def __del__(self) -> None:
        self.close()


def _spooled(file: File[Any], max_bytes: int | None) -> File[Any]:
    spool = _Spool(max_size=_SPOOL)
    size = 0
    while chunk := file.read(_CHUNK):
        size += len(chunk)
        if max_bytes is not None and size > max_bytes:
            spool.close()
            raise too_large(size, max_bytes)
        spool.write(chunk)
    return File(cast("Any", spool), file.name)


@deconstructible
class MediaValidator:
    """Refuse, in any form or model field, files that a MediaField would refuse."""

    def __init__(self, accept: Iterable[str] = IMAGES, max_bytes: int | None = None) -> None:
        self.accept = list(accept)
        self.max_bytes = max_bytes

    def __call__(self, file: File[Any]) -> None:
        """Raise `InvalidMedia` for a file that is not accepted."""
        inspect(seekable(file), accept=self.accept, max_bytes=self.max_bytes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MediaValidator) and (
            (self.accept, self.max_bytes) == (other.accept, other.max_bytes)
        )

    def __hash__(self) -> int:
        return hash((*self.accept, self.max_bytes))

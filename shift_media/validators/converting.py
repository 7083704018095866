"""Uploads that are stored in another format: ``MediaField(convert={"heic": "jpg"})``.

Captions are converted, too: ``{"srt": "vtt"}``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO
from typing import Any, BinaryIO, Final, cast

from django.core.files.base import File

from shift_media.conf import settings
from shift_media.core.errors import SourceError
from shift_media.core.formats import BY_EXTENSION, RESIZE_FORMATS
from shift_media.core.spec import Limits, Spec
from shift_media.imaging.engine import Result
from shift_media.validators.errors import refused_source
from shift_media.validators.inspection import Inspection
from shift_media.validators.seekable import remembered
from shift_media.video.captions import MAX_BYTES, has_cues, subrip_to_webvtt
from shift_media.workers import isolated

_QUALITY: Final = {"jpg": 90, "webp": 90}
"""Higher than that of resizes, because these are made from it."""
_MAX_SIDE: Final = 9999
"""The largest side of a picture that is made; a longer one is made smaller."""
_TRANSPARENT: Final = "png"
_CACHE: Final = "_shift_media_converted"

CAPTIONS: Final = ("srt", "vtt")
"""The only formats of captions of which one is converted to the other."""


def convert(
    file: File[Any], inspection: Inspection, formats: Mapping[str, str]
) -> tuple[File[Any], Inspection] | None:
    """Return an inspected file in the format that it is stored in, and the inspection of that.

    None for a file of a format that ``formats`` does not name. A picture is upright, in sRGB and
    without metadata. A transparent one becomes a PNG if the format has no transparency. Raises
    `InvalidMedia` for an image that cannot be decoded.
    """
    target = formats.get(inspection.format.extension)
    if (inspection.format.extension, target) == CAPTIONS:
        return _convert_captions(file, inspection)
    if target is None or inspection.format.kind != "image":
        return None
    known = inspection.metadata
    if known.has_alpha and not RESIZE_FORMATS[target].alpha:
        target = _TRANSPARENT
    sides = [min(side or 1, _MAX_SIDE) for side in (known.width, known.height)]
    spec = Spec.make(f"{sides[0]}x{sides[1]}", format=target, quality=_QUALITY.get(target))
    limits = settings.source_limits.whole

    def make() -> Result:
        output = Limits(side=_MAX_SIDE, area=limits.pixels)
        return isolated.make(cast("BinaryIO", file), spec, output=output)

    try:
        cause = (known.sha256 or object(), spec, limits, settings.ENGINE)
        made = remembered(file, _CACHE, cause, make)
    except SourceError as error:
        raise refused_source(error, inspection.format, limits) from error
    size = {"width": made.width, "height": made.height}
    return _store(file, inspection, target, made.content, **size)


def _store(
    file: File[Any], inspection: Inspection, target: str, content: bytes, **facts: Any
) -> tuple[File[Any], Inspection]:
    """Return the content as a file of another format, and its inspection."""
    format, known = BY_EXTENSION[target], inspection.metadata
    metadata = replace(
        known,
        content_type=format.served_type,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest() if known.sha256 else known.sha256,
        **facts,
    )
    stored = File(cast("Any", BytesIO(content)), file.name)
    return stored, replace(inspection, format=format, metadata=metadata)


def _convert_captions(
    file: File[Any], inspection: Inspection
) -> tuple[File[Any], Inspection] | None:
    """Return SubRip as WebVTT; None if it has far more text than a film, or no cue."""
    file.seek(0)
    text = subrip_to_webvtt(file.read(MAX_BYTES + 1))
    if not has_cues(text):
        return None
    return _store(file, inspection, CAPTIONS[1], text.encode())

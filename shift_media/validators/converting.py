"""Uploads that are stored in another format: ``MediaField(convert={"heic": "jpg"})``."""

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
from shift_media.imaging import engine
from shift_media.validators.errors import refused_source
from shift_media.validators.inspection import Inspection

_QUALITY: Final = {"jpg": 90, "webp": 90}
"""Higher than that of resizes, because these are made from it."""
_MAX_SIDE: Final = 9999
"""The largest side of a picture that is made; a longer one is made smaller."""
_TRANSPARENT: Final = "png"


def convert(
    file: File[Any], inspection: Inspection, formats: Mapping[str, str]
) -> tuple[File[Any], Inspection] | None:
    """Return an inspected image in the format that it is stored in, and the inspection of that.

    None for a file of a format that ``formats`` does not name. The picture is upright, in sRGB and
    without metadata. A transparent one becomes a PNG if the format has no transparency. Raises
    `InvalidMedia` for an image that cannot be decoded.
    """
    target = formats.get(inspection.format.extension)
    if target is None or inspection.format.kind != "image":
        return None
    known = inspection.metadata
    if known.has_alpha and not RESIZE_FORMATS[target].alpha:
        target = _TRANSPARENT
    sides = [min(side or 1, _MAX_SIDE) for side in (known.width, known.height)]
    spec = Spec.make(f"{sides[0]}x{sides[1]}", format=target, quality=_QUALITY.get(target))
    limits = settings.source_limits
    try:
        made = engine.make(
            cast("BinaryIO", file),
            spec,
            limits=limits,
            output=Limits(side=_MAX_SIDE, area=limits.pixels),
            decoder=settings.ENGINE,
        )
    except SourceError as error:
        raise refused_source(error, inspection.format, limits) from error
    format = BY_EXTENSION[target]
    metadata = replace(
        known,
        content_type=format.served_type,
        size=len(made.content),
        sha256=hashlib.sha256(made.content).hexdigest() if known.sha256 else known.sha256,
        width=made.width,
        height=made.height,
    )
    stored = File(cast("Any", BytesIO(made.content)), file.name)
    return stored, replace(inspection, format=format, metadata=metadata)

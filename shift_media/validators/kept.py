"""Facts that a field keeps on request: of EXIF, of the colours, and by functions of a project."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO, Final, cast

from django.core.files.base import File

from shift_media.conf import settings
from shift_media.core.errors import SourceError
from shift_media.validators.errors import refused_source
from shift_media.validators.inspection import Inspection
from shift_media.validators.seekable import remembered
from shift_media.workers import isolated

Extractor = Callable[[Inspection], Mapping[str, Any]]
"""A function of a project that returns further facts, as values of JSON."""

EXIF_FACTS: Final = ("camera", "taken_at", "gps")
COLOR_FACTS: Final = ("palette", "blurhash")
KEPT_FACTS: Final = (*EXIF_FACTS, *COLOR_FACTS)
"""The names that ``keep_metadata`` may have."""
FOCAL: Final = "focal"
"""The name of the focal point that ``focal="auto"`` asks for."""

_CACHE: Final = "_shift_media_kept"


def keep_facts(
    wanted: Sequence[str | Extractor], file: File[Any], inspection: Inspection
) -> Inspection:
    """Return the inspection of an upload with the facts that a field keeps.

    The facts are kept on the file, so that ``full_clean()`` and saving together read them once.
    """
    if not wanted:
        return inspection
    cause = (*wanted, inspection.metadata.sha256 or object())
    try:
        kept = remembered(file, _CACHE, cause, lambda: _read(wanted, file, inspection))
    except SourceError as error:
        raise refused_source(error, inspection.format, settings.source_limits) from error
    file.seek(0)
    return replace(inspection, metadata=replace(inspection.metadata, **kept))


def _read(
    wanted: Sequence[str | Extractor], file: File[Any], inspection: Inspection
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    is_image = inspection.format.kind == "image"
    names = {item for item in wanted if isinstance(item, str)}
    if is_image and names & set(EXIF_FACTS):
        facts = isolated.read_exif(cast("BinaryIO", file), inspection.format.extension)
        kept |= {name: getattr(facts, name) for name in EXIF_FACTS if name in names}
    if names & set(COLOR_FACTS) and inspection.metadata.placeholder:
        source = cast("BinaryIO", file) if is_image else _placeholder(inspection)
        found = isolated.read_impressions(source)
        kept |= {name: getattr(found, name) for name in COLOR_FACTS if name in names}
    if is_image and FOCAL in names:
        kept[FOCAL] = isolated.find_focal(cast("BinaryIO", file))
    extra: dict[str, Any] = {}
    for item in wanted:
        if not isinstance(item, str):
            file.seek(0)
            extra |= item(replace(inspection, file=file))
    return {**kept, **({"extra": extra} if extra else {})}


def _placeholder(inspection: Inspection) -> BinaryIO:
    """Return the placeholder of a drawing or a page, which is drawn only once."""
    _prefix, _, content = inspection.metadata.placeholder.partition(",")
    return io.BytesIO(base64.b64decode(content))

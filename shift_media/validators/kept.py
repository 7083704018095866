"""Facts that a field keeps on request: of EXIF, of the colours, and by functions of a project."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, BinaryIO, Final, cast

from django.core.files.base import File
from PIL import Image

from shift_media.conf import settings
from shift_media.core.spec import Spec
from shift_media.imaging import engine, impressions
from shift_media.imaging.exif_facts import read_exif_facts
from shift_media.validators.inspection import Inspection
from shift_media.validators.seekable import remembered

Extractor = Callable[[Inspection], Mapping[str, Any]]
"""A function of a project that returns further facts, as values of JSON."""

EXIF_FACTS: Final = ("camera", "taken_at", "gps")
COLOR_FACTS: Final = ("palette", "blurhash")
KEPT_FACTS: Final = (*EXIF_FACTS, *COLOR_FACTS)
"""The names that ``keep_metadata`` may have."""

_CACHE: Final = "_shift_media_kept"
_SIDE: Final = 64


def keep_facts(
    wanted: Sequence[str | Extractor], file: File[Any], inspection: Inspection
) -> Inspection:
    """Return the inspection of an upload with the facts that a field keeps.

    The facts are kept on the file, so that ``full_clean()`` and saving together read them once.
    """
    if not wanted:
        return inspection
    cause = (*wanted, inspection.metadata.sha256 or object())
    kept = remembered(file, _CACHE, cause, lambda: _read(wanted, file, inspection))
    file.seek(0)
    return replace(inspection, metadata=replace(inspection.metadata, **kept))


def _read(
    wanted: Sequence[str | Extractor], file: File[Any], inspection: Inspection
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    is_image = inspection.format.kind == "image"
    names = {item for item in wanted if isinstance(item, str)}
    if is_image and names & set(EXIF_FACTS):
        facts = read_exif_facts(cast("BinaryIO", file), inspection.format)
        kept |= {name: getattr(facts, name) for name in EXIF_FACTS if name in names}
    if names & set(COLOR_FACTS) and inspection.metadata.placeholder:
        picture = _small_picture(file, inspection) if is_image else _placeholder(inspection)
        if "palette" in names:
            kept["palette"] = impressions.make_palette(picture)
        if "blurhash" in names:
            kept["blurhash"] = impressions.make_blurhash(picture)
    extra: dict[str, Any] = {}
    for item in wanted:
        if not isinstance(item, str):
            file.seek(0)
            extra |= item(replace(inspection, file=file))
    return {**kept, **({"extra": extra} if extra else {})}


def _small_picture(file: File[Any], inspection: Inspection) -> Image.Image:
    spec = Spec.make(f"{_SIDE}x{_SIDE}", format="png")
    made = engine.make(
        cast("BinaryIO", file), spec, limits=settings.source_limits, decoder=settings.ENGINE
    )
    return engine.open_picture(io.BytesIO(made.content))


def _placeholder(inspection: Inspection) -> Image.Image:
    """Return the placeholder of a drawing or a page, which is drawn only once."""
    _prefix, _, content = inspection.metadata.placeholder.partition(",")
    return engine.open_picture(io.BytesIO(base64.b64decode(content)))

"""The check of ``captions``: E119 of `shift_media.fields.checks`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error

from shift_media.core.formats import BY_EXTENSION, accepts
from shift_media.fields.types import AnyMediaField
from shift_media.registry import find_sibling
from shift_media.validators.converting import CAPTIONS
from shift_media.video.languages import is_language

_HINT = (
    'Write captions={"de": "captions_de"} and '
    'captions_de = MediaField(accept=["text/vtt", "application/x-subrip"], '
    'convert={"srt": "vtt"}, blank=True).'
)


def check_captions(field: AnyMediaField) -> Iterator[CheckMessage]:
    """Yield an error for each entry of ``captions`` that names no field for WebVTT."""
    given: object = field.captions
    if not isinstance(given, dict):
        yield _error(field, f"'captions' must be a dict of field names, got {given!r}.")
        return
    for language, name in given.items():
        if not isinstance(language, str) or not is_language(language):
            yield _error(field, f"'captions' has {language!r}, which is no code such as \"de\".")
        elif reason := _find_fault(field, name):
            yield _error(field, f"'captions' names {name!r} for {language!r}, {reason}.")


def _find_fault(field: AnyMediaField, name: object) -> str:
    """Return why a field cannot have captions, or an empty text."""
    sibling: Any = find_sibling(field, name) if isinstance(name, str) else None
    if sibling is None or not getattr(sibling, "holds_media", False):
        return "which is no media field of the same model"
    source, target = (BY_EXTENSION[extension] for extension in CAPTIONS)
    if not accepts(sibling.accept, target):
        return "which does not accept text/vtt"
    if accepts(sibling.accept, source) and sibling.convert.get(source.extension) != "vtt":
        return "which stores SubRip as it is, although no browser shows it"
    return ""


def _error(field: AnyMediaField, text: str) -> Error:
    return Error(text, hint=_HINT, obj=field, id="shift_media.E119")

"""The messages (SEI) in HEVC data, which may hold anything, such as the options of an encoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from shift_media.core.errors import NotStrippable
from shift_media.imaging.formats import hevc
from shift_media.imaging.formats.avif_meta import Meta
from shift_media.imaging.formats.base import ByteReader, Change, Span
from shift_media.imaging.formats.segments import open_parts, spans_of
from shift_media.imaging.formats.units import UnitBudget

_HEAD: Final = 2
"""Bytes of the head of a unit, which stay."""
_MIN_MESSAGE: Final = 3
_MAX_MESSAGE: Final = 1_000_000


def message_changes(
    reader: ByteReader, meta: Meta, item: int, budget: UnitBudget
) -> Iterator[Change]:
    """Yield the changes by which the messages of an item say nothing, each as long as before.

    Raise `NotStrippable` for units of unknown types.
    """
    spans = meta.locations.get(item, [])
    for box in meta.properties_of(item):
        if box.type != b"hvcC":
            continue
        known = hevc.read_configuration(reader, box.content, budget)
        for span in known.messages:
            yield from _changes(span, [Span(0, reader.size)])
        data = ByteReader(open_parts(reader.file, spans))
        for type, _, span in hevc.units(data, known.length_size, budget):
            if type in hevc.PICTURE_UNITS:
                continue
            if type not in hevc.MESSAGES:
                raise NotStrippable(f"The HEVC data has a unit of the unknown type {type}.")
            yield from _changes(span, spans)


def _changes(unit: Span, spans: Sequence[Span]) -> Iterator[Change]:
    """Yield the changes of one unit, whose bytes are in one or more spans of the file."""
    length = unit.length - _HEAD
    if length < _MIN_MESSAGE:
        return  # no room for a message
    if length > _MAX_MESSAGE:
        raise NotStrippable(f"The HEVC data has a message of {length} bytes.")
    content = hevc.filler_message(length)
    for offset, size in spans_of(Span(unit.offset + _HEAD, length), spans):
        yield offset, size, content[:size]
        content = content[size:]

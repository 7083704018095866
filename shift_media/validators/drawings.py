"""Facts of drawings and documents, which are read and drawn in a sandbox."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import BinaryIO

from shift_media.core.errors import MediaError, MissingExtra, SourceError
from shift_media.core.formats import Format
from shift_media.core.metadata import Metadata
from shift_media.sandbox import documents
from shift_media.workers import isolated


def describe(file: BinaryIO, format: Format, plain: Metadata) -> tuple[Metadata, bytes]:
    """Return the metadata of a drawing or a document, and what is stored in its place.

    That is a sanitized drawing, and empty for a document, which is stored as it is. A document of
    which no picture can be made is accepted without facts, because it can still be downloaded.

    Raises a `SourceError` for a drawing that cannot be sanitized, and `MissingExtra` without the
    extra ``svg``.
    """
    is_drawing = format.extension == "svg"
    try:
        drawn = documents.draw(file, format.extension, side=documents.PREVIEW_SIDE)
        preview = isolated.make_preview(io.BytesIO(drawn.picture))
    except (SourceError, MissingExtra):
        if is_drawing:
            raise
        return plain, b""
    metadata = replace(
        plain,
        size=len(drawn.clean) or plain.size,
        width=drawn.width,
        height=drawn.height,
        pages=drawn.pages,
        has_alpha=is_drawing,
        placeholder=preview.placeholder,
        color=preview.color,
    )
    return metadata, drawn.clean


def read_facts(file: BinaryIO, format: Format, plain: Metadata) -> Metadata:
    """Return the metadata of a stored drawing or document, without a preview.

    It is the plain metadata if the file cannot be read here.
    """
    try:
        drawn = documents.draw(file, format.extension, side=0)
    except MediaError:
        return plain
    return replace(
        plain,
        width=drawn.width,
        height=drawn.height,
        pages=drawn.pages,
        has_alpha=format.extension == "svg",
    )

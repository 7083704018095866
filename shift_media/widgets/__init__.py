"""Form inputs: files with previews, with direct uploads, with a focal point and crop boxes."""

from __future__ import annotations

from shift_media.widgets.file_inputs import (
    PLACE,
    PREVIEW,
    SCRIPTS,
    SUFFIX,
    DirectInput,
    MediaInput,
    picker_texts,
    register_tickets,
)
from shift_media.widgets.framing import (
    CropInput,
    FocalInput,
    FocalValue,
    crops_text,
    focal_text,
    named_ratios,
)

__all__ = [
    "PLACE",
    "PREVIEW",
    "SCRIPTS",
    "SUFFIX",
    "CropInput",
    "DirectInput",
    "FocalInput",
    "FocalValue",
    "MediaInput",
    "crops_text",
    "focal_text",
    "named_ratios",
    "picker_texts",
    "register_tickets",
]

"""Drawn pictures in place of missing ones, in development with ``DEV_PLACEHOLDERS``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings as django_settings
from PIL import Image, ImageDraw, ImageFont

from shift_media.conf import settings
from shift_media.core import geometry
from shift_media.core.errors import EmptyCrop
from shift_media.core.formats import BY_EXTENSION, RESIZE_FORMATS
from shift_media.core.keys import Key, OriginalKey, ResizeKey
from shift_media.core.metadata import Metadata
from shift_media.core.posters import poster_token
from shift_media.imaging import engine
from shift_media.registry import all_media_fields
from shift_media.resizes.resize import known_size

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

_UNKNOWN_SIZE = (1200, 800)
"""The sides of an original, in pixels, of which no row knows them."""

_UNKNOWN_COLOR = "#8895a3"
_LONGEST_SIDE = 2000
"""The longest side of a drawn original, which would be slow to draw at its full size."""

_POSTER = "_poster.jpg"


class Placeholder(NamedTuple):
    """A drawn picture."""

    content: bytes
    content_type: str


def find_placeholder(
    key: Key, storage: MediaStorage, query: Mapping[str, str]
) -> Placeholder | None:
    """Return a picture to show in place of a missing file; None in production.

    It has the size and the mean colour that the metadata field of a row says. ``query`` is that
    of the request, because a private original needs a signature here, too.
    """
    if not (settings.DEV_PLACEHOLDERS and django_settings.DEBUG):
        return None
    if isinstance(key, OriginalKey) and not storage.may_read(str(key), query):
        return None
    extension = str(key).rpartition(".")[2]
    if extension not in RESIZE_FORMATS or not _is_picture(key):
        return None
    original = key if isinstance(key, OriginalKey) else key.original
    known = _find_metadata(str(original))
    size = known_size(known) or _UNKNOWN_SIZE
    if isinstance(key, ResizeKey):
        try:
            size = geometry.output_size(key.spec, *size)
        except EmptyCrop:
            return None
    elif max(size) > _LONGEST_SIDE:
        scale = _LONGEST_SIDE / max(size)
        size = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    color = (known.color if known else "") or _UNKNOWN_COLOR
    return Placeholder(_draw(size, color, extension), RESIZE_FORMATS[extension].content_type)


def _is_picture(key: Key) -> bool:
    if isinstance(key, OriginalKey):
        return BY_EXTENSION[key.extension].kind == "image"
    is_poster = str(key).endswith(f"/{_POSTER}") or poster_token(str(key)) is not None
    return isinstance(key, ResizeKey) or is_poster


def _find_metadata(original: str) -> Metadata | None:
    """Return the metadata in the first row that refers to an original."""
    for field in all_media_fields():
        if field.metadata_field:
            rows = field.model._default_manager.filter(**{field.name: original})
            data = rows.values_list(field.metadata_field, flat=True).first()
            if (known := Metadata.from_json(data, original)) is not None:
                return known
    return None


def _draw(size: tuple[int, int], color: str, extension: str) -> bytes:
    """Return a picture of a colour with its diagonals and its size in pixels."""
    picture = Image.new("RGB", size, color)
    draw = ImageDraw.Draw(picture)
    light = "white" if sum(picture.getpixel((0, 0))[:3]) < 384 else "black"  # type: ignore[index]
    corner = (size[0] - 1, size[1] - 1)
    draw.line(((0, 0), corner), fill=light)
    draw.line(((0, corner[1]), (corner[0], 0)), fill=light)
    text = f"{size[0]} × {size[1]}"
    font = ImageFont.load_default(max(10, min(size) // 8))
    box = draw.textbbox((size[0] / 2, size[1] / 2), text, font=font, anchor="mm")
    draw.rectangle((box[0] - 4, box[1] - 4, box[2] + 4, box[3] + 4), fill=color)
    draw.text((size[0] / 2, size[1] / 2), text, fill=light, font=font, anchor="mm")
    return engine.save_picture(picture, extension)

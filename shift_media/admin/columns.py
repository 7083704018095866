"""Columns with pictures for the lists of the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django.contrib import admin
from django.db.models import Model
from django.utils.html import format_html
from django.utils.safestring import SafeString

from shift_media.admin.shown_files import (
    clock,
    format_of,
    is_playable,
    jobs_of,
    shown_name,
)
from shift_media.core.errors import MediaError
from shift_media.core.keys import NEW_POSTER
from shift_media.resizes.legacy import shown_size
from shift_media.resizes.resize import Resize
from shift_media.transcoding.base import State

BOX: Final = (80, 60)
"""The sides in pixels of a thumbnail."""


def resize_column(
    field: str, size: str = "120x80", *, description: Any = None, **spec: Any
) -> Callable[[Model], SafeString | str]:
    """Return a column for ``list_display``: ``list_display = [resize_column("image", "96x96")]``.

    It takes the options of `MediaFile.resize`. A file without a resize gives an empty cell.
    """

    @admin.display(description=description or field.replace("_", " "), empty_value="")
    def column(row: Model) -> SafeString | str:
        file = getattr(row, field)
        if not file:
            return ""
        try:
            resize = file.resize(size, **spec)
            width, height = shown_size(resize)
            return format_html(
                '<img src="{}" width="{}" height="{}" alt="" loading="lazy">',
                resize.url,
                width or "",
                height or "",
            )
        except MediaError:
            return ""

    return column


def thumbnail(file: Any) -> SafeString:
    """Return a thumbnail of any file: its picture, or its type, and the state of a video."""
    if not file:
        return SafeString("")
    return format_html(
        '<span class="shift-media-still">{}{}</span>', _picture(file), _caption(file)
    )


def _picture(file: Any) -> SafeString:
    name = shown_name(file)
    if one := small_picture(file, 1):
        two = small_picture(file, 2)
        dense = format_html(' srcset="{} 2x"', two.url) if two and not two.is_legacy else ""
        return format_html(
            '<img src="{}"{} width="{}" height="{}" alt="{}" title="{}" loading="lazy">',
            one.url,
            dense,
            *BOX,
            name,
            name,
        )
    extension = format_of(file).extension.upper()
    label = '<span class="shift-media-still-type" title="{}">{}</span>'
    return format_html(label, name, extension)


def small_picture(file: Any, factor: int) -> Resize | None:
    """Return the resize of a thumbnail; None for a file without a picture, at least not yet."""
    if is_playable(file) and not any(each.kind == "poster" for each in file.renditions):
        return None
    width, height = BOX
    try:
        resize: Resize = file.resize(f"{factor * width}x{factor * height}", mode="fill")
        resize.url  # noqa: B018  # It may raise, and must do so here.
    except MediaError:
        return None
    return resize


def _caption(file: Any) -> SafeString:
    """Return the duration of a video, or the state of its newest job if that is not complete."""
    if not is_playable(file):
        return SafeString("")
    job = next((each for each in jobs_of(file) if each.profile != NEW_POSTER), None)
    if job is not None and job.state != State.COMPLETE:
        label = State(job.state).label
        text = f"{label} {job.progress} %" if job.state == State.PROGRESSING else label
        return format_html('<small data-state="{}">{}</small>', job.state, text)
    known = file.known_metadata
    if known is None or not known.duration:
        return SafeString("")
    return format_html("<small>{}</small>", clock(known.duration))

"""The panel of one file: its picture or player, its jobs, and its metadata."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.admin.utils import quote
from django.core.exceptions import SuspiciousOperation
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString

from shift_media.admin.shown_files import (
    facts_of,
    format_of,
    is_playable,
    jobs_of,
    read_metadata,
    shown_name,
)
from shift_media.core.errors import MediaError
from shift_media.core.keys import NEW_POSTER
from shift_media.markup.players import PLAYABLE
from shift_media.transcoding.base import State

PICTURE: Final = "720x480"

_SHOWN_BY_BROWSERS: Final = ("mp4", "webm", "m4a", "mp3", "ogg", "wav", "flac")
"""Extensions of originals that most browsers play, so that they are shown until a job is done."""

_RETRIABLE: Final = (State.ERROR, State.CANCELED)


def render_panel(
    file: Any, site: str, *, may_change: bool, with_picture: bool, is_open: bool = False
) -> SafeString:
    """Return the panel of a file.

    Args:
        file: the file of a row.
        site: the name of the admin site, for the URL of its jobs.
        may_change: whether the user may retry and cancel jobs.
        with_picture: whether the panel shows the picture, which an input does by itself.
        is_open: whether the facts are shown without a click.
    """
    metadata = read_metadata(file)
    context = {
        "name": shown_name(file),
        "facts": facts_of(file, metadata),
        "colors": _colors(metadata),
        "is_open": is_open,
        "url": _url(file),
        "picture": _picture(file) if with_picture else None,
        "video": render_video(file, site, may_change=may_change) if is_playable(file) else "",
    }
    return SafeString(render_to_string("shift_media/admin/panel.html", context))


def render_video(
    file: Any, site: str, *, may_change: bool, said: str = "", is_error: bool = False
) -> SafeString:
    """Return the player of a video and the states of its jobs, which a script asks for again.

    ``said`` is what came of a button.
    """
    jobs = jobs_of(file)
    has_player = any(each.kind in PLAYABLE for each in file.renditions)
    is_shown = format_of(file).extension in _SHOWN_BY_BROWSERS
    context = {
        "file": file if has_player else None,
        "original": _url(file) if is_shown and not has_player else "",
        "kind": format_of(file).kind,
        "jobs": [_job(job) for job in jobs],
        "is_live": any(job.is_live for job in jobs),
        "waits": file.waits_for_worker,
        "url": file_url(file, site),
        "may_change": may_change,
        "may_transcode": bool(file.field.transcode) and not any(map(_can_go_on, jobs)),
        "may_choose_poster": format_of(file).kind == "video" and has_player,
        "has_chosen_poster": any(job.profile == NEW_POSTER for job in jobs),
        "said": said,
        "is_error": is_error,
    }
    return SafeString(render_to_string("shift_media/admin/video.html", context))


def file_url(file: Any, site: str) -> str:
    """Return the URL of the view for the jobs of a file; ``""`` if its model has none."""
    meta = file.instance._meta
    name = f"{site}:{meta.app_label}_{meta.model_name}_media"
    try:
        return reverse(name, args=[quote(file.instance.pk), file.field.name])
    except NoReverseMatch:
        return ""


def _can_go_on(job: Any) -> bool:
    """Return True for a job that runs, or has a button by which it runs again."""
    return job.is_live or (job.state in _RETRIABLE and job.profile != NEW_POSTER)


def _job(job: Any) -> dict[str, Any]:
    left = job.time_left
    return {
        "job": job,
        "label": State(job.state).label,
        "left": None if left is None else round(left.total_seconds()),
        "may_be_retried": job.state in _RETRIABLE,
    }


def _picture(file: Any) -> Any:
    if is_playable(file):
        return None
    try:
        resize = file.resize(PICTURE)
        resize.url  # noqa: B018  # It may raise, and must do so here.
    except MediaError:
        return None
    return resize


def _url(file: Any) -> str:
    try:
        return str(file.url)
    except (MediaError, SuspiciousOperation, ValueError):
        return ""


def _colors(metadata: Any) -> list[str]:
    if metadata is None:
        return []
    return list(metadata.palette) or [color for color in [metadata.color] if color]

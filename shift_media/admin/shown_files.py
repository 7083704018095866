"""The kind, the name, the jobs and the facts of a file, as pages of the admin show them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

from django.contrib.admin.utils import flatten_fieldsets
from django.core.exceptions import SuspiciousOperation
from django.db import models
from django.forms.models import ALL_FIELDS
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from shift_media.core.errors import MediaError
from shift_media.core.formats import BY_EXTENSION, UNKNOWN, Format, accepted_formats
from shift_media.core.metadata import Metadata
from shift_media.fields.types import AnyMediaField
from shift_media.registry import media_fields
from shift_media.resizes.legacy import guess_extension
from shift_media.transcoding.files import prefetch_renditions
from shift_media.transcoding.models import TranscodeJob

logger = logging.getLogger("shift_media")

JOBS: Final = "admin_jobs"
"""Name in the ``__dict__`` of a file of the jobs that were loaded for a whole list."""

_KEYS_PER_QUERY: Final = 500
_BASES: Final = ("django.contrib.admin.options", "shift_media.admin.media")
_PLAYABLE: Final = ("video", "audio")


def fields_of(model: type[models.Model]) -> list[AnyMediaField]:
    """Return the media fields of a model."""
    return cast("list[AnyMediaField]", media_fields(model))


def visible_fields(model_admin: Any, request: HttpRequest, row: Any = None) -> list[AnyMediaField]:
    """Return the media fields of a model that its admin does not hide from a user.

    ``exclude`` hides a field, and so do ``fields`` and ``fieldsets`` without it, unless the form
    shows it read-only, or the list has a column of it.
    """
    excluded = _left_out_names(model_admin, request, row)
    if not excluded:
        return fields_of(model_admin.model)
    shown = {*map(str, model_admin.list_display), *readonly_names(model_admin, request, row)}
    hidden = excluded - shown
    return [field for field in fields_of(model_admin.model) if field.name not in hidden]


def _excluded_names(model_admin: Any, request: HttpRequest, row: Any) -> set[str]:
    excluded = model_admin.get_exclude(request, row)
    if excluded is None:
        excluded = getattr(getattr(model_admin.form, "_meta", None), "exclude", None)
    return set(excluded or ())


def _left_out_names(model_admin: Any, request: HttpRequest, row: Any) -> set[str]:
    """Return the names of the media fields that are not in the form of a row."""
    names = {field.name for field in fields_of(model_admin.model)}
    listed = _listed_names(model_admin, request, row)
    not_listed = set() if listed is None else names - listed
    return not_listed | names & _excluded_names(model_admin, request, row)


def _listed_names(model_admin: Any, request: HttpRequest, row: Any) -> set[str] | None:
    """Return the names to which an admin limits its form; None if it does not limit it.

    Without a limit Django would make the form to list its fields, for each model of the library.
    """
    has_methods = any(_is_own(model_admin, name) for name in ("get_fields", "get_fieldsets"))
    if has_methods or model_admin.fields or model_admin.fieldsets:
        listed = flatten_fieldsets(model_admin.get_fieldsets(request, row))
        return {str(getattr(name, "__name__", name)) for name in listed}
    named: Any = getattr(getattr(model_admin.form, "_meta", None), "fields", None)
    return None if named in (None, ALL_FIELDS) else set(named)


def _is_own(model_admin: Any, method: str) -> bool:
    """Return True if a method is neither Django's nor one of this app."""
    return getattr(type(model_admin), method).__module__ not in _BASES


def is_edited(model_admin: Any, request: HttpRequest, field: AnyMediaField) -> bool:
    """Return True unless the form of a new row leaves a field out, or only shows it."""
    left_out = _left_out_names(model_admin, request, None)
    return field.name not in left_out | readonly_names(model_admin, request)


def readonly_names(model_admin: Any, request: HttpRequest, row: Any = None) -> set[str]:
    """Return the names of the fields that a form shows and does not edit."""
    fields = model_admin.get_readonly_fields(request, row)
    return {str(getattr(field, "__name__", field)) for field in fields}


def holds(field: AnyMediaField, *kinds: str) -> bool:
    """Return True if a field accepts files of one of some kinds: ``"image"``, ``"video"``."""
    return any(format.kind in kinds for format in accepted_formats(field.accept))


def is_playable(file: Any) -> bool:
    """Return True for a video or a sound that may have renditions."""
    return not file.is_legacy and format_of(file).kind in _PLAYABLE


def format_of(file: Any) -> Format:
    """Return the format of a file by its extension, without I/O."""
    name = str(file.stored_name)
    if file.is_legacy:
        return BY_EXTENSION[guess_extension(name)]
    return BY_EXTENSION.get(name.rpartition(".")[2], UNKNOWN)


def shown_name(file: Any) -> str:
    """Return the client's name of a file if it is known without I/O, or else that in its key."""
    known = file.known_metadata
    return (known.original_name if known else "") or str(file.stored_name).rpartition("/")[2]


def clock(seconds: float) -> str:
    """Return a duration as players show it: ``"1:05:09"``."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    text = f"{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
    return f"{hours}:{text}" if hours else text


# Jobs and renditions.


def load_videos(rows: Iterable[models.Model], model: type[models.Model]) -> None:
    """Load the renditions and the newest jobs of all videos of some rows: a few queries."""
    names = [field.name for field in fields_of(model) if holds(field, *_PLAYABLE)]
    if not names:
        return
    loaded = prefetch_renditions(rows, *names)
    files: dict[str, list[Any]] = {}
    for row in loaded:
        for name in names:
            file = getattr(row, name)
            if file.name:
                file.__dict__[JOBS] = []
                files.setdefault(file.name, []).append(file)
    keys = list(files)
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        for job in _jobs(keys[start : start + _KEYS_PER_QUERY]):
            for file in files[job.original]:
                file.__dict__[JOBS].append(job)


def jobs_of(file: Any) -> list[TranscodeJob]:
    """Return the newest job of each profile of a video, the newest first."""
    loaded = file.__dict__.get(JOBS)
    newest: dict[str, TranscodeJob] = {}
    for job in _jobs([file.name]) if loaded is None else loaded:
        newest.setdefault(job.profile, job)
    return list(newest.values())


def _jobs(keys: Sequence[str]) -> models.QuerySet[TranscodeJob]:
    return TranscodeJob.objects.filter(original__in=keys).order_by("-pk")


# Facts.


def read_metadata(file: Any) -> Metadata | None:
    """Return the metadata of a file, read from it if need be; None if that fails."""
    try:
        return cast("Metadata", file.read_once())
    except (MediaError, OSError, SuspiciousOperation, ValueError) as error:
        logger.warning("The metadata of %s could not be read: %s", file.stored_name, error)
        return None


def facts_of(file: Any, metadata: Metadata | None) -> list[tuple[str, str]]:
    """Return the facts of a file with their labels, those that are known."""
    facts = [(_("Name"), shown_name(file)), *(_described(metadata) if metadata else [])]
    facts += [(_("Key"), str(file.stored_name)), (_("Field"), str(file.field))]
    return [(label, value) for label, value in facts if value]


def _described(known: Metadata) -> list[tuple[str, str]]:
    sides = f"{known.width} × {known.height}" if known.width and known.height else ""
    taken = parse_datetime(known.taken_at) if known.taken_at else None
    fps = f"{known.fps:g}" if known.fps else ""
    return [
        (_("Type"), known.content_type),
        (_("Size"), filesizeformat(known.size)),
        (_("Dimensions"), sides),
        (_("Duration"), clock(known.duration) if known.duration else ""),
        (_("Frames"), str(known.frames) if known.frames and known.frames > 1 else ""),
        (_("Frames per second"), fps),
        (_("Codecs"), known.codecs),
        (_("Channels of sound"), "" if known.channels is None else str(known.channels)),
        (_("Pages"), str(known.pages or "")),
        (_("Camera"), known.camera),
        (_("Taken"), date_format(taken, "DATETIME_FORMAT") if taken else known.taken_at),
        (_("Place"), ", ".join(f"{degrees:.5f}" for degrees in known.gps or ())),
        (_("Transparent"), _("yes") if known.has_alpha else ""),
        (_("Focal point"), " % · ".join(map(str, known.focal)) + " %" if known.focal else ""),
        (_("Crops"), ", ".join(name.replace("x", ":") for name in known.crops)),
        *((str(name), str(value)) for name, value in known.extra.items()),
        ("SHA-256", known.sha256),
    ]

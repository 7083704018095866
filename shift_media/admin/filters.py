"""Filters of a list by the type, size, state and date of its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.db import models, router
from django.db.models import Q
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from shift_media.admin.shown_files import fields_of, holds
from shift_media.core.formats import Format, accepted_formats
from shift_media.core.keys import NEW_POSTER
from shift_media.fields.types import AnyMediaField
from shift_media.transcoding.base import LIVE, State
from shift_media.transcoding.models import TranscodeJob

MEGABYTE: Final = 1_000_000
SIZES: Final = (
    ("small", _("Under 1 MB"), 0, MEGABYTE),
    ("medium", _("1 to 10 MB"), MEGABYTE, 10 * MEGABYTE),
    ("large", _("10 to 100 MB"), 10 * MEGABYTE, 100 * MEGABYTE),
    ("huge", _("100 MB and more"), 100 * MEGABYTE, None),
)
KINDS: Final = {
    "image": _("Images"),
    "video": _("Videos"),
    "audio": _("Sounds"),
    "document": _("Documents"),
}
NONE: Final = "none"


class FileFilter(admin.SimpleListFilter):
    """A filter of one media field; subclasses say what can be chosen."""

    field: ClassVar[AnyMediaField]
    suffix: ClassVar[str]
    label: ClassVar[Any]

    @classmethod
    def of(cls, field: AnyMediaField, *, is_only: bool) -> type[FileFilter]:
        """Return the filter of a field, whose title names the field beside filters of others."""
        own = getattr(field, "verbose_name", field.name)
        title = cls.label if is_only else format_lazy("{}: {}", own, cls.label)
        names = {"parameter_name": f"{field.name}_{cls.suffix}", "title": title}
        return type(cls.__name__, (cls,), {"field": field, **names})


class TypeFilter(FileFilter):
    """By the kind of a file, or by its format in a field of one kind."""

    suffix, label = "type", _("type")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return what can be chosen, and "no file" where a row may have none."""
        formats = accepted_formats(self.field.accept)
        kinds = {format.kind for format in formats}
        found: list[tuple[str, Any]] = [(k, v) for k, v in KINDS.items() if k in kinds]
        if len(found) < 2:
            found = [(format.extension, format.name) for format in formats]
        is_optional = getattr(self.field, "blank", False) or getattr(self.field, "null", False)
        return [*found, (NONE, _("No file"))] if is_optional else found

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Return the rows whose key has an extension of the type."""
        name, value = self.field.name, self.value()
        if value is None:
            return queryset
        if value == NONE:
            return queryset.filter(Q(**{name: ""}) | Q(**{f"{name}__isnull": True}))
        formats = [
            f for f in accepted_formats(self.field.accept) if value in (f.kind, f.extension)
        ]
        return queryset.filter(has_extension_of(name, formats))


def has_extension_of(name: str, formats: Sequence[Format]) -> Q:
    """Return the condition for names with an extension of one of the formats."""
    condition = Q(pk__in=[])
    for format in formats:
        condition |= Q(**{f"{name}__iendswith": f".{format.extension}"})
    return condition


class SizeFilter(FileFilter):
    """By the size in bytes, which the metadata field has."""

    suffix, label = "size", _("size")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the ranges."""
        return [(name, label) for name, label, _least, _most in SIZES]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Return the rows whose file is in the range."""
        column = f"{self.field.metadata_field}__size"
        for name, _label, least, most in SIZES:
            if name == self.value():
                rows = queryset.filter(**{f"{column}__gte": least})
                return rows if most is None else rows.filter(**{f"{column}__lt": most})
        return queryset


class StateFilter(FileFilter):
    """By the state of the newest job of a video."""

    suffix, label = "state", _("state")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the states, with one for all that have not ended."""
        return [
            ("live", _("In progress")),
            (State.COMPLETE.value, State.COMPLETE.label),
            (State.ERROR.value, State.ERROR.label),
            (State.CANCELED.value, State.CANCELED.label),
            (NONE, _("Not transcoded")),
        ]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Return the rows whose video has a newest job in the state."""
        value = self.value()
        if value is None:
            return queryset
        jobs = TranscodeJob.objects.filter(original=models.OuterRef(self.field.name))
        jobs = jobs.exclude(profile=NEW_POSTER)
        state = models.Subquery(jobs.order_by("-pk").values("state")[:1])
        rows = queryset.alias(media_job_state=state)
        if value == NONE:
            return rows.filter(media_job_state__isnull=True)
        return rows.filter(media_job_state__in=LIVE if value == "live" else [value])


def filters_of(model: type[models.Model], own: Sequence[Any]) -> list[Any]:
    """Return the filters of the media fields of a model, beside those of the project.

    The date is that of the first field which is set when a row is added.
    """
    fields = fields_of(model)
    is_only = len(fields) == 1
    made: list[Any] = [
        kind.of(field, is_only=is_only) for field in fields for kind in _kinds_of(field)
    ]
    date = next((f for f in model._meta.fields if getattr(f, "auto_now_add", False)), None)
    named = {each[0] if isinstance(each, list | tuple) else each for each in own}
    if date is not None and date.name not in named:
        made.append(date.name)
    return made


def _kinds_of(field: AnyMediaField) -> Iterator[type[FileFilter]]:
    if len(accepted_formats(field.accept)) > 1:
        yield TypeFilter
    if field.metadata_field:
        yield SizeFilter
    # Rows and jobs in different databases cannot be compared by one query.
    is_joined = router.db_for_read(field.model) == router.db_for_read(TranscodeJob)
    if field.transcode and is_joined and holds(field, "video", "audio"):
        yield StateFilter

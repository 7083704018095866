"""The search of the library, over the rows of several models."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from django.contrib.admin.utils import quote
from django.db import models
from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from shift_media.admin.columns import thumbnail
from shift_media.admin.filters import KINDS, has_extension_of
from shift_media.admin.shown_files import fields_of, holds, load_videos, shown_name, visible_fields
from shift_media.core.formats import accepted_formats
from shift_media.fields.types import AnyMediaField

PAGE: Final = 60
"""Files on a page."""


@dataclass(frozen=True, slots=True)
class LibrarySource:
    """One media field of a model that the user may view."""

    field: AnyMediaField
    model_admin: Any

    @property
    def label(self) -> str:
        """The label of the field, ``"gallery.photo.image"``."""
        meta = self.model_admin.opts
        return f"{meta.app_label}.{meta.model_name}.{self.field.name}"

    @property
    def title(self) -> str:
        """The name of the model; that of the field too if there are several."""
        plural = str(self.model_admin.opts.verbose_name_plural)
        if len(fields_of(self.model_admin.model)) == 1:
            return plural
        return f"{plural}: {getattr(self.field, 'verbose_name', self.field.name)}"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """One file on a page of the library."""

    name: str
    row: str
    source: str
    url: str
    thumbnail: str


def sources_of(site: Any, request: HttpRequest) -> list[LibrarySource]:
    """Return the media fields of the models that are registered and that the user may view.

    A field that the admin of its model hides is not among them. Each column stands once, although
    a proxy or a child of its model may be registered too.
    """
    seen: set[tuple[Any, str]] = set()
    found = []
    admins = sorted(site._registry.items(), key=lambda item: item[0]._meta.proxy)
    for model, model_admin in admins:
        if not fields_of(model) or not model_admin.has_view_or_change_permission(request):
            continue
        for field in visible_fields(model_admin, request):
            column = (field.model, field.name)
            if column not in seen:
                seen.add(column)
                found.append(LibrarySource(field, model_admin))
    return sorted(found, key=lambda source: source.label)


class LibrarySearch:
    """The files that a request asks for: ``?q=lake&in=gallery.photo.image&type=image&p=2``.

    The newest rows of each model come first, one model after the other. A page costs two queries
    for each of the fields, and two for all videos of a model.
    """

    def __init__(self, request: HttpRequest, sources: list[LibrarySource]) -> None:
        self.request = request
        self.query = request.GET.get("q", "").strip().replace("\0", "")
        self.label = request.GET.get("in", "")
        self.kind = request.GET.get("type", "")
        page = request.GET.get("p", "1")
        self.page = max(1, int(page)) if page.isdecimal() and len(page) < 9 else 1
        self.kinds = {k: v for k, v in KINDS.items() if any(holds(s.field, k) for s in sources)}
        self.sources = [source for source in sources if self.label in ("", source.label)]
        self.total = 0

    def files(self) -> list[FoundFile]:
        """Return the files of the page, and count all of them."""
        start, found = (self.page - 1) * PAGE, list[FoundFile]()
        for source in self.sources:
            rows = self._rows(source)
            number = rows.count()
            self.total += number
            if number > start and len(found) < PAGE:
                found += self._shown(source, rows[start : start + PAGE - len(found)])
            start = max(0, start - number)
        return found

    @cached_property
    def other_parameters(self) -> str:
        """The query of the request without the page, for the links to other pages."""
        query = self.request.GET.copy()
        query.pop("p", None)
        return query.urlencode()

    @property
    def previous_page(self) -> int:
        """The number of the page before."""
        return self.page - 1

    @property
    def next_page(self) -> int:
        """The number of the page behind."""
        return self.page + 1

    def _rows(self, source: LibrarySource) -> Any:
        name = source.field.name
        rows: Any = source.model_admin.get_queryset(self.request)
        rows = rows.filter(**{f"{name}__gt": ""}).order_by("-pk")
        if self.kind:
            formats = accepted_formats(source.field.accept)
            rows = rows.filter(has_extension_of(name, [f for f in formats if f.kind == self.kind]))
        if not self.query:
            return rows
        # In the name at the end of a key, because many words are digits of the id before it.
        is_key = "/" in self.query
        lookup = ("icontains", self.query) if is_key else ("iregex", _in_name(self.query))
        matching = Q(**{f"{name}__{lookup[0]}": lookup[1]})
        if source.field.metadata_field:
            original = f"{source.field.metadata_field}__original_name__icontains"
            matching |= Q(**{original: self.query})
        if source.model_admin.get_search_fields(self.request):
            found, _dup = source.model_admin.get_search_results(self.request, rows, self.query)
            matching |= Q(pk__in=found.order_by().values("pk"))
        return rows.filter(matching)

    def _shown(self, source: LibrarySource, rows: models.QuerySet[Any]) -> list[FoundFile]:
        loaded = list(rows)
        load_videos(loaded, source.model_admin.model)
        site = source.model_admin.admin_site.name
        found = []
        for row in loaded:
            file = getattr(row, source.field.name)
            arguments = [source.label, quote(row.pk)]
            url = reverse(f"{site}:shift_media_libraryfile_change", args=arguments)
            found.append(FoundFile(shown_name(file), str(row), source.title, url, thumbnail(file)))
        return found


def _in_name(text: str) -> str:
    """Return a regular expression for names that contain a text, for any database."""
    return f"{re.escape(text)}[^/]*$"

"""The media library: all files of all models that a user may view, with a search.

It has no table. Its rows are those of the models with media fields, as their admins show them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.apps.registry import Apps
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shift_media.admin.assets import ASSETS, player_assets
from shift_media.admin.panel import render_panel
from shift_media.admin.search import PAGE, LibrarySearch, sources_of
from shift_media.admin.shown_files import format_of, is_playable, shown_name
from shift_media.admin.usage import find_uses, page_of
from shift_media.conf import settings
from shift_media.core.errors import MediaError
from shift_media.resizes.builder import has_resizes

if TYPE_CHECKING:
    LibraryBase = admin.ModelAdmin[Any]
else:
    LibraryBase = admin.ModelAdmin


_apps = Apps()
_apps.app_configs["shift_media"] = apps.get_app_config("shift_media")


class LibraryFile(models.Model):
    """Stands for the library in the index of the admin. It has neither table nor permissions."""

    class Meta:
        """In a registry of its own, so that there are no migrations of it."""

        apps = _apps
        app_label = "shift_media"
        managed = False
        default_permissions: ClassVar = ()
        verbose_name = gettext_lazy("media file")
        verbose_name_plural = gettext_lazy("media library")

    def __str__(self) -> str:
        return str(self.pk)


@admin.register(LibraryFile)
class LibraryAdmin(LibraryBase):
    """The pages of the library. What a user sees in it depends on the admins of the models."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Return True if the user may view a model with media fields."""
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True if the user may view a model with media fields."""
        return bool(sources_of(self.admin_site, request))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False, because files are added to rows of their models."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False, because rows are changed on their own pages."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False, because rows are deleted on their own pages."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Return the URLs of the list and of a file."""
        wrap = self.admin_site.admin_view
        return [
            path("", wrap(self.list_view), name="shift_media_libraryfile_changelist"),
            path(
                "<str:label>/<path:object_id>/",
                wrap(self.file_view),
                name="shift_media_libraryfile_change",
            ),
        ]

    def list_view(self, request: HttpRequest) -> HttpResponse:
        """Show the files that match the search, some on each page."""
        sources = sources_of(self.admin_site, request)
        search = LibrarySearch(request, sources)
        files = search.files()
        context = self._context(
            request, gettext_lazy("Media library"), search=search, files=files, sources=sources
        )
        context["last_page"] = max(1, -(-search.total // PAGE))
        return TemplateResponse(request, "shift_media/admin/library.html", context)

    def file_view(self, request: HttpRequest, label: str, object_id: str) -> HttpResponse:
        """Show one file: its picture, its facts, its resizes, and where it is used."""
        sources = {each.label: each for each in sources_of(self.admin_site, request)}
        source, pk = sources.get(label), unquote(object_id)
        row = None if source is None else source.model_admin.get_object(request, pk)
        if source is None or row is None or not getattr(row, source.field.name):
            raise Http404(_("There is no such file, or you may not view it."))
        if not source.model_admin.has_view_or_change_permission(request, row):
            raise Http404(_("There is no such file, or you may not view it."))
        file = getattr(row, source.field.name)
        site = self.admin_site
        context = self._context(
            request,
            shown_name(file),
            source=source,
            panel=render_panel(file, site.name, may_change=False, with_picture=True, is_open=True),
            uses=find_uses(site, request, file),
            resizes=_resizes(file),
            page=page_of(site, row),
            media=ASSETS + player_assets() if is_playable(file) else ASSETS,
        )
        return TemplateResponse(request, "shift_media/admin/library_file.html", context)

    def _context(self, request: HttpRequest, title: Any, **more: Any) -> dict[str, Any]:
        request.current_app = self.admin_site.name
        site = self.admin_site.each_context(request)
        return {**site, "title": title, "opts": self.opts, "media": ASSETS, **more}


def _resizes(file: Any) -> list[tuple[str, str]]:
    """Return the URL of each preset of a file."""
    if file.is_legacy or not has_resizes(format_of(file).extension):
        return []
    found = []
    for name in file.field.presets or settings.PRESETS:
        try:
            found.append((name, file.resize(name).url))
        except MediaError:
            continue
    return found

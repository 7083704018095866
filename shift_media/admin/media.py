"""The mixin for models with media fields: ``class PhotoAdmin(MediaAdmin, admin.ModelAdmin)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin
from django.contrib.admin.options import BaseModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from shift_media.admin import actions, dropping, filters, jobs_view
from shift_media.admin.assets import ASSETS, player_assets
from shift_media.admin.columns import thumbnail
from shift_media.admin.framing import ratios_of
from shift_media.admin.panel import render_panel
from shift_media.admin.shown_files import fields_of, holds, load_videos, visible_fields
from shift_media.admin.widgets import FramedInput, PanelInput
from shift_media.conf.reader import suggest
from shift_media.core.errors import InvalidSpec
from shift_media.fields import MediaField
from shift_media.widgets import DirectInput, named_ratios

if TYPE_CHECKING:
    FormBase = BaseModelAdmin[Any]
    ModelAdminBase = admin.ModelAdmin[Any]
else:
    FormBase = ModelAdminBase = object

Column = Callable[[models.Model], SafeString | str]


class MediaForms(FormBase):
    """The inputs and panels of media fields: the part of `MediaAdmin` that inlines have too.

    ``class PictureInline(MediaForms, admin.StackedInline)``.

    Attributes:
        crop_ratios: the ratios of the crop boxes in the inputs, ``["16:9", "1:1"]``, or with a
            title for each ``{"16:9": "banner"}``. None, the default: those of the presets of the
            field that are cut by ``fill``, or else of all such presets. Empty: no boxes.
    """

    crop_ratios: Sequence[str] | Mapping[str, str] | None = None

    @property
    def media(self) -> forms.Media:
        """The scripts and style sheets, those of direct uploads and videos where there are any."""
        fields, media = fields_of(self.model), super().media
        if any(map(dropping.upload_label, fields)):
            media += DirectInput().media
        if any(field.transcode for field in fields):
            media += player_assets()
        return media + ASSETS

    def __init_subclass__(cls, **options: Any) -> None:
        """Raise ``TypeError`` if the mixin stands behind the class whose methods it extends."""
        super().__init_subclass__(**options)
        order = cls.__mro__
        if BaseModelAdmin in order and order.index(BaseModelAdmin) < order.index(MediaForms):
            raise TypeError(
                f"{cls.__name__} must name {cls._first_mixin()} first: "
                f"class {cls.__name__}({cls._first_mixin()}, ModelAdmin)."
            )
        if (ratios := vars(cls).get("crop_ratios")) is not None:
            try:
                named_ratios(ratios)
            except InvalidSpec as error:
                raise ImproperlyConfigured(f"{cls.__name__}.crop_ratios: {error}") from error

    @classmethod
    def _first_mixin(cls) -> str:
        return "MediaAdmin" if issubclass(cls, MediaAdmin) else "MediaForms"

    def formfield_for_dbfield(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> forms.Field | None:
        """Return a form field; that of a media field has its input, unless one is named."""
        named = any(
            issubclass(each, MediaField) and "widget" in options
            for each, options in self.formfield_overrides.items()
        )
        if isinstance(db_field, MediaField) and not named and "widget" not in kwargs:
            kwargs["widget"] = self._media_input(db_field)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def _media_input(self, field: MediaField) -> PanelInput:
        if field.metadata_field and holds(field, "image"):
            given = self.crop_ratios
            framed = FramedInput(ratios_of(field) if given is None else given)
            framed.site = self.admin_site.name
            return framed
        plain = PanelInput()
        plain.site = self.admin_site.name
        return plain

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fields, with a panel in place of each media field."""
        return [*map(self._panel_of, super().get_readonly_fields(request, obj))]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the fieldsets, with panels for fields that are shown and not edited."""
        fieldsets = super().get_fieldsets(request, obj)
        names = {field.name for field in fields_of(self.model)}
        if obj is None or not self._is_only_shown(request, obj):
            names &= set(super().get_readonly_fields(request, obj))
        return [(title, self._with_panels(options, names)) for title, options in fieldsets]

    def _is_only_shown(self, request: HttpRequest, obj: Any) -> bool:
        """Return True if no form of the page edits the fields, those of new inlines included."""
        is_inline = isinstance(self, admin.options.InlineModelAdmin)
        may_add = is_inline and cast("Any", self).has_add_permission(request, obj)
        return not may_add and not self.has_change_permission(request, obj)

    def _with_panels(self, options: Any, names: set[str]) -> dict[str, Any]:
        """Return the options of a fieldset, whose lines may have several fields."""

        def shown(field: Any) -> Any:
            if isinstance(field, list | tuple):
                return tuple(map(shown, field))
            return self._panel_of(field) if field in names else field

        return {**options, "fields": [*map(shown, options["fields"])]}

    def _panel_of(self, name: Any) -> Any:
        """Return the column with the panel of a media field, the same one each time."""
        fields = {field.name: field for field in fields_of(self.model)}
        if not isinstance(name, str) or name not in fields:
            return name
        panels: dict[str, Column] = self.__dict__.setdefault("_media_panels", {})
        if name not in panels:
            panels[name] = _panel_column(fields[name], self.admin_site.name)
        return panels[name]


class MediaAdmin(MediaForms, ModelAdminBase):
    """Thumbnails, previews, crops, players, filters and actions for models with media fields.

    ``class PhotoAdmin(MediaAdmin, admin.ModelAdmin)``: the mixin stands first. It also works with
    the ``ModelAdmin`` of other themes.

    Attributes:
        drop_field: the media field of the drop area above the list, each of whose files becomes a
            row. None, the default: the only media field, if a row needs no other value. Empty: no
            drop area.
        media_filters: whether the list can be filtered by type, size, state and date.
        media_actions: the names of the actions, of which those that can be applied are shown.
    """

    drop_field: str | None = None
    media_filters: bool = True
    media_actions: Sequence[str] = ("make_resizes", "strip_metadata", "transcode_again")
    change_list_template = "shift_media/admin/change_list.html"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        _check_options(self)
        if self.actions is not None:
            self.actions = [*self.actions, *actions.functions_of(self.media_actions)]

    # Lists.

    def get_list_display(self, request: HttpRequest) -> Any:
        """Return the columns, with a thumbnail in place of each media field.

        A list without columns of its own begins with thumbnails.
        """
        shown = [*super().get_list_display(request)]
        if shown == ["__str__"]:
            shown = [*(field.name for field in visible_fields(self, request)), *shown]
        return [*map(self._thumbnail_of, shown)]

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        """Return the columns that link to the form: with a thumbnail also the one behind it."""
        links = super().get_list_display_links(request, list_display)
        if (
            links
            and not self.list_display_links
            and links[0] in self.__dict__.get("_media_columns", {}).values()
        ):
            return [*list_display][:2]
        return links and [*map(self._thumbnail_of, links)]

    def _thumbnail_of(self, name: Any) -> Any:
        fields = {field.name: field for field in fields_of(self.model)}
        if not isinstance(name, str) or name not in fields or name in self.list_editable:
            return name
        columns: dict[str, Column] = self.__dict__.setdefault("_media_columns", {})
        if name not in columns:
            columns[name] = _thumbnail_column(fields[name])
        return columns[name]

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Return the list, with the renditions and jobs of all its videos loaded."""
        changes = super().get_changelist_instance(request)
        load_videos(cast("Any", changes.result_list), self.model)
        return changes

    def get_list_filter(self, request: HttpRequest) -> Any:
        """Return the filters, and those of media fields behind them."""
        own = [*super().get_list_filter(request)]
        return [*own, *filters.filters_of(self.model, own)] if self.media_filters else own

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show the list, with the area for dropped files."""
        extra = {"media_drop": dropping.drop_area(self, request), **(extra_context or {})}
        return super().changelist_view(request, extra)

    # Actions and views.

    def has_make_resizes_permission(self, request: HttpRequest) -> bool:
        """Return True for users who may change rows, if there are presets."""
        return self._may_run(request, "make_resizes")

    def has_strip_metadata_permission(self, request: HttpRequest) -> bool:
        """Return True for users who may change rows, if a field accepts images with metadata."""
        return self._may_run(request, "strip_metadata")

    def has_transcode_again_permission(self, request: HttpRequest) -> bool:
        """Return True for users who may change rows, if a field is transcoded."""
        return self._may_run(request, "transcode_again")

    def _may_run(self, request: HttpRequest, name: str) -> bool:
        applies = actions.ACTIONS[name].applies_to(self.model)
        return applies and self.has_change_permission(request)

    def get_urls(self) -> list[URLPattern]:
        """Return the URLs, and those of jobs and of dropped files."""
        prefix = f"{self.opts.app_label}_{self.opts.model_name}"
        wrap = self.admin_site.admin_view
        drop = dropping.DropView.as_view(model_admin=self)
        jobs = jobs_view.JobsView.as_view(model_admin=self)
        own = [
            path("media-drop/", wrap(drop), name=f"{prefix}_media_drop"),
            path("<path:object_id>/media/<str:field>/", wrap(jobs), name=f"{prefix}_media"),
        ]
        return [*own, *super().get_urls()]


def _check_options(media_admin: MediaAdmin) -> None:
    """Raise ``ImproperlyConfigured`` for a wrong value of an attribute of `MediaAdmin`."""
    name, drop = type(media_admin).__name__, media_admin.drop_field
    names = [field.name for field in fields_of(media_admin.model)]
    if drop and drop not in names:
        raise ImproperlyConfigured(f"{name}.drop_field is {drop!r}{suggest(drop, names)}")
    for action in media_admin.media_actions:
        if action not in actions.ACTIONS:
            raise ImproperlyConfigured(
                f"{name}.media_actions has {action!r}{suggest(action, actions.ACTIONS)}"
            )


def _thumbnail_column(field: Any) -> Column:
    @admin.display(description=field.verbose_name, empty_value="")
    def column(row: models.Model) -> SafeString | str:
        return thumbnail(getattr(row, field.name))

    column.__name__ = f"{field.name}_thumbnail"
    return cast("Column", column)


def _panel_column(field: Any, site: str) -> Column:
    @admin.display(description=field.verbose_name)
    def panel(row: models.Model) -> SafeString | str:
        file = getattr(row, field.name)
        if not file or row.pk is None:
            return "-"
        return render_panel(file, site, may_change=False, with_picture=True)

    panel.__name__ = field.name
    return cast("Column", panel)

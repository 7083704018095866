"""The models of the tests in the admin."""

from __future__ import annotations

from django.contrib import admin

from shift_media.admin import MediaAdmin, MediaForms, resize_column
from shift_media.collections.admin import CollectionInline
from tests.testapp.models import (
    Anything,
    Cover,
    Film,
    Gallery,
    MetaFirst,
    Moving,
    Pair,
    Photo,
    Tour,
    View,
)


@admin.register(Photo)
class PhotoAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django has no generics at run time
    list_display = (resize_column("image", "96x96", mode="fill"), "title")
    list_display_links = ("title",)
    search_fields = ("title",)


admin.site.register(Gallery)


@admin.register(MetaFirst, Film)
class FileAdmin(MediaAdmin, admin.ModelAdmin):  # type: ignore[type-arg]
    list_max_show_all = 1000


@admin.register(Pair)
class PairAdmin(MediaAdmin, admin.ModelAdmin):  # type: ignore[type-arg]
    crop_ratios = ("1:1",)


@admin.register(Anything)
class AnythingAdmin(MediaAdmin, admin.ModelAdmin):  # type: ignore[type-arg]
    crop_ratios = ()


class CoverInline(MediaForms, admin.StackedInline):  # type: ignore[type-arg]
    model = Cover
    extra = 0


@admin.register(Moving)
class MovingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = (resize_column("photo", "96x96"), "title")
    list_display_links = ("title",)
    fields = ("title", "photo")


@admin.register(Tour)
class TourAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    inlines = (CollectionInline.of(View), CoverInline)

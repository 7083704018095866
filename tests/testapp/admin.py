"""The models of the tests in the admin."""

from __future__ import annotations

from django.contrib import admin

from shift_media.admin import resize_column
from shift_media.collections.admin import CollectionInline
from tests.testapp.models import MetaFirst, Moving, Photo, Tour, View


@admin.register(Photo)
class PhotoAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django has no generics at run time
    list_display = (resize_column("image", "96x96", mode="fill"), "title")
    list_display_links = ("title",)


admin.site.register(MetaFirst)


@admin.register(Moving)
class MovingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = (resize_column("photo", "96x96"), "title")
    list_display_links = ("title",)
    fields = ("title", "photo")


@admin.register(Tour)
class TourAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    inlines = (CollectionInline.of(View),)

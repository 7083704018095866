"""The gallery in Django's admin."""

from __future__ import annotations

from django.contrib import admin

from shift_media.admin import MediaAdmin
from shift_media.collections.admin import CollectionInline
from testproject.gallery.models import Album, AlbumPicture, Clip, Photo


@admin.register(Photo)
class PhotoAdmin(MediaAdmin, admin.ModelAdmin):  # type: ignore[type-arg]
    """Pictures, which are cropped for tiles and banners."""

    crop_ratios = ("4:3", "1:1", "21:9")
    list_display = ("image", "__str__", "alt", "created")
    search_fields = ("title", "alt")
    date_hierarchy = "created"


@admin.register(Clip)
class ClipAdmin(MediaAdmin, admin.ModelAdmin):  # type: ignore[type-arg]
    """Videos with their players and jobs."""

    list_display = ("video", "__str__", "created")
    search_fields = ("title",)
    date_hierarchy = "created"


@admin.register(Album)
class AlbumAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Albums with their pictures."""

    list_display = ("__str__", "created")
    search_fields = ("title",)
    inlines = (CollectionInline.of(AlbumPicture),)

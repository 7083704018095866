"""The gallery in Django's admin."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString

from shift_media.collections.admin import CollectionInline
from shift_media.fields import MediaField
from shift_media.widgets import FocalInput
from testproject.gallery.models import Album, AlbumPicture, Clip, Photo


@admin.register(Photo)
class PhotoAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Pictures, with a small resize in the list."""

    formfield_overrides: ClassVar[Any] = {MediaField: {"widget": FocalInput}}
    list_display = ("thumbnail", "__str__", "content_type", "dimensions", "created")
    list_display_links = ("thumbnail", "__str__")
    search_fields = ("title", "alt")
    date_hierarchy = "created"

    @admin.display(description="Picture")
    def thumbnail(self, photo: Photo) -> SafeString:
        """Return an image of a square resize, with twice the pixels for dense screens."""
        one, two = (photo.image.resize(f"{n}x{n}", mode="fill") for n in (64, 128))
        return format_html(
            '<img src="{}" srcset="{} 2x" width="64" height="64" loading="lazy" alt="{}">',
            one.url,
            two.url,
            photo.description,
        )

    @admin.display(description="Type")
    def content_type(self, photo: Photo) -> str:
        """Return the type of the original."""
        return photo.image.metadata.content_type

    @admin.display(description="Size")
    def dimensions(self, photo: Photo) -> str:
        """Return the width and height of the upright original."""
        return f"{photo.image.width} × {photo.image.height}"


@admin.register(Clip)
class ClipAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Videos. shift_media registers their jobs."""

    list_display = ("__str__", "created")
    search_fields = ("title",)
    date_hierarchy = "created"


@admin.register(Album)
class AlbumAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Albums with their pictures."""

    list_display = ("__str__", "created")
    search_fields = ("title",)
    inlines = (CollectionInline.of(AlbumPicture),)

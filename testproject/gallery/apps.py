"""The gallery as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class GalleryConfig(AppConfig):
    """Photographs in a grid."""

    name = "testproject.gallery"
    verbose_name = "Gallery"

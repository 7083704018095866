"""The gallery as a Django app."""

from __future__ import annotations

from django.apps import AppConfig


class GalleryConfig(AppConfig):
    """The gallery."""

    name = "testproject.gallery"
    verbose_name = "Gallery"

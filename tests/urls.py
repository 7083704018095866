"""The gallery's URLs, and the view of a second storage."""

from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("", include("testproject.urls")),  # First: the name of the view is that of this include.
    path("private/", include("shift_media.urls"), {"storage": "private"}),
]

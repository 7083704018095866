from __future__ import annotations

from django.urls import include, path

urlpatterns = [
    path("media/", include("shift_media.urls")),
    path("bucket/", include("shift_media.urls"), {"storage": "bucket"}),
]

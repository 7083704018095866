"""URLs of the gallery site."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.staticfiles.views import serve
from django.urls import include, path, re_path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("media/", include("shift_media.urls")),
    # Static files without a web server, even if DEBUG is off: a demo has a few kilobytes of them.
    re_path(r"^static/(?P<path>.+)$", serve, {"insecure": True}),
    path("", include("testproject.gallery.urls")),
]

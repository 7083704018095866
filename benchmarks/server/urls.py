"""The app, Django's view of static files, and a bare view, all over one folder."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views.static import serve


def bare(request: HttpRequest, name: str) -> HttpResponse:
    """Return the bytes of a file, as the shortest view would."""
    with open(settings.MEDIA / name, "rb") as file:
        return HttpResponse(file.read(), content_type="image/jpeg")


urlpatterns = [
    path("media/", include("shift_media.urls")),
    path("static/<path:path>", serve, {"document_root": str(settings.MEDIA)}),
    path("bare/<path:name>", bare),
]

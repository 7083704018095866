"""The page: ``/?many&direct&dir=rtl`` chooses the input and the direction; and an admin."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.validators import validate_slug
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import include, path

from shift_media.fields import MediaField
from shift_media.forms import MediaFilesField, MediaFormField
from shift_media.widgets import DirectInput, MediaInput
from testproject.gallery.models import Album, AlbumPicture

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src blob:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'"
)
STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 44rem; margin: 1.5rem auto; padding: 0 1rem; background: canvas; }
form { display: grid; gap: 1rem; }
"""
PAGE = """<!doctype html>
<html lang="{{ lang }}" dir="{{ dir }}">
<head><title>Picker</title><link rel="stylesheet" href="/page.css">
<link rel="icon" href="/static/gallery/icon.svg">
<meta name="viewport" content="width=device-width, initial-scale=1">{{ form.media }}</head>
<body><main><h1>Picker</h1>{% if saved %}<p id="saved">{{ saved }}</p>{% endif %}
<form method="post" enctype="multipart/form-data">{% csrf_token %}{{ form.as_div }}
<p><button>Save</button> <button type="reset">Reset</button></p></form></main></body></html>"""


def may_upload(request: HttpRequest, field: MediaField) -> bool:
    return "refused" not in request.headers["Referer"]


def form_of(request: HttpRequest) -> Any:
    """Return a form class with the input that the query names."""
    limits: dict[str, Any] = {
        "accept": ["image/*", "video/mp4", "video/webm"],
        "max_bytes": 2_000_000,
        "min_size": (100, 80),
        "upload_field": "gallery.photo.image",
        "help_text": "Pictures of the trip.",
        "widget": DirectInput if "direct" in request.GET else MediaInput,
    }

    class Form(forms.Form):
        title = forms.CharField(required=False, validators=[validate_slug])
        if "many" in request.GET:
            file = MediaFilesField(max_files=5, label="Pictures", **limits)
        else:
            file = MediaFormField(label="Picture", **limits)

    return Form


class OpenAdmin(admin.AdminSite):
    """An admin without users."""

    def has_permission(self, request: HttpRequest) -> bool:
        return True


class Open:
    """All permissions."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    has_change_permission = has_view_permission = has_delete_permission = has_add_permission


class PictureInline(Open, admin.TabularInline):  # type: ignore[type-arg]
    model = AlbumPicture
    fields = ("file",)
    extra = 0
    formfield_overrides: ClassVar[Any] = {MediaField: {"widget": DirectInput}}


class AlbumAdmin(Open, admin.ModelAdmin):  # type: ignore[type-arg]
    inlines = (PictureInline,)


site = OpenAdmin("open")
site.register(Album, AlbumAdmin)


def page(request: HttpRequest) -> HttpResponse:
    kind = form_of(request)
    form = kind(request.POST, request.FILES) if request.method == "POST" else kind()
    saved = ""
    if form.is_bound and form.is_valid():
        found = form.cleaned_data["file"]
        files = found if isinstance(found, list) else [found]
        digests = [hashlib.sha256(file.read()).hexdigest()[:12] for file in files]
        names = [file.name for file in files]
        saved = f"{len(request.FILES.getlist('file'))} sent: {' '.join(names)} {' '.join(digests)}"
    language, direction = request.GET.get("lang", "en"), request.GET.get("dir", "ltr")
    context = {"form": form, "saved": saved, "lang": language, "dir": direction}
    text = engines["django"].from_string(PAGE).render(context, request)
    return HttpResponse(text, headers={"Content-Security-Policy": POLICY})


def style(request: HttpRequest) -> HttpResponse:
    return HttpResponse(STYLE, content_type="text/css")


urlpatterns = [
    path("", page),
    path("page.css", style),
    path("open/", site.urls),
    path("", include("testproject.urls")),
]

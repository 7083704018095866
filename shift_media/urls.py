"""The URLs of the app: ``path("media/", include("shift_media.urls"))``.

With several storages, one include for each:
``path("private/", include("shift_media.urls"), {"storage": "private"})``.

Only paths with the shape of a key are matched: segments of 8, 4, 4, 4 and 12 characters, then a
name. Before it may be the token of a private playlist. Patterns after the include can serve other
files below the same prefix.
"""

from __future__ import annotations

from django.urls import path, re_path

from shift_media.core.private_urls import TOKEN_PATTERN
from shift_media.direct.form_views import upload_form
from shift_media.direct.s3_views import upload_s3
from shift_media.direct.views import upload
from shift_media.health import health, health_deep
from shift_media.resizes import views
from shift_media.transcoding.webhooks import views as webhook_views

app_name = "shift_media"

_KEY = r"(?P<key>[^/]{8}/[^/]{4}/[^/]{4}/[^/]{4}/[^/]{12}/[\s\S]+)\Z"

urlpatterns = [
    path("upload/", upload, name="upload"),
    path("upload/form/", upload_form, name="upload_form"),
    path("upload/s3/", upload_s3, name="upload_s3"),
    re_path(r"^health/?\Z", health, name="health"),
    re_path(r"^health/deep/?\Z", health_deep, name="health_deep"),
    path("sns/", webhook_views.sns, name="sns"),
    # A private playlist, whose token is repeated for the names in it.
    re_path(rf"^(?P<token>{TOKEN_PATTERN})/{_KEY}", views.resize, name="private"),
    # Every path with the shape of a key, with line breaks too, so that all wrong keys get one and
    # the same 404. Other files below the include are left to the patterns that follow it.
    re_path(rf"^{_KEY}", views.resize, name="resize"),
]

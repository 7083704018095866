"""The URLs of the app: ``path("media/", include("shift_media.urls"))``.

With several storages, one include for each:
``path("private/", include("shift_media.urls"), {"storage": "private"})``.
"""

from __future__ import annotations

from django.urls import path, re_path

from shift_media.direct.views import upload
from shift_media.resizes import views
from shift_media.transcoding.webhooks import views as webhook_views

app_name = "shift_media"

urlpatterns = [
    path("upload/", upload, name="upload"),
    path("sns/", webhook_views.sns, name="sns"),
    # The view answers every path below the include, with line breaks too, so that all wrong
    # paths get one and the same 404.
    re_path(r"^(?P<key>[\s\S]*)\Z", views.resize, name="resize"),
]

"""URLs of the gallery on S3: the same, and the panel of requests."""

from __future__ import annotations

from django.urls import include, path

from testproject.urls import urlpatterns as gallery

urlpatterns = [path("traffic/", include("testproject.traffic.urls")), *gallery]

"""URLs of the gallery on S3: the same, and what its servers were asked for."""

from __future__ import annotations

from django.urls import include, path

from testproject.urls import urlpatterns as gallery

urlpatterns = [path("traffic/", include("testproject.traffic.urls")), *gallery]

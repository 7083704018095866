"""URLs of the panel."""

from __future__ import annotations

from django.urls import path

from testproject.traffic import views

app_name = "traffic"

urlpatterns = [
    path("", views.requests, name="requests"),
    path("delete/", views.delete, name="delete"),
]

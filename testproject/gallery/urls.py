"""URLs of the gallery's pages."""

from __future__ import annotations

from django.urls import path
from django.views.generic import RedirectView

from testproject.gallery import views

app_name = "gallery"

urlpatterns = [
    path("", views.photo_list, name="list"),
    path("upload/", views.upload, name="upload"),
    path("photos/<int:pk>/", views.photo, name="photo"),
    path("photos/<int:pk>/focal/", views.focal, name="focal"),
    path("photos/<int:pk>/delete/", views.photo_delete, name="delete"),
    # The admin's pages name no icon, and a browser then asks here.
    path("favicon.ico", RedirectView.as_view(url="/static/gallery/icon.svg")),
]

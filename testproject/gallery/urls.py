"""URLs of the gallery's pages."""

from __future__ import annotations

from django.urls import path
from django.views.generic import RedirectView

from testproject.gallery import albums, clips, views

app_name = "gallery"

urlpatterns = [
    path("", views.photo_list, name="list"),
    path("upload/", views.upload, name="upload"),
    path("photos/<int:pk>/", views.photo, name="photo"),
    path("photos/<int:pk>/focal/", views.focal, name="focal"),
    path("photos/<int:pk>/details/", views.details, name="details"),
    path("photos/<int:pk>/delete/", views.photo_delete, name="delete"),
    path("videos/", clips.clip_list, name="clips"),
    path("videos/<int:pk>/", clips.clip, name="clip"),
    path("videos/<int:pk>/state/", clips.state, name="clip-state"),
    path("videos/<int:pk>/retry/", clips.retry, name="clip-retry"),
    path("videos/<int:pk>/delete/", clips.clip_delete, name="clip-delete"),
    path("albums/", albums.album_list, name="albums"),
    path("albums/add/", albums.edit, name="album-add"),
    path("albums/<int:pk>/", albums.album, name="album"),
    path("albums/<int:pk>/edit/", albums.edit, name="album-edit"),
    path("albums/<int:pk>/zip/", albums.download, name="album-zip"),
    path("albums/<int:pk>/delete/", albums.album_delete, name="album-delete"),
    # The admin's pages name no icon, so browsers request this one.
    path("favicon.ico", RedirectView.as_view(url="/static/gallery/icon.svg")),
]

"""The page of the album, and the media that the bucket does not have yet."""

from album.views import Album
from django.urls import include, path

urlpatterns = [
    path("", Album.as_view(), name="album"),
    path("media/", include("shift_media.urls")),
]

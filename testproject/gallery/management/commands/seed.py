"""``manage.py seed``: add drawn pictures, an album of them and a video to an empty gallery."""

from __future__ import annotations

import io
from argparse import ArgumentParser
from typing import Any

from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand
from PIL import Image

from shift_media.core.errors import MissingExtra
from testproject.gallery.models import Album, AlbumPicture, Clip, Photo
from testproject.gallery.pictures import PICTURES, Picture
from testproject.gallery.pictures.film import pan

ALBUM = ("ridges-at-dawn.jpg", "dunes.jpg", "balloons.jpg", "evening-sea.jpg", "lake-at-night.jpg")
"""The pictures of the album, in its order."""

FILMED = "evening-sea.jpg"
"""The picture over which the video pans."""


class Command(BaseCommand):
    """Draw the pictures, and store them as uploads."""

    help = "Draws pictures and adds them to the gallery, unless it has some already."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add ``--force``."""
        parser.add_argument("--force", action="store_true", help="add them to existing pictures")

    def handle(self, *args: Any, force: bool, **options: Any) -> None:
        """Draw and store the pictures, the album and the video, and print the progress."""
        if Photo.objects.exists() and not force:
            self.stdout.write("The gallery has pictures already; seed --force adds more.")
            return
        photos: dict[str, Photo] = {}
        # The page shows the newest first, so the last one is stored first.
        for number, picture in enumerate(reversed(PICTURES), 1):
            photo = photos[picture.file_name] = store(picture)
            size = f"{photo.image.width} × {photo.image.height}"
            self.stdout.write(f"  {number:2} of {len(PICTURES)}  {picture.file_name:22} {size}")
            self.stdout.flush()
        store_album([photos[name] for name in ALBUM])
        self.stdout.write(f"  album     {len(ALBUM)} of them")
        try:
            store_clip(photos[FILMED])
        except MissingExtra as error:
            self.stdout.write(f"  video     none, because ffmpeg is missing: {error}")
        else:
            self.stdout.write("  video     evening-sea.mp4")


def store(picture: Picture) -> Photo:
    """Draw a picture and save it."""
    photo = Photo(title=picture.title, alt=picture.alt)
    photo.image.save(picture.file_name, ContentFile(picture.draw()), save=False)
    if picture.focal is not None:
        photo.image.focal = picture.focal
    photo.save()
    return photo


def store_album(photos: list[Photo]) -> Album:
    """Save an album of stored pictures, whose files are not stored again."""
    album = Album.objects.create(title="Landscapes")
    pictures = AlbumPicture.of(album)
    pictures.add_items(
        [pictures.build(photo.image, title=photo.title, alt=photo.alt) for photo in photos]
    )
    return album


def store_clip(photo: Photo) -> Clip:
    """Film a picture and save the video; its job waits for a worker."""
    with photo.image.open() as file:
        content = pan(Image.open(io.BytesIO(file.read())))
    clip = Clip(title=f"{photo.title}, filmed")
    clip.video.save("evening-sea.mp4", ContentFile(content), save=False)
    clip.save()
    return clip

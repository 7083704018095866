"""``manage.py seed``: add drawn pictures to an empty gallery."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.files.base import ContentFile
from django.core.management.base import BaseCommand

from testproject.gallery.models import Photo
from testproject.gallery.pictures import PICTURES, Picture


class Command(BaseCommand):
    """Draw the pictures, and store them as uploads."""

    help = "Draws pictures and adds them to the gallery, unless it has some already."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add ``--force``."""
        parser.add_argument("--force", action="store_true", help="add them to existing pictures")

    def handle(self, *args: Any, force: bool, **options: Any) -> None:
        """Draw and store the pictures, and print the progress."""
        if Photo.objects.exists() and not force:
            self.stdout.write("The gallery has pictures already; seed --force adds more.")
            return
        # The page shows the newest first, so the last one is stored first.
        for number, picture in enumerate(reversed(PICTURES), 1):
            photo = store(picture)
            size = f"{photo.image.width} × {photo.image.height}"
            self.stdout.write(f"  {number:2} of {len(PICTURES)}  {picture.file_name:22} {size}")
            self.stdout.flush()


def store(picture: Picture) -> Photo:
    """Draw a picture and save it."""
    photo = Photo(title=picture.title, alt=picture.alt)
    photo.image.save(picture.file_name, ContentFile(picture.draw()), save=False)
    if picture.focal is not None:
        photo.image.focal = picture.focal
    photo.save()
    return photo

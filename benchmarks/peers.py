"""The first resize of an original in a local storage, as each Django app makes it.

Each call uses an original of a new name, so that no app finds an earlier result.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from io import BytesIO
from typing import Any

from django.core.files.storage import default_storage
from PIL import Image

from benchmarks import site
from shift_media.core.keys import new_original_key
from shift_media.resizes import builder
from shift_media.storages import default_media_storage

SIDE = 400
_numbers = itertools.count()


def calls(content: bytes) -> dict[str, Callable[[], object]]:
    """Return a call for each app that makes the first resize of a new original."""
    source = site.FOLDER / "source.jpg"
    source.unlink(missing_ok=True)
    source.write_bytes(content)

    def new_original() -> str:
        name = f"photo-{next(_numbers)}.jpg"
        os.link(source, site.MEDIA / name)
        return name

    return {
        "shift_media": lambda: _shift_media(source),
        "sorl-thumbnail": lambda: _sorl(new_original()),
        "easy-thumbnails": lambda: _easy(new_original()),
        "django-imagekit": lambda: _imagekit(new_original()),
        "django-versatileimagefield": lambda: _versatile(new_original()),
        "django-pictures": lambda: _pictures(new_original()),
    }


def _shift_media(source: Any) -> object:
    key = str(new_original_key("photo", "jpg"))
    path = site.MEDIA / key
    path.parent.mkdir(parents=True)
    os.link(source, path)
    resize = builder.build(key, f"{SIDE}x{SIDE}", storage=default_media_storage)  # type: ignore[arg-type]
    return resize.ensure()


def _sorl(name: str) -> object:
    from sorl.thumbnail import get_thumbnail

    return get_thumbnail(name, f"{SIDE}x{SIDE}", quality=80).url


def _easy(name: str) -> object:
    from easy_thumbnails.files import get_thumbnailer

    thumbnailer = get_thumbnailer(default_storage, relative_name=name)
    return thumbnailer.get_thumbnail({"size": (SIDE, SIDE), "quality": 80}).url


def _imagekit(name: str) -> object:
    from imagekit import ImageSpec
    from imagekit.cachefiles import ImageCacheFile
    from pilkit.processors import ResizeToFit

    class Small(ImageSpec):  # type: ignore[misc]
        processors = [ResizeToFit(SIDE, SIDE)]
        format = "JPEG"
        options = {"quality": 80}

    with default_storage.open(name) as file:
        made = ImageCacheFile(Small(source=file))
        made.generate()
        return made.url


def _versatile(name: str) -> object:
    return versatile_photo(name).image.thumbnail[f"{SIDE}x{SIDE}"].url


def versatile_photo(name: str) -> Any:
    """Return an unsaved object with a field of django-versatileimagefield."""
    return _versatile_model()(image=name)


def _versatile_model() -> Any:
    from django.apps import apps
    from django.db import models
    from versatileimagefield.fields import VersatileImageField

    found = apps.all_models["versatileimagefield"].get("benchphoto")
    if found is not None:
        return found

    class BenchPhoto(models.Model):
        image = VersatileImageField()

        class Meta:
            app_label = "versatileimagefield"

    return BenchPhoto


def _pictures(name: str) -> object:
    from pictures.models import PillowPicture

    picture = PillowPicture(name, "JPEG", None, default_storage, SIDE)
    with default_storage.open(name) as file, Image.open(BytesIO(file.read())) as image:
        picture.save(image)
    return picture.url

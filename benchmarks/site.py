"""A Django project with every peer, in a temporary folder."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.cache.backends.locmem import LocMemCache

storage_calls: Counter[str] = Counter()
"""Calls of storages by method, since it was cleared."""

FOLDER = Path(tempfile.mkdtemp(prefix="shift-media-bench-"))
MEDIA = FOLDER / "media"


class CountingCache(LocMemCache):
    """A cache in memory that counts its calls."""

    calls: Counter[str] = Counter()

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Count and get."""
        self.calls["get"] += 1
        return super().get(*args, **kwargs)

    def set(self, *args: Any, **kwargs: Any) -> None:
        """Count and set."""
        self.calls["set"] += 1
        super().set(*args, **kwargs)

    def add(self, *args: Any, **kwargs: Any) -> Any:
        """Count and add."""
        self.calls["add"] += 1
        return super().add(*args, **kwargs)


def start() -> None:
    """Configure Django and create the tables."""
    MEDIA.mkdir()
    atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
    os.environ["TMPDIR"] = str(FOLDER)
    settings.configure(
        SECRET_KEY="benchmarks",
        USE_TZ=True,
        MEDIA_ROOT=str(MEDIA),
        MEDIA_URL="/media/",
        INSTALLED_APPS=[
            "sorl.thumbnail",
            "easy_thumbnails",
            "imagekit",
            "versatileimagefield",
            "pictures",
            "shift_media",
        ],
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(FOLDER / "db")}
        },
        CACHES={"default": {"BACKEND": "benchmarks.site.CountingCache"}},
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"libraries": {"sorl": "sorl.thumbnail.templatetags.thumbnail"}},
            }
        ],
        STORAGES={
            "default": {"BACKEND": "benchmarks.storages.CountingFileSystemStorage"},
            "staticfiles": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
            "media": {
                "BACKEND": "benchmarks.storages.CountingMediaStorage",
                "OPTIONS": {"location": str(MEDIA), "base_url": "/media/", "fsync": False},
            },
        },
        SHIFT_MEDIA={"LOCK_DIR": str(FOLDER / "locks")},
        THUMBNAIL_QUALITY=80,
        VERSATILEIMAGEFIELD_SETTINGS={"jpeg_resize_quality": 80, "create_images_on_demand": True},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, run_syncdb=True)

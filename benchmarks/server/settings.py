"""The settings of the site that is measured: what the view needs, and no middleware."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(os.environ["BENCH_FOLDER"])
MEDIA = FOLDER / "media"

SECRET_KEY = "of the benchmarks, which serve nothing to anybody"
ALLOWED_HOSTS = ["127.0.0.1"]
USE_TZ = True
INSTALLED_APPS = ["shift_media"]
MIDDLEWARE: list[str] = []
ROOT_URLCONF = "benchmarks.server.urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "media": {
        "BACKEND": "shift_media.storages.LocalMediaStorage",
        "OPTIONS": {"location": str(MEDIA), "base_url": "/media/"},
    },
}
# Two processes of the server share the cores.
_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
_EACH = max(1, _CORES // 2)
SHIFT_MEDIA = {"LOCK_DIR": FOLDER / "locks", "CONCURRENCY": _EACH, "WORKERS": _EACH}
LOGGING_CONFIG = None

"""The gallery on PostgreSQL, Redis and a bucket; ``LOAD_SITE`` is a JSON object with them."""

from __future__ import annotations

import json
import os

from testproject import settings as gallery
from testproject.settings import *  # noqa: F403

_SITE = json.loads(os.environ["LOAD_SITE"])

INSTALLED_APPS = [*gallery.INSTALLED_APPS, "benchmarks.load.apps.LoadConfig"]
DATABASES = {"default": {**_SITE["database"], "CONN_MAX_AGE": 60}}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": _SITE["cache"],
    }
}
STORAGES = {
    **gallery.STORAGES,
    "media": {
        "BACKEND": "shift_media.storages.S3MediaStorage",
        "OPTIONS": {**_SITE["bucket"], "delivery": "content"},
    },
}
SHIFT_MEDIA = {**gallery.SHIFT_MEDIA, "LOCK_DIR": os.environ.get("LOAD_LOCKS") or None}
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"

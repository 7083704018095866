"""Settings of the gallery on S3, with the bucket in environment variables.

``SHIFT_MEDIA_DEMO_S3_BUCKET``, ``_ACCESS_KEY``, ``_SECRET_KEY`` and ``_PUBLIC_URL`` are required.
``_ENDPOINT`` is needed for a server other than AWS; ``_REGION``, ``_DELIVERY`` and ``_ORIGINALS``
are optional. ``SHIFT_MEDIA_DEMO_CACHE`` is the URL of a Redis that several hosts share, and
``SHIFT_MEDIA_DEMO_LOCK_DIR`` the folder of a host's locks.
``manage.py demo_s3`` sets them for the server that it starts.
"""

from __future__ import annotations

import os

from testproject import settings as gallery
from testproject.settings import *  # noqa: F403

_PREFIX = "SHIFT_MEDIA_DEMO_S3_"

ROOT_URLCONF = "testproject.urls_s3"
# Before the gallery, because it extends the gallery's template of a picture.
INSTALLED_APPS = ["testproject.traffic", *gallery.INSTALLED_APPS]
MIDDLEWARE = ["testproject.traffic.middleware.record", *gallery.MIDDLEWARE]

STORAGES = {
    **gallery.STORAGES,
    "media": {
        "BACKEND": "shift_media.storages.S3MediaStorage",
        "OPTIONS": {
            "bucket_name": os.environ[f"{_PREFIX}BUCKET"],
            "access_key": os.environ[f"{_PREFIX}ACCESS_KEY"],
            "secret_key": os.environ[f"{_PREFIX}SECRET_KEY"],
            "public_url": os.environ[f"{_PREFIX}PUBLIC_URL"],
            "endpoint_url": os.environ.get(f"{_PREFIX}ENDPOINT"),
            "region_name": os.environ.get(f"{_PREFIX}REGION", "us-east-1"),
            "delivery": os.environ.get(f"{_PREFIX}DELIVERY", "redirect"),
            "originals": os.environ.get(f"{_PREFIX}ORIGINALS", "public"),
            "addressing_style": "path",  # a name of its own for each bucket needs DNS
        },
    },
}

if _cache := os.environ.get("SHIFT_MEDIA_DEMO_CACHE"):
    CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": _cache}
    }
# Ceph's gateway answers the preflight of a PUT so that no browser goes on: forms send the files.
SHIFT_MEDIA = {**gallery.SHIFT_MEDIA, "UPLOADS": {}}
if _locks := os.environ.get("SHIFT_MEDIA_DEMO_LOCK_DIR"):
    SHIFT_MEDIA["LOCK_DIR"] = _locks

# The panel polls more than once a second, and its requests would hide the others.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"panel": {"()": "testproject.traffic.log.exclude_panel_requests"}},
    "loggers": {"django.server": {"filters": ["panel"]}},
}

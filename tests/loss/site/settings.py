"""Settings of the processes of the site; ``LOSS_SITE`` is a JSON object with its servers."""

from __future__ import annotations

import json
import os
from typing import Any

from botocore.config import Config

_SITE: dict[str, Any] = json.loads(os.environ["LOSS_SITE"])

SECRET_KEY = "of-the-site-whose-files-must-not-be-lost"
ALLOWED_HOSTS = ["testserver"]
INSTALLED_APPS = ["django.contrib.contenttypes", "shift_media", "tests.loss.site.apps.LossConfig"]
ROOT_URLCONF = "tests.loss.site.urls"
MIDDLEWARE: list[str] = []
DATABASES = {"default": _SITE["database"]}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": _SITE["cache"],
    }
}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "media": {
        "BACKEND": "shift_media.storages.LocalMediaStorage",
        "OPTIONS": {"location": _SITE["disk"], "base_url": "/media/"},
    },
    "bucket": {
        "BACKEND": "shift_media.storages.S3MediaStorage",
        "OPTIONS": {
            **_SITE["bucket"],
            "client_config": Config(
                connect_timeout=2,
                read_timeout=5,
                retries={"max_attempts": 2},
                s3={"addressing_style": "path"},
            ),
        },
    },
}
SHIFT_MEDIA = {
    "LOCK_DIR": _SITE["locks"],
    "PROFILES": {
        "tiny": {"24p.mp4": {"kind": "mp4", "height": 24}, "_poster.jpg": {"kind": "poster"}}
    },
    "TRANSCODE_LEASE": 15,
    "TRANSCODE_ATTEMPTS": 50,
    "UPLOADS": {
        "loss.DiskPhoto.file": "tests.loss.operations.may_upload",
        "loss.BucketPhoto.file": "tests.loss.operations.may_upload",
    },
}
USE_TZ = True
STATIC_URL = "/static/"
LOGGING_CONFIG = None
SILENCED_SYSTEM_CHECKS = ["urls.W005"]

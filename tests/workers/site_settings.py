"""Settings of a site whose workers are told to be hostile: see `hostile`."""

from __future__ import annotations

import os

from testproject.settings import *  # noqa: F403
from testproject.settings import STORAGES

_ROOT = os.environ["TEST_SITE"]

STORAGES["media"] = {
    "BACKEND": "shift_media.storages.LocalMediaStorage",
    "OPTIONS": {"location": f"{_ROOT}/media", "base_url": "/media/"},
}
SHIFT_MEDIA = {
    "LOCK_DIR": f"{_ROOT}/locks",
    "WORKERS": 2,
    "WORKER_SECONDS": 2,
    "CONCURRENCY": 2,
    "ENGINE": "pillow",
}

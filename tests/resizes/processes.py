"""Settings of the servers that the tests start: a counting storage in the test's folder."""

from __future__ import annotations

import os

from testproject.settings import *  # noqa: F403
from testproject.settings import STORAGES

_ROOT = os.environ["TEST_SITE"]

STORAGES["media"] = {
    "BACKEND": "tests.resizes.counting.CountingStorage",
    "OPTIONS": {
        "location": f"{_ROOT}/media",
        "base_url": "/media/",
        "log_file": f"{_ROOT}/calls.log",
    },
}
SHIFT_MEDIA = {"LOCK_DIR": f"{_ROOT}/{os.environ.get('TEST_LOCKS', 'locks')}"}

"""The gallery's settings, with the models of the tests beside it."""

from __future__ import annotations

from testproject import settings as gallery
from testproject.settings import *  # noqa: F403

INSTALLED_APPS = [*gallery.INSTALLED_APPS, "tests.testapp"]

STORAGES = {
    **gallery.STORAGES,
    "private": {
        "BACKEND": "shift_media.storages.LocalMediaStorage",
        "OPTIONS": {
            "location": gallery.DATA_DIR / "private",
            "base_url": "/private/",
            "originals": "private",
        },
    },
}

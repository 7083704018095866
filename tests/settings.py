"""The gallery's settings, with the models of the tests beside it."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import tempfile
from pathlib import Path

from testproject import settings as gallery
from testproject.settings import *  # noqa: F403

# A field whose storage is a function calls it when its model is loaded, before any test begins.
_PRIVATE = tempfile.mkdtemp(prefix="shift-media-tests-")
atexit.register(shutil.rmtree, _PRIVATE, ignore_errors=True)

INSTALLED_APPS = [
    *gallery.INSTALLED_APPS,
    "django.contrib.flatpages",
    "django.contrib.redirects",
    "django.contrib.sites",
    "tests.testapp",
]
# Tests of direct uploads install the middleware and name the fields themselves.
MIDDLEWARE = [name for name in gallery.MIDDLEWARE if not name.startswith("shift_media.")]
SHIFT_MEDIA = {**gallery.SHIFT_MEDIA, "UPLOADS": {}}
ROOT_URLCONF = "tests.urls"
SILENCED_SYSTEM_CHECKS = [
    "shift_media.W101",  # two models of the tests do without metadata
    "urls.W005",  # one include for each storage, and nothing reverses their names
]

# The tables of Django's own apps are created at once, which takes a third of the time of their
# migrations, in each worker and in the processes that tests start. The app's migrations run.
MIGRATION_MODULES = dict.fromkeys(("admin", "auth", "contenttypes", "sessions"))

# Users of tests log in often, and the default hasher takes a second of each, on purpose.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

STORAGES = {
    **gallery.STORAGES,
    "private": {
        "BACKEND": "shift_media.storages.LocalMediaStorage",
        "OPTIONS": {
            "location": _PRIVATE,
            "base_url": "/private/",
            "originals": "private",
        },
    },
}

DATABASE_ROUTERS = ["tests.routing.StrictRouter"]

# A file, so that threads have connections of their own and wait for each other as they do on a
# site; in memory they would share one cache, whose locks nobody waits for.
# Nothing of it has to survive a power failure, so that SQLite need not wait for the disk.
DATABASES = {
    "default": {
        **gallery.DATABASES["default"],
        "OPTIONS": {
            **gallery.DATABASES["default"]["OPTIONS"],
            "init_command": "PRAGMA synchronous=OFF",
        },
        "TEST": {"NAME": Path(tempfile.gettempdir()) / f"shift_media-{os.getpid()}.sqlite3"},
    }
}

# `python -m tests.servers.databases` runs the tests on a server.
if "SHIFT_MEDIA_DATABASE" in os.environ:
    DATABASES = {"default": json.loads(os.environ["SHIFT_MEDIA_DATABASE"])}

"""The gallery in the admin of django-unfold, which test_unfold.py runs in a process of its own."""

from __future__ import annotations

from typing import Any

from testproject import settings as gallery
from testproject.settings import *  # noqa: F403

INSTALLED_APPS = ["unfold", *gallery.INSTALLED_APPS]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES: dict[str, dict[str, Any]] = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
}
ALLOWED_HOSTS = ["testserver"]
SHIFT_MEDIA = {"PRESETS": {"card": {"size": "400x300", "mode": "fill"}}}

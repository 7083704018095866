"""Settings of the gallery: SQLite and local disk, so that no server is needed.

Environment variables change the folder of its data (``SHIFT_MEDIA_DEMO_DIR``), the secret key
(``SHIFT_MEDIA_DEMO_SECRET_KEY``) and more host names, separated by commas
(``SHIFT_MEDIA_DEMO_HOSTS``), turn off debugging (``SHIFT_MEDIA_DEMO_DEBUG=0``), and name a file
``hls.min.js`` to serve in place of that of the CDN, or none (``SHIFT_MEDIA_DEMO_HLS_JS``).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("SHIFT_MEDIA_DEMO_DIR") or BASE_DIR / "var").resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True)

SECRET_KEY = os.environ.get(
    "SHIFT_MEDIA_DEMO_SECRET_KEY", "insecure-key-of-the-test-project-never-use-it-elsewhere"
)
DEBUG = os.environ.get("SHIFT_MEDIA_DEMO_DEBUG", "1") == "1"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS += filter(None, os.environ.get("SHIFT_MEDIA_DEMO_HOSTS", "").split(","))

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "shift_media",
    "testproject.gallery",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "shift_media.direct.middleware.DirectUploadMiddleware",
]

ROOT_URLCONF = "testproject.urls"
WSGI_APPLICATION = "testproject.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": DATA_DIR / "gallery.sqlite3",
        # Several uploads at once: a writer waits for the lock instead of failing midway.
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STORAGES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": DATA_DIR / "files"},
    },
    "media": {
        "BACKEND": "shift_media.storages.LocalMediaStorage",
        "OPTIONS": {"location": DATA_DIR / "media", "base_url": "/media/"},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# The same bytes, from a file of this machine or from npm's CDN.
_HLS_JS = os.environ.get("SHIFT_MEDIA_DEMO_HLS_JS")
_HLS_URL = "https://cdn.jsdelivr.net/npm/hls.js@1.7.4/dist/hls.min.js"
_HLS_INTEGRITY = "sha384-p9vgU/7IYJWd3I4STrtqxqR/2cAQlhIX7D/HrTnIMEjjcUox165b7se7sxmm3zDg"
SHIFT_MEDIA: dict[str, Any] = {
    "HLS_JS": {"src": "hls.min.js" if _HLS_JS else _HLS_URL, "integrity": _HLS_INTEGRITY},
    "UPLOADS": {
        "gallery.Clip.video": "testproject.gallery.forms.may_upload",
        "gallery.AlbumPicture.file": "testproject.gallery.forms.may_upload",
    },
}
if _HLS_JS == "none":
    SHIFT_MEDIA["HLS_JS"] = None

STATIC_URL = "/static/"
STATICFILES_DIRS = [Path(_HLS_JS).parent] if _HLS_JS and _HLS_JS != "none" else []
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True

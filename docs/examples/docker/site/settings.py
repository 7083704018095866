"""Settings of an album on PostgreSQL, Redis and an S3 server, all from the environment."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

SECRET_KEY = os.environ["SECRET_KEY"]
SITE = os.environ["SITE"]
ALLOWED_HOSTS = [urlsplit(SITE).hostname]
CSRF_TRUSTED_ORIGINS = [SITE]

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "shift_media",
    "album",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
ROOT_URLCONF = "urls"
TEMPLATES = [
    {"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True},
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["DATABASE_HOST"],
        "PORT": os.environ["DATABASE_PORT"],
        "NAME": os.environ.get("DATABASE_NAME", "site"),
        "USER": os.environ.get("DATABASE_USER", "site"),
        "PASSWORD": os.environ["POSTGRES_PASSWORD"],
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Both hosts see in it that a resize is being made, so that only one makes it.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ["CACHE"],
    }
}

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "media": {
        "BACKEND": "shift_media.storages.S3MediaStorage",
        "OPTIONS": {
            "bucket_name": os.environ["S3_BUCKET"],
            "endpoint_url": os.environ["S3_ENDPOINT"],
            "region_name": "us-east-1",
            "addressing_style": "path",
            "access_key": os.environ["S3_ACCESS_KEY"],
            "secret_key": os.environ["S3_SECRET_KEY"],
            "public_url": f"{SITE}/media/",
            "delivery": "content",
        },
    },
}
SHIFT_MEDIA = {
    "SIGNING_KEYS": [os.environ["SIGNING_KEY"]],
    "PRESETS": {"card": {"size": "400x300", "mode": "fill", "format": "webp"}},
}

USE_TZ = True
STATIC_URL = "/static/"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"album": {"level": "INFO"}},
}

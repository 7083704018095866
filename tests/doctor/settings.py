"""Settings of the gallery on S3 with signing keys of its own, and without a shared cache."""

from __future__ import annotations

from testproject import settings_s3
from testproject.settings_s3 import *  # noqa: F403

SHIFT_MEDIA = {
    **getattr(settings_s3, "SHIFT_MEDIA", {}),
    "SIGNING_KEYS": ["nnhS7TXYUBFdJJ3uMBKVOtC7WyBBYTQsM9ZHZ8j8k1-kept-by-the-tests"],
    "CACHE": None,
}

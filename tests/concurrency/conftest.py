"""Fixtures of the resize tests, which these tests use too."""

from __future__ import annotations

from tests.resizes.conftest import add, bucket, lock_dir, resize_of, site, storage

__all__ = ["add", "bucket", "lock_dir", "resize_of", "site", "storage"]

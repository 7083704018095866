"""The storage on S3, and its CloudFront distribution.

Importing this package does not import boto3: `S3MediaStorage` is loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shift_media.storages.s3.storage import S3MediaStorage

__all__ = ["S3MediaStorage"]


def __getattr__(name: str) -> Any:
    if name == "S3MediaStorage":
        from shift_media.storages.s3.storage import S3MediaStorage

        return S3MediaStorage
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

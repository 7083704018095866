"""Invalidation of deleted keys in the CloudFront distribution before a bucket."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from shift_media.core.errors import StorageBusy, StorageError, drop_locals

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config

BATCH_SIZE = 15
"""Wildcard paths that CloudFront invalidates at the same time (Developer Guide, "Quotas")."""

REGION = "us-east-1"
"""The region that requests are signed for; CloudFront itself has none."""

_DISTRIBUTION = re.compile(r"[A-Z0-9]{5,32}")
_BUSY = ("TooManyInvalidationsInProgress", "Throttling", "ThrottlingException", "SlowDown")


def check_distribution(id: str) -> str:
    """Return the id of a distribution, or ``""``. Raises `ImproperlyConfigured` if malformed."""
    if id and not _DISTRIBUTION.fullmatch(id):
        raise ImproperlyConfigured(
            f"The option cloudfront_distribution is {id!r}: write the distribution's id, such as "
            '"EDFDVBD6EXAMPLE".'
        )
    return id


def build_paths(prefixes: Sequence[str], public_url: str) -> list[str]:
    """Return wildcard paths of all keys in directories, as they stand in public URLs."""
    base = urlsplit(public_url).path
    return [f"{base}{prefix}*" for prefix in prefixes]


def invalidate(
    session: Session, config: Config, distribution: str, paths: Sequence[str], reference: str
) -> None:
    """Invalidate paths in a CloudFront distribution.

    A call with the same ``reference`` is the same request, which CloudFront runs once. Raises
    `StorageBusy` while too many invalidations are in progress, and `StorageError` otherwise.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    make: Any = session.client
    try:
        client = make("cloudfront", region_name=REGION, config=config)
        client.create_invalidation(
            DistributionId=distribution,
            InvalidationBatch={
                "Paths": {"Quantity": len(paths), "Items": list(paths)},
                "CallerReference": reference,
            },
        )
    except ClientError as error:
        drop_locals(error)
        code = str(error.response["Error"].get("Code"))
        detail = f"CloudFront did not invalidate {len(paths)} paths of {distribution}: {error}"
        raise (StorageBusy if code in _BUSY else StorageError)(detail) from error
    except BotoCoreError as error:
        drop_locals(error)
        raise StorageError(f"CloudFront cannot be reached: {error}") from error

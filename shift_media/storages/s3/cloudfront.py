"""CloudFront before a bucket: told to forget what was deleted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from shift_media.core.errors import StorageBusy, StorageError

if TYPE_CHECKING:
    from boto3.session import Session
    from botocore.config import Config

BATCH = 15
"""Paths with a wildcard that CloudFront works on at one time (Developer Guide, "Quotas")."""

REGION = "us-east-1"
"""CloudFront has no regions; requests are signed for this one."""

_DISTRIBUTION = re.compile(r"[A-Z0-9]{5,32}")
_BUSY = ("TooManyInvalidationsInProgress", "Throttling", "ThrottlingException", "SlowDown")


def check_distribution(id: str) -> str:
    """Give a distribution's id back; raises `ImproperlyConfigured` for anything else."""
    if id and not _DISTRIBUTION.fullmatch(id):
        raise ImproperlyConfigured(
            f"The option cloudfront_distribution is {id!r}: write the id, such as "
            '"EDFDVBD6EXAMPLE".'
        )
    return id


def paths_of(prefixes: Sequence[str], public_url: str) -> list[str]:
    """Write the paths of all that lies in directories, as a browser asks for it."""
    base = urlsplit(public_url).path
    return [f"{base}{prefix}*" for prefix in prefixes]


def invalidate(
    session: Session, config: Config, distribution: str, paths: Sequence[str], reference: str
) -> None:
    """Ask CloudFront to forget paths; the same ``reference`` again is the same request.

    Raises `StorageBusy` where it works on as much as it can, `StorageError` where it refuses.
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
        code = str(error.response["Error"].get("Code"))
        told = f"CloudFront refused to forget {len(paths)} paths of {distribution}: {error}"
        raise (StorageBusy if code in _BUSY else StorageError)(told) from error
    except BotoCoreError as error:
        raise StorageError(f"CloudFront cannot be asked: {error}") from error

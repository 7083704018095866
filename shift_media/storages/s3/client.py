"""Creation of S3 clients: timeouts, attempts, connections and signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from botocore.config import Config

from shift_media.conf import settings

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

CONNECT_TIMEOUT, READ_TIMEOUT = 5, 20  # seconds
ATTEMPTS = 3

_MIN_CONNECTIONS, _MAX_CONNECTIONS = 10, 50  # bounds of the default pool


def default_config(max_pool_connections: int | None, signature_version: str) -> Config:
    """Return the configuration of a client, which a site's own ``client_config`` is merged into.

    By default there is a connection for each resize that may be made or wait, within bounds.
    """
    pool = settings.CONCURRENCY + settings.QUEUE
    return Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUT,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=max_pool_connections
        or min(max(pool, _MIN_CONNECTIONS), _MAX_CONNECTIONS),
        tcp_keepalive=True,
        # Set even if client_config is given, because botocore's default for presigned URLs is
        # version 2, which signs neither length nor headers.
        signature_version=signature_version,
        # The storage compares a SHA-256 of its own, and older servers reject botocore's default
        # checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


def create_client(create: Callable[[Config], S3Client], config: Config) -> S3Client:
    """Return a client whose URLs name the region of the bucket, unless the site chose a style.

    By default botocore signs URLs for BUCKET.s3.amazonaws.com, which redirects requests for a new
    bucket in another region for hours. With virtual addressing the region is in the host name.
    """
    client = create(config)
    style = (cast(Any, config).s3 or {}).get("addressing_style")  # not in the stubs
    if not style and _is_aws(client.meta.endpoint_url):
        client = create(config.merge(Config(s3={"addressing_style": "virtual"})))
    return client


def _is_aws(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

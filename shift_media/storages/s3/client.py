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


def merge_config(own: Config, site: Config, addressing_style: str | None, proxies: Any) -> Config:
    """Return a configuration with a site's own merged over it, and options that it lacks."""
    given: Any = site  # the stubs lack `s3` and `proxies`
    style = {"addressing_style": addressing_style} if addressing_style else {}
    named = {name: value for name, value in (given.s3 or {}).items() if value is not None}
    options: Any = {**style, **named} or None
    merged = own.merge(site).merge(Config(s3=options))
    return merged.merge(Config(proxies=proxies)) if proxies and not given.proxies else merged


def create_client(create: Callable[[Config], S3Client], config: Config) -> S3Client:
    """Return a client whose URLs name the region of the bucket, unless the site chose a style.

    By default botocore signs URLs for BUCKET.s3.amazonaws.com, which redirects requests for a new
    bucket in another region for hours. With virtual addressing the region is in the host name.
    """
    client = create(config)
    options: Any = cast(Any, config).s3 or {}  # not in the stubs
    if not options.get("addressing_style") and is_aws(client.meta.endpoint_url):
        options = {**options, "addressing_style": "virtual"}
        client = create(config.merge(Config(s3=options)))
    return client


def is_aws(endpoint: str) -> bool:
    """Return True if an endpoint is one of Amazon's own."""
    host = urlsplit(endpoint).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))

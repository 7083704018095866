"""Files from other servers: ``photo.image = from_url("https://example.org/lake.jpg")``.

A URL that a user chooses must not make the site send requests into its own network. Each host name
is therefore resolved once, every address of it must be public, and the connection goes to one of
these addresses, whatever the name resolves to later. A redirect is checked in the same way. Size
and time are limited, the time by one deadline for names, connections, headers and bytes together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from asgiref.sync import sync_to_async
from django.core.files.base import File

from shift_media.conf import settings
from shift_media.core.addresses import parse_network
from shift_media.remote.fetching import RemoteFetch

__all__ = ["afrom_url", "from_url"]


def from_url(
    url: str,
    *,
    max_bytes: int | None = None,
    seconds: float | None = None,
    networks: Iterable[str] | None = None,
) -> File[Any]:
    """Fetch a file from another server, to be assigned to a `MediaField`.

    The file is in memory, or in a temporary file if it is large. Its type is not checked: the
    field does that when the row is saved.

    Args:
        url: an address with http or https, without user name and password.
        max_bytes: the most bytes to fetch; by default ``REMOTE_BYTES``.
        seconds: the most seconds until the last byte; by default ``REMOTE_SECONDS``.
        networks: networks that are not public and are allowed; by default ``REMOTE_NETWORKS``.

    Raises `InvalidMedia`, which is also a ``ValidationError``: with the code ``remote_refused``
    before a byte is sent, ``remote_failed`` if the server does not answer with the file, and
    ``too_large``.
    """
    fetch = RemoteFetch(
        max_bytes=settings.REMOTE_BYTES if max_bytes is None else max_bytes,
        seconds=settings.REMOTE_SECONDS if seconds is None else seconds,
        ports=settings.REMOTE_PORTS,
        networks=(
            settings.REMOTE_NETWORKS
            if networks is None
            else tuple(parse_network(network) for network in networks)
        ),
    )
    return fetch(url)


async def afrom_url(
    url: str,
    *,
    max_bytes: int | None = None,
    seconds: float | None = None,
    networks: Iterable[str] | None = None,
) -> File[Any]:
    """Fetch a file, as `from_url` does, in a thread: an async view goes on meanwhile."""
    fetch = sync_to_async(from_url, thread_sensitive=False)
    return await fetch(url, max_bytes=max_bytes, seconds=seconds, networks=networks)

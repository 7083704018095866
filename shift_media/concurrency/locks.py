"""Locks on a key: one between the processes of a host, one between hosts."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator

from django.core.cache import BaseCache
from filelock import FileLock
from filelock import Timeout as LockTimeout

from shift_media.concurrency import shared
from shift_media.conf import settings
from shift_media.core.errors import Busy

LEASE = 15
"""Seconds after which another host takes over from one that died."""


_POLL = 0.05


_LOCK_FILES = 4096
"""Lock files in a host's folder. Keys that share one, 1 pair in 4,096, wait for each other, unless
it is one thread that makes both: of the 24 of a batch, two share one in 7 % of all batches."""


@contextlib.contextmanager
def host_lock(key: str, seconds: float | None = None) -> Iterator[None]:
    """Keep the other processes of this host from making the same key. Raises `Busy`.

    Waits as long as for a turn, or so many seconds. A thread that holds the lock file of one key
    holds it for all keys that share it, and lets go of it with the last of them.
    """
    folder = shared.host_folder()
    if folder is None:
        yield
        return
    number = int(shared.digest(key)[:8], 16) % _LOCK_FILES
    patience = settings.QUEUE_SECONDS if seconds is None else seconds
    lock = FileLock(folder / f"{number:04d}.lock", is_singleton=True)
    try:
        lock.acquire(timeout=patience, poll_interval=_POLL)
    except LockTimeout as error:
        raise Busy("Waited too long for another process that makes the same resize.") from error
    except OSError as error:
        shared.logger.warning("No lock for a resize: %s. It may be made twice.", error)
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def hosts_lock(key: str, seconds: float | None = None) -> Iterator[None]:
    """Keep other hosts from making the same key, for at most `LEASE` seconds. Raises `Busy`.

    Waits long enough for another host's lease to end, or so many seconds.
    Where the cache is not shared, or fails, there is nothing to wait for: work may be done twice.
    """
    cache = shared.shared_cache()
    if cache is None:
        yield
        return
    name, token = f"shift_media:lock:{shared.digest(key)}", secrets.token_hex(8)
    patience = max(settings.QUEUE_SECONDS, LEASE + 1) if seconds is None else seconds
    _take(cache, name, token, patience)
    try:
        yield
    finally:
        if (
            shared.shared_cache() is not None
        ):  # it may have failed meanwhile: the lease ends by itself
            with shared.cache_failures():
                if cache.get(name) == token:
                    cache.delete(name)


def _take(cache: BaseCache, name: str, token: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    taken = False
    with shared.cache_failures():
        while not (taken := cache.add(name, token, LEASE)) and time.monotonic() < deadline:
            time.sleep(_POLL)
        if not taken:
            raise Busy("Waited too long for another host that makes the same resize.")

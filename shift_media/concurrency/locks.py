"""Locks on a key: a lock file between the processes of a host, a cache entry between hosts."""

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

LEASE_SECONDS = 15
"""Seconds after which another host takes over the lock of a host that died."""

_POLL_SECONDS = 0.05

_LOCK_FILES = 4096
"""Lock files in a host's folder, a fixed number so that they need not be deleted.

Two keys share a file with a probability of 1 in 4,096, and then wait for each other, unless one
thread locks both: among the 24 keys of a batch, two share a file in 7 % of all batches.
"""


@contextlib.contextmanager
def file_lock(key: str, timeout: float | None = None) -> Iterator[None]:
    """Hold the lock on a key among the processes of this host. Raises `Busy` on timeout.

    The lock is reentrant: a thread that holds the lock file of one key holds it for all keys that
    share the file, and releases it with the last of them. The operating system releases the lock
    of a process that dies.

    Args:
        key: what is locked.
        timeout: seconds to wait, by default ``QUEUE_SECONDS``.
    """
    folder = shared.host_folder()
    if folder is None:
        yield
        return
    number = int(shared.digest(key)[:8], 16) % _LOCK_FILES
    timeout = settings.QUEUE_SECONDS if timeout is None else timeout
    # A singleton per path makes the lock reentrant across the `FileLock` objects of a thread.
    lock = FileLock(folder / f"{number:04d}.lock", is_singleton=True)
    try:
        lock.acquire(timeout=timeout, poll_interval=_POLL_SECONDS)
    except LockTimeout as error:
        raise Busy(
            f"Another process was still making the same resize after {timeout:g} s. "
            "Try again later."
        ) from error
    except (OSError, NotImplementedError) as error:  # the latter: a file system without locks
        shared.warn_unusable(folder, error)
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def cache_lock(key: str, timeout: float | None = None) -> Iterator[None]:
    """Hold the lock on a key among all hosts. Raises `Busy` on timeout.

    The lock is a lease of `LEASE_SECONDS`, which is not renewed: after that another host may take
    it, and the work may be done twice. Where the cache is not shared, or fails, there is no lock.

    Args:
        key: what is locked.
        timeout: seconds to wait, by default long enough for the lease of another host to end.
    """
    cache = shared.shared_cache()
    if cache is None:
        yield
        return
    name, token = f"shift_media:lock:{shared.digest(key)}", secrets.token_hex(8)
    timeout = max(settings.QUEUE_SECONDS, LEASE_SECONDS + 1) if timeout is None else timeout
    _acquire(cache, name, token, timeout)
    try:
        yield
    finally:
        # The cache may have failed meanwhile. Then the lease ends by itself.
        if shared.shared_cache() is not None:
            with shared.suppress_cache_errors():
                # The token tells this caller's lease from one that another host took after it.
                if cache.get(name) == token:
                    cache.delete(name)


def _acquire(cache: BaseCache, name: str, token: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    acquired = False
    with shared.suppress_cache_errors():
        while True:
            acquired = cache.add(name, token, LEASE_SECONDS)
            if acquired or time.monotonic() >= deadline:
                break
            time.sleep(_POLL_SECONDS)
        if not acquired:
            raise Busy(
                f"Another host was still making the same resize after {timeout:g} s. "
                "Try again later."
            )

"""The listing of a whole storage in shards, by the first two digits of the ids."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from shift_media.storages import Entry, MediaStorage

SHARDS = tuple(f"{number:02x}" for number in range(256))
"""Prefixes that together list every id: two hexadecimal digits."""

LISTINGS = 8
"""Shards listed at once. A listing takes no processor time here: it waits for the storage."""


def list_shards(storage: MediaStorage) -> Iterator[list[Entry]]:
    """Yield the entries of each shard in order; the next `LISTINGS` are listed meanwhile."""
    with ThreadPoolExecutor(LISTINGS) as pool:
        ahead: deque[Future[list[Entry]]] = deque()
        for shard in SHARDS:
            ahead.append(pool.submit(lambda prefix: list(storage.entries(prefix)), shard))
            if len(ahead) == LISTINGS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

"""The faults that happen to the site meanwhile: a schedule by a seed."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable

from tests.loss.host import Host

_SHARES = {
    "kill a user's process": 34, "kill a transcoder": 10, "kill the clean-up": 6,
    "kill the bucket": 10, "kill the database": 10, "kill the cache": 8, "hang the cache": 4,
    "fill the disk": 10, "step the clock": 8,
}  # fmt: skip


class Faults:
    """The next fault, again and again."""

    def __init__(self, host: Host, seed: str) -> None:
        self._host = host
        self._chance = random.Random(f"{seed}/faults")
        self.counts: Counter[str] = Counter()
        self.unexpected: list[str] = []

    def cause_next(self) -> None:
        """Wait a little, cause one fault, and repair it."""
        time.sleep(self._chance.uniform(0.1, 1.5))
        (name,) = self._chance.choices(list(_SHARES), list(_SHARES.values()))
        self.counts[name] += 1
        self._causes[name](self)
        ended = self._host.revive()
        self.unexpected += [f"{name} ended by itself" for name in ended]

    def _pause(self) -> None:
        time.sleep(self._chance.uniform(0.1, 1.5))

    def _kill(self, role: str) -> None:
        names = [name for name in self._host.processes if name.startswith(role)]
        self._host.kill(self._chance.choice(names))

    def _bucket(self) -> None:
        self._host.bucket.stop()
        self._pause()
        self._host.bucket.start()

    def _database(self) -> None:
        self._host.postgres.crash()
        self._pause()
        self._host.postgres.resume()

    def _cache(self) -> None:
        self._host.redis.stop()
        self._pause()
        self._host.redis.start()

    def _hanging_cache(self) -> None:
        self._host.redis.hang()
        self._pause()
        self._host.redis.stop()
        self._host.redis.start()

    def _disk(self) -> None:
        if not self._host.has_small_disk:
            return
        ballast = self._host.disk / "ballast"
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        self._pause()
        ballast.unlink()

    def _clock(self) -> None:
        seconds = self._chance.choice((-7200, -600, -61, -1, 1, 61, 600, 7200, 0, 0))
        self._host.clock.write_text(f"{seconds}")

    _causes: dict[str, Callable[[Faults], None]] = {
        "kill a user's process": lambda self: self._kill("user"),
        "kill a transcoder": lambda self: self._kill("transcoder"),
        "kill the clean-up": lambda self: self._kill("keeper"),
        "kill the bucket": _bucket,
        "kill the database": _database,
        "kill the cache": _cache,
        "hang the cache": _hanging_cache,
        "fill the disk": _disk,
        "step the clock": _clock,
    }

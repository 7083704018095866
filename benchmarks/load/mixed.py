"""Mixed traffic at the highest rate at which 99 of 100 requests take less than two seconds."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from benchmarks.load.client import Client, Outcomes
from benchmarks.load.sampling import Sample
from benchmarks.load.traffic import Request, Traffic, run_all

LATENCY = 2.0
"""Seconds for 99 of 100 requests."""
_STEPS = 8
_SEARCH_SHARE = 0.2


@dataclass
class MixedRun:
    """Requests at a rate, whatever their answers take, so that a slow answer delays no other.

    Args:
        traffic: what is asked for.
        clients: the most requests at once; a rate that needs more is too high.
        sample: takes a sample of the site.
    """

    traffic: Traffic
    port: int
    clients: int
    sample: Callable[[], Sample]
    rate: float = 4.0
    samples: list[Sample] = field(default_factory=list)
    found: list[tuple[float, float]] = field(default_factory=list)

    def run(self, seconds: float) -> dict[str, Outcomes]:
        """Search for the rate in the first fifth of a time, and hold it for the rest."""
        search = seconds * _SEARCH_SHARE / _STEPS
        for _ in range(_STEPS):
            outcomes = self._hold(max(search, 1.5))
            slow = max(each.percentile(99) for each in outcomes.values())
            busy = any(each.statuses["503"] for each in outcomes.values())
            self.found.append((self.rate, slow))
            self.rate *= 0.7 if slow > LATENCY or busy else 1.5 if slow < LATENCY / 3 else 1.15
        good = [rate for rate, slow in self.found if slow <= LATENCY] or [self.rate]
        self.rate = max(good) * 0.8
        return self._hold(seconds * (1 - _SEARCH_SHARE), sampling=True)

    def _hold(self, seconds: float, *, sampling: bool = False) -> dict[str, Outcomes]:
        kinds: dict[str, tuple[Request, int]] = {
            "missing": (self.traffic.get_missing_once, 20),
            "stored": (self.traffic.get_stored, 75),
            "uploads": (self.traffic.upload, 5),
        }
        outcomes = {name: Outcomes() for name in kinds}
        begun, lock, count = time.monotonic(), threading.Lock(), 0

        def work() -> None:
            nonlocal count
            client = Client(self.port)
            while True:
                with lock:
                    due = begun + count / self.rate
                    count += 1
                if due > begun + seconds:
                    return
                time.sleep(max(0.0, due - time.monotonic()))
                names = list(kinds)
                (name,) = random.choices(names, [kinds[each][1] for each in names])
                kinds[name][0](client, outcomes[name], due)

        def watch() -> None:
            warm_up = begun + seconds * 0.2
            while (now := time.monotonic()) < begun + seconds:
                if now > warm_up:
                    self.samples.append(self.sample())
                time.sleep(max(0.2, seconds / 60))

        run_all([*([work] * self.clients), *([watch] if sampling else [])])
        return outcomes

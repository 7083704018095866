"""CPU time in turns and by medians, so that other load on the machine has little influence."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median


def milliseconds(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Run all calls in turns; return the median CPU milliseconds of each.

    The clock is that of this process, unless a call has a method ``clock`` of its own. Each call
    runs once before, which fills caches, and the garbage collector runs between rounds.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        for name, call in calls.items():
            clock = getattr(call, "clock", time.process_time_ns)
            started = clock()
            call()
            times[name].append((clock() - started) / 1e6)
        gc.collect()
    gc.enable()
    return {name: median(samples) for name, samples in times.items()}


def repeated(call: Callable[[], object], count: int) -> Callable[[], None]:
    """Return a function that makes a call many times, because one is too short to measure."""

    def run() -> None:
        for _ in range(count):
            call()

    return run

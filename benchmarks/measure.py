"""CPU time, measured so that a busy machine does not decide: in turns, and by medians."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median


def milliseconds(calls: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Run all calls in turns; give the median CPU milliseconds of the process for each."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    gc.collect()
    gc.disable()
    for _ in range(rounds):
        for name, call in calls.items():
            started = time.process_time_ns()
            call()
            taken[name].append((time.process_time_ns() - started) / 1e6)
        gc.collect()
    gc.enable()
    return {name: median(times) for name, times in taken.items()}


def repeated(call: Callable[[], object], times: int) -> Callable[[], None]:
    """Make one call of many, for what is over before a clock ticks."""

    def run() -> None:
        for _ in range(times):
            call()

    return run

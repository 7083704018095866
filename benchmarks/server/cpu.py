"""The CPU time of a server with all processes that it has started."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from pathlib import Path

_SCHEDULED = 2  # CPUCLOCK_SCHED, linux/posix-timers_types.h
WORKER_SCRIPT = b"workers/start.py"


def find_tree(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: dict[int, list[int]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            after_name = stat.read_text().rpartition(")")[2].split()
            children[int(after_name[1])].append(int(stat.parent.name))
    found = [pid]
    for each in found:  # which grows
        found.extend(children[each])
    return found


def milliseconds(pids: list[int]) -> float:
    """Return the CPU time of processes, with threads of them that have ended."""
    total = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += time.clock_gettime_ns(~pid << 3 | _SCHEDULED) / 1e6
    return total


def is_worker(pid: int) -> bool:
    """Return True for a worker process of the app, which decodes images."""
    with contextlib.suppress(OSError):
        return WORKER_SCRIPT in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False

"""Samples of what processes hold: memory, descriptors, threads, files, cache keys and rows."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.load.site import LoadSite

MEMORY_TOLERANCE = 0.1
SPARE = {"descriptors": 16, "threads": 8, "temporary files": 4, "cache keys": 60, "rows": 8}
"""By how many each may differ at two times, because some requests are under way."""

Sample = dict[str, float]


def take_sample(site: LoadSite) -> Sample:
    """Return the sums over all processes of gunicorn."""
    sample: Sample = {"memory MB": 0.0, "descriptors": 0.0, "threads": 0.0}
    for pid in site.workers():
        with contextlib.suppress(OSError):
            sample["memory MB"] += _unique_megabytes(pid)
            sample["descriptors"] += len(list(Path(f"/proc/{pid}/fd").iterdir()))
            sample["threads"] += len(list(Path(f"/proc/{pid}/task").iterdir()))
    sample["temporary files"] = site.temporary_files()
    sample["cache keys"] = _cache_keys(site)
    sample["rows"] = _rows()
    return sample


def _unique_megabytes(pid: int) -> float:
    """Return the memory that only this process has: workers share what the master has loaded."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def _cache_keys(site: LoadSite) -> int:
    import redis

    with contextlib.closing(redis.Redis.from_url(site.redis.url)) as client:
        count: Any = client.dbsize()
    return int(count)


def _rows() -> int:
    from django.apps import apps

    from shift_media.models import PendingDeletion

    models = [*apps.get_app_config("gallery").get_models()]
    models += [m for m in apps.get_app_config("shift_media").get_models() if m != PendingDeletion]
    return sum(model._default_manager.count() for model in models)


def find_growth(samples: Sequence[Sample]) -> dict[str, tuple[float, float]]:
    """Return what has grown, with its median in the first and in the last third of a run."""
    third = max(1, len(samples) // 3)
    grown = {}
    for name in samples[0]:
        first = median(sample[name] for sample in samples[:third])
        last = median(sample[name] for sample in samples[-third:])
        spare = first * MEMORY_TOLERANCE if name == "memory MB" else SPARE[name]
        if last > first + spare:
            grown[name] = (first, last)
    return grown

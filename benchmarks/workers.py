"""``make bench ARGS=--workers``: what it costs to decode in a worker process, in CPU and memory.

The CPU time of the server and of its worker are added. The original is a file on disk, as with
local storage, or a stream, as with S3, which is received first.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast

from django.test import override_settings

from benchmarks.photographs import Collection
from benchmarks.report import Report
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.probe import DEFAULT_LIMITS
from shift_media.storages.streams import SeekableStream
from shift_media.workers import isolated
from shift_media.workers.pool import Pool, current_pool
from shift_media.workers.process import WorkerOptions
from shift_media.workers.sources import shared

SPEC = Spec.make("400x400", format="jpg", quality=80)
MOST_OVERHEAD = 1.1
"""Most CPU time with a worker, of that with a thread, for the reference photograph."""
_ARGUMENTS = {"limits": DEFAULT_LIMITS, "decoder": "pillow"}
SERVERS, WORKERS = 8, 2
"""Processes of a server, and workers of each, whose memory is measured."""


def measure(report: Report, collection: Collection, rounds: int) -> None:
    """Compare workers with threads, and measure what a worker takes."""
    with override_settings(SHIFT_MEDIA={"WORKERS": 1}):
        pool = current_pool()
        for photograph in collection.photographs:
            with NamedTemporaryFile() as file:
                file.write(photograph.content)
                file.flush()
                calls = {
                    "file on disk": partial(isolated.make, cast(BinaryIO, file), SPEC),
                    "stream": partial(_make_from_stream, photograph.content),
                }
                for kind, call in calls.items():
                    title = f"{photograph.name}, {kind} -> 400x400 fit"
                    ratio = compare(report, title, call, pool, rounds)
                    if photograph.is_reference:
                        report.target(title, ratio, MOST_OVERHEAD, at_least=False)
        measure_start(report, collection.photographs[0].content)


def _make_from_stream(content: bytes) -> None:
    with SeekableStream(BytesIO(content), len(content)) as stream:
        source = cast(BinaryIO, stream)
        stream.require(engine.needed_bytes(source, SPEC))
        list(isolated.make_many(source, [(SPEC, None)], available=stream.received))


def compare(
    report: Report, title: str, call: Callable[[], object], pool: Pool, rounds: int
) -> float:
    """Make one resize in a thread and in a worker, in turns; return the ratio of CPU time."""
    times: dict[str, list[float]] = {"thread": [], "worker": [], "of which server": []}
    for _ in range(rounds + 1):  # The first one fills caches.
        gc.collect()
        with override_settings(SHIFT_MEDIA={"WORKERS": 0}):
            times["thread"].append(_server_milliseconds(call))
        before = worker_milliseconds(pool)
        server = _server_milliseconds(call)
        times["worker"].append(server + worker_milliseconds(pool) - before)
        times["of which server"].append(server)
    medians = {name: median(samples[1:]) for name, samples in times.items()}
    thread = medians["thread"]
    rows = {name: {"CPU ms": ms, "of a thread": ms / thread} for name, ms in medians.items()}
    report.table(title, rows)
    return medians["worker"] / thread


def _server_milliseconds(call: Callable[[], object]) -> float:
    started = time.process_time_ns()
    call()
    return (time.process_time_ns() - started) / 1e6


def worker_milliseconds(pool: Pool) -> float:
    """Return the CPU time of all threads of living workers, which no rusage counts."""
    return sum(
        int(stat.read_text().split()[0]) / 1e6
        for pid in pool.pids
        for stat in Path(f"/proc/{pid}/task").glob("*/schedstat")
    )


def measure_start(report: Report, original: bytes) -> None:
    """Measure the start of workers, and the memory of those of eight servers after one resize."""
    rows = {}
    for name, decoder in (("Pillow alone", "pillow"), ("with libvips", "auto")):
        options = replace(WorkerOptions.from_settings(), decoder=decoder)
        pool = Pool(SERVERS * WORKERS, 60, options)
        with ExitStack() as stack:
            source = stack.enter_context(shared(BytesIO(original)))
            workers = [stack.enter_context(pool.worker()) for _ in range(SERVERS * WORKERS)]
            for worker in workers:
                worker.wait_until_ready()
            started = worker_milliseconds(pool) / len(workers)
            for worker in workers:
                list(worker.call("make_preview", source, _ARGUMENTS))
            memory = sum(_proportional_megabytes(worker.pid) for worker in workers)
        pool.end()
        each = memory / len(workers)
        rows[name] = {"CPU ms": started, "MB each": each, f"MB of {len(workers)}": memory}
    report.table("Start of a worker, and its share of memory", rows)


def _proportional_megabytes(pid: int) -> float:
    """Return the memory of a process, with its part of the pages that it shares with others."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1000

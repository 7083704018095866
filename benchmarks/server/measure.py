"""The section *server*: missing and stored resizes by 1 to 32 clients, stages, and fairness."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.report import Report
from benchmarks.server import servers
from benchmarks.server.originals import SIDE, Originals, forever, take
from benchmarks.server.servers import Server
from benchmarks.server.traffic import Run, ask, run_clients

CLIENTS = (1, 2, 8, 32)
MOST_OF_STATIC_SERVE = 1.3
"""Most CPU time of a stored resize, of that of Django's ``static.serve``."""
MOST_BESIDE_ENGINE = 0.35
"""Most CPU time of a missing resize beside its engine, of the engine's: half of 0.7, before."""
_TURN = 8
"""Requests of each kind in turns."""
MOST_OF_QUEUE = 1.5
"""Most latency of 99 of 100, of the time that the engine takes for all that wait."""
MOST_OF_ENGINE = 2.0
"""Most latency of 99 of 100 stored resizes beside missing ones, of one run of the engine."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        cold: missing resizes of each run, no less than there are clients.
        warm: stored ones.
        rounds: of each comparison, in turns.
        seconds: for the measurement of fairness.
    """

    cold: int
    warm: int
    rounds: int
    seconds: float

    @classmethod
    def choose(cls, rounds: int, *, quick: bool) -> Sizes:
        """Return the sizes of a short run, or of a full one."""
        return cls(16, 120, 1, 6.0) if quick else cls(64, 600, rounds, 30.0)


@dataclass(frozen=True)
class Way:
    """One way to get a picture: a server, and the paths to ask it for.

    Attributes:
        new: returns the path of a picture that is not made yet; None if it makes none.
        stored: paths of pictures that are.
        makes_again: whether it makes each picture again.
    """

    server: Server
    new: Callable[[], str] | None
    stored: list[str]
    makes_again: bool = False


def measure(report: Report, content: bytes, rounds: int, *, quick: bool) -> None:
    """Measure everything, with servers in a folder of their own."""
    folder = Path(tempfile.mkdtemp(prefix="shift-media-bench-"))
    os.environ["BENCH_FOLDER"] = str(folder)
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.server.settings"
    try:
        import django

        django.setup()
        sizes = Sizes.choose(rounds, quick=quick)
        _measure(report, folder, Originals(folder, content), sizes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _measure(report: Report, folder: Path, originals: Originals, sizes: Sizes) -> None:
    with ExitStack() as stack:
        wsgi = stack.enter_context(servers.started(folder, servers.gunicorn))
        asgi = stack.enter_context(servers.started(folder, servers.uvicorn))
        ways = _ways_of_site(wsgi, asgi, originals)
        reason = servers.why_no_thumbor()
        if reason is not None:
            print(f"\n{reason}", file=sys.stderr)
        for keeps in () if reason else (False, True):
            command = servers.thumbor(folder, keeps_results=keeps)
            server = stack.enter_context(servers.started(folder, command, servers.THUMBOR))
            name = "thumbor, results kept" if keeps else "thumbor"
            ways[name] = Way(server, originals.of_thumbor, [], makes_again=not keeps)
        for way in ways.values():
            _warm_up(way)
        measure_cold(report, ways, sizes)
        measure_warm(report, ways, sizes)
        measure_stages(report, wsgi, originals, sizes)
        measure_fairness(report, ways["shift_media, gunicorn"], sizes)


def _ways_of_site(wsgi: Server, asgi: Server, originals: Originals) -> dict[str, Way]:
    ours = take(originals.of_app, 40)

    def below(prefix: str) -> list[str]:
        return [path.replace("/media/", prefix, 1) for path in ours]

    return {
        "shift_media, gunicorn": Way(wsgi, originals.of_app, ours),
        "shift_media, uvicorn": Way(asgi, originals.of_app, ours),
        "static.serve, gunicorn": Way(wsgi, None, below("/static/")),
        "static.serve, uvicorn": Way(asgi, None, below("/static/")),
        "bare view, gunicorn": Way(wsgi, None, below("/bare/")),
        "bare view, uvicorn": Way(asgi, None, below("/bare/")),
    }


def _warm_up(way: Way) -> None:
    """Let each process of a server import and start what it needs, and store some pictures."""
    if way.new is not None:
        ask(way.server, take(way.new, 8), 8)
        way.stored.extend(take(way.new, 0 if way.stored else 40))
    ask(way.server, way.stored, 8)


def _in_turns(calls: Mapping[str, Callable[[], Run]], rounds: int) -> dict[str, list[Run]]:
    runs: dict[str, list[Run]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            try:
                runs[name].append(call())
            except RuntimeError as error:
                if not name.startswith("thumbor"):
                    raise
                print(f"\n{name} is left out of a round: {error}", file=sys.stderr)
    return {name: each for name, each in runs.items() if each}


def _middle(runs: list[Run]) -> Run:
    """Return the run whose CPU time is the median."""
    return sorted(runs, key=lambda run: run.cpu)[len(runs) // 2]


def measure_cold(report: Report, ways: Mapping[str, Way], sizes: Sizes) -> None:
    """Measure missing resizes by each number of clients."""
    for clients in CLIENTS:
        count = max(sizes.cold, clients)
        calls = {
            name: partial(_ask_new, way.server, way.new, count, clients)
            for name, way in ways.items()
            if way.new is not None
        }
        runs = _in_turns(calls, sizes.rounds)
        rows = {name: _middle(each).row() for name, each in runs.items()}
        for name, each in runs.items():
            if name.startswith("shift_media"):
                rows[name]["engine ms"] = _middle(each).engine
        report.table(f"Missing, -> {SIDE}x{SIDE}, {clients} clients", rows)


def _ask_new(server: Server, new: Callable[[], str], count: int, clients: int) -> Run:
    return ask(server, take(new, count), clients)


def measure_warm(report: Report, ways: Mapping[str, Way], sizes: Sizes) -> None:
    """Measure stored resizes by each number of clients."""
    for clients in CLIENTS:
        calls = {}
        for name, way in ways.items():
            count = sizes.cold if way.makes_again else sizes.warm
            paths = [way.stored[n % len(way.stored)] for n in range(count)]
            calls[name] = partial(ask, way.server, paths, clients)
        runs = _in_turns(calls, sizes.rounds)
        rows = {name: _middle(each).row() for name, each in runs.items()}
        report.table(f"Stored, {clients} clients", rows)
        if clients == 1:
            for kind in ("gunicorn", "uvicorn"):
                ratio = _ratio(runs[f"shift_media, {kind}"], runs[f"static.serve, {kind}"])
                name = f"stored, {kind}: of static.serve's CPU time"
                report.target(name, ratio, MOST_OF_STATIC_SERVE, at_least=False)


def _ratio(ours: list[Run], theirs: list[Run]) -> float:
    return median(one.cpu / other.cpu for one, other in zip(ours, theirs, strict=True))


def measure_stages(report: Report, server: Server, originals: Originals, sizes: Sizes) -> None:
    """Measure where the CPU time of a missing resize goes, and what is beside the engine."""
    from benchmarks.server.stages import InProcess
    from shift_media.workers.pool import end_workers

    inside, runs, engines = InProcess(originals.of_app), [], []
    for _ in range(sizes.cold // _TURN):
        runs.append(ask(server, take(originals.of_app, _TURN), 1))
        inside.ask(_TURN)
        engines.append(engine_milliseconds(_TURN))
    end_workers()
    stages, engine = inside.medians(_TURN), median(engines)
    total, in_workers = median(run.cpu for run in runs), median(run.engine for run in runs)
    parts = {
        "engine, in a thread": engine,
        "worker process beside it": in_workers - engine,
        "HTTP server, and its threads": total - in_workers - sum(stages.values()),
        **dict(sorted(stages.items(), key=lambda item: -item[1])),
    }
    rows = {name: {"CPU ms": ms, "of engine": ms / engine} for name, ms in parts.items()}
    rows["all"] = {"CPU ms": total, "of engine": total / engine}
    report.table(f"A missing resize under gunicorn, 1 client, -> {SIDE}x{SIDE}", rows)
    beside = (total - engine) / engine
    name = "missing, 1 client: CPU time beside the engine, of the engine's"
    report.target(name, beside, MOST_BESIDE_ENGINE, at_least=False)


def engine_milliseconds(count: int) -> float:
    """Return the median CPU time of the engine alone, in this thread, as files are read."""
    from django.conf import settings

    from shift_media.core.spec import Spec
    from shift_media.imaging import engine

    spec, path = Spec.make(f"{SIDE}x{SIDE}", format="jpg"), settings.FOLDER / "source.jpg"
    times = []
    for _ in range(count):
        with path.open("rb") as file:
            began = time.process_time_ns()
            engine.make(file, spec)
            times.append((time.process_time_ns() - began) / 1e6)
    return median(times)


def measure_fairness(report: Report, way: Way, sizes: Sizes) -> None:
    """Let 32 clients ask for missing resizes and another one for stored ones, at the same time."""
    assert way.new is not None
    clients, cores = CLIENTS[-1], len(os.sched_getaffinity(0))
    before = ask(way.server, take(way.new, sizes.cold), cores)
    cold, warm = Run(), Run()
    until = time.monotonic() + sizes.seconds
    missing = iter(take(way.new, int(sizes.seconds * 200)))

    def is_over() -> bool:
        return time.monotonic() > until

    stored = threading.Thread(
        target=run_clients,
        args=(way.server, forever(lambda: way.stored[0]), 1, warm.latencies, is_over),
    )
    stored.start()
    run_clients(way.server, missing, clients, cold.latencies, is_over)
    stored.join()
    after = ask(way.server, take(way.new, sizes.cold), cores)
    cold.seconds = warm.seconds = sizes.seconds
    one = (before.percentile(50) + after.percentile(50)) / 2
    queue = clients / cores * one
    rows = {
        f"missing, {clients} clients": cold.row(),
        "stored, 1 client beside them": warm.row(),
        f"missing, {cores} clients alone": before.row(),
    }
    for name in list(rows)[:2]:
        del rows[name]["CPU ms"]  # of both kinds together
    report.table("Fairness", rows)
    name = f"{clients} clients: p99 of missing ones, of the queue's time"
    report.target(name, cold.percentile(99) / queue, MOST_OF_QUEUE, at_least=False)
    name = f"{clients} clients: p99 of stored ones, of one missing one's"
    report.target(name, warm.percentile(99) / one, MOST_OF_ENGINE, at_least=False)

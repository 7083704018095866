"""The section *server* of ``make bench``: CPU time of processes and of stages, and its clients."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.server import cpu, servers
from benchmarks.server.stages import StageClock, measured_stages
from benchmarks.server.traffic import Run


def burn(milliseconds: float) -> None:
    end = time.thread_time_ns() + milliseconds * 1e6
    while time.thread_time_ns() < end:
        pass


def test_stage_does_not_count_the_stages_in_it() -> None:
    clock = StageClock()
    inner = clock.call("inner", lambda: burn(4))

    def steps() -> Iterator[int]:
        for step in range(2):
            burn(1)
            yield step

    @contextmanager
    def lock() -> Iterator[None]:
        burn(1)
        yield
        burn(1)

    with clock.stage("outer"):
        burn(1)
        inner()
        for _ in clock.results("steps", steps)():
            pass
        with clock.context("lock", lock)():
            burn(4)
    spent = clock.spent
    assert 1.8 <= spent["steps"] < 4 <= spent["inner"] < 6 > spent["outer"] >= 4.9
    assert 1.9 <= spent["lock"] < 4


def test_context_of_a_stage_passes_errors_on() -> None:
    @contextmanager
    def lock() -> Iterator[None]:
        try:
            yield
        finally:
            clock.spent["left"] = 1

    clock = StageClock()
    with pytest.raises(ValueError, match="of the body"), clock.context("lock", lock)():
        raise ValueError("of the body")
    assert clock.spent["left"] == 1


def test_every_stage_is_a_function_of_the_app() -> None:
    clock = StageClock()
    with measured_stages(clock):
        pass
    assert clock.spent == {}


@pytest.mark.slow
def test_cpu_time_of_a_child_process_is_found() -> None:
    code = "sum(range(3_000_000)); print(flush=True); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert cpu.find_tree(child.pid) == [child.pid]
        assert cpu.milliseconds([child.pid]) > 10
        assert not cpu.is_worker(child.pid)
        child.communicate(b"\n")
    assert cpu.milliseconds([child.pid]) == 0


def test_percentiles_are_in_milliseconds() -> None:
    run = Run(seconds=2.0, latencies=[0.1] * 99 + [0.5])
    assert run.row() == {"1/s": 50, "CPU ms": 0, "p50 ms": 100, "p99 ms": pytest.approx(104)}


def test_missing_thumbor_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers, "THUMBOR", servers._ROOT / "no-such-python")
    assert "could not install" in str(servers.why_no_thumbor())
    assert servers.find_thumbor_version() == "not installed"

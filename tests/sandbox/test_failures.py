"""Programs that are late, killed or too expensive: which of it is the fault of a file."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from shift_media.core.errors import MediaError, OutOfResources, Undecodable
from shift_media.sandbox import documents, ffmpeg, jxl
from shift_media.sandbox.process import Bounds

BOUNDS = Bounds(20, 5)
LATE = "import time; time.sleep(9)"
BUSY = "while True: pass"
SIGNALLED = """
import os, signal
if signal.{0} not in (signal.SIGKILL, signal.SIGSTOP):
    signal.signal(signal.{0}, signal.SIG_DFL)  # nohup, above the tests, lets it be ignored
os.kill(os.getpid(), signal.{0})
"""
ENDED_IN_ORDER = "import sys; sys.exit(255)"
"""What ffmpeg does on SIGTERM."""
BROKEN = "import sys; sys.exit(1)"

Fails = Callable[[str, Bounds], MediaError]


def read(extension: str) -> None:
    if extension != "jxl":
        documents.draw(io.BytesIO(b"<svg/>"), extension, side=0)
        return
    with jxl.decoded(io.BytesIO(b"\xff\x0a"), "rgb24"):
        pass


@pytest.fixture(params=["jxl", "pdf", "svg"])
def fails(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Fails:
    """Return a function that returns the error of a file whose program runs some Python."""
    extension = request.param
    script = tmp_path / "program"

    def run(code: str, bounds: Bounds) -> MediaError:
        script.write_text(f"#!/usr/bin/env python3\n{code}\n")
        script.chmod(0o755)
        monkeypatch.setattr(jxl, "find_program", lambda: str(script))
        monkeypatch.setattr(jxl, "BOUNDS", bounds)
        monkeypatch.setattr(documents, "PAGE_BOUNDS", bounds)
        worker = documents.DrawingScript(str(script), {}, extension)
        monkeypatch.setitem(documents.WORKERS, extension, worker)
        with pytest.raises(MediaError) as error:
            read(extension)
        return error.value

    return run


def test_program_that_is_late_by_the_clock_is_a_passing_failure(fails: Fails) -> None:
    error = fails(LATE, replace(BOUNDS, seconds=0.01))
    assert type(error) is OutOfResources
    assert "time limit" in str(error)


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGHUP"])
def test_program_that_the_machine_kills_is_a_passing_failure(fails: Fails, name: str) -> None:
    assert type(fails(SIGNALLED.format(name), BOUNDS)) is OutOfResources


def test_program_that_catches_a_signal_as_ffmpeg_is_a_passing_failure(fails: Fails) -> None:
    assert type(fails(ENDED_IN_ORDER, BOUNDS)) is OutOfResources


@pytest.mark.slow  # The least limit of CPU time is a second.
@pytest.mark.parametrize("fails", ["jxl"], indirect=True)
def test_program_that_uses_up_its_cpu_time_is_the_fault_of_the_file(fails: Fails) -> None:
    error = fails(BUSY, replace(BOUNDS, seconds=60, cpu_seconds=1))
    assert type(error) is Undecodable
    assert "used up its 1 s of CPU time" in str(error)


@pytest.mark.parametrize("code", [BROKEN, SIGNALLED.format("SIGSEGV")])
def test_program_that_fails_or_crashes_is_the_fault_of_the_file(fails: Fails, code: str) -> None:
    assert type(fails(code, BOUNDS)) is Undecodable


@pytest.mark.slow
@pytest.mark.parametrize("fails", ["jxl"], indirect=True)
def test_program_that_another_wait_has_collected_is_no_error(
    fails: Fails, monkeypatch: pytest.MonkeyPatch
) -> None:
    def collected(pid: int, options: int) -> None:
        raise ChildProcessError

    monkeypatch.setattr(os, "wait4", collected)
    assert type(fails(SIGNALLED.format("SIGKILL"), BOUNDS)) is OutOfResources


@pytest.mark.parametrize("script", ["exec sleep 9", "kill -KILL $$"])
def test_ffmpeg_that_the_machine_cannot_run_now_is_not_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str
) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(ffmpeg, "_installed", lambda: iter([str(program)]))
    monkeypatch.setattr(ffmpeg, "_LIST_SECONDS", 0.05 if "sleep" in script else 9)
    with pytest.raises(OutOfResources, match="ffmpeg"):
        jxl.find_program()

"""Programs with servers end them, and remove their folders, on SIGTERM and SIGHUP."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

_PROGRAMS = {
    "loss": ["-m", "tests.loss", "--seconds", "600"],
    "load": ["-m", "benchmarks.load", "--minutes", "10"],
}
_SECONDS = 120


def processes_of(folder: Path) -> list[str]:
    """Return the command lines that name the folder."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return [line for line in lines if str(folder) in line]


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """Return a folder that PostgreSQL, which does not run as root, can enter."""
    for folder in (tmp_path, *tmp_path.parents):
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o055)
    return tmp_path


@pytest.mark.slow
@pytest.mark.s3
@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.needs("postgres", "seaweedfs", "redis", "nginx", "gunicorn")
@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("name", _PROGRAMS)
def test_program_that_gets_a_signal_leaves_no_server_and_no_folder(
    name: str, number: signal.Signals, open_folder: Path
) -> None:
    environment = {**os.environ, "TMPDIR": str(open_folder)}
    program = subprocess.Popen(
        [sys.executable, *_PROGRAMS[name]],
        env=environment,
        stdout=subprocess.DEVNULL,
        # nohup, above the tests, lets SIGHUP be ignored
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # noqa: PLW1509
    )
    try:
        until = time.monotonic() + _SECONDS
        while not processes_of(open_folder) and time.monotonic() < until:
            time.sleep(0.05)
        assert processes_of(open_folder), f"{name} has started no server"
        program.send_signal(number)
        assert program.wait(_SECONDS) == 128 + number
    finally:
        program.kill()
    assert processes_of(open_folder) == []
    assert list(open_folder.glob("shift-media-*")) == []

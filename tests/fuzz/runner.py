"""The parent of the fuzzing processes: it starts them again, and keeps what they find."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fuzz.child import Board, Fuzzing, Report, fork
from tests.fuzz.coverage import Line
from tests.fuzz.execution import Finding, execute
from tests.fuzz.minimize import minimize
from tests.fuzz.targets import Target

HANG_SECONDS = 60.0
"""An input that takes longer, by the clock of a machine that may be busy, is a finding."""
MINIMIZE_SECONDS = 20.0


@dataclass
class Tally:
    """The counts and findings of one target."""

    executions: int = 0
    accepted: int = 0
    inputs: int = 0
    lines: set[Line] = field(default_factory=set)
    findings: dict[str, tuple[Finding, bytes]] = field(default_factory=dict)


def fuzz(target: Target, seconds: float, seed: str, progress: Callable[[Tally], None]) -> Tally:
    """Fuzz one target for a time, in as many processes, one after another, as that takes."""
    inputs = target.seeds()
    tally, until, round = Tally(), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        board = Board()
        fuzzing = Fuzzing(target, inputs, seed, round)
        pid, reports = fork(lambda report: fuzzing.run(board, until, report))  # noqa: B023
        kind = follow(pid, reports, board, tally, progress)
        if kind:
            finding = Finding(target.name, kind, "", f"The process ended with {kind}.")
            tally.findings.setdefault(finding.id, (finding, board.content))
        round += 1
    return tally


def follow(
    pid: int,
    reports: int,
    board: Board,
    tally: Tally,
    progress: Callable[[Tally], None],
    hang_seconds: float = HANG_SECONDS,
) -> str:
    """Read the reports of a process until it ends; return how it failed, or ``""``."""
    before = (tally.executions, tally.accepted)
    executions, since, hangs = 0, time.monotonic(), False
    with os.fdopen(reports) as lines:
        while True:
            ready, _, _ = select.select([lines], [], [], 1.0)
            if ready:
                line = lines.readline()
                if not line:
                    break
                _take(json.loads(line), tally, before)
                progress(tally)
            if board.executions != executions:
                executions, since = board.executions, time.monotonic()
            elif time.monotonic() - since > hang_seconds:
                hangs = True
                os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    tally.executions = max(tally.executions, before[0] + board.executions)
    if hangs:
        return "hang"
    if os.WIFSIGNALED(status):
        return f"crash-{signal.Signals(os.WTERMSIG(status)).name}"
    return "crash-exit" if status else ""


def _take(message: dict[str, Any], tally: Tally, before: tuple[int, int]) -> None:
    if "finding" in message:
        finding = Finding(**message["finding"])
        tally.findings.setdefault(finding.id, (finding, bytes.fromhex(message["content"])))
        return
    tally.executions = before[0] + message["executions"]
    tally.accepted = before[1] + message["accepted"]
    tally.inputs = message["inputs"]
    tally.lines |= {(path, number) for path, number in message["lines"]}


def reproduce(target: Target, content: bytes) -> Finding | None:
    """Execute one input in a process of its own; return what it fails with."""
    board = Board()

    def work(report: Report) -> None:
        _, finding = execute(target, content)
        report({"finding": None if finding is None else vars(finding)})

    pid, reports = fork(work)
    signal_handler = signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.alarm(int(HANG_SECONDS))
    try:
        with os.fdopen(reports) as lines:
            text = lines.read()
        _, status = os.waitpid(pid, 0)
        hangs = not signal.alarm(0)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, signal_handler)
    del board
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        return Finding(target.name, "hang" if hangs else f"crash-{name}", "")
    found = json.loads(text)["finding"] if text else None
    return Finding(**found) if found else None


def save(target: Target, finding: Finding, content: bytes, folder: Path, seconds: float) -> Path:
    """Write the smallest input that fails in the same way, and what it fails with."""

    def fails(candidate: bytes) -> bool:
        seen = reproduce(target, candidate)
        return seen is not None and seen.id == finding.id

    small = minimize(content, fails, seconds) if fails(content) else content
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / finding.file_name
    path.write_bytes(small)
    path.with_suffix(".txt").write_text(f"{finding.id}\n{len(small)} bytes\n\n{finding.text}")
    return path


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Ignore warnings and log lines of libraries about what the inputs do to them."""
    import logging
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)

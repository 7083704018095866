"""The process that executes inputs: its parent outlives whatever they do to it."""

from __future__ import annotations

import faulthandler
import json
import mmap
import os
import random
import struct
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from tests.fuzz.coverage import LineCoverage
from tests.fuzz.execution import execute
from tests.fuzz.mutations import MOST_BYTES
from tests.fuzz.targets import Target

_HEAD = struct.Struct("<QQ")
_MOST_INPUTS = 2000
_REPORT_SECONDS = 1.0


class Board:
    """Memory that parent and child share: how many inputs were executed, and the last of them."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _HEAD.size + MOST_BYTES)

    def write(self, executions: int, content: bytes) -> None:
        content = content[:MOST_BYTES]
        self._memory[: _HEAD.size + len(content)] = _HEAD.pack(executions, len(content)) + content

    @property
    def executions(self) -> int:
        return int(_HEAD.unpack(self._memory[: _HEAD.size])[0])

    @property
    def content(self) -> bytes:
        _, length = _HEAD.unpack(self._memory[: _HEAD.size])
        return self._memory[_HEAD.size : _HEAD.size + length]


Report = Callable[[dict[str, Any]], None]


def fork(work: Callable[[Report], None]) -> tuple[int, int]:
    """Run ``work`` in a new process; return its id, and a descriptor to read its reports from."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    status = 1
    try:
        os.close(reading)
        faulthandler.disable()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff writes about each fault
        with os.fdopen(writing, "w") as output:
            work(lambda message: print(json.dumps(message), file=output, flush=True))
        status = 0
    finally:
        os._exit(status)


class Fuzzing:
    """Mutate and execute until a time.

    Args:
        round: how often the process was started again, so that it does not repeat itself.
    """

    def __init__(self, target: Target, inputs: list[bytes], seed: str, round: int) -> None:
        self._target = target
        self._inputs = list(inputs)
        self._chance = random.Random(f"{seed}/{target.name}/{round}")
        self._is_first = round == 0
        self._lines = LineCoverage()
        self._found: set[str] = set()
        self._count = self._accepted = 0

    def run(self, board: Board, until: float, report: Report) -> None:
        """Execute the inputs themselves first, then mutations of them."""
        self._lines.start()
        reported, known = time.monotonic(), 0
        begin = list(self._inputs) if self._is_first else []
        mutator = self._target.mutator(self._chance)
        while time.monotonic() < until:
            content = begin.pop() if begin else mutator.mutate(self._choose(), self._inputs)
            self._execute(content, board, report)
            if len(self._lines.lines) > known:
                known = len(self._lines.lines)
                self._keep(content)
            if time.monotonic() - reported > _REPORT_SECONDS:
                self._report(report)
                reported = time.monotonic()
        self._report(report)

    def _choose(self) -> bytes:
        if self._chance.random() < 0.3:  # one that reached new lines lately
            return self._chance.choice(self._inputs[-8:])
        return self._chance.choice(self._inputs)

    def _keep(self, content: bytes) -> None:
        self._inputs.append(content)
        if len(self._inputs) > _MOST_INPUTS:
            del self._inputs[self._chance.randrange(len(self._inputs))]

    def _execute(self, content: bytes, board: Board, report: Report) -> None:
        self._count += 1
        board.write(self._count, content)
        accepted, finding = execute(self._target, content)
        self._accepted += accepted
        if finding is not None and finding.kind == "slow":
            _, finding = execute(self._target, content)  # other work of the machine counts too
        if finding is not None and finding.id not in self._found:
            self._found.add(finding.id)
            report({"finding": asdict(finding), "content": content.hex()})

    def _report(self, report: Report) -> None:
        report(
            {
                "executions": self._count,
                "accepted": self._accepted,
                "inputs": len(self._inputs),
                "lines": sorted(self._lines.lines),
            }
        )

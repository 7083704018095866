"""Python code in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import TracebackType
from typing import Any

from tests.parts import ROOT


def run(code: str, *arguments: str, stdin: str = "") -> str:
    """Run code with arguments and input, and return its output; fail if it fails."""
    done = start(code, *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr
    return done.stdout


def start(code: str, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run code with arguments and input until it ends, however it does."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=_environment(),
        cwd=ROOT,
        timeout=600,
        check=False,
    )


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "MALLOC_ARENA_MAX": "2"}


_ANSWER = """
import json, os, sys, traceback
for line in sys.stdin:
    child = os.fork()
    if not child:
        try:
            answer = measure(*json.loads(line))
        except BaseException:
            answer = traceback.format_exc()
        print(json.dumps({"answer": answer}), flush=True)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status:
        print(json.dumps({"answer": f"The process ended with status {status}."}), flush=True)
"""


class Measuring:
    """A process that runs code once, and calls its function ``measure`` in a fork each time.

    So each call has a process of its own, which need not import everything again.
    """

    def __init__(self, code: str) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-c", code + _ANSWER],
            stdin=pipe,
            stdout=pipe,
            text=True,
            env=_environment(),
            cwd=ROOT,
        )

    def __enter__(self) -> Measuring:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=60)

    def __call__(self, *arguments: object) -> list[Any]:
        """Return the list that ``measure`` returns; fail if it raises, or if its process dies."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer = json.loads(line)["answer"] if line else "The process ended early."
        assert isinstance(answer, list), answer
        return answer

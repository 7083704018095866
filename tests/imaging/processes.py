"""Python code in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.parts import ROOT


def run(code: str, *arguments: str, stdin: str = "") -> str:
    """Run code with arguments and input, and return its output; fail if it fails."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MALLOC_ARENA_MAX": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

"""The same targets under Atheris, which is libFuzzer for Python: coverage chooses what is kept."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.child import Board
from tests.fuzz.execution import Finding
from tests.fuzz.runner import Tally, follow
from tests.fuzz.targets import Target
from tests.parts import ROOT

_ARTIFACTS = {"crash-": "crash", "timeout-": "hang", "oom-": "memory"}


def fuzz_with_atheris(
    target: Target, seconds: float, seed: str, progress: Callable[[Tally], None]
) -> Tally:
    """Fuzz one target for a time; Atheris is started again after an input that ends it."""
    if importlib.util.find_spec("atheris") is None:
        raise SystemExit('Atheris is not installed: python -m pip install -e ".[fuzz]"')
    tally, until = Tally(), time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="shift-media-atheris-") as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, content in enumerate(target.seeds()):
            (corpus / f"seed-{number}").write_bytes(content)
        while (left := until - time.monotonic()) > 1:
            command = [sys.executable, "-m", "tests.fuzz.atheris_child", target.name, seed]
            process = subprocess.Popen(
                [*command, f"{left:.0f}", folder],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            assert process.stdout is not None
            reports = os.dup(process.stdout.fileno())
            process.stdout.close()
            follow(process.pid, reports, Board(), tally, progress, hang_seconds=left + 120)
            process.returncode = 0  # `follow` has waited for it
            _collect(Path(folder), target, tally)
    return tally


def _collect(folder: Path, target: Target, tally: Tally) -> None:
    for path in folder.iterdir():
        for prefix, kind in _ARTIFACTS.items():
            if path.name.startswith(prefix):
                finding = Finding(target.name, kind, "", f"libFuzzer wrote {path.name}.")
                tally.findings.setdefault(finding.id, (finding, path.read_bytes()))
                path.unlink()

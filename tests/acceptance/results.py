"""The outcomes of marked tests: written by a run, read by ``make evidence`` and by the docs."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests import parts
from tests.acceptance.rows import find_marks
from tests.parts import ROOT

RECORDED = ROOT / "docs/explanation/evidence.json"
"""The last full run, as the page shows it."""

_PACKAGES = ("Django", "Pillow", "pyvips", "boto3", "django-storages", "pytest")
_OUTCOMES = ("passed", "failed", "skipped")


@dataclass
class Run:
    """A run of the tests.

    Attributes:
        is_full: whether all tests ran, and none could be skipped.
        totals: the number of all tests by their outcomes.
        tests: passed, failed and skipped cases of each marked test.
    """

    date: str = ""
    commit: str = ""
    command: str = ""
    machine: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    is_full: bool = False
    seconds: int = 0
    totals: dict[str, int] = field(default_factory=dict)
    tests: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path = RECORDED) -> Run | None:
        """Return the run in a file; None if there is none."""
        return cls(**json.loads(path.read_text())) if path.exists() else None

    def write(self, path: Path) -> None:
        """Write it to a file, with a line for each test."""
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {name: value for name, value in asdict(self).items() if name != "tests"}
        lines = [f'  "{name}": {json.dumps(value)},' for name, value in facts.items()]
        tests = [f'    "{name}": {counts}' for name, counts in sorted(self.tests.items())]
        content = ["{", *lines, '  "tests": {', ",\n".join(tests), "  }", "}", ""]
        path.write_text("\n".join(content))

    def count(self, test: str) -> list[int]:
        """Return passed, failed and skipped cases of a test, or of all of a class."""
        cases = [self.tests[test]] if test in self.tests else []
        cases += [n for name, n in self.tests.items() if name.startswith(f"{test}::")]
        return [sum(each) for each in zip(*cases, strict=True)] if cases else [0, 0, 0]


class Recorder:
    """Counts outcomes in the process that all workers of a run report to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._marked = {test for tests in find_marks().values() for test in tests}
        self._run = Run(totals=dict.fromkeys(_OUTCOMES, 0))
        self._begun = datetime.now(UTC)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test when it has run, or when its fixtures have failed."""
        if report.when != "call" and report.outcome == "passed":
            return
        self._run.totals[report.outcome] += 1
        name = report.nodeid.partition("[")[0]
        if name in self._marked or name.rpartition("::")[0] in self._marked:
            counts = self._run.tests.setdefault(name, [0, 0, 0])
            counts[_OUTCOMES.index(report.outcome)] += 1

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the file."""
        now = datetime.now(UTC)
        option = session.config.option
        self._run.date = f"{now:%Y-%m-%d %H:%M} UTC"
        self._run.seconds = round((now - self._begun).total_seconds())
        self._run.commit = _commit()
        self._run.command = "make test-full" if parts.full() else "make test"
        self._run.is_full = parts.full() and not (
            option.keyword or option.markexpr or option.file_or_dir or parts.excused()
        )
        self._run.machine = _machine()
        self._run.versions = {"Python": platform.python_version(), **_versions()}
        self._run.write(self._path)


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%h"]
    try:
        return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def _machine() -> str:
    """Return the kind of machine, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        system = platform.system()
    return f"{os.cpu_count()} cores, {platform.machine()}, {memory:.0f} GB, {system}"


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found

"""Tables of measurements, and the targets with their results."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "Django",
    "Pillow",
    "sorl-thumbnail",
    "easy-thumbnails",
    "django-imagekit",
    "django-pictures",
    "django-versatileimagefield",
    "thumbor",
    "pyvips",
    "pyvips-binary",
    "simplejpeg",
)


@dataclass
class Target:
    """A bound for a measured value: the least, or the most if ``at_least`` is False."""

    name: str
    measured: float
    bound: float
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Return True if the measured value is within the bound."""
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


@dataclass
class Report:
    """Collects tables and targets; prints each table at once, and writes all of it as JSON.

    Attributes:
        versions: those of programs that are no Python packages.
    """

    subject: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    tables: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    targets: list[Target] = field(default_factory=list)

    def machine(self) -> dict[str, object]:
        """Return the machine, its load, and the versions of Python and packages."""
        values: dict[str, object] = {
            "cores": os.cpu_count(),
            "load": [round(load, 2) for load in os.getloadavg()],
            "machine": platform.machine(),
            "python": platform.python_version(),
        }
        for package in PACKAGES:
            try:
                values[package] = version(package)
            except PackageNotFoundError:
                values[package] = "not installed"
        return values | self.versions

    def describe(self, subject: str) -> None:
        """Print and store what is measured: photographs or drawn images."""
        self.subject = subject
        print(f"Measured: {subject}")

    def table(self, title: str, rows: Mapping[str, Mapping[str, float]]) -> None:
        """Print a table: a row for each engine, a column for each number."""
        self.tables[title] = {name: dict(row) for name, row in rows.items()}
        columns = list(dict.fromkeys(column for row in rows.values() for column in row))
        print(f"\n{title}")
        print(" " * 34 + "".join(f"{column:>12}" for column in columns))
        for name, row in rows.items():
            cells = (f"{row[c]:12.4g}" if c in row else " " * 11 + "–" for c in columns)
            print(f"  {name:<32}" + "".join(cells))
        sys.stdout.flush()

    def target(self, name: str, measured: float, bound: float, *, at_least: bool = True) -> None:
        """Add a target with its measured value."""
        self.targets.append(Target(name, measured, bound, at_least))

    @property
    def are_met(self) -> bool:
        """Return True if all targets are met."""
        return all(target.met for target in self.targets)

    def finish(self, path: Path) -> None:
        """Print the targets and write everything as JSON."""
        print(f"\nTargets{f', measured on {self.subject}' if self.subject else ''}")
        for target in self.targets:
            sign = "≥" if target.at_least else "≤"
            verdict = "met" if target.met else "NOT MET"
            print(
                f"  {target.name:<62}{target.measured:9.4g}  {sign} {target.bound:<6g} {verdict}"
            )
        content = {
            "machine": self.machine(),
            "measured": self.subject,
            "tables": self.tables,
            "targets": [{**asdict(target), "met": target.met} for target in self.targets],
        }
        path.write_text(json.dumps(content, indent=1) + "\n")
        print(f"\nWritten to {path}")

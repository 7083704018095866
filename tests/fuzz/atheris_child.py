"""One target under Atheris, which never returns from its loop: ``TARGET SEED SECONDS FOLDER``."""

from __future__ import annotations

import atexit
import json
import os
import random
import sys
import time
import zlib
from dataclasses import asdict

import atheris
import django


class Executing:
    """The function that Atheris calls, and the reports for the parent."""

    def __init__(self, target_name: str) -> None:
        from tests.fuzz.coverage import LineCoverage
        from tests.fuzz.targets import TARGETS

        self.target = TARGETS[target_name]
        self._lines = LineCoverage()
        self._lines.start()
        self._found: set[str] = set()
        self._executions = self._accepted = 0
        self._reported = time.monotonic()

    def __call__(self, content: bytes) -> None:
        from tests.fuzz.execution import execute

        accepted, finding = execute(self.target, content)
        self._executions += 1
        self._accepted += accepted
        if finding is not None and finding.id not in self._found:
            self._found.add(finding.id)
            self._write({"finding": asdict(finding), "content": content.hex()})
        if time.monotonic() - self._reported > 1:
            self.report()

    def report(self) -> None:
        """Write the counts so far."""
        self._reported = time.monotonic()
        lines = sorted(self._lines.lines)
        self._write(
            {
                "executions": self._executions,
                "accepted": self._accepted,
                "inputs": 0,
                "lines": lines,
            }
        )

    def mutate(self, content: bytes, most: int, seed: int) -> bytes:
        """Change parts of the file, or let libFuzzer change bytes."""
        chance = random.Random(seed)
        if chance.random() < 0.3:
            return bytes(atheris.Mutate(content, most))
        return self.target.mutator(chance).mutate(content, [content])[:most]

    def _write(self, message: object) -> None:
        os.write(1, json.dumps(message).encode() + b"\n")


def main() -> None:
    """Fuzz until the time is over."""
    name, seed, seconds, folder = sys.argv[1:]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    with atheris.instrument_imports(include=["shift_media"]):
        django.setup()
        from tests.fuzz.runner import quiet_libraries

        executing = Executing(name)
    atexit.register(executing.report)
    options = [
        f"-seed={zlib.crc32(seed.encode()) or 1}", f"-max_total_time={seconds}",
        "-max_len=65536", "-timeout=60", "-rss_limit_mb=2048", f"-artifact_prefix={folder}/",
    ]  # fmt: skip
    atheris.Setup(
        [sys.argv[0], *options, f"{folder}/corpus"], executing, custom_mutator=executing.mutate
    )
    with quiet_libraries():
        atheris.Fuzz()


if __name__ == "__main__":
    main()

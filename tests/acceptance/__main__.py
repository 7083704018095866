"""`make evidence`: record the last full run, so that the page on evidence shows it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.acceptance.results import RECORDED, Run
from tests.acceptance.rows import find_marks
from tests.parts import ROOT

RESULTS = ROOT / "var/results.json"


def main(words: list[str]) -> int:
    """Copy the results of a run to the docs; return 1 if it was not a full one."""
    parser = argparse.ArgumentParser(prog="make evidence", description=__doc__)
    parser.add_argument("--results", type=Path, default=RESULTS, help="written by make test-full")
    parser.add_argument("--to", type=Path, default=RECORDED)
    options = parser.parse_args(words)
    run = Run.read(options.results)
    if run is None or not run.is_full:
        seen = "is missing" if run is None else "is of a run that left tests out"
        sys.stderr.write(f"{options.results} {seen}. Run: make test-full, without ARGS\n")
        return 1
    run.write(options.to)
    for row, tests in sorted(find_marks().items()):
        passed, failed, skipped = (sum(n) for n in zip(*map(run.count, tests), strict=True))
        sys.stdout.write(f"{row:3} {passed:4} passed {failed:3} failed {skipped:3} skipped\n")
    sys.stdout.write(f"{options.to} shows the run of {run.date}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

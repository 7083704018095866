"""`make loss`: thousands of uploads, changes and deletions while everything is killed at random.

An auditor that imports nothing of the package then looks for a committed row without its bytes,
for a rendition that is gone, and for a file that the clean-up does not find, or should not have
removed. A seed repeats the operations and the faults, though not their exact times. As root a
small disk in memory is filled, too.
"""

from __future__ import annotations

import argparse
import secrets
import sys

from tests.loss.run import LossRun


def write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(words: list[str]) -> int:
    """Run for a time; return 1 if something was lost."""
    parser = argparse.ArgumentParser(prog="make loss", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--operations", type=int, default=10**9, help="end after so many")
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--users", type=int, default=4, help="processes that upload and delete")
    options = parser.parse_args(words)
    run = LossRun(options.seed, options.users, write)
    problems = run.run(options.seconds, options.operations)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

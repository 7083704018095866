"""`make fuzz`: mutated files and texts for each parser that takes bytes of others.

Nothing is written below the project: inputs that break a promise go, as small as they could be
made, into a folder of their own. The exit status is 1 if there is one.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:
    from tests.fuzz.targets import Target

FINDINGS = Path(tempfile.gettempdir()) / "shift-media-fuzz"


def main(words: list[str]) -> int:
    """Fuzz the targets of the arguments in turn; return the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    django.setup()
    from tests.fuzz.report import Progress, summarize
    from tests.fuzz.runner import fuzz, quiet_libraries, save
    from tests.fuzz.targets import TARGETS

    options = parse(words, list(TARGETS))
    chosen = [TARGETS[name] for name in options.target or TARGETS]
    with quiet_libraries():
        if options.input:
            return execute_again(chosen[0], options.input)
        write(f"seed {options.seed}, findings in {options.findings}")
        tallies, shares = {}, sum(target.share for target in chosen)
        saved = []
        for target in chosen:
            seconds = options.seconds * target.share / shares
            progress = Progress(target.name, seconds)
            if options.atheris:
                from tests.fuzz.atheris_runner import fuzz_with_atheris

                tally = fuzz_with_atheris(target, seconds, options.seed, progress)
            else:
                tally = fuzz(target, seconds, options.seed, progress)
            progress.end(tally)
            tallies[target.name] = tally
            for finding, content in tally.findings.values():
                saved.append(save(target, finding, content, options.findings, options.minimize))
                write(f"FINDING {finding.id}: {saved[-1]}")
        write(*summarize(tallies, time.process_time()))
    return int(bool(saved))


def execute_again(target: Target, files: Sequence[Path]) -> int:
    """Execute files once, each with a line of its own; return the exit status."""
    from tests.fuzz.runner import reproduce

    missing = [path for path in files if not path.is_file()]
    if missing:
        sys.stderr.write(f"{missing[0]} is not a file. --input takes the files of findings.\n")
        return 2
    found = {path: reproduce(target, path.read_bytes()) for path in files}
    for path, one in found.items():
        write(f"{path}: {one.id}\n{one.text}" if one else f"{path}: no promise is broken")
    return int(any(found.values()))


def parse(words: list[str], targets: list[str]) -> argparse.Namespace:
    """Parse the options; exits with 2 for wrong ones."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="for all targets together")
    parser.add_argument("--target", action="append", choices=targets, metavar="NAME")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="repeats the same mutations")
    parser.add_argument("--findings", type=Path, default=FINDINGS, metavar="FOLDER")
    parser.add_argument("--minimize", type=float, default=20, help="seconds for each finding")
    parser.add_argument("--atheris", action="store_true", help="mutate with Atheris, extra fuzz")
    parser.add_argument("--input", type=Path, nargs="+", help="execute these files once")
    options = parser.parse_args(words)
    if options.input and len(options.target or ()) != 1:
        parser.error("--input needs exactly one --target")
    return options


def write(*lines: str) -> None:
    """Write lines to the standard output."""
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

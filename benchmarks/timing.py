"""Measure whether the time of checking a signature depends on it: ``python -m benchmarks.timing``.

Signatures that are wrong in the first and in the last digit are checked in random order, and their
times are compared by Welch's t-test, as dudect does (Reparaz, Balasch and Verbauwhede, "Dude, is
my code constant time?", 2017). |t| above 4.5 shows a difference, if it is more than the few
nanoseconds by which two runs of the same code differ. The slowest tenth of all samples is left
out, because it measures the machine. A comparison that stops at the first different digit is
measured as well, which shows that the method finds what it looks for.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import sys
import time
from collections.abc import Callable

from shift_media.core.private_urls import FILE
from shift_media.core.signing import Signer

SUBJECT = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg?expires=1764252000"
THRESHOLD = 4.5
NOISE = 5
"""Nanoseconds by which two runs of the same code may differ on a machine with other work."""

Check = Callable[[str], bool]


def careless(signer: Signer) -> Check:
    """Return a check that stops at the first digit that differs."""
    right = signer.sign(SUBJECT)

    def check(signature: str) -> bool:
        signer.sign(SUBJECT)
        return all(a == b for a, b in zip(signature, right, strict=True))

    return check


def change(signature: str, place: int) -> str:
    """Return a signature with another digit at a place."""
    other = "0" if signature[place] != "0" else "1"
    return signature[:place] + other + signature[place + 1 :]


def compare(check: Check, signature: str, samples: int) -> tuple[float, float, float]:
    """Return the mean times in nanoseconds of both classes, and the value of the t-test."""
    wrong = [change(signature, 0), change(signature, 31)]
    order = [n % 2 for n in range(2 * samples)]
    random.Random(1).shuffle(order)
    times: tuple[list[int], list[int]] = ([], [])
    for kind in order:
        text = wrong[kind]
        began = time.perf_counter_ns()
        check(text)
        times[kind].append(time.perf_counter_ns() - began)
    most = sorted([*times[0], *times[1]])[2 * samples * 9 // 10]
    first, last = ([one for one in each if one <= most] for each in times)
    spread = math.sqrt(
        statistics.variance(first) / len(first) + statistics.variance(last) / len(last)
    )
    means = statistics.fmean(first), statistics.fmean(last)
    return *means, (means[1] - means[0]) / spread


def main(words: list[str]) -> int:
    """Print a table; return 1 if the signer's time differs, or the careless one's does not."""
    parser = argparse.ArgumentParser(prog="benchmarks.timing")
    parser.add_argument("--samples", type=int, default=100_000, help="of each class")
    samples = parser.parse_args(words).samples
    signer = Signer(["k" * 40], FILE)
    signature = signer.sign(SUBJECT)
    checks: dict[str, Check] = {
        "Signer.verify": lambda text: signer.verify(SUBJECT, text),
        "stops at the first difference": careless(signer),
    }
    values = []
    for name, check in checks.items():
        first, last, t = compare(check, signature, samples)
        values.append(abs(t) > THRESHOLD and abs(last - first) > NOISE)
        print(f"{name:30}  first digit {first:7.0f} ns  last digit {last:7.0f} ns  t {t:7.2f}")
    return int(values != [False, True])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

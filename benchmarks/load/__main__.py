"""`make load`: a site of two hosts under load, and what it answers and holds meanwhile.

Missing resizes by many clients, a herd on one of them, stored ones and uploads beside both, then
mixed traffic at the highest rate at which 99 of 100 requests take less than two seconds. Needs
PostgreSQL, Redis, nginx, and SeaweedFS or Ceph (as root). The exit status is 1 if an answer was
neither a success nor 503 with Retry-After, or if something has grown.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
from functools import partial
from pathlib import Path

import django

from benchmarks.load.client import Client, Outcomes
from benchmarks.load.mixed import LATENCY, MixedRun
from benchmarks.load.sampling import find_growth, take_sample
from benchmarks.load.site import LoadSite
from benchmarks.load.traffic import Request, Traffic, run_all
from benchmarks.report import Report
from tests.servers.ending import exit_on_signals


def main(words: list[str]) -> int:
    """Measure all phases; return the exit status."""
    options = parse(words)
    logging.disable(logging.CRITICAL)
    report = Report()
    machine = {n: v for n, v in report.machine().items() if v != "not installed"}
    print("  ".join(f"{name} {value}" for name, value in machine.items()), flush=True)
    folder = Path(tempfile.mkdtemp(prefix="shift-media-load-"))
    folder.chmod(0o755)
    servers = LoadSite(folder, options.s3, options.workers, options.threads)
    with exit_on_signals(folder), servers as site:
        django.setup()
        measure(report, site, options)
    if report.are_met:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"The logs of the servers are in {folder}")
    options.json.parent.mkdir(exist_ok=True)
    report.finish(options.json)
    return int(not report.are_met)


def parse(words: list[str]) -> argparse.Namespace:
    """Parse the options; exits with 2 for wrong ones."""
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--requests", type=int, default=2000, help="missing resizes")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=30, help="of mixed traffic")
    parser.add_argument("--workers", type=int, default=2, help="processes of each host")
    parser.add_argument("--threads", type=int, default=16, help="of each process")
    parser.add_argument("--s3", choices=("seaweedfs", "rgw"), default="seaweedfs")
    parser.add_argument("--json", type=Path, default=Path("var/load.json"))
    return parser.parse_args(words)


def measure(report: Report, site: LoadSite, options: argparse.Namespace) -> None:
    """Run the phases one after another, each with its table and targets."""
    traffic = Traffic(site.port, site.hosts)
    traffic.warm_up(max(8, options.requests // 50))
    share = max(1, options.requests // 4)
    phase = partial(run_phase, report, site, options)
    phase("missing", {"missing": (traffic.get_missing, options.requests)})
    measure_herd(report, site, traffic, options.clients)
    warm: tuple[Request, int] = (traffic.get_stored, share * 3)
    phase("stored beside missing", {"missing": (traffic.get_missing, share), "stored": warm})
    uploads: tuple[Request, int] = (traffic.upload, max(2, share // 10))
    beside = {"missing": (traffic.get_missing, share), "stored": warm, "uploads": uploads}
    phase("uploads beside both", beside)
    measure_mixed(report, site, traffic, options)


def run_phase(
    report: Report,
    site: LoadSite,
    options: argparse.Namespace,
    title: str,
    kinds: dict[str, tuple[Request, int]],
) -> None:
    """Make a number of requests of each kind, by clients that are shared out among the kinds."""
    import itertools
    import time

    outcomes = {name: Outcomes() for name in kinds}

    def work(name: str, numbers: itertools.count[int]) -> None:
        client = Client(site.port)
        while next(numbers) < kinds[name][1]:
            kinds[name][0](client, outcomes[name], time.monotonic())

    calls = []
    for name in kinds:
        numbers = itertools.count()
        calls += [partial(work, name, numbers)] * max(1, options.clients // len(kinds))
    begun = time.monotonic()
    run_all(calls)
    seconds = time.monotonic() - begun
    rows = {
        name: {**each.row(), "1/s": kinds[name][1] / seconds} for name, each in outcomes.items()
    }
    report.table(f"{title}, {options.clients} clients, {seconds:.0f} s", rows)
    check_answers(report, title, outcomes)


def check_answers(report: Report, title: str, outcomes: dict[str, Outcomes]) -> None:
    """Add the target that there are only successes and 503 with Retry-After."""
    for name, each in outcomes.items():
        if each.unexpected:
            print(f"  {title}, {name}: {each.unexpected}")
    other = sum(sum(each.unexpected.values()) for each in outcomes.values())
    report.target(f"{title}: other answers", other, 0, at_least=False)


def measure_herd(report: Report, site: LoadSite, traffic: Traffic, clients: int) -> None:
    """Let all clients ask for one key at once; it is made once, and all get the same bytes."""
    outcomes, key, seen = traffic.herd(clients)
    report.table(f"herd of {clients} on one key, both hosts", {"herd": outcomes.row()})
    check_answers(report, "herd", {"herd": outcomes})
    made = site.created.read_text().split().count(key)
    report.target("herd: times the resize was made", made, 1, at_least=False)
    report.target("herd: different answers", len(seen), 1, at_least=False)


def measure_mixed(
    report: Report, site: LoadSite, traffic: Traffic, options: argparse.Namespace
) -> None:
    """Run mixed traffic, and compare what the processes hold at its beginning and at its end."""
    mixed = MixedRun(traffic, site.port, options.clients, lambda: take_sample(site))
    outcomes = mixed.run(options.minutes * 60)
    rows = {name: each.row() for name, each in outcomes.items()}
    report.table(f"mixed, {options.minutes:g} minutes at {mixed.rate:.1f} requests/s", rows)
    check_answers(report, "mixed", outcomes)
    slowest = max(each.percentile(99) for each in outcomes.values())
    report.target("mixed: p99 in seconds", slowest, LATENCY, at_least=False)
    first, last = mixed.samples[0], mixed.samples[-1]
    held = {name: {"first": first[name], "last": last[name]} for name in first}
    report.table(f"held by {len(site.workers())} processes, {len(mixed.samples)} samples", held)
    grown = find_growth(mixed.samples)
    for name, (before, after) in grown.items():
        print(f"  {name} grew from {before:.1f} to {after:.1f}")
    report.target("mixed: kinds of resources that grew", len(grown), 0, at_least=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

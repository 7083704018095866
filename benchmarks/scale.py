"""Estimate what a site of a size needs: processes, requests to S3, storage and money a month.

``python -m benchmarks.scale`` prints the figures of ten million photographs, a billion views a
month and a thousand cold requests a second; each number is an option. It computes and simulates;
it sends nothing. Prices are parameters, because they change: the defaults are list prices of
us-east-1 in November 2026.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, fields

SECONDS_A_MONTH = 30 * 86_400


@dataclass(frozen=True)
class Site:
    """A site's size, and what its parts cost in time and money."""

    photos: int = 10_000_000
    """Originals that are stored."""
    uploads: int = 100_000
    """New originals a day."""
    original_mb: float = 4.0
    sizes: int = 4
    """Resizes that pages show of each original."""
    resizes_kb: float = 273.0
    """Bytes of all resizes of one original."""
    views: int = 1_000_000_000
    """Views of resizes a month."""
    hit_rate: float = 0.9
    """Share of views that the CDN answers by itself."""
    cold: float = 1_000.0
    """Requests a second for resizes that are not stored, at the worst time."""
    cpu_ms: float = 30.0
    """CPU of one missing resize in the app, decoding and encoding included."""
    utilization: float = 0.7
    """Share of a core that may be busy, so that requests seldom wait."""
    cores: int = 4
    """Cores of a host."""
    storage_price: float = 23.0
    """Dollars a month for a TB."""
    put_price: float = 5.0
    """Dollars for a million PUTs."""
    get_price: float = 0.4
    """Dollars for a million GETs and HEADs."""
    transfer_price: float = 85.0
    """Dollars for a TB from the CDN to browsers."""
    core_price: float = 25.0
    """Dollars a month for a core."""


@dataclass(frozen=True)
class Need:
    """The needs of a site."""

    cores: int
    hosts: int
    per_core: float
    """Missing resizes that a core makes a second."""
    puts: float
    gets: float
    """Requests to S3 a month."""
    storage_tb: float
    transfer_tb: float
    dollars: float
    """A month, all together."""


def need(site: Site) -> Need:
    """Return what a site needs.

    Each resize is missing once: a HEAD, a GET and a PUT of the app, and two GETs of the CDN, one
    that finds nothing and one after the redirect.
    """
    per_core = 1000 / site.cpu_ms * site.utilization
    cores = math.ceil(site.cold / per_core)
    first = site.uploads * 30 * site.sizes
    puts = site.uploads * 30 + first
    gets = site.views * (1 - site.hit_rate) + first * 4
    storage = site.photos * (site.original_mb / 1e6 + site.resizes_kb / 1e9)
    transfer = site.views * site.resizes_kb / site.sizes / 1e9
    dollars = (
        storage * site.storage_price
        + puts / 1e6 * site.put_price
        + gets / 1e6 * site.get_price
        + transfer * site.transfer_price
        + cores * site.core_price
    )
    hosts = math.ceil(cores / site.cores)
    return Need(cores, hosts, per_core, puts, gets, storage, transfer, dollars)


def decay(
    resizes: int, views_a_day: int, days: int, seed: int = 1, skew: float = 1.0
) -> Iterator[float]:
    """Yield the share of a day's views that miss, if nothing is stored at the beginning.

    Views are drawn by rank with the probability 1 / rank ** skew, as the popularity of pictures is
    often found to be (Zipf). A new design starts like this: all its sizes are missing.

    Args:
        resizes: Number of resizes that pages show.
        views_a_day: Views that are drawn each day.
        days: Number of days.
        seed: Of the random numbers; the same one gives the same shares.
        skew: 0 for equal popularity.
    """
    numbers = random.Random(seed)
    total, cumulative = 0.0, []
    for rank in range(1, resizes + 1):
        total += rank**-skew
        cumulative.append(total)
    stored: set[int] = set()
    for _ in range(days):
        drawn = set(numbers.choices(range(resizes), cum_weights=cumulative, k=views_a_day))
        missing = drawn - stored
        yield len(missing) / views_a_day
        stored |= missing


def parse(arguments: list[str] | None = None) -> Site:
    """Return the site that the options describe."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for field in fields(Site):
        option = f"--{field.name.replace('_', '-')}"
        kind = int if field.type == "int" else float
        parser.add_argument(option, type=kind, default=field.default, metavar="N")
    return Site(**vars(parser.parse_args(arguments)))


def main(arguments: list[str] | None = None) -> None:
    """Print the needs of a site, and how its misses decay after a new design."""
    site = parse(arguments)
    found = need(site)
    rows = {
        "missing resizes a second and core": f"{found.per_core:.0f}",
        f"cores for {site.cold:,.0f} missing resizes a second": f"{found.cores}",
        f"hosts of {site.cores} cores": f"{found.hosts}",
        "PUTs to S3 a month": f"{found.puts / 1e6:,.1f} million",
        "GETs and HEADs to S3 a month": f"{found.gets / 1e6:,.1f} million",
        "storage": f"{found.storage_tb:,.1f} TB",
        "from the CDN to browsers a month": f"{found.transfer_tb:,.1f} TB",
        "all together a month": f"{found.dollars:,.0f} dollars",
    }
    for name, text in rows.items():
        print(f"{name:<48}{text:>18}")
    print("\nMisses after a new design, 100,000 resizes and as many views a day:")
    for day, share in enumerate(decay(100_000, 100_000, 7), 1):
        print(f"  day {day}: {share:6.1%} of the views")


if __name__ == "__main__":
    main()

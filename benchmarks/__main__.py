"""`make bench`: shift_media beside its peers, in one run, in turns.

Prints tables and the targets that were met or not, and writes the same as JSON.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from pathlib import Path

from django.conf import settings
from PIL import Image

from benchmarks import ladder, memory, pictures, quality, site
from benchmarks.measure import milliseconds
from benchmarks.report import Report

SIZES = ((400, 400, "fit"), (200, 200, "fill"), (1600, 1600, "fit"))
LEAST = {400: (5.5, 9), 200: (5.5, 5.5), 1600: (3, 3)}
"""How much faster than a full decode, on any photograph and on the 16 MP baseline."""
LIMIT = {400: 1.15, 1600: 1.5}
LOSS = 0.002


def main() -> None:
    """Run what is asked for, by default everything."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=Path("var/benchmarks.json"))
    parser.add_argument("--quality", action="store_true", help="only qualities and efforts")
    parser.add_argument("--videos", action="store_true", help="measure videos, and nothing else")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if arguments.videos:
        settings.configure(SECRET_KEY="of-the-benchmarks")  # No peer is needed.
    elif not arguments.quality:
        site.start()
    report = Report()
    print("  ".join(f"{name} {value}" for name, value in report.machine().items()))
    arguments.json.parent.mkdir(exist_ok=True)
    if arguments.videos:
        from benchmarks import video

        video.measure(report, arguments.rounds)
    elif arguments.quality:
        quality.measure(report, arguments.rounds)
    else:
        of_pictures(report, arguments.rounds)
    report.finish(arguments.json)


def of_pictures(report: Report, rounds: int) -> None:
    """Measure all that is about pictures."""
    photographs = pictures.photographs()
    for name, content in photographs.items():
        for width, height, mode in SIZES:
            one_size(report, name, content, (width, height, mode), rounds)
    first_resizes(report, photographs["20 MP baseline q90"], rounds)
    baseline = photographs["20 MP baseline q90"]
    memory.measure(report, "20 MP baseline", baseline)
    for name, content in pictures.without_shrinking(baseline).items():
        unshrinking(report, name, content, min(rounds, 3))
        memory.measure(report, name, content)
    ladder.measure(report, photographs, min(rounds, 3))
    addresses(report, rounds)


def one_size(
    report: Report, name: str, content: bytes, size: tuple[int, int, str], rounds: int
) -> None:
    """Make one size of one photograph with all engines."""
    from benchmarks import engines

    width, height, mode = size
    progressive = "progressive" in name
    calls: dict[str, Callable[[], bytes]] = {
        "shift_media": partial(engines.shift_media, content, width, height, mode),
        "full decode + LANCZOS": partial(engines.full, content, width, height, mode),
    }
    if mode == "fit":
        calls["Image.thumbnail"] = partial(engines.thumbnail, content, width, height)
        calls["pyvips"] = partial(engines.vips, content, width, height)
        calls["thumbor's engine"] = partial(engines.thumbor, content, width, height)
        calls["libjpeg-turbo, scaled"] = partial(engines.limit, content, width, height)
    taken = milliseconds(calls, rounds)
    rows = rows_of(calls, taken, engines.best(content, width, height, mode))
    title = f"{name} -> {width}x{height} {mode}"
    if progressive:
        rows["shift_media"]["bytes read"] = engines.share_read(content, width, height, mode)
    report.table(title, rows)
    targets(report, title, rows, width, progressive=progressive)


def unshrinking(report: Report, name: str, content: bytes, rounds: int) -> None:
    """Make one size of a picture whose decoder cannot shrink."""
    from benchmarks import engines

    calls: dict[str, Callable[[], bytes]] = {
        "shift_media": partial(engines.shift_media, content, 400, 400),
        "shift_media, Pillow alone": partial(
            engines.shift_media, content, 400, 400, decoder="pillow"
        ),
        "full decode + LANCZOS": partial(engines.full, content, 400, 400),
        "pyvips": partial(engines.vips, content, 400, 400),
    }
    taken = milliseconds(calls, rounds)
    report.table(f"{name} -> 400x400 fit", rows_of(calls, taken, engines.best(content, 400, 400)))


def rows_of(
    calls: Mapping[str, Callable[[], bytes]], taken: Mapping[str, float], best: Image.Image
) -> dict[str, dict[str, float]]:
    """Put beside each time what was made in it."""
    made = {name: call() for name, call in calls.items()}
    return {
        name: {
            "CPU ms": taken[name],
            "against": taken[name] / taken["shift_media"],
            "SSIM": ssim(content, best),
            "KB": len(content) / 1000,
        }
        for name, content in made.items()
    }


def targets(
    report: Report, title: str, rows: dict[str, dict[str, float]], width: int, *, progressive: bool
) -> None:
    """Note the targets of one table."""
    full, ours = rows["full decode + LANCZOS"], rows["shift_media"]
    report.target(f"{title}: SSIM lost", full["SSIM"] - ours["SSIM"], LOSS, at_least=False)
    if not progressive:
        least = LEAST[width]["seeding" in title]
        report.target(f"{title}: against full decode", full["against"], least)
        if width in LIMIT:
            slower = 1 / rows["libjpeg-turbo, scaled"]["against"]
            report.target(f"{title}: against the limit", slower, LIMIT[width], at_least=False)
    elif width == 400:
        as_good = [row for row in rows.values() if row["SSIM"] >= full["SSIM"] - LOSS]
        others = min(row["against"] for row in as_good if row is not ours)
        report.target(f"{title}: against the best as good", others, 1.8)
        report.target(f"{title}: bytes read", ours["bytes read"], 0.4, at_least=False)


def ssim(made: bytes, best: Image.Image) -> float:
    """Compare with the best pixels; an engine that rounds sizes otherwise is compared at ours."""
    image = Image.open(BytesIO(made)).convert("RGB")
    if image.size != best.size:
        image = image.resize(best.size)
    return float(pictures.images.ssim(image, best))


def first_resizes(report: Report, content: bytes, rounds: int) -> None:
    """Make the first resize of an original end to end, storing it."""
    from benchmarks import peers

    working = {}
    for name, call in peers.calls(content).items():
        try:
            call()
        except Exception as error:
            print(f"{name} does not run here: {type(error).__name__}: {error}", file=sys.stderr)
        else:
            working[name] = call
    taken = milliseconds(working, rounds)
    ours = taken["shift_media"]
    report.table(
        "First resize of a 20 MP baseline, 400x400 fit, local storage, end to end",
        {name: {"CPU ms": ms, "against": ms / ours} for name, ms in taken.items()},
    )
    fastest = min(ms for name, ms in taken.items() if name != "shift_media")
    report.target("first resize, fastest peer against it", fastest / ours, 1.3)


def addresses(report: Report, rounds: int) -> None:
    """Measure signatures, URLs and templates."""
    from benchmarks import urls

    kind = urls.model()
    urls.signing_and_urls(report, kind, rounds)
    small = pictures.images.encoded(pictures.images.photograph(640, 480), "jpg")
    urls.templates(report, kind, small, rounds)


if __name__ == "__main__":
    main()

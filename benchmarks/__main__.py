"""`make bench`: shift_media compared with its peers, in turns, in one run.

Prints tables and whether the targets are met, and writes the same as JSON. Without --photos it
measures the photographs of the test corpus, and without the corpus drawn images.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings

from benchmarks import ladder, memory, quality, sharp, site, workers
from benchmarks.comparison import to_rows
from benchmarks.measure import milliseconds
from benchmarks.photographs import Collection, Photograph, collect, images
from benchmarks.report import Report

SIZES = ((400, 400, "fit"), (200, 200, "fill"), (1600, 1600, "fit"))
MIN_AGAINST_FULL = {400: (5.5, 9), 200: (5.5, 5.5), 1600: (3, 3)}
"""Least speed against a full decode, by width: of any baseline, and of the reference."""
MAX_AGAINST_LIMIT = {400: 1.15, 1600: 1.5}
"""Most time against libjpeg-turbo's scaled decode, by width."""
MAX_SSIM_LOST = 0.002
WITHOUT_PEERS = ("videos", "documents", "heic", "uploads", "workers", "sharp")
"""Options for sections that need no other Django app."""


def main() -> None:
    """Measure what the options choose: by default images, URLs and templates."""
    arguments = parse_arguments(sys.argv[1:])
    logging.disable(logging.CRITICAL)
    if any(getattr(arguments, name) for name in WITHOUT_PEERS):
        settings.configure(SECRET_KEY="of-the-benchmarks")
    elif not arguments.quality and not arguments.server:  # The latter has its own settings.
        site.start()
    report = Report(versions={"sharp": sharp.find_version()})
    print("  ".join(f"{name} {value}" for name, value in report.machine().items()))
    arguments.json.parent.mkdir(exist_ok=True)
    if arguments.videos:
        from benchmarks import video

        video.measure(report, arguments.rounds)
    elif arguments.uploads:
        from benchmarks import uploads

        uploads.measure(report)
    elif arguments.documents:
        from benchmarks import documents

        documents.measure(report, arguments.rounds)
    elif arguments.heic:
        from benchmarks import heic

        heic.measure(report, arguments.rounds)
    else:
        measure_photographs(report, arguments)
    report.finish(arguments.json)


def measure_photographs(report: Report, arguments: argparse.Namespace) -> None:
    """Measure what the options choose of the sections that need photographs."""
    collection = collect(arguments.photos)
    report.describe(str(collection))
    if arguments.server:
        from benchmarks.server.measure import measure
        from benchmarks.server.servers import find_thumbor_version

        report.versions["thumbor's server"] = find_thumbor_version()
        measure(report, collection.large.content, arguments.rounds, quick=arguments.quick)
    elif arguments.workers:
        workers.measure(report, collection, arguments.rounds)
    elif arguments.quality:
        quality.measure(report, collection, arguments.rounds)
    elif arguments.sharp:
        measure_sharp(report, collection, arguments.rounds)
    else:
        measure_images(report, collection, arguments.rounds)
        measure_urls(report, arguments.rounds)


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Parse the options; exits with 2 for wrong ones."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="runs of each call, in turns")
    parser.add_argument("--json", type=Path, default=Path("var/benchmarks.json"))
    parser.add_argument(
        "--photos",
        type=Path,
        metavar="FOLDER",
        help="measure the JPEG files in a folder; make bench PHOTOS=FOLDER does the same",
    )
    parser.add_argument("--quality", action="store_true", help="only qualities and efforts")
    parser.add_argument("--videos", action="store_true", help="only videos")
    parser.add_argument("--uploads", action="store_true", help="only an upload of 5 GB, to Ceph")
    parser.add_argument("--documents", action="store_true", help="only PDF and SVG")
    parser.add_argument("--heic", action="store_true", help="only HEIC")
    parser.add_argument("--workers", action="store_true", help="only worker processes")
    parser.add_argument("--server", action="store_true", help="only the view under real servers")
    parser.add_argument("--quick", action="store_true", help="with --server: a short run")
    parser.add_argument("--sharp", action="store_true", help="only the engine beside sharp")
    arguments = parser.parse_args(words)
    if arguments.photos is not None and not arguments.photos.is_dir():
        parser.error(f"--photos: {arguments.photos} is not a folder")
    return arguments


def measure_images(report: Report, collection: Collection, rounds: int) -> None:
    """Measure the speed, quality and memory of resizes."""
    for photograph in collection.photographs:
        for width, height, mode in SIZES:
            compare_engines(report, photograph, (width, height, mode), rounds)
    measure_first_resizes(report, collection.large, rounds)
    memory.measure_baseline(report, collection.large.name, collection.large.content)
    for name, content in collection.pngs_and_webps().items():
        compare_decoders(report, name, content, min(rounds, 3))
        memory.measure_large(report, name, content)
    measure_sharp(report, collection, min(rounds, 3))
    ladder.measure(report, collection, min(rounds, 3))


def measure_sharp(report: Report, collection: Collection, rounds: int) -> None:
    """Compare the engine with sharp, which reads its originals from files."""
    with TemporaryDirectory() as folder:
        sharp.measure(report, collection, Path(folder), rounds)


def compare_engines(
    report: Report, photograph: Photograph, size: tuple[int, int, str], rounds: int
) -> None:
    """Make one size of one photograph with each engine."""
    from benchmarks import engines

    content, (width, height, mode) = photograph.content, size
    calls: dict[str, Callable[[], bytes]] = {
        "shift_media": partial(engines.shift_media, content, width, height, mode),
        "full decode + LANCZOS": partial(engines.full, content, width, height, mode),
    }
    if mode == "fit":
        calls["Image.thumbnail"] = partial(engines.thumbnail, content, width, height)
        calls["pyvips"] = partial(engines.vips, content, width, height)
        calls["thumbor's engine"] = partial(engines.thumbor, content, width, height)
        calls["libjpeg-turbo, scaled"] = partial(engines.limit, content, width, height)
    times = milliseconds(calls, rounds)
    rows = to_rows(calls, times, engines.best(content, width, height, mode))
    title = f"{photograph.name} -> {width}x{height} {mode}"
    if photograph.is_progressive:
        rows["shift_media"]["bytes read"] = engines.share_read(content, width, height, mode)
    report.table(title, rows)
    add_targets(report, title, rows, photograph, width)


def compare_decoders(report: Report, name: str, content: bytes, rounds: int) -> None:
    """Make one size of a PNG or WebP, which Pillow cannot shrink while decoding."""
    from benchmarks import engines

    calls: dict[str, Callable[[], bytes]] = {
        "shift_media": partial(engines.shift_media, content, 400, 400),
        "shift_media, Pillow alone": partial(
            engines.shift_media, content, 400, 400, decoder="pillow"
        ),
        "full decode + LANCZOS": partial(engines.full, content, 400, 400),
        "pyvips": partial(engines.vips, content, 400, 400),
    }
    times = milliseconds(calls, rounds)
    report.table(f"{name} -> 400x400 fit", to_rows(calls, times, engines.best(content, 400, 400)))


def add_targets(
    report: Report,
    title: str,
    rows: dict[str, dict[str, float]],
    photograph: Photograph,
    width: int,
) -> None:
    """Add the targets of one table to the report."""
    full, ours = rows["full decode + LANCZOS"], rows["shift_media"]
    lost = full["SSIM"] - ours["SSIM"]
    report.target(f"{title}: SSIM lost", lost, MAX_SSIM_LOST, at_least=False)
    if not photograph.is_progressive:
        least = MIN_AGAINST_FULL[width][photograph.is_reference]
        report.target(f"{title}: against full decode", full["against"], least)
        if width in MAX_AGAINST_LIMIT:
            slower = 1 / rows["libjpeg-turbo, scaled"]["against"]
            most = MAX_AGAINST_LIMIT[width]
            report.target(f"{title}: against the limit", slower, most, at_least=False)
    elif width == 400:
        as_good = [row for row in rows.values() if row["SSIM"] >= full["SSIM"] - MAX_SSIM_LOST]
        others = min(row["against"] for row in as_good if row is not ours)
        report.target(f"{title}: against the best as good", others, 1.8)
        report.target(f"{title}: bytes read", ours["bytes read"], 0.4, at_least=False)


def measure_first_resizes(report: Report, photograph: Photograph, rounds: int) -> None:
    """Make and store the first resize of an original with each Django app, end to end."""
    from benchmarks import peers

    working = {}
    for name, call in peers.calls(photograph.content).items():
        try:
            call()
        except Exception as error:
            print(f"{name} does not run here: {type(error).__name__}: {error}", file=sys.stderr)
        else:
            working[name] = call
    times = milliseconds(working, rounds)
    ours = times["shift_media"]
    report.table(
        f"First resize of {photograph.name}, 400x400 fit, local storage, end to end",
        {name: {"CPU ms": ms, "against": ms / ours} for name, ms in times.items()},
    )
    fastest = min(ms for name, ms in times.items() if name != "shift_media")
    report.target("first resize, fastest peer against it", fastest / ours, 1.3)


def measure_urls(report: Report, rounds: int) -> None:
    """Measure signatures, URLs and templates; no pixel has a part in it."""
    from benchmarks import urls

    kind = urls.model()
    urls.signing_and_urls(report, kind, rounds)
    small = images.encoded(images.photograph(640, 480), "jpg")
    urls.templates(report, kind, small, rounds)


if __name__ == "__main__":
    main()

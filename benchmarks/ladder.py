"""Many resizes of one original at once, and small ones from a mezzanine, against one by one."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

from benchmarks import site
from benchmarks.measure import milliseconds
from benchmarks.photographs import Collection, Photograph
from benchmarks.report import Report
from benchmarks.storages import CountingMediaStorage
from shift_media.core.keys import new_original_key, parse_original_key
from shift_media.imaging import mezzanine
from shift_media.resizes import builder
from shift_media.resizes.service import ensure, ensure_many

WIDTHS = ((160, 320, 480, 640, 960, 1280), (320, 480, 640, 960, 1280, 1600))
"""Two ladders of six widths. The larger they are, the less a shared decode saves."""

LADDERS = ((("jpg", "webp"), 0.45), (("webp", "avif"), 0.6))
"""Formats, and the most time of a ladder as a share of its resizes made one by one."""

SIDE = 200
MIN_FASTER, MIN_FEWER = 3, 4
"""How much faster a small resize of a mezzanine must be, and how many fewer bytes it must read."""


def measure(report: Report, collection: Collection, rounds: int) -> None:
    """Measure ladders of each photograph, and the mezzanine of the one of 20 megapixels."""
    for photograph in collection.photographs:
        for widths, (formats, bound) in product(WIDTHS, LADDERS):
            title = f"{photograph.name}: {_title(widths, formats)}"
            share = ladder(report, title, photograph.content, widths, formats, rounds)
            report.target(f"{title}: of the sum", share, bound, at_least=False)
    measure_mezzanine(report, collection.large, rounds)


class Originals:
    """A storage that has the same original under many keys."""

    def __init__(self, folder: str, content: bytes, **options: bool) -> None:
        self.root = site.FOLDER / folder
        self.root.mkdir(exist_ok=True)
        self.storage = CountingMediaStorage(
            location=str(self.root), base_url="/media/", fsync=False, **options
        )
        self._source = self.root / "source"
        self._source.unlink(missing_ok=True)
        self._source.write_bytes(content)

    def path(self, key: object) -> Path:
        """Return the path of a key's file."""
        return self.root / str(key)

    def add(self) -> str:
        """Add the original under a new key, without copying its bytes; return the key."""
        key = str(new_original_key("photo", "jpg"))
        self.path(key).parent.mkdir(parents=True)
        os.link(self._source, self.path(key))
        return key


def ladder(
    report: Report,
    title: str,
    content: bytes,
    widths: Sequence[int],
    formats: Sequence[str],
    rounds: int,
) -> float:
    """Make a ladder one by one and together; return the time together as a share of the other."""
    originals = Originals("ladder", content)

    def keys() -> list[str]:
        original = originals.add()
        return [
            builder.build(original, f"{width}x", storage=originals.storage, format=format).key
            for width in widths
            for format in formats
        ]

    def singly() -> None:
        for key in keys():
            ensure(key, originals.storage)

    def together() -> None:
        ensure_many(keys(), originals.storage)

    calls: dict[str, Callable[[], None]] = {"one by one": singly, "ensure_many": together}
    times = milliseconds(calls, rounds)
    rows = {
        call: {"CPU ms": ms, "share": ms / times["one by one"], **_count_calls(calls[call])}
        for call, ms in times.items()
    }
    report.table(title, rows)
    return rows["ensure_many"]["share"]


def _title(widths: Sequence[int], formats: Sequence[str]) -> str:
    return f"{len(widths)} widths up to {max(widths)}, {' and '.join(formats)}"


def _count_calls(call: Callable[[], None]) -> dict[str, float]:
    """Count the reads and writes of the storage."""
    site.storage_calls.clear()
    call()
    return {"reads": site.storage_calls["fetch"], "writes": site.storage_calls["put"]}


def measure_mezzanine(report: Report, photograph: Photograph, rounds: int) -> None:
    """Make a small resize from an original, from its mezzanine, and together with the latter."""
    content = photograph.content
    without, with_mezzanine = (
        Originals("without", content),
        Originals("with", content, mezzanine=True),
    )
    stored = _resize(with_mezzanine, with_mezzanine.add())

    def of_mezzanine() -> None:
        original = with_mezzanine.add()
        path = with_mezzanine.path(_mezzanine(original))
        path.parent.mkdir()
        os.link(stored, path)
        _resize(with_mezzanine, original)

    calls: dict[str, Callable[[], object]] = {
        "of the original": lambda: _resize(without, without.add()),
        "of the mezzanine": of_mezzanine,
        "the first, which makes it": lambda: _resize(with_mezzanine, with_mezzanine.add()),
    }
    times = milliseconds(calls, rounds)
    read = {"of the original": len(content), "of the mezzanine": stored.stat().st_size}
    rows = {
        name: {
            "CPU ms": ms,
            "against": times["of the original"] / ms,
            "KB read": read.get(name, len(content)) / 1000,
        }
        for name, ms in times.items()
    }
    title = f"{photograph.name} -> {SIDE} by a mezzanine"
    report.table(title, rows)
    report.target(f"{title}: faster", rows["of the mezzanine"]["against"], MIN_FASTER)
    fewer = len(content) / read["of the mezzanine"]
    report.target(f"{title}: fewer bytes", fewer, MIN_FEWER)


def _resize(originals: Originals, key: str) -> Path:
    """Make the small resize; return the path of the mezzanine."""
    builder.build(key, f"{SIDE}x", storage=originals.storage).ensure()
    return originals.path(_mezzanine(key))


def _mezzanine(key: str) -> object:
    return mezzanine.mezzanine_key(parse_original_key(key))

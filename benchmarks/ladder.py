"""Many resizes of one original at once, and small ones by a mezzanine: against one by one."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path

from benchmarks import site
from benchmarks.measure import milliseconds
from benchmarks.report import Report
from benchmarks.storages import CountingMediaStorage
from shift_media.core.keys import new_original_key, parse_original_key
from shift_media.imaging import mezzanine
from shift_media.resizes import builder
from shift_media.resizes.service import ensure, ensure_many

WIDTHS = ((160, 320, 480, 640, 960, 1280), (320, 480, 640, 960, 1280, 1600))
"""Two ladders of six: the more there is to encode, the less a shared decode can save."""

LADDERS = ((("jpg", "webp"), 0.45), (("webp", "avif"), 0.6))
"""Formats, and the most that a ladder may take of the sum of its resizes made singly."""

SIDE = 200
FASTER, FEWER = 3, 4


def measure(report: Report, photographs: Mapping[str, bytes], rounds: int) -> None:
    """Measure ladders of each photograph, and the mezzanine of the one of 20 MP."""
    for name, content in photographs.items():
        for widths, (formats, bound) in product(WIDTHS, LADDERS):
            title = f"{name}: {_title(widths, formats)}"
            seen = ladder(report, title, content, widths, formats, rounds)
            report.target(f"{title}: of the sum", seen, bound, at_least=False)
    smaller(report, photographs["20 MP baseline q90"], rounds)


class Originals:
    """Gives the same original under a new key each time, in a storage of its own."""

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
        """Tell where a key's file lies."""
        return self.root / str(key)

    def add(self) -> str:
        """Add one, without copying its bytes."""
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
    """Make widths in formats of one original one by one and together; give the latter's share."""
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
    taken = milliseconds(calls, rounds)
    rows = {
        call: {"CPU ms": ms, "share": ms / taken["one by one"], **_asked(calls[call])}
        for call, ms in taken.items()
    }
    report.table(title, rows)
    return rows["ensure_many"]["share"]


def _title(widths: Sequence[int], formats: Sequence[str]) -> str:
    return f"{len(widths)} widths up to {max(widths)}, {' and '.join(formats)}"


def _asked(call: Callable[[], None]) -> dict[str, float]:
    """Count how often the storage is read and written."""
    site.touched.clear()
    call()
    return {"reads": site.touched["fetch"], "writes": site.touched["put"]}


def smaller(report: Report, content: bytes, rounds: int) -> None:
    """Make a small resize of an original, of its mezzanine, and the first that makes that."""
    plain, with_it = Originals("plain", content), Originals("smaller", content, mezzanine=True)
    first = with_it.add()
    kept = _resize(with_it, first)

    def of_mezzanine() -> None:
        original = with_it.add()
        path = with_it.path(_mezzanine(original))
        path.parent.mkdir()
        os.link(kept, path)
        _resize(with_it, original)

    calls: dict[str, Callable[[], object]] = {
        "of the original": lambda: _resize(plain, plain.add()),
        "of the mezzanine": of_mezzanine,
        "the first, which makes it": lambda: _resize(with_it, with_it.add()),
    }
    taken = milliseconds(calls, rounds)
    read = {"of the original": len(content), "of the mezzanine": kept.stat().st_size}
    rows = {
        name: {
            "CPU ms": ms,
            "against": taken["of the original"] / ms,
            "KB read": read.get(name, len(content)) / 1000,
        }
        for name, ms in taken.items()
    }
    title = f"20 MP baseline q90 -> {SIDE} by a mezzanine"
    report.table(title, rows)
    report.target(f"{title}: faster", rows["of the mezzanine"]["against"], FASTER)
    fewer = len(content) / read["of the mezzanine"]
    report.target(f"{title}: fewer bytes", fewer, FEWER)


def _resize(originals: Originals, key: str) -> Path:
    """Make the small one; give where the mezzanine lies then."""
    builder.build(key, f"{SIDE}x", storage=originals.storage).ensure()
    return originals.path(_mezzanine(key))


def _mezzanine(key: str) -> object:
    return mezzanine.mezzanine_key(parse_original_key(key))

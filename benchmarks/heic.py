"""A photo of a phone as JPEG, beside pi-heif called by hand.

``shift_media`` reads the header with its own parser, and decodes and shrinks one tile after the
other, in one thread. By hand pi-heif decodes the whole photo in up to four threads, and Pillow
resizes it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path

from PIL import Image

from benchmarks.documents import encoded, in_turns
from benchmarks.photographs import images
from benchmarks.report import Report
from shift_media.core.spec import Spec
from shift_media.imaging import engine

WIDTHS = (400, 1600)
MAX_AGAINST_HAND = 1.1
"""The most CPU time, compared with pi-heif and Pillow by hand."""
_PHOTO = "heif/other_pug.heic"
_ROOT = Path(__file__).resolve().parent.parent


def measure(report: Report, rounds: int) -> None:
    """Make two widths of one photo of 12 megapixels."""
    name, content = _photo()
    for width in WIDTHS:
        calls: dict[str, Callable[[], bytes]] = {
            "shift_media": partial(_shift_media, content, width),
            "pi-heif by hand": partial(_by_hand, content, width),
        }
        rows = in_turns(calls, rounds)
        report.table(f"{name} -> {width}x", rows)
        ours, theirs = (row["CPU ms"] for row in rows.values())
        title = f"{name} -> {width}x: CPU time compared with pi-heif by hand"
        report.target(title, ours / theirs, MAX_AGAINST_HAND, at_least=False)


def _photo() -> tuple[str, bytes]:
    """Return the photo of the test corpus, or a drawn one."""
    corpus = Path(os.environ.get("SHIFT_MEDIA_CORPUS", _ROOT.parent / "shared" / "corpus"))
    if (corpus / _PHOTO).exists():
        return "12 MP HEIC of a phone", (corpus / _PHOTO).read_bytes()
    from tests.imaging import heics

    return "drawn HEIC of 3 MP", heics.grid(images.photograph(2048, 1536), 512)


def _shift_media(content: bytes, width: int) -> bytes:
    spec = Spec.make(f"{width}x", format="jpg", quality=80)
    return engine.make(BytesIO(content), spec).content


def _by_hand(content: bytes, width: int) -> bytes:
    import pi_heif

    image = pi_heif.open_heif(BytesIO(content)).to_pillow()
    height = round(image.height * width / image.width)
    return encoded(image.resize((width, height), Image.Resampling.LANCZOS))

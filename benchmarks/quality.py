"""`make bench ARGS=--quality`: the cost of qualities and efforts, format by format.

The tables show bytes, SSIM and CPU time per megapixel of output, for photographs and for a drawn
page. The defaults in `core/spec.py` and `imaging/engine/` were chosen from them, and
`docs/explanation/quality.rst` quotes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from io import BytesIO
from typing import Any

from PIL import Image, ImageDraw

from benchmarks.measure import milliseconds
from benchmarks.photographs import Collection, images
from benchmarks.report import Report

WIDTH = 1200
"""Pixels to which photographs are reduced, as on a page."""
LOSSY: Mapping[str, tuple[str, tuple[dict[str, Any], ...]]] = {
    "JPEG": (
        "JPEG",
        (
            *({"quality": q, "subsampling": "4:2:0", "optimize": True} for q in (70, 75, 80, 85)),
            {"quality": 80, "subsampling": "4:4:4", "optimize": True},
            {"quality": 80, "subsampling": "4:2:0"},
            {"quality": 80, "subsampling": "4:2:0", "progressive": True},
        ),
    ),
    "WebP": (
        "WEBP",
        (
            *({"quality": q, "method": 4} for q in (70, 79, 85)),
            *({"quality": 79, "method": m} for m in (0, 2, 6)),
        ),
    ),
    "AVIF": (
        "AVIF",
        (
            *({"quality": q, "speed": 9, "max_threads": 1} for q in (50, 63, 70)),
            *({"quality": 63, "speed": s, "max_threads": 1} for s in (8, 6)),
        ),
    ),
}
LOSSLESS: tuple[dict[str, Any], ...] = (
    *({"compress_level": level} for level in (2, 4, 6)),
    {"compress_level": 1, "compress_type": 2},
)
ALPHA: tuple[dict[str, Any], ...] = tuple({"quality": 79, "method": m} for m in (0, 2, 4))


def measure(report: Report, collection: Collection, rounds: int) -> None:
    """Measure all tables with the first and the last photograph of a collection."""
    chosen = (collection.photographs[0], collection.photographs[-1])
    photographs = [_reduced(photograph.content) for photograph in dict.fromkeys(chosen)]
    for title, (format, settings) in LOSSY.items():
        report.table(f"{title}, {collection.kind}", _rows(photographs, format, settings, rounds))
    report.table(f"PNG, {collection.kind}", _rows(photographs, "PNG", LOSSLESS, rounds))
    report.table("PNG, drawing", _rows([_drawing()], "PNG", LOSSLESS, rounds))
    soft = [_transparent(image) for image in photographs]
    title = f"WebP, {collection.kind}, softly transparent"
    report.table(title, _rows(soft, "WEBP", ALPHA, rounds))


def _rows(
    originals: list[Image.Image], format: str, settings: tuple[dict[str, Any], ...], rounds: int
) -> dict[str, dict[str, float]]:
    """Return a row for each of the settings: bytes and CPU time per megapixel, and SSIM."""
    area = sum(image.width * image.height for image in originals) / 1e6
    calls = {_name(options): partial(_all, originals, format, options) for options in settings}
    times = milliseconds(calls, rounds)
    rows = {}
    for name, call in calls.items():
        made = call()
        rows[name] = {
            "kB/MP": sum(map(len, made)) / 1000 / area,
            "SSIM": sum(map(_ssim, made, originals)) / len(originals),
            "CPU ms/MP": times[name] / area,
        }
    return rows


def _name(options: dict[str, Any]) -> str:
    if "compress_type" in options:
        return "Huffman codes alone"
    shown = [
        key if value is True else f"{key.removeprefix('compress_')} {value}"
        for key, value in options.items()
        if key not in ("max_threads", "subsampling")
    ]
    return ", ".join([*shown, *filter(None, [options.get("subsampling")])])


def _all(originals: list[Image.Image], format: str, options: dict[str, Any]) -> list[bytes]:
    return [_encoded(image, format, options) for image in originals]


def _encoded(image: Image.Image, format: str, options: dict[str, Any]) -> bytes:
    output = BytesIO()
    image.save(output, format, **options)
    return output.getvalue()


def _ssim(made: bytes, best: Image.Image) -> float:
    return float(images.ssim(Image.open(BytesIO(made)).convert("RGB"), best))


def _reduced(content: bytes) -> Image.Image:
    """Return a photograph in the size of a page, resampled with LANCZOS."""
    image = Image.open(BytesIO(content)).convert("RGB")
    size = (WIDTH, round(WIDTH * image.height / image.width))
    return image.resize(size, Image.Resampling.LANCZOS)


def _transparent(image: Image.Image) -> Image.Image:
    transparent: Image.Image = image.convert("RGBA")
    transparent.putalpha(images.photograph(*image.size).convert("L"))
    return transparent


def _drawing() -> Image.Image:
    """Draw a page with text and a chart."""
    image = Image.new("RGB", (WIDTH, 800), "white")
    draw = ImageDraw.Draw(image)
    for index in range(60):
        at = (20 + index % 5 * 230, 20 + index // 5 * 50)
        draw.text(at, f"Invoice {index}, total {index * 12.5}", fill=(20, 20, 60))
    for index in range(12):
        draw.rectangle((index * 100, 790 - index * 9, index * 100 + 60, 790), fill=(90, 80, 200))
    return image

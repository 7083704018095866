"""Rows of a table: the time of each call, and the quality and size of what it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO

from PIL import Image

from benchmarks.photographs import images


def to_rows(
    calls: Mapping[str, Callable[[], bytes]],
    times: Mapping[str, float],
    best: Image.Image,
    *,
    to: str = "shift_media",
) -> dict[str, dict[str, float]]:
    """Return a row for each call; ``to`` is the one whose time the others are divided by."""
    made = {name: call() for name, call in calls.items()}
    return {
        name: {
            "CPU ms": times[name],
            "against": times[name] / times[to],
            "SSIM": ssim(content, best),
            "KB": len(content) / 1000,
        }
        for name, content in made.items()
    }


def ssim(content: bytes, best: Image.Image) -> float:
    """Return the SSIM against the best pixels, in their size: engines round sizes differently."""
    image = Image.open(BytesIO(content)).convert("RGB")
    if image.size != best.size:
        image = image.resize(best.size)
    return float(images.ssim(image, best))

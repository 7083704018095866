"""Resizes compared with the best possible ones, by a full decode and LANCZOS."""

from __future__ import annotations

import functools
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from shift_media.core.spec import Spec
from shift_media.imaging import engine
from tests.imaging import images

MOST = 0.002
"""How much SSIM a resize may lose, most of it by the shrinking decoder."""


@functools.lru_cache(maxsize=1)
def decoded(content: bytes) -> Image.Image:
    """Decode a photograph in full, once for all sizes."""
    return images.opened(content).convert("RGB")


def loss(content: bytes, side: int) -> float:
    """Return the SSIM that a resize loses beside the best pixels, encoded in the same way."""
    resize = engine.make(BytesIO(content), Spec.make(f"{side}x{side}", format="jpg", quality=80))
    seen = images.opened(resize.content)
    best = decoded(content).resize(seen.size, Image.Resampling.LANCZOS)
    full = images.opened(images.encoded(best, "jpg", quality=80, subsampling="4:2:0"))
    return images.ssim(full, best) - images.ssim(seen, best)


@pytest.mark.parametrize("side", [200, 400, 1000, 1200])
def test_resize_of_a_drawn_photograph_looks_like_a_full_decode(side: int) -> None:
    content = images.encoded_photograph(3000, 2000, "jpg", subsampling="4:2:0")
    assert loss(content, side) < MOST


@pytest.mark.needs("corpus")
@pytest.mark.parametrize("side", [400, 800, 1200, 1600, 1700, 2000, 2120])
@pytest.mark.parametrize("name", ["seeding_16mp_base.jpg", "sunset_12mp_prog.jpg"])
def test_resize_of_a_photograph_looks_like_a_full_decode(
    corpus: Path, name: str, side: int
) -> None:
    assert loss((corpus / "photos" / name).read_bytes(), side) < MOST

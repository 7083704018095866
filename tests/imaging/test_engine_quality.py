"""Resizes compared with the best possible ones, by a full decode and LANCZOS."""

from __future__ import annotations

import functools
import hashlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from shift_media.core.spec import Spec
from shift_media.imaging import engine
from tests.imaging import images
from tests.kept import kept

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
    best, full = reference(content, seen.size)
    return full - images.ssim(seen, best)


def reference(content: bytes, size: tuple[int, int]) -> tuple[Image.Image, float]:
    """Return the best pixels of that size, and their SSIM once they are encoded.

    Both are kept, because they depend on Pillow alone and take longer than the resize.
    """
    name = f"{hashlib.sha256(content).hexdigest()} {size}"

    def make() -> bytes:
        best = decoded(content).resize(size, Image.Resampling.LANCZOS)
        return images.encoded(best, "png", compress_level=1)

    def measure() -> bytes:
        full = images.opened(images.encoded(best, "jpg", quality=80, subsampling="4:2:0"))
        return repr(images.ssim(full, best)).encode()

    best = images.opened(kept(name, make, __file__))
    return best, float(kept(f"{name} encoded", measure, __file__))


@pytest.mark.slow
@pytest.mark.parametrize("side", [200, 400, 1000, 1200])
def test_resize_of_a_drawn_photograph_looks_like_a_full_decode(side: int) -> None:
    content = images.encoded_photograph(3000, 2000, "jpg", subsampling="4:2:0")
    assert loss(content, side) < MOST


@pytest.mark.slow
@pytest.mark.needs("corpus")
@pytest.mark.parametrize("side", [400, 800, 1200, 1600, 1700, 2000, 2120])
@pytest.mark.parametrize("name", ["seeding_16mp_base.jpg", "sunset_12mp_prog.jpg"])
def test_resize_of_a_photograph_looks_like_a_full_decode(
    corpus: Path, name: str, side: int
) -> None:
    assert loss((corpus / "photos" / name).read_bytes(), side) < MOST

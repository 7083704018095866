"""The photographs that are measured: from the folder of test files, or drawn."""

from __future__ import annotations

import importlib.util
import os
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

_ROOT = Path(__file__).resolve().parent.parent


def _tests_images() -> Any:
    """Load the pictures of the tests by their path: peers install packages named ``tests``."""
    spec = importlib.util.spec_from_file_location("images", _ROOT / "tests/imaging/images.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


images = _tests_images()


def photographs() -> dict[str, bytes]:
    """Give two large baseline JPEGs and two progressive ones, by what they are."""
    folder = Path(os.environ.get("SHIFT_MEDIA_CORPUS", _ROOT.parent / "shared" / "corpus"))
    photos = folder / "photos"
    if photos.is_dir():
        baseline = (photos / "seeding_16mp_base.jpg").read_bytes()
        progressive = (photos / "seeding_16mp_prog.jpg").read_bytes()
        other = (photos / "sunset_12mp_prog.jpg").read_bytes()
    else:
        drawn = images.photograph(5312, 2988)
        baseline = images.encoded(drawn, "jpg", quality=90, subsampling="4:2:0")
        progressive = images.encoded(
            drawn, "jpg", quality=90, subsampling="4:2:0", progressive=True
        )
        other = progressive
    return {
        "seeding 16 MP baseline": baseline,
        "20 MP baseline q90": _larger(other),
        "seeding 16 MP progressive": progressive,
        "sunset 12 MP progressive": other,
    }


def _larger(content: bytes) -> bytes:
    """Make a baseline of 20 MP, quality 90, of another photograph."""
    image = Image.open(BytesIO(content)).convert("RGB")
    made: bytes = images.encoded(_resized(image, 20e6), "jpg", quality=90, subsampling="4:2:0")
    return made


def without_shrinking(content: bytes) -> dict[str, bytes]:
    """Give a photograph in formats whose decoders cannot shrink: a large PNG and a large WebP."""
    image = Image.open(BytesIO(content)).convert("RGB")
    clear = _resized(image, 15e6).convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    return {
        "15 MP RGBA PNG": images.encoded(clear, "png", compress_level=1),
        "17 MP WebP": images.encoded(_resized(image, 16.9e6), "webp", quality=85, method=0),
    }


def _resized(image: Image.Image, area: float) -> Image.Image:
    scale = (area / (image.width * image.height)) ** 0.5
    size = (round(image.width * scale), round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)

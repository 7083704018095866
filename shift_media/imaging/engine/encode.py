"""From pixels to the bytes of a format, without any metadata.

Effort is chosen by the area, so that no encoder takes more than about two CPU seconds for the
largest resize: `docs/explanation/quality.rst` has the measurements.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, Literal

from PIL import Image

from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.spec import Spec
from shift_media.imaging.engine import codecs, gif_encoder

Steps = tuple[tuple[int, int], ...]
"""Areas in pixels and the effort up to each."""

Effort = Literal["fast", "slow"]
"""How long an encoder may search: "fast" while a visitor waits, "slow" ahead of time."""

EFFORTS: Final[tuple[Effort, ...]] = ("fast", "slow")

AVIF_SPEED: Final = 9
"""Speed 8 takes two to four times as long for 4 % less; 10 is the same as 9."""
_AVIF_SPEEDS: Final[Mapping[Effort, Steps]] = {
    "fast": ((100_000_000, AVIF_SPEED),),
    "slow": ((4_000_000, 6), (100_000_000, AVIF_SPEED)),
}
"""Speed 6 takes seven times as long as 9 for 9 % less."""
_WEBP_METHODS: Final[Steps] = ((2_000_000, 4), (100_000_000, 2))
"""Method 2 takes half the time of 4 for 4 % more bytes."""
_WEBP_ALPHA_METHODS: Final[Steps] = ((2_000_000, 4), (8_000_000, 2), (100_000_000, 0))
"""Soft transparency takes three times as long; 0 is quick, and up to 13 times as large."""
_WEBP_LOSSLESS_METHODS: Final[Steps] = ((2_000_000, 4), (100_000_000, 1))
LOSSLESS_EFFORT: Final = 20
"""The quality of a lossless WebP, which says how long its encoder searches."""
_WEBP_EXACT_ALPHA: Final = 2_000_000
_COARSE_ALPHA: Final = 80
_PNG_LEVELS: Final[Steps] = ((500_000, 6), (2_000_000, 4), (100_000_000, 2))
_PNG_SAMPLE: Final = 13_000
"""Pixels of each of the bands on which the two ways of compressing a PNG are tried."""
_PNG_BANDS: Final = (0.25, 0.5, 0.75)
_CLEARLY_LESS: Final = 0.9
"""How much less deflate must take than Huffman codes alone, which are two to six times as fast."""


def encode(image: Image.Image, spec: Spec, effort: Effort = "fast") -> bytes:
    """Return one image, in L, LA, RGB or RGBA, in the format and quality of a spec."""
    image.info = {}
    return _ENCODERS.get(spec.format, _encode_plainly)(image, spec, effort)


def encode_within(
    image: Image.Image, spec: Spec, max_bytes: int | None, effort: Effort = "fast"
) -> bytes:
    """Return one image as `encode` does, in the best quality with which it is small enough.

    If it is too large even in the lowest quality, or has none, it is returned as it is then.
    """
    content = encode(image, spec, effort)
    has_quality = RESIZE_FORMATS[spec.format].quality is not None and not spec.lossless
    if max_bytes is None or len(content) <= max_bytes or not has_quality:
        return content
    low, high = 1, spec.quality - 1
    content = encode(image, replace(spec, quality=low), effort)
    while low < high:
        middle = (low + high + 1) // 2
        smaller = encode(image, replace(spec, quality=middle), effort)
        if len(smaller) <= max_bytes:
            low, content = middle, smaller
        else:
            high = middle - 1
    return content


def _encode_plainly(image: Image.Image, spec: Spec, effort: Effort) -> bytes:
    """Encode by Pillow's own defaults, for a format that no effort is chosen for."""
    lossy = RESIZE_FORMATS[spec.format].quality is not None
    return _save(image, spec.format, {"quality": spec.quality} if lossy else {})


def _encode_jpeg(image: Image.Image, spec: Spec, effort: Effort) -> bytes:
    # Progressive costs three times as much and saves 1 %.
    options = {"quality": spec.quality, "subsampling": "4:2:0", "optimize": True}
    return _save(image, spec.format, options)


def _encode_png(image: Image.Image, spec: Spec, effort: Effort) -> bytes:
    level = _effort(_PNG_LEVELS, image.width * image.height)
    return _save(image, spec.format, _png_options(image, level))


def _encode_gif(image: Image.Image, spec: Spec, effort: Effort) -> bytes:
    return gif_encoder.encode_still(gif_encoder.to_palette(image))


def _encode_webp(image: Image.Image, spec: Spec, effort: Effort) -> bytes:
    image = to_rgb(image)
    area = image.width * image.height
    if spec.lossless:
        search = {"quality": LOSSLESS_EFFORT, "method": _effort(_WEBP_LOSSLESS_METHODS, area)}
        return _save(image, spec.format, {"lossless": True, "exact": True, **search})
    options = {
        "quality": spec.quality,
        "method": _effort(_WEBP_ALPHA_METHODS if image.mode == "RGBA" else _WEBP_METHODS, area),
        "alpha_quality": 100 if area <= _WEBP_EXACT_ALPHA else _COARSE_ALPHA,
    }
    return _save(image, spec.format, options)


def _encode_avif(image: Image.Image, spec: Spec, effort: Effort) -> bytes:
    # One thread, because the limiter counts resizes and not threads.
    speed = _effort(_AVIF_SPEEDS[effort], image.width * image.height)
    options = {"quality": spec.quality, "speed": speed, "max_threads": 1}
    return _save(to_rgb(image), spec.format, options)


_ENCODERS: Final[Mapping[str, Callable[[Image.Image, Spec, Effort], bytes]]] = {
    "jpg": _encode_jpeg,
    "png": _encode_png,
    "gif": _encode_gif,
    "webp": _encode_webp,
    "avif": _encode_avif,
}
"""By extension; a format of the table that is missing here is encoded by `_encode_plainly`."""


def _save(image: Image.Image, format: str, options: dict[str, Any]) -> bytes:
    return codecs.save(image, RESIZE_FORMATS[format].pillow, options)


def _effort(steps: Steps, area: int) -> int:
    return next((effort for most, effort in steps if area <= most), steps[-1][1])


def _png_options(image: Image.Image, level: int) -> dict[str, Any]:
    """Choose the compression by a sample of the image.

    The search for repetitions is what takes long, and a photograph has none: without the search it
    is even smaller, but a drawing is ten times as large.
    """
    searched = {"compress_level": level}
    coded = {"compress_level": 1, "compress_type": zlib.Z_HUFFMAN_ONLY}
    sample = _sample(image)
    least = _CLEARLY_LESS * len(_save(sample, "png", coded))
    return searched if len(_save(sample, "png", searched)) < least else coded


def _sample(image: Image.Image) -> Image.Image:
    """Return bands of the image, one below the other; all of it if it is small."""
    height = max(1, _PNG_SAMPLE // image.width)
    if len(_PNG_BANDS) * height >= image.height:
        return image
    sample = Image.new(image.mode, (image.width, len(_PNG_BANDS) * height))
    for index, share in enumerate(_PNG_BANDS):
        top = min(round(share * image.height), image.height - height)
        sample.paste(codecs.crop(image, (0, top, image.width, top + height)), (0, index * height))
    return sample


def to_rgb(image: Image.Image) -> Image.Image:
    """Convert to RGB or RGBA, for encoders that take nothing else."""
    mode = "RGBA" if image.mode in ("LA", "RGBA") else "RGB"
    return image if image.mode == mode else image.convert(mode)

"""From pixels to the bytes of a format, without any metadata."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from PIL import Image

from shift_media.core.engine import gif
from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.spec import Spec

_AVIF_FINE: Final = 250_000
"""Up to this area speed 8 is quick enough; above it 9, which takes a third of the time."""
_WEBP_FINE: Final = 2_000_000
"""Up to this area method 4; above it 2, a third of the time for 5 % more bytes; with alpha 0."""
_PNG_LEVELS: Final = ((500_000, 6), (2_000_000, 4))
"""Up to these areas these zlib levels, above them 2: a quarter of the time for 12 % more bytes."""
_PNG_LARGE: Final = 2


def encode(image: Image.Image, spec: Spec) -> bytes:
    """Encode one image, in L, LA, RGB or RGBA, in the format and quality of a spec."""
    image.info = {}
    if spec.format == "gif":
        return gif.still(gif.paletted(image))
    if spec.format in ("webp", "avif"):
        image = colored(image)
    output = BytesIO()
    image.save(output, RESIZE_FORMATS[spec.format].pillow, **_options(image, spec))
    return output.getvalue()


def _options(image: Image.Image, spec: Spec) -> dict[str, Any]:
    """Choose the encoder's effort by the area, so that no resize takes many seconds."""
    area = image.width * image.height
    if spec.format == "jpg":
        # Progressive costs six times as much and saves 3 %.
        return {"quality": spec.quality, "subsampling": "4:2:0", "optimize": True}
    if spec.format == "webp":
        fine = area <= _WEBP_FINE
        return {
            "quality": spec.quality,
            "method": 4 if fine else 2 if image.mode == "RGB" else 0,
            "alpha_quality": 100 if fine else 80,
        }
    if spec.format == "avif":
        speed = 8 if area <= _AVIF_FINE else 9
        return {"quality": spec.quality, "speed": speed, "max_threads": 1}
    return {"compress_level": next((lv for n, lv in _PNG_LEVELS if area <= n), _PNG_LARGE)}


def colored(image: Image.Image) -> Image.Image:
    """Convert to RGB or RGBA, for encoders that take nothing else."""
    mode = "RGBA" if image.mode in ("LA", "RGBA") else "RGB"
    return image if image.mode == mode else image.convert(mode)

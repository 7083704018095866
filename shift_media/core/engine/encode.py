"""From pixels to the bytes of a format, without any metadata."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from PIL import Image

from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.spec import Spec

_AVIF_FINE_PIXELS: Final = 250_000
"""Up to this area speed 8 is quick enough; above it 9, which takes a third of the time."""
_PNG_FINE_PIXELS: Final = 1_000_000
_OPAQUE: Final = 128
_GIF_COLORS: Final = 255
"""One less than a GIF can have: the last index is the transparent one."""


def encode(image: Image.Image, spec: Spec) -> bytes:
    """Encode one image, in L, LA, RGB or RGBA, in the format and quality of a spec."""
    image.info = {}
    if spec.format == "gif":
        image = paletted(image)
    elif spec.format in ("webp", "avif"):
        image = _colored(image)
    output = BytesIO()
    image.save(output, RESIZE_FORMATS[spec.format].pillow, **_options(image, spec))
    return output.getvalue()


def _options(image: Image.Image, spec: Spec) -> dict[str, Any]:
    area = image.width * image.height
    if spec.format == "jpg":
        return {"quality": spec.quality, "subsampling": "4:2:0", "optimize": True}
    if spec.format == "webp":
        return {"quality": spec.quality, "method": 4}
    if spec.format == "avif":
        speed = 8 if area <= _AVIF_FINE_PIXELS else 9
        return {"quality": spec.quality, "speed": speed, "max_threads": 1}
    if spec.format == "png":
        return {"compress_level": 6 if area <= _PNG_FINE_PIXELS else 3}
    return {"transparency": image.info["transparency"]} if "transparency" in image.info else {}


def _colored(image: Image.Image) -> Image.Image:
    return image.convert("RGBA" if image.mode in ("LA", "RGBA") else "RGB")


def paletted(image: Image.Image) -> Image.Image:
    """Reduce an image to a palette; what is more than half transparent becomes wholly so."""
    if image.mode == "L":
        return image
    if image.mode == "RGB":
        return image.quantize(_GIF_COLORS, Image.Quantize.MEDIANCUT)
    image = image.convert("RGBA")
    hidden = image.getchannel("A").point([255 if a < _OPAQUE else 0 for a in range(256)])
    result = image.convert("RGB").quantize(_GIF_COLORS, Image.Quantize.MEDIANCUT)
    result.paste(_GIF_COLORS, mask=hidden)
    result.info["transparency"] = _GIF_COLORS
    return result

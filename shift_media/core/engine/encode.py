"""From pixels to the bytes of a format, without any metadata."""

from __future__ import annotations

from io import BytesIO
from typing import Any, Final

from PIL import Image

from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.spec import Spec

_AVIF_FINE: Final = 250_000
"""Up to this area speed 8 is quick enough; above it 9, which takes a third of the time."""
_WEBP_FINE: Final = 2_000_000
"""Up to this area method 4; above it 2, a third of the time for 5 % more bytes."""
_PNG_LEVELS: Final = ((500_000, 6), (2_000_000, 4))
"""Up to these areas these zlib levels, above them 2: a quarter of the time for 12 % more bytes."""
_PNG_LARGE: Final = 2
_HIDDEN_BELOW: Final = 128
_GIF_COLORS: Final = 255
"""One less than a GIF can have: the last index is the transparent one."""
_GIF_SAMPLE: Final = 256
"""Longer side of what a palette is chosen from: a tenth of the time, 1 dB less."""


def encode(image: Image.Image, spec: Spec) -> bytes:
    """Encode one image, in L, LA, RGB or RGBA, in the format and quality of a spec."""
    image.info = {}
    if spec.format == "gif":
        image = paletted(image)
    elif spec.format in ("webp", "avif"):
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
            "method": 4 if fine else 2 if image.mode == "RGB" else 1,
            "alpha_quality": 100 if fine else 80,
        }
    if spec.format == "avif":
        speed = 8 if area <= _AVIF_FINE else 9
        return {"quality": spec.quality, "speed": speed, "max_threads": 1}
    if spec.format == "png":
        return {"compress_level": next((lv for n, lv in _PNG_LEVELS if area <= n), _PNG_LARGE)}
    return {"transparency": image.info["transparency"]} if "transparency" in image.info else {}


def colored(image: Image.Image) -> Image.Image:
    """Convert to RGB or RGBA, for encoders that take nothing else."""
    mode = "RGBA" if image.mode in ("LA", "RGBA") else "RGB"
    return image if image.mode == mode else image.convert(mode)


def paletted(image: Image.Image, method: Image.Quantize = Image.Quantize.MEDIANCUT) -> Image.Image:
    """Reduce an image to a palette; what is more than half transparent becomes wholly so."""
    if image.mode == "L":
        return image
    if image.mode not in ("LA", "RGBA"):
        return _quantized(image, method)
    alpha = image.getchannel("A")
    result = _quantized(image.convert("RGB"), method)
    hidden = alpha.point([255 if value < _HIDDEN_BELOW else 0 for value in range(256)])
    if hidden.getbbox() is not None:
        result.paste(_GIF_COLORS, mask=hidden)
        result.info["transparency"] = _GIF_COLORS
    return result


def _quantized(image: Image.Image, method: Image.Quantize) -> Image.Image:
    """Reduce RGB to a palette: exactly where its colours are few, else to those of a sample."""
    if image.getcolors(_GIF_COLORS) is not None:
        return image.quantize(_GIF_COLORS, Image.Quantize.MEDIANCUT)
    ratio = min(1.0, _GIF_SAMPLE / max(image.size))
    size = (max(1, round(image.width * ratio)), max(1, round(image.height * ratio)))
    sample = image.resize(size, Image.Resampling.NEAREST)
    palette = sample.quantize(_GIF_COLORS, method)
    return image.quantize(palette=palette, dither=Image.Dither.NONE)

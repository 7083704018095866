"""The first impression of an image: its mean colour, and a placeholder to show while it loads."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Final

from PIL import Image

from shift_media.imaging.engine import color, decode, transform
from shift_media.imaging.engine.codec_errors import decoding
from shift_media.imaging.engine.vips import Decoder
from shift_media.imaging.formats.base import Header
from shift_media.imaging.probe import DEFAULT_LIMITS, SourceLimits, read_header

_SIDE: Final = 64
"""Longer side in pixels of what colour and placeholder are made from."""
_PREFIX: Final = "data:image/webp;base64,"
_MAX_BYTES: Final = (400 - len(_PREFIX)) // 4 * 3
_TRIES: Final = ((32, 40), (28, 30), (24, 20), (20, 10), (16, 5), (10, 1), (4, 1))
"""Longer side and quality of the placeholder, until it is small enough."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What an image looks like from afar.

    Attributes:
        placeholder: a data URI of at most 400 characters.
        color: the mean colour over white, ``"#rrggbb"``.
    """

    placeholder: str
    color: str


def preview(
    source: BinaryIO, *, limits: SourceLimits = DEFAULT_LIMITS, decoder: Decoder = "pillow"
) -> Preview:
    """Look at an image without decoding more of it than a glimpse needs; raises as `make` does."""
    header = read_header(source, limits)
    with decoding():
        image = _glimpse(source, header, decoder)
    return Preview(_placeholder(image), _mean(image))


def _glimpse(source: BinaryIO, header: Header, decoder: Decoder) -> Image.Image:
    """Decode, shrink to at most `_SIDE`, convert to sRGB and turn upright."""
    longer = max(header.width, header.height)
    ratio = min(1.0, _SIDE / longer)
    size = (max(1, round(header.width * ratio)), max(1, round(header.height * ratio)))
    decoded = decode.still(source, header, (ratio, ratio), decoder)
    scale = decoded.scale
    box = (0.0, 0.0, header.width * scale[0], header.height * scale[1])
    image = transform.resample(decoded.image, box, size, box)
    image = color.to_srgb(image, color.profile_of(source, header))
    return transform.upright(image, header.orientation)


def _mean(image: Image.Image) -> str:
    flat = Image.new("RGB", image.size, (255, 255, 255))
    if image.mode in ("LA", "RGBA"):
        image = image.convert("RGBA")
        flat.paste(image.convert("RGB"), mask=image.getchannel("A"))
    else:
        flat = image.convert("RGB")
    return f"#{flat.resize((1, 1), Image.Resampling.BOX).tobytes().hex()}"


def _placeholder(image: Image.Image) -> str:
    """Encode as small a WebP as fits; browsers smooth it when they enlarge it."""
    content = b""
    for side, quality in _TRIES:
        content = _tiny(image, side, quality)
        if len(content) <= _MAX_BYTES:
            break
    return _PREFIX + base64.b64encode(content).decode()


def _tiny(image: Image.Image, side: int, quality: int) -> bytes:
    ratio = min(1.0, side / max(image.size))
    size = (max(1, round(image.width * ratio)), max(1, round(image.height * ratio)))
    small = transform.resample(image, (0, 0, *image.size), size, (0, 0, *image.size))
    small = small.convert("RGBA" if small.mode in ("LA", "RGBA") else "RGB")
    output = BytesIO()
    small.save(output, "WEBP", quality=quality, alpha_quality=quality, method=6)
    return output.getvalue()

"""The preview of an image: its mean colour, and a placeholder to show while it loads."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import BinaryIO, Final

from PIL import Image

from shift_media.imaging.engine import animation, codecs, color, stills, transform
from shift_media.imaging.engine.area import Area
from shift_media.imaging.engine.codec_errors import translated_errors
from shift_media.imaging.engine.vips import Decoder
from shift_media.imaging.formats.base import Header
from shift_media.imaging.probe import DEFAULT_LIMITS, SourceLimits, read_header

_SIDE: Final = 64
"""Longer side in pixels of the thumbnail that colour and placeholder are made from."""
_PREFIX: Final = "data:image/webp;base64,"
_MAX_CHARACTERS: Final = 400
"""Of a data URI, which stands in every page and every row."""
_MAX_BYTES: Final = (_MAX_CHARACTERS - len(_PREFIX)) // 4 * 3
"""Of the picture: base64 takes four characters for three bytes."""
_TRIES: Final = ((32, 40), (28, 30), (24, 20), (20, 10), (16, 5), (10, 1), (4, 1))
"""Longer side and quality of the placeholder, until it is small enough."""


@dataclass(frozen=True, slots=True)
class Preview:
    """A first impression of an image.

    Attributes:
        placeholder: a data URI of at most 400 characters.
        color: the mean colour over white, ``"#rrggbb"``.
    """

    placeholder: str
    color: str


def preview(
    source: BinaryIO, *, limits: SourceLimits = DEFAULT_LIMITS, decoder: Decoder = "pillow"
) -> Preview:
    """Return placeholder and mean colour of an image; raise as `make` does.

    All data of the image is read, and each frame of an animation is decoded, so that a file with a
    preview can also be resized at any size.
    """
    header = read_header(source, limits)
    with translated_errors(header):
        image = _thumbnail(source, header, decoder)
        animation.check_frames(source, header)
    return Preview(_placeholder(image), _mean_color(image))


def _thumbnail(source: BinaryIO, header: Header, decoder: Decoder) -> Image.Image:
    """Return the image in at most `_SIDE` pixels, upright and in sRGB."""
    longer = max(header.width, header.height)
    ratio = min(1.0, _SIDE / longer)
    size = (max(1, round(header.width * ratio)), max(1, round(header.height * ratio)))
    image = stills.resample_all_data(source, header, size, decoder)
    image = color.to_srgb(image, color.read_profile(source, header), header.color_space)
    return transform.apply_orientation(image, header.orientation)


def _mean_color(image: Image.Image) -> str:
    flat = Image.new("RGB", image.size, (255, 255, 255))
    if image.mode in ("LA", "RGBA"):
        image = image.convert("RGBA")
        flat.paste(image.convert("RGB"), mask=image.getchannel("A"))
    else:
        flat = image.convert("RGB")
    return f"#{flat.resize((1, 1), Image.Resampling.BOX).tobytes().hex()}"


def _placeholder(image: Image.Image) -> str:
    """Return the largest WebP that fits as a data URI; browsers smooth it when they enlarge it."""
    content = b""
    for side, quality in _TRIES:
        content = _encode_tiny(image, side, quality)
        if len(content) <= _MAX_BYTES:
            break
    return _PREFIX + base64.b64encode(content).decode()


def _encode_tiny(image: Image.Image, side: int, quality: int) -> bytes:
    ratio = min(1.0, side / max(image.size))
    size = (max(1, round(image.width * ratio)), max(1, round(image.height * ratio)))
    small = transform.resample(image, Area.of_all(*image.size, size))
    small = small.convert("RGBA" if small.mode in ("LA", "RGBA") else "RGB")
    return codecs.save(small, "WEBP", {"quality": quality, "alpha_quality": quality, "method": 6})

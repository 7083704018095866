"""The point of a picture that stands out: by edges, skin tones and saturated colours."""

from __future__ import annotations

from typing import Final, cast

from PIL import Image

from shift_media.imaging.engine.vips import library

SIDE: Final = 128
"""The longer side of the picture that is looked at. libvips itself shrinks it to 32 pixels."""

_LEAST_CONTRAST: Final = 8
"""Of 255, between the darkest and the brightest value of a channel. In a flatter picture nothing
stands out, and libvips would return its corner."""


def find_attention(picture: Image.Image) -> tuple[int, int] | None:
    """Return the point of an opaque picture that stands out, in percent.

    It is the centre of the square that libvips' ``attention`` cuts out. None if nothing stands
    out, and in a process that cannot use libvips. Raises `MissingExtra` without pyvips.
    """
    rgb = picture.convert("RGB")
    if _is_flat(rgb) or not library.process.is_usable:
        return None
    pyvips = library.load()
    library.process.is_used = True
    with library.translated_errors(pyvips):
        image = pyvips.Image.new_from_memory(rgb.tobytes(), *rgb.size, 3, "uchar")
        side = min(rgb.size)
        _, found = library.in_one_thread(pyvips, image.copy(interpretation="srgb")).smartcrop(
            side, side, interesting="attention", attention_x=True, attention_y=True
        )
    return (
        _percent(found["attention_x"], rgb.width),
        _percent(found["attention_y"], rgb.height),
    )


def _is_flat(rgb: Image.Image) -> bool:
    extrema = cast("tuple[tuple[int, int], ...]", rgb.getextrema())
    return all(most - least < _LEAST_CONTRAST for least, most in extrema)


def _percent(pixel: int, pixels: int) -> int:
    """Return the centre of a pixel in percent of a side."""
    return max(0, min(100, round((pixel + 0.5) / pixels * 100)))

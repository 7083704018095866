"""The pixel modes of decoders, and the few that the engine works in."""

from __future__ import annotations

from typing import Final

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

_GREY_SCALES: Final = {"L;2": 85, "L;4": 17}
_GREY16_SCALE: Final = 255 / 65535
_GREY16: Final = ("I;16", "I;16L", "I;16B", "I;16N")


def to_working_mode(image: Image.Image) -> Image.Image:
    """Convert to L, LA, RGB, RGBA or CMYK, by which nothing is lost that a screen can show."""
    if image.mode in _GREY16:
        return _grey16_to_grey(image)
    transparent = "transparency" in image.info
    if image.mode in ("1", "L"):
        if transparent:
            return image.convert("LA")
        return image if image.mode == "L" else image.convert("L")
    if image.mode == "RGB":
        return image.convert("RGBA") if transparent else image
    if image.mode in ("LA", "RGBA", "CMYK"):
        return image
    alpha = transparent or image.has_transparency_data
    return image.convert("RGBA" if alpha else "RGB")


def _grey16_to_grey(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion clips it to white."""
    wide = image if image.mode == "I;16" else image.convert("I")
    grey = wide.point(lambda sample: sample * _GREY16_SCALE + 0.5).convert("L")
    transparent = image.info.get("transparency")
    if transparent is None:
        return grey
    opaque = [255] * 65536
    opaque[transparent] = 0
    return Image.merge("LA", (grey, image.convert("I").point(opaque, "L")))


def scale_transparency(image: PngImageFile) -> None:
    """Scale the transparent colour of a PNG to 8 bits, because Pillow scales only the samples."""
    color = image.info.get("transparency")
    raw = image.tile[0].args if image.tile else None
    if isinstance(color, int) and raw in _GREY_SCALES:
        image.info["transparency"] = color * _GREY_SCALES[str(raw)]
    elif isinstance(color, tuple) and raw == "RGB;16B":
        image.info["transparency"] = tuple(sample >> 8 for sample in color)

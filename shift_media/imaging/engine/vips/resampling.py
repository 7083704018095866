"""Decoding and resampling in one go by libvips, in bands of a few rows (extra ``vips``).

No more of an original is held than a band, and the filter uses the vector instructions of the
processor: at 1600 pixels it takes a fifth of Pillow's time. All later steps are Pillow's.

libvips never detects the format: the header was read before, and the one loader of its format is
called. A JPEG at which it hesitates, even by a warning, is left to Pillow, which decides whether
the file can be decoded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, BinaryIO, Final, TypeVar

from PIL import Image

from shift_media.core.errors import Undecodable
from shift_media.imaging.engine.area import Area
from shift_media.imaging.engine.decode import find_shrink
from shift_media.imaging.engine.vips import library
from shift_media.imaging.engine.vips.alignment import MARGIN, Window, align
from shift_media.imaging.formats.base import Header
from shift_media.imaging.formats.segments import open_parts

_MAX_RATIO: Final = 3.0
"""How many times finer than the target a box filter leaves an image, as with Pillow."""
_CMYK_BANDS: Final = 4
_WEBP_FINER: Final = 4 / 3
"""How many times finer than the minimal scale (itself 1.5× the resize) libwebp leaves an original:
twice the resize. At 1.5× drawings lose .005 of SSIM, and at its size .03."""
_MAX_WEBP_SCALE: Final = 2 / 3
"""Scale of width and height above which libwebp takes longer with shrinking than without."""
_MODES: Final = {1: "L", 2: "La", 3: "RGB", 4: "RGBa"}
"""By channels; alpha is premultiplied, because the colour of transparent pixels would bleed."""
_STRAIGHT: Final = {"La": "LA", "RGBa": "RGBA"}
_OPTIONS: Final = {"access": "sequential"}

_Made = TypeVar("_Made")
Color = tuple[int, int, int]
Scale = tuple[float, float]
Loaded = tuple[Any, Scale]
"""An image of libvips, and how many pixels of it one pixel of the original is."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """The pixels of an original in libvips, decoded already or when they are resampled.

    Attributes:
        scale: how many of them one pixel of the original is.
    """

    pyvips: ModuleType
    image: Any
    scale: Scale

    def resample(self, area: Area) -> Image.Image | None:
        """Return an area of the original, resized; None if it cannot be met exactly."""
        image, scaled = _shrink(self.image, area.scaled(self.scale))
        reduced = _reduce(image, scaled)
        return None if reduced is None else _to_pillow(self.pyvips, reduced)

    def to_pillow(self) -> Image.Image:
        """Return all pixels."""
        return _to_pillow(self.pyvips, self.image)

    def decode(self, ratio: float) -> Pixels:
        """Return the same in memory, shrunk for resizes at least ``ratio`` times as small."""
        across, down = self.scale
        shrink = max(1, int(ratio * min(self.scale) / _MAX_RATIO))
        image = library.in_one_thread(self.pyvips, _box_filter(self.image, shrink, shrink))
        return Pixels(self.pyvips, image.copy_memory(), (across / shrink, down / shrink))


def resample(
    source: BinaryIO,
    header: Header,
    min_scale: Scale,
    area: Area,
    flat_color: Color | None = None,
) -> Image.Image | None:
    """Return an area of an original, resized, in its own colours and orientation.

    ``min_scale`` is the scale of width and height at which it is decoded at least. With
    ``flat_color`` transparent pixels are flattened on it first, which takes half the time. None if
    Pillow must do it. Raises `Undecodable` for a PNG or WebP that libvips refuses.
    """
    return _run(source, header, min_scale, lambda pixels: pixels.resample(area), flat_color)


def decode(source: BinaryIO, header: Header, min_scale: Scale, ratio: float) -> Pixels | None:
    """Return decoded pixels for resizes at least ``ratio`` times as small; see `resample`."""
    return _run(source, header, min_scale, lambda pixels: pixels.decode(ratio))


def _run(
    source: BinaryIO,
    header: Header,
    min_scale: Scale,
    work: Callable[[Pixels], _Made | None],
    flat_color: Color | None = None,
) -> _Made | None:
    """Open an original and call ``work``, which decodes it; None if Pillow must do it."""

    def run(pyvips: ModuleType, file: Any) -> _Made | None:
        pixels = _open(pyvips, file, header, min_scale, flat_color)
        return None if pixels is None else work(pixels)

    try:
        return library.run(open_parts(source, header.still), run)
    except Undecodable:
        if header.format.extension == "jpg":
            return None
        raise


def _open(
    pyvips: ModuleType, file: Any, header: Header, min_scale: Scale, flat_color: Color | None
) -> Pixels | None:
    """Open an original in L, La, RGB or RGBa of 8 bits; None for CMYK."""
    image, scale = _LOADERS[header.format.extension](pyvips, file, header, min_scale)
    if image.bands == _CMYK_BANDS and not header.has_alpha:
        return None
    if image.format != "uchar":
        image = image.cast("uchar", shift=True)
    if image.bands == _CMYK_BANDS and flat_color is not None:
        image = image.flatten(background=list(flat_color))
    if image.bands in (2, 4):
        image = _premultiply(image)
    return Pixels(pyvips, image, scale)


def _premultiply(image: Any) -> Any:
    return image.premultiply(max_alpha=255).linear(1, 0.5, uchar=True)  # rounded


def _load_jpeg(pyvips: ModuleType, source: Any, header: Header, scale: Scale) -> Loaded:
    """Load a JPEG, shrunk by its decoder as far as `Pipeline.min_scale` allows."""
    shrink = find_shrink(max(scale))
    image = pyvips.Image.jpegload_source(source, **_OPTIONS, fail_on="warning", shrink=shrink)
    # libvips leaves out what is less than a pixel at the edge.
    _check_size(image, max(1, header.width // shrink), max(1, header.height // shrink))
    return image, (1 / shrink, 1 / shrink)


def _load_png(pyvips: ModuleType, source: Any, header: Header, scale: Scale) -> Loaded:
    image = pyvips.Image.pngload_source(source, **_OPTIONS, fail_on="error")
    _check_size(image, header.width, header.height)
    return image, (1.0, 1.0)


def _load_webp(pyvips: ModuleType, source: Any, header: Header, scale: Scale) -> Loaded:
    """Load a WebP, shrunk by libwebp, which averages pixels, if none of them is transparent."""
    shrink = min(1.0, _WEBP_FINER * max(scale))
    if shrink > _MAX_WEBP_SCALE or header.has_alpha:
        shrink = 1.0
    image = pyvips.Image.webpload_source(source, **_OPTIONS, fail_on="error", scale=shrink)
    return image, (image.width / header.width, image.height / header.height)


_LOADERS: Final = {"jpg": _load_jpeg, "png": _load_png, "webp": _load_webp}
FORMATS: Final = frozenset(_LOADERS)
"""The extensions of the formats that are read here."""


def _check_size(image: Any, width: int, height: int) -> None:
    if (image.width, image.height) != (width, height):
        raise Undecodable(
            f"The decoder sees {image.width}x{image.height}, the header {width}x{height}."
        )


def _shrink(image: Any, area: Area) -> tuple[Any, Area]:
    """Shrink by a box filter, where the target is much smaller, because it is cheaper."""
    across, down = (max(1, int(ratio / _MAX_RATIO)) for ratio in area.ratios)
    return _box_filter(image, across, down), area.scaled((1 / across, 1 / down))


def _box_filter(image: Any, across: int, down: int) -> Any:
    if down > 1:
        image = image.shrinkv(down, ceil=True)
    return image.shrinkh(across, ceil=True) if across > 1 else image


def _reduce(image: Any, area: Area) -> Any:
    """Reduce an area to its size by LANCZOS; None if it cannot be met exactly."""
    left, top, right, bottom = area.region
    columns = math.floor(left), min(math.ceil(right), image.width)
    rows = math.floor(top), min(math.ceil(bottom), image.height)
    across = _window((area.box[0], area.box[2]), area.size[0], columns)
    down = _window((area.box[1], area.box[3]), area.size[1], rows)
    if across is None or down is None:
        return None
    image = _cut(image, across, columns, down, rows)
    image = image.reducev(down.step, kernel="lanczos3").reduceh(across.step, kernel="lanczos3")
    return image.crop(across.skipped, down.skipped, *area.size)


def _window(box: tuple[float, float], size: int, edges: tuple[int, int]) -> Window | None:
    """Return the window of one axis, whose pixels are counted from the left edge on."""
    at_edges = box[0] - edges[0] < 1 and edges[1] - box[1] < 1
    return align(box[0] - edges[0], box[1] - box[0], size, 0 if at_edges else MARGIN)


def _cut(
    image: Any, across: Window, columns: tuple[int, int], down: Window, rows: tuple[int, int]
) -> Any:
    """Cut the pixels of both windows out; those beyond the edges are copies of the last one."""
    left, width = _clip(across, columns)
    top, height = _clip(down, rows)
    image = image.crop(left, top, width, height)
    if (width, height) == (across.length, down.length):
        return image
    at = max(-across.start, 0), max(-down.start, 0)
    return image.embed(*at, across.length, down.length, extend="copy")


def _clip(window: Window, edges: tuple[int, int]) -> tuple[int, int]:
    """Return the first pixel of a window that exists, and how many do."""
    first = edges[0] + max(window.start, 0)
    last = min(edges[0] + window.start + window.length, edges[1])
    return first, last - first


def _to_pillow(pyvips: ModuleType, image: Any) -> Image.Image:
    """Run the whole pipeline."""
    mode, size = _MODES[image.bands], (image.width, image.height)
    with library.translated_errors(pyvips):
        content = library.in_one_thread(pyvips, image).write_to_memory()
    made = Image.frombuffer(mode, size, content, "raw", mode, 0, 1)
    return made.convert(_STRAIGHT[mode]) if mode in _STRAIGHT else made

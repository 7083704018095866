"""PNG and WebP decoded by libvips, in bands that are shrunk as they come (extra ``vips``).

Pillow must decode all of such an original before it can shrink it. Here no more of it is held than
a band, so memory stays low, and libvips' decoders are the faster ones. All that comes after, from
the box filter on, is Pillow's, so that resizes look the same with and without it.

No loader is ever chosen by what a file looks like: `probe` has read its header, and exactly the
one of its format is called, in the thread that asks for it.
"""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import Any, BinaryIO, Final, Literal, get_args

from PIL import Image

from shift_media.core.errors import MediaError, MissingExtra, Undecodable
from shift_media.imaging.formats.base import Header
from shift_media.imaging.formats.segments import open_parts

Decoder = Literal["pillow", "vips", "auto"]
"""What decodes still PNG and WebP: Pillow, libvips, or libvips where it wins."""
ENGINES: Final[tuple[Decoder, ...]] = get_args(Decoder)

_FINER: Final = {"png": 2.0, "webp": 4 / 3}
"""How much finer than wanted (itself 1.5×) an original is left: where Pillow's own box filter
stops, at 3×; and for libwebp's, which costs more than decoding all at 2/3 of the size, at 2×."""
_LEAST: Final = 1_000_000
"""Pixels of an original below which libvips' start is no gain."""
_MOST: Final = 2 / 3
"""Share of the width and height above which libwebp takes longer with shrinking than without."""
_BAND_PIXELS: Final = 30_000
_MODES: Final = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


@cache
def installed() -> bool:
    """Tell whether pyvips is installed, with the library beneath."""
    try:
        load()
    except MissingExtra:
        return False
    return True


def load() -> ModuleType:
    """Import pyvips; raises `MissingExtra`.

    Its cache of operations, of no use to what is done once, would keep the files of a hundred
    originals. It is turned off, unless the project has loaded pyvips and may rely on it.
    """
    theirs = "pyvips" in sys.modules
    try:
        import pyvips
    except (ImportError, OSError) as error:  # OSError: the library beneath is not there
        instead = 'set SHIFT_MEDIA["ENGINE"] to "auto" or "pillow"'
        raise MissingExtra("pyvips", "vips", instead) from error
    if not theirs:
        pyvips.cache_set_max(0)
    return pyvips  # type: ignore[no-any-return]


def takes(header: Header, wanted: tuple[float, float], decoder: Decoder) -> bool:
    """Tell whether libvips is to decode an original: a still PNG or WebP.

    With ``"auto"`` only a large one, and no WebP with alpha or that is made little smaller.
    """
    extension = header.format.extension
    if decoder == "pillow" or extension not in _FINER or header.frames > 1:
        return False
    if decoder == "vips":
        return True
    if header.width * header.height < _LEAST or not installed():
        return False
    return extension == "png" or (not header.has_alpha and _FINER["webp"] * max(wanted) <= _MOST)


def still(
    source: BinaryIO, header: Header, wanted: tuple[float, float]
) -> tuple[Image.Image, tuple[float, float]]:
    """Decode at ``wanted`` × the width and height or more; see `decode.still`.

    Raises `Undecodable` for whatever libvips refuses, and `MissingExtra` without it.
    """
    pyvips = load()
    file = _File(open_parts(source, header.still))
    try:
        decoded = _decoded(pyvips, file.source(pyvips), header, wanted)
        file.reraise()
        return decoded
    except pyvips.Error as error:
        file.reraise()
        raise Undecodable(f"The decoder says: {' '.join(str(error).split())}") from error


class _File:
    """A file as libvips reads it; an error of reading is kept, for C knows no exceptions."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: MediaError | None = None

    def source(self, pyvips: ModuleType) -> Any:
        """Make the source that a loader takes."""
        source = pyvips.SourceCustom()
        source.on_read(self._read)
        source.on_seek(self._file.seek)
        return source

    def reraise(self) -> None:
        """Raise what went wrong in reading, if anything did."""
        if self._error is not None:
            raise self._error

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except MediaError as error:
            self._error = error
            return b""


def _decoded(
    pyvips: ModuleType, source: Any, header: Header, wanted: tuple[float, float]
) -> tuple[Image.Image, tuple[float, float]]:
    options: dict[str, Any] = {"access": "sequential", "fail_on": "error"}
    if header.format.extension == "png":
        image = pyvips.Image.pngload_source(source, **options)
    else:
        # libwebp averages what it shrinks, which would mix in the colour of transparent pixels.
        asked = 1.0 if header.has_alpha else min(1.0, _FINER["webp"] * max(wanted))
        options["scale"] = asked if asked <= _MOST else 1.0
        image = pyvips.Image.webpload_source(source, **options)
    scale = (image.width / header.width, image.height / header.height)
    if scale != (1.0, 1.0) and "scale" not in options:
        raise Undecodable(f"The decoder sees {image.width}x{image.height}.")
    shrink = [max(1, int(s / (_FINER["png"] * w))) for s, w in zip(scale, wanted, strict=True)]
    shrunk = _shrunk(pyvips, _bytes(image), (shrink[0], shrink[1]))
    return shrunk, (scale[0] / shrink[0], scale[1] / shrink[1])


def _bytes(image: Any) -> Any:
    """Bring samples of 16 bits to 8."""
    return image if image.format == "uchar" else image.cast("uchar", shift=True)


def _shrunk(pyvips: ModuleType, image: Any, shrink: tuple[int, int]) -> Image.Image:
    """Decode in bands, each through Pillow's box filter before the next is decoded."""
    mode = _MODES[image.bands]
    size = (-(-image.width // shrink[0]), -(-image.height // shrink[1]))
    result = Image.new(mode, size)
    rows = max(1, _BAND_PIXELS // image.width // shrink[1]) * shrink[1]
    region = pyvips.Region.new(image)
    for top in range(0, image.height, rows):
        height = min(rows, image.height - top)
        content = region.fetch(0, top, image.width, height)
        band = Image.frombuffer(mode, (image.width, height), content, "raw", mode, 0, 1)
        result.paste(band if shrink == (1, 1) else band.reduce(shrink), (0, top // shrink[1]))
    return result

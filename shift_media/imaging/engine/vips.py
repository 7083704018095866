"""PNG and WebP decoded by libvips, in bands that are shrunk as they come (extra ``vips``).

Pillow must decode all of such an original before it can shrink it. Here no more of it is held than
a band, so memory stays low, and libvips' decoders are faster. All later steps, from the box filter
on, are Pillow's, so that resizes look the same with and without libvips. Only large resizes of
opaque PNG are resampled by libvips too.

libvips never detects the format: the header was read before, and the one loader of its format is
called. The loader of WebP has threads of libvips do its work, which a forked process has not, so
that it would wait for them for ever. Pillow decodes in a process that was forked after libvips
was used.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from types import ModuleType
from typing import Any, BinaryIO, Final, Literal, get_args

from PIL import Image

from shift_media.core.errors import MediaError, MissingExtra, Undecodable
from shift_media.core.faults import as_fault
from shift_media.core.geometry import Size
from shift_media.imaging.formats.base import Header
from shift_media.imaging.formats.segments import open_parts

Decoder = Literal["pillow", "vips", "auto"]
"""The decoder of still PNG and WebP: Pillow, libvips, or libvips if it is faster."""
DECODERS: Final[tuple[Decoder, ...]] = get_args(Decoder)

_FINER: Final = {"png": 2.0, "webp": 4 / 3}
"""How many times finer than the minimal scale (itself 1.5× the resize) an original is left, by
format: at 3× the resize, where Pillow's own box filter stops; with libwebp, whose shrinking costs
more than decoding all at 2/3 of the size, at 2×."""
_MIN_PIXELS: Final = 1_000_000
"""Pixels of an original below which starting libvips takes longer than it saves."""
_MAX_WEBP_SCALE: Final = 2 / 3
"""Scale of width and height above which libwebp takes longer with shrinking than without."""
_BAND_PIXELS: Final = 30_000
_BAND_ROWS: Final = 64
"""Rows of a band that libvips resizes: it does the rows above and below again for the next one."""
_MIN_REDUCTION: Final = 1.5
_MAX_REDUCTION: Final = 6.0
_MIN_REDUCED_PIXELS: Final = 500_000
_OPAQUE_BANDS: Final = (1, 3)
_MODES: Final = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


class _Process:
    """The state of libvips in this process.

    Attributes:
        is_ours: True if pyvips was first imported here, and so not used by the project before.
        is_used: True once libvips has been used, because it may have threads from then on.
        is_usable: False in a process that was forked after that.
    """

    def __init__(self) -> None:
        self.is_ours = False
        self.is_used = False
        self.is_usable = True

    def note_fork(self) -> None:
        """Record, in a process that was just forked, that libvips cannot be used any more."""
        is_loaded = "pyvips" in sys.modules
        if self.is_used or (is_loaded and not self.is_ours):
            self.is_usable = False


_process = _Process()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_process.note_fork)


@cache
def is_installed() -> bool:
    """Return True if pyvips is installed, with the library that it needs."""
    try:
        load()
    except MissingExtra:
        return False
    return True


def load() -> ModuleType:
    """Import and return pyvips; raise `MissingExtra` without it.

    Its cache of operations would keep the files of a hundred originals, although none is decoded
    twice. It is turned off, unless the project has loaded pyvips before and may rely on it.
    """
    loaded_before = "pyvips" in sys.modules
    try:
        import pyvips
    except (ImportError, OSError) as error:  # OSError: libvips itself is missing
        instead = 'set SHIFT_MEDIA["ENGINE"] to "auto" or "pillow"'
        raise MissingExtra("pyvips", "vips", instead) from error
    if not loaded_before:
        pyvips.cache_set_max(0)
        _process.is_ours = True
    return pyvips  # type: ignore[no-any-return]


def should_decode(header: Header, min_scale: tuple[float, float], decoder: Decoder) -> bool:
    """Return True if libvips decodes an original: only a still PNG or WebP.

    With ``"auto"`` only a large one, and no WebP with alpha or with a scale near 1.
    """
    extension = header.format.extension
    if decoder == "pillow" or extension not in _FINER or header.frames > 1:
        return False
    if not _process.is_usable:
        return False
    if decoder == "vips":
        return True
    if header.width * header.height < _MIN_PIXELS or not is_installed():
        return False
    return extension == "png" or (
        not header.has_alpha and _FINER["webp"] * max(min_scale) <= _MAX_WEBP_SCALE
    )


def decode_still(
    source: BinaryIO, header: Header, min_scale: tuple[float, float], size: Size | None = None
) -> tuple[Image.Image, tuple[float, float]]:
    """Decode at ``min_scale`` × the width and height or more; see `decode.decode_still`.

    Raises `Undecodable` for images that libvips refuses, and `MissingExtra` without it.
    """
    pyvips = load()
    _process.is_used = True
    file = _File(open_parts(source, header.still))
    try:
        decoded = _decode(pyvips, file.source(pyvips), header, min_scale, size)
        file.reraise()
        return decoded
    except pyvips.Error as error:
        file.reraise()
        fault = as_fault(error)
        if fault is not None:
            raise fault from error
        raise Undecodable(f"The decoder says: {' '.join(str(error).split())}") from error


class _File:
    """A file as libvips reads it; an error is kept, because exceptions cannot pass through C."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: MediaError | None = None

    def source(self, pyvips: ModuleType) -> Any:
        """Return the source that a loader takes."""
        source = pyvips.SourceCustom()
        source.on_read(self._read)
        source.on_seek(self._file.seek)
        return source

    def reraise(self) -> None:
        """Raise the error of reading, if there was one."""
        if self._error is not None:
            raise self._error

    def _read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except MediaError as error:
            self._error = error
            return b""


def _decode(
    pyvips: ModuleType,
    source: Any,
    header: Header,
    min_scale: tuple[float, float],
    size: Size | None,
) -> tuple[Image.Image, tuple[float, float]]:
    options: dict[str, Any] = {"access": "sequential", "fail_on": "error"}
    if header.format.extension == "png":
        image = pyvips.Image.pngload_source(source, **options)
    else:
        # libwebp averages pixels, which would mix in the colour of transparent ones.
        webp_scale = 1.0 if header.has_alpha else min(1.0, _FINER["webp"] * max(min_scale))
        options["scale"] = webp_scale if webp_scale <= _MAX_WEBP_SCALE else 1.0
        image = pyvips.Image.webpload_source(source, **options)
    scale = (image.width / header.width, image.height / header.height)
    if scale != (1.0, 1.0) and "scale" not in options:
        raise Undecodable(f"The decoder sees {image.width}x{image.height}.")
    if size is not None and _should_reduce(image, header, size):
        reduced = _reduce(pyvips, _to_bytes(image), size)
        return reduced, (size[0] / image.width, size[1] / image.height)
    shrink = [max(1, int(s / (_FINER["png"] * w))) for s, w in zip(scale, min_scale, strict=True)]
    rows = max(1, _BAND_PIXELS // image.width // shrink[1]) * shrink[1]
    shrunk = _fetch(pyvips, _to_bytes(image), (shrink[0], shrink[1]), rows)
    return shrunk, (scale[0] / shrink[0], scale[1] / shrink[1])


def _should_reduce(image: Any, header: Header, size: Size) -> bool:
    """Return True if libvips itself resizes best: an opaque PNG to a large resize.

    There Pillow has BICUBIC, to save time. libvips has LANCZOS, and takes half to two thirds of
    the time: photographs gain .0005 of SSIM, and drawings .002. Beyond a sixth of the sides the
    box filter is faster.
    """
    ratios = (header.width / size[0], header.height / size[1])
    if header.format.extension != "png" or image.bands not in _OPAQUE_BANDS:
        return False
    is_large = size[0] * size[1] >= _MIN_REDUCED_PIXELS
    return is_large and min(ratios) >= _MIN_REDUCTION and max(ratios) <= _MAX_REDUCTION


def _reduce(pyvips: ModuleType, image: Any, size: Size) -> Image.Image:
    """Decode and resize in bands."""
    ratios = (image.width / size[0], image.height / size[1])
    reduced = image.reduce(*ratios, kernel="lanczos3")
    if (reduced.width, reduced.height) != size:
        raise Undecodable(f"libvips makes {reduced.width}x{reduced.height}, not {size}.")
    return _fetch(pyvips, reduced, (1, 1), _BAND_ROWS)


def _to_bytes(image: Any) -> Any:
    """Convert samples of 16 bits to 8."""
    return image if image.format == "uchar" else image.cast("uchar", shift=True)


def _fetch(pyvips: ModuleType, image: Any, shrink: tuple[int, int], rows: int) -> Image.Image:
    """Decode in bands of rows, and shrink each by Pillow's box filter before the next."""
    mode = _MODES[image.bands]
    size = (-(-image.width // shrink[0]), -(-image.height // shrink[1]))
    result = Image.new(mode, size)
    region = pyvips.Region.new(image)
    for top in range(0, image.height, rows):
        height = min(rows, image.height - top)
        content = region.fetch(0, top, image.width, height)
        band = Image.frombuffer(mode, (image.width, height), content, "raw", mode, 0, 1)
        result.paste(band if shrink == (1, 1) else band.reduce(shrink), (0, top // shrink[1]))
    return result

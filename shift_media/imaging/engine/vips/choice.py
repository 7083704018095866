"""Which resizes libvips makes: one table, made from measurements.

``"auto"`` takes libvips where it needs at least a tenth less CPU time than Pillow, and loses no
more than .002 of SSIM beside it. `docs/explanation/engine.rst` has the measurements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from shift_media.imaging.engine.area import Area
from shift_media.imaging.engine.vips import library, resampling
from shift_media.imaging.formats.base import Header

Decoder = Literal["pillow", "vips", "auto"]
"""The engine of still JPEG, PNG and WebP: Pillow, libvips, or the cheaper of the two."""
DECODERS: Final[tuple[Decoder, ...]] = get_args(Decoder)


@dataclass(frozen=True, slots=True)
class Cheaper:
    """Where libvips is cheaper for one kind of original.

    Attributes:
        original: pixels of an original at least.
        resize: pixels of a resize at least.
        ratio: how many times smaller the sides of a resize are at least.
    """

    original: int
    resize: int = 0
    ratio: float = 1.0


TABLE: Final[Mapping[tuple[str, bool], Cheaper]] = {
    # Below 80,000 pixels decoding takes most of the time, and Pillow's libjpeg-turbo is faster:
    # 1.15 to 1.7 of Pillow's time; from 90,000 on 0.45 to 0.88.
    ("jpg", False): Cheaper(original=300_000, resize=80_000),
    # 0.48 to 0.73 of Pillow's time, at each size.
    ("png", False): Cheaper(original=300_000),
    # 0.58 to 0.88: premultiplying takes a third of the time.
    ("png", True): Cheaper(original=500_000),
    # 0.38 to 0.86; at a ratio of 1.4 to 1.6 0.92 to 1.18, because libwebp decodes everything.
    ("webp", False): Cheaper(original=500_000, ratio=1.75),
    # 0.74 to 0.81 of 12 megapixels, 0.94 to 1.4 of two or less.
    ("webp", True): Cheaper(original=8_000_000, ratio=1.75),
}
"""By extension and alpha. Measured on photographs of 0.5, 2 and 12 megapixels at widths of 150 to
2400 pixels, as CPU time of one thread, encoding included."""


def should_resample(header: Header, area: Area, decoder: Decoder) -> bool:
    """Return True if libvips makes a resize of an original: never of an animation."""
    extension = header.format.extension
    is_possible = extension in resampling.FORMATS and header.frames == 1 and not area.enlarges
    if decoder == "pillow" or not is_possible or not library.process.is_usable:
        return False
    return decoder == "vips" or (_is_cheaper(header, area) and library.is_installed())


def _is_cheaper(header: Header, area: Area) -> bool:
    least = TABLE[header.format.extension, header.has_alpha]
    return (
        header.width * header.height >= least.original
        and area.size[0] * area.size[1] >= least.resize
        and min(area.ratios) >= least.ratio
    )

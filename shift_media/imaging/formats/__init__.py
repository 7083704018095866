"""The image formats: one module for each, with its header parser and its stripping.

The parsers decode no pixel and trust no length. Each module exposes one `ImageFormat`; this is the
one place where they are registered (docs/how-to/add-image-format.rst).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shift_media.imaging.formats.avif import AVIF
from shift_media.imaging.formats.base import ImageFormat
from shift_media.imaging.formats.bmp import BMP
from shift_media.imaging.formats.gif import GIF
from shift_media.imaging.formats.heic import HEIC
from shift_media.imaging.formats.ico import ICO
from shift_media.imaging.formats.jp2 import JP2
from shift_media.imaging.formats.jpeg import JPEG
from shift_media.imaging.formats.jxl import JXL
from shift_media.imaging.formats.png import PNG
from shift_media.imaging.formats.tiff import TIFF
from shift_media.imaging.formats.webp import WEBP

IMAGE_FORMATS: Final[Mapping[str, ImageFormat]] = {
    each.format.extension: each
    for each in (JPEG, PNG, GIF, WEBP, AVIF, HEIC, TIFF, BMP, ICO, JP2, JXL)
}
"""By extension: all formats that an image can be read of."""

"""From an original to pixels by Pillow: one decoder, which shrinks while it decodes if it can."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import BinaryIO, Final, NamedTuple

from PIL import Image, ImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.PngImagePlugin import PngImageFile

from shift_media.core.errors import Undecodable
from shift_media.imaging.engine import codecs, decoders, modes, tiles
from shift_media.imaging.formats import IMAGE_FORMATS, jpeg_ending, jpeg_scans, png
from shift_media.imaging.formats.base import ByteReader, Frame, Header, Part, SourceLimits
from shift_media.imaging.formats.segments import open_parts

SHARPNESS: Final = 1.5
"""How much larger than the resize a picture is decoded at least: 1 loses detail, 2 costs 1.3×."""

_BAND_PIXELS: Final = 250_000
_MAX_COMPARED: Final = SourceLimits().pixels
"""Pixels of a JPEG that are decoded at once to find out whether only its end marker is missing."""


class Decoded(NamedTuple):
    """Pixels as stored, not yet upright, and how many of them one pixel of the original is."""

    image: Image.Image
    scale: tuple[float, float]


def decode_still(
    source: BinaryIO,
    header: Header,
    min_scale: tuple[float, float],
) -> Decoded:
    """Decode the first frame at ``min_scale`` × the original's width and height, or more.

    ``min_scale`` is at most 1 each way. Raises what the decoder raises.
    """
    scans = select_scans(source, header, min_scale)
    if scans is not None:
        return _decode_parts(source, header, scans.parts, min_scale)
    if header.skips:
        return _decode_parts(source, header, header.still, min_scale)
    return decode_all_data(source, header, min_scale)


def decode_all_data(
    source: BinaryIO,
    header: Header,
    min_scale: tuple[float, float],
) -> Decoded:
    """Decode the first frame as `decode_still` does, from all scans of a progressive JPEG.

    What this decodes can be decoded at any scale.
    """
    if header.skips:
        return _decode_parts(source, header, header.still, (1.0, 1.0))
    if header.tiles:
        return Decoded(*tiles.decode_tiles(source, header, min_scale))
    if header.gif_frames:
        frame = header.gif_frames[0]
        return Decoded(_on_canvas(decode_gif_frame(source, frame), frame, header), (1.0, 1.0))
    try:
        return _decode_parts(source, header, header.still, min_scale)
    except codecs.EndMissing:
        if not _lacks_only_its_end(source, header):
            raise
        ended, _ = jpeg_ending.ended_parts(header)
        return _decode_parts(source, header, ended, min_scale)


def find_shrink(scale: float) -> int:
    """Return by how much a JPEG is shrunk while it is decoded at a scale: 1, 2, 4 or 8."""
    return next((shrink for shrink in (8, 4, 2) if shrink * scale <= 1), 1)


def _lacks_only_its_end(source: BinaryIO, header: Header) -> bool:
    """Return True if a JPEG is complete but for its end marker: all its pixels are compared."""
    if header.width * header.height > _MAX_COMPARED:
        return False
    if not jpeg_ending.has_all_scans(ByteReader(source)):
        return False
    digests = {
        pixel_digest(_decode_parts(source, header, parts, (1.0, 1.0)).image)
        for parts in jpeg_ending.ended_parts(header)
    }
    return len(digests) == 1


def pixel_digest(image: Image.Image, first_row: int = 0) -> bytes:
    """Return a digest of all pixels from a row on, read in bands."""
    digest = hashlib.blake2b()
    rows = max(1, _BAND_PIXELS // image.width)
    for top in range(first_row, image.height, rows):
        bottom = min(top + rows, image.height)
        digest.update(codecs.crop(image, (0, top, image.width, bottom)).tobytes())
    return digest.digest()


def select_scans(
    source: BinaryIO, header: Header, min_scale: tuple[float, float]
) -> jpeg_scans.ScanSelection | None:
    """Return the scans of a progressive JPEG that show at a scale; None if all of it is needed."""
    if not header.progressive:
        return None
    return jpeg_scans.select_scans(ByteReader(source), header, min_scale)


def _decode_parts(
    source: BinaryIO, header: Header, parts: Sequence[Part], min_scale: tuple[float, float]
) -> Decoded:
    """Decode these parts of the original; see `decode_still`."""
    image = open_image(source, header, parts)
    if image.size != (header.width, header.height):
        raise Undecodable(
            f"The decoder sees {image.width}x{image.height}, "
            f"the header {header.width}x{header.height}."
        )
    scale = (1.0, 1.0)
    if header.shrinks:
        target = [max(1, int(side * s)) for side, s in zip(image.size, min_scale, strict=True)]
        drafted = image.draft(None, (target[0], target[1]))
        if drafted is not None:
            box = drafted[1]
            scale = (box[2] / header.width, box[3] / header.height)
    image.load()
    if isinstance(image, PngImageFile) and not _is_complete(source, header, image):
        raise Undecodable("The PNG has fewer rows than its header says.")
    return Decoded(image, scale)


def open_image(source: BinaryIO, header: Header, parts: Sequence[Part]) -> ImageFile.ImageFile:
    """Open parts of an original with the decoder of its format, and no other."""
    decoder = header.decoder or IMAGE_FORMATS[header.format.extension].decoder
    plugin = decoders.load(decoder, header.format.extra)
    image = codecs.independent(plugin)(open_parts(source, parts))
    if isinstance(image, PngImageFile):
        modes.scale_transparency(image)
    return image


def _is_complete(source: BinaryIO, header: Header, image: PngImageFile) -> bool:
    """Return True if a PNG had all its rows; Pillow leaves missing ones black.

    The bytes are counted only if the last row is empty, or may be of another pass.
    """
    last_row = codecs.crop(image, (0, image.height - 1, image.width, image.height))
    if not image.info.get("interlace") and last_row.getbbox(alpha_only=False) is not None:
        return True
    return png.is_complete(ByteReader(open_parts(source, header.still)))


def decode_gif_frame(source: BinaryIO, frame: Frame) -> Image.Image:
    """Decode one frame of a GIF, as large as its box, with a palette."""
    image = codecs.independent(GifImageFile)(open_parts(source, frame.parts))
    size = (frame.box[2] - frame.box[0], frame.box[3] - frame.box[1])
    if image.size != size:
        raise Undecodable(f"The decoder sees {image.size}, the header {size}.")
    image.load()
    return image


def _on_canvas(image: Image.Image, frame: Frame, header: Header) -> Image.Image:
    """Return a GIF's frame on a transparent canvas; the frame itself if it covers the canvas."""
    if frame.box == (0, 0, header.width, header.height):
        return image
    canvas = Image.new("RGBA", (header.width, header.height))
    canvas.paste(image.convert("RGBA"), frame.box[:2])
    return canvas

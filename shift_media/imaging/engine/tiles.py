"""HEIC decoded by pi-heif (extra ``heic``): one image of a grid after the other.

Each image is shrunk by a box filter before the next is decoded, so that a photo of 48 megapixels
takes no more memory than its resize needs. The decoder gets files of one image without metadata;
whatever options of pi-heif a project has set, they change nothing in these.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO, Final

from PIL import Image

from shift_media.core.errors import Undecodable
from shift_media.imaging.engine import codecs, decoders, modes
from shift_media.imaging.formats.base import Header, Tile
from shift_media.imaging.formats.segments import open_parts

_FINER: Final = 2.0
"""How many times finer than the minimal scale (itself 1.5× the resize) an original is left."""

Scale = tuple[float, float]


def decode_tiles(source: BinaryIO, header: Header, min_scale: Scale) -> tuple[Image.Image, Scale]:
    """Decode at ``min_scale`` × the width and height or more; see `decode.decode_still`.

    Raises `Undecodable`, what the decoder raises, and `MissingExtra` without it.
    """
    size = (header.width, header.height)
    shrink = _choose_shrink([*header.tiles, *header.alpha_tiles], size, min_scale)
    decoder = decoders.load_decoder(header.format)
    image = _decode(source, decoder, header.tiles, size, shrink)
    if header.alpha_tiles:
        alpha = _decode(source, decoder, header.alpha_tiles, size, shrink).convert("L")
        image.putalpha(alpha)
    return image, (1 / shrink[0], 1 / shrink[1])


def _choose_shrink(
    tiles: Sequence[Tile], size: tuple[int, int], min_scale: Scale
) -> tuple[int, int]:
    """Return the largest factors by which each tile can be shrunk on its own."""
    across = _largest_factor(1 / (_FINER * min_scale[0]), [tile.box[0] for tile in tiles], size[0])
    down = _largest_factor(1 / (_FINER * min_scale[1]), [tile.box[1] for tile in tiles], size[1])
    return across, down


def _largest_factor(most: float, edges: Sequence[int], side: int) -> int:
    """Return the largest whole factor that divides the edges inside of the picture."""
    inside = {edge for edge in edges if 0 < edge < side}
    for factor in range(max(1, min(int(most), side)), 1, -1):
        if all(edge % factor == 0 for edge in inside):
            return factor
    return 1


def _decode(
    source: BinaryIO,
    decoder: Any,
    tiles: Sequence[Tile],
    size: tuple[int, int],
    shrink: tuple[int, int],
) -> Image.Image:
    """Decode tiles into one image, each shrunk."""
    canvas: Image.Image | None = None
    for tile in tiles:
        image = _decode_tile(source, decoder, tile, size)
        if shrink != (1, 1):
            image = image.reduce(shrink)
        if canvas is None:
            canvas = Image.new(image.mode, (-(-size[0] // shrink[0]), -(-size[1] // shrink[1])))
        place = (max(tile.box[0], 0) // shrink[0], max(tile.box[1], 0) // shrink[1])
        canvas.paste(image if image.mode == canvas.mode else image.convert(canvas.mode), place)
    if canvas is None:
        raise Undecodable("The HEIC has no image inside of its aperture.")
    return canvas


def _decode_tile(source: BinaryIO, decoder: Any, tile: Tile, size: tuple[int, int]) -> Image.Image:
    """Decode one image, and cut it to what the picture shows of it."""
    left, top, right, bottom = tile.box
    file = decoder(open_parts(source, tile.parts).read())
    image = modes.to_working_mode(file.to_pillow())
    if image.size != (right - left, bottom - top):
        raise Undecodable(f"The decoder sees {image.size}, the header {tile.box}.")
    shown = (max(-left, 0), max(-top, 0), min(right, size[0]) - left, min(bottom, size[1]) - top)
    return image if shown == (0, 0, *image.size) else codecs.crop(image, shown)

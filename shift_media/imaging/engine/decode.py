"""From an original to pixels: one decoder, shrunk while decoding where that is possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import BinaryIO, Final, NamedTuple

from PIL import Image, ImageFile
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from shift_media.core.errors import Undecodable
from shift_media.imaging.engine import vips
from shift_media.imaging.formats import jpeg_scans, png
from shift_media.imaging.formats.base import ByteReader, Frame, Header, Part
from shift_media.imaging.formats.segments import open_parts

SHARPNESS: Final = 1.5
"""How much larger than the target a picture is at least decoded: 1 loses detail, 2 costs 1.3×."""

_PLUGINS: Final[Mapping[str, type[ImageFile.ImageFile]]] = {
    "jpg": JpegImageFile,
    "png": PngImageFile,
    "gif": GifImageFile,
    "webp": WebPImageFile,
    "avif": AvifImageFile,
}
"""Used directly: `Image.open` would sniff, warn through global filters and turn JPEG into MPO."""

_GREY_SCALES: Final = {"L;2": 85, "L;4": 17}
_GREY16_SCALE: Final = 255 / 65535


class Decoded(NamedTuple):
    """Pixels as stored, not yet upright, and how many of them one pixel of the original is."""

    image: Image.Image
    scale: tuple[float, float]


def still(
    source: BinaryIO,
    header: Header,
    wanted: tuple[float, float],
    decoder: vips.Decoder = "pillow",
) -> Decoded:
    """Decode the first frame at ``wanted`` × the original's width and height, or more.

    ``wanted`` is at most 1 each way. Raises whatever the decoder raises.
    """
    if vips.takes(header, wanted, decoder):
        return Decoded(*vips.still(source, header, wanted))
    if header.gif_frames:
        frame = header.gif_frames[0]
        return Decoded(on_canvas(gif_frame(source, frame), frame, header), (1.0, 1.0))
    part = front(source, header, wanted)
    return _shrunk(source, header, header.still if part is None else part.parts, wanted)


def front(
    source: BinaryIO, header: Header, wanted: tuple[float, float]
) -> jpeg_scans.Front | None:
    """Find the scans of a progressive JPEG that show at ``wanted``; None: all of the file."""
    if not header.progressive:
        return None
    return jpeg_scans.front(ByteReader(source), header, wanted)


def _shrunk(
    source: BinaryIO, header: Header, parts: Sequence[Part], wanted: tuple[float, float]
) -> Decoded:
    """Decode these parts of the original; see `still`."""
    image = opened(source, header, parts)
    if image.size != (header.width, header.height):
        raise Undecodable(
            f"The decoder sees {image.width}x{image.height}, "
            f"the header {header.width}x{header.height}."
        )
    scale = (1.0, 1.0)
    if header.shrinks:
        target = [max(1, int(side * w)) for side, w in zip(image.size, wanted, strict=True)]
        drafted = image.draft(None, (target[0], target[1]))
        if drafted is not None:
            box = drafted[1]
            scale = (box[2] / header.width, box[3] / header.height)
    image.load()
    if header.format.extension == "png" and not _all_there(source, image):
        raise Undecodable("The PNG has fewer rows than its header says.")
    return Decoded(image, scale)


def opened(source: BinaryIO, header: Header, parts: Sequence[Part]) -> ImageFile.ImageFile:
    """Open parts of an original with the decoder of its format, and no other."""
    image = _PLUGINS[header.format.extension](open_parts(source, parts))
    if header.format.extension == "png":
        _mend_transparency(image)
    return image


def _all_there(source: BinaryIO, image: Image.Image) -> bool:
    """Tell whether a PNG had all its rows, of which Pillow leaves those that are missing black.

    Only where the last row is empty, or may be of another pass, is it worth counting bytes.
    """
    last_row = image.crop((0, image.height - 1, image.width, image.height))
    if not image.info.get("interlace") and last_row.getbbox(alpha_only=False) is not None:
        return True
    return png.complete(ByteReader(source))


def gif_frame(source: BinaryIO, frame: Frame) -> Image.Image:
    """Decode one frame of a GIF, as large as itself, with a palette."""
    image = GifImageFile(open_parts(source, frame.parts))
    size = (frame.box[2] - frame.box[0], frame.box[3] - frame.box[1])
    if image.size != size:
        raise Undecodable(f"The decoder sees {image.size}, the header {size}.")
    image.load()
    return image


def on_canvas(image: Image.Image, frame: Frame, header: Header) -> Image.Image:
    """Put a GIF's frame on a transparent canvas, unless it covers it."""
    if frame.box == (0, 0, header.width, header.height):
        return image
    canvas = Image.new("RGBA", (header.width, header.height))
    canvas.paste(image.convert("RGBA"), frame.box[:2])
    return canvas


def working(image: Image.Image) -> Image.Image:
    """Convert to L, LA, RGB, RGBA or CMYK, whichever loses nothing that a screen shows."""
    if image.mode == "I;16":
        return _grey16(image)
    transparent = "transparency" in image.info
    if image.mode in ("1", "L"):
        return image.convert("LA") if transparent else _plain(image, "L")
    if image.mode == "RGB":
        return image.convert("RGBA") if transparent else image
    if image.mode in ("LA", "RGBA", "CMYK"):
        return image
    alpha = transparent or image.has_transparency_data
    return image.convert("RGBA" if alpha else "RGB")


def _plain(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)


def _grey16(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion clips it to white."""
    grey = image.point(lambda sample: sample * _GREY16_SCALE + 0.5).convert("L")
    transparent = image.info.get("transparency")
    if transparent is None:
        return grey
    opaque = [255] * 65536
    opaque[transparent] = 0
    return Image.merge("LA", (grey, image.convert("I").point(opaque, "L")))


def _mend_transparency(image: ImageFile.ImageFile) -> None:
    """Scale the transparent colour of a PNG to 8 bits, as Pillow scales the samples."""
    color = image.info.get("transparency")
    raw = image.tile[0].args if image.tile else None
    if isinstance(color, int) and raw in _GREY_SCALES:
        image.info["transparency"] = color * _GREY_SCALES[str(raw)]
    elif isinstance(color, tuple) and raw == "RGB;16B":
        image.info["transparency"] = tuple(sample >> 8 for sample in color)

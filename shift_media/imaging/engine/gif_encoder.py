"""GIF: palettes for stills and frames, and animations written frame by frame.

Pillow's own writer of animations disposes of frames in ways that its reader and browsers show
differently once a pixel is transparent; here every frame is explicit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from typing import Final

from PIL import Image, ImageChops

from shift_media.imaging.engine import codecs
from shift_media.imaging.formats.base import ByteReader
from shift_media.imaging.formats.gif import GIF
from shift_media.imaging.formats.segments import SegmentedFile
from shift_media.imaging.probe import DEFAULT_LIMITS

COLORS: Final = 255
"""One less than a GIF can have: one index is left for transparency."""
_EXACT: Final = 20_000_000
"""Up to this area over all frames an animation of few colours keeps them exactly."""
_HIDDEN_BELOW: Final = 128
"""The alpha below which a pixel becomes transparent."""
_SAMPLE: Final = 256
"""Longer side of the sample that a palette is chosen from: a tenth of the time, 1 dB less."""
_KEEP, _CLEAR = 1, 2
"""Disposals (GIF89a, 23.c.iv)."""
_MAX_DELAY: Final = 655_350
"""Milliseconds: 16 bits of hundredths of a second."""
_CANVAS_FLAGS = b"\x70\0\0"
_TABLE_FLAG, _TABLE_SIZE = 0x80, 0x07


def to_palette(
    image: Image.Image,
    method: Image.Quantize = Image.Quantize.MEDIANCUT,
    hidden: Image.Image | None = None,
    *,
    exact: bool = True,
) -> Image.Image:
    """Reduce an image to a palette, with ``exact`` colours if they are few enough.

    Pixels that are more than half transparent become wholly so, and so do those that are white in
    ``hidden``.
    """
    if image.mode == "L" and hidden is None:
        return image
    if image.mode in ("LA", "RGBA"):
        hidden = image.getchannel("A").point([255 * (a < _HIDDEN_BELOW) for a in range(256)])
    result = _quantize(image.convert("RGB"), method, exact)
    if hidden is not None:
        palette = result.getpalette() or []
        index = len(palette) // 3
        result.putpalette([*palette, 0, 0, 0])
        result.paste(index, mask=hidden)
        result.info["transparency"] = index
    return result


def _quantize(image: Image.Image, method: Image.Quantize, exact: bool) -> Image.Image:
    """Reduce RGB to a palette: exactly if its colours are few, else to those of a sample."""
    if exact and image.getcolors(COLORS) is not None:
        return image.quantize(COLORS, Image.Quantize.MEDIANCUT)
    ratio = min(1.0, _SAMPLE / max(image.size))
    size = (max(1, round(image.width * ratio)), max(1, round(image.height * ratio)))
    sample = image.resize(size, Image.Resampling.NEAREST)
    palette = sample.quantize(COLORS, method)
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def encode_still(image: Image.Image) -> bytes:
    """Encode one image, in a mode of GIF, without any metadata."""
    options = {"transparency": image.info["transparency"]} if "transparency" in image.info else {}
    image.info = {}
    return codecs.save(image, "GIF", {"interlace": 0, "optimize": False, **options})


def encode_animation(images: Sequence[Image.Image], delays: Sequence[int], loop: int) -> bytes:
    """Encode an animation of RGB and RGBA images of one size.

    Opaque animations hold only the box that changes from frame to frame. If any frame is
    transparent, every frame is whole and is cleared before the next.

    Args:
        images: the composed frames.
        delays: milliseconds.
        loop: how often it plays; 0 is for ever.
    """
    cleared = any(image.mode == "RGBA" for image in images)
    area = sum(image.width * image.height for image in images)
    palette = partial(to_palette, method=Image.Quantize.FASTOCTREE, exact=area <= _EXACT)
    before: Image.Image | None = None
    frames: list[tuple[int, bytes]] = []
    for image, delay in zip(images, delays, strict=True):
        if cleared:
            body = _encode_frame(palette(image.convert("RGBA")), (0, 0))
        elif before is None:
            body = _encode_frame(palette(image), (0, 0))
        else:
            body = _encode_change(before, image, palette)
        if body:
            frames.append((delay, body))
        else:
            frames[-1] = (frames[-1][0] + delay, frames[-1][1])
        before = image
    sides = b"".join(side.to_bytes(2, "little") for side in images[0].size)
    out = [b"GIF89a", sides, _CANVAS_FLAGS, _loop_extension(loop) if len(frames) > 1 else b""]
    for delay, body in frames:
        out += [_with_delay(delay, body, _CLEAR if cleared else _KEEP)]
    return b"".join([*out, b";"])


def _encode_change(
    before: Image.Image, image: Image.Image, palette: Callable[..., Image.Image]
) -> bytes:
    """Encode the box in which two opaque images differ; return nothing for equal images."""
    red, green, blue = ImageChops.difference(before, image).split()
    difference = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    box = difference.getbbox()
    if box is None:
        return b""
    same = codecs.crop(difference, box).point([255, *(0,) * 255])
    return _encode_frame(palette(codecs.crop(image, box), hidden=same), box[:2])


def _encode_frame(image: Image.Image, offset: tuple[int, int]) -> bytes:
    """Encode one frame: its transparency flag and index, its descriptor and its data.

    Pillow encodes it as a GIF of its own, of which these parts are taken.
    """
    transparent = image.info.get("transparency")
    content = BytesIO(encode_still(image))
    frame = GIF.read_header(ByteReader(content), DEFAULT_LIMITS).gif_frames[0]
    screen, palette, _, data, _ = (SegmentedFile(content, [part]).read() for part in frame.parts)
    sides = (*offset, *image.size)
    flags = _TABLE_FLAG | (screen[10] & _TABLE_SIZE)
    descriptor = b"," + b"".join(side.to_bytes(2, "little") for side in sides) + bytes((flags,))
    index = b"\0\0" if transparent is None else bytes((1, transparent))
    return index + descriptor + palette + data


def _with_delay(delay: int, body: bytes, disposal: int) -> bytes:
    flags = disposal << 2 | body[0]
    hundredths = min(delay, _MAX_DELAY) // 10
    control = b"!\xf9\x04" + bytes((flags,)) + hundredths.to_bytes(2, "little") + body[1:2] + b"\0"
    return control + body[2:]


def _loop_extension(plays: int) -> bytes:
    """Return the loop extension, which counts repetitions; without it an animation plays once."""
    if plays == 1:
        return b""
    return b"!\xff\x0bNETSCAPE2.0\x03\x01" + max(0, plays - 1).to_bytes(2, "little") + b"\0"

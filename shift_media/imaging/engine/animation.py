"""Animations: every frame through the pipeline, with its time."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO, Final

from PIL import Image

from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.spec import Spec
from shift_media.imaging.engine import decode, gif_encoder
from shift_media.imaging.engine.encode import colored
from shift_media.imaging.engine.pipeline import Pipeline
from shift_media.imaging.formats.base import Frame, Header

_TO_BACKGROUND, _TO_PREVIOUS = 2, 3
_WEBP_FLAGS, _WEBP_ALPHA = 20, 0x10
"""Offset of the flags in an extended WebP, and the flag that says something is transparent."""
_WEBP_FINE: Final = 5_000_000
"""Up to this area over all frames method 4, above it 0."""

Shown = tuple[Image.Image, int]
"""A composed frame and how long it is shown, in milliseconds."""


def stays(header: Header, spec: Spec) -> bool:
    """Tell whether a resize of an original is an animation."""
    source, target = header.format, RESIZE_FORMATS[spec.format]
    return header.frames > 1 and source.animation and target.animation


def make(source: BinaryIO, header: Header, spec: Spec, pipeline: Pipeline) -> bytes:
    """Make an animated resize. One canvas is held, and the frames once they are resized."""
    images: list[Image.Image] = []
    delays: list[int] = []
    for image, delay in frames(source, header):
        made = pipeline.run(image)
        made.info = {}
        images.append(colored(made))
        delays.append(delay)
    if spec.format == "gif":
        return gif_encoder.animation(images, delays, header.loop)
    return _webp(images, delays, header.loop, spec)


def frames(source: BinaryIO, header: Header) -> Iterator[Shown]:
    """Decode the frames of an animation one after the other, each as the whole canvas shows it.

    A frame may be drawn over as soon as the next one is asked for.
    """
    return _gif_frames(source, header) if header.gif_frames else _webp_frames(source, header)


def _webp_frames(source: BinaryIO, header: Header) -> Iterator[Shown]:
    image = decode.opened(source, header, header.parts)
    for index in range(header.frames):
        image.seek(index)
        image.load()
        yield image, int(image.info.get("duration", 0))


def _gif_frames(source: BinaryIO, header: Header) -> Iterator[Shown]:
    """Compose the frames as browsers do: what is disposed of becomes transparent."""
    canvas = Image.new("RGBA", (header.width, header.height))
    for frame in header.gif_frames:
        before = canvas.copy() if frame.disposal == _TO_PREVIOUS else None
        canvas = _drawn(canvas, decode.gif_frame(source, frame), frame)
        yield canvas, frame.delay
        if before is not None:
            canvas = before
        elif frame.disposal == _TO_BACKGROUND:
            canvas = canvas.convert("RGBA")
            canvas.paste((0, 0, 0, 0), _inside(frame, header))


def _drawn(canvas: Image.Image, image: Image.Image, frame: Frame) -> Image.Image:
    """Draw a frame; the canvas has no alpha any more once something opaque covers it."""
    if frame.transparent:
        image = image.convert("RGBA")
        canvas.paste(image, frame.box[:2], image)
    elif frame.box == (0, 0, *canvas.size):
        return image.convert("RGB")
    else:
        canvas.paste(image.convert(canvas.mode), frame.box[:2])
    return canvas


def _inside(frame: Frame, header: Header) -> tuple[int, int, int, int]:
    left, top, right, bottom = frame.box
    return left, top, min(right, header.width), min(bottom, header.height)


def _webp(images: list[Image.Image], delays: list[int], loop: int, spec: Spec) -> bytes:
    output = BytesIO()
    area = sum(image.width * image.height for image in images)
    images[0].save(
        output,
        "WEBP",
        save_all=True,
        append_images=images[1:],
        duration=delays,
        loop=loop,
        quality=spec.quality,
        kmin=0,
        kmax=0,  # no key frames after the first: half the time, and nobody seeks in a picture
        method=4 if area <= _WEBP_FINE else 0,
    )
    content = bytearray(output.getvalue())
    if content[12:16] == b"VP8X" and any(image.mode == "RGBA" for image in images):
        # The encoder forgets it where each frame's own rectangle is opaque.
        content[_WEBP_FLAGS] |= _WEBP_ALPHA
    return bytes(content)

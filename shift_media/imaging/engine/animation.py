"""Animations: every frame through the pipeline, with its time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO, Final

from PIL import Image

from shift_media.core.formats import RESIZE_FORMATS
from shift_media.core.spec import Spec
from shift_media.imaging.engine import codecs, decode, gif_encoder
from shift_media.imaging.engine.encode import AVIF_SPEED, LOSSLESS_EFFORT, to_rgb
from shift_media.imaging.engine.pipeline import Pipeline
from shift_media.imaging.formats.base import Frame, Header

_TO_BACKGROUND, _TO_PREVIOUS = 2, 3
"""Disposals of a GIF (GIF89a, 23.c.iv)."""
_WEBP_FLAGS, _WEBP_ALPHA = 20, 0x10
"""Offset of the flags in an extended WebP, and the flag for transparency."""
_WEBP_FINE: Final = 5_000_000
"""Up to this area over all frames method 4, above it 0."""

TimedImage = tuple[Image.Image, int]
"""A composed frame, and how long it is shown in milliseconds."""


def is_animated(header: Header, spec: Spec) -> bool:
    """Return True if a resize of an original is an animation."""
    source, target = header.format, RESIZE_FORMATS[spec.format]
    return header.frames > 1 and source.animation and (target.animation or spec.animated)


def make_animation(source: BinaryIO, header: Header, spec: Spec, pipeline: Pipeline) -> bytes:
    """Return an animated resize. One canvas is held in memory, and the resized frames."""
    images: list[Image.Image] = []
    delays: list[int] = []
    for image, delay in frames(source, header):
        resized = pipeline.run(image)
        resized.info = {}
        images.append(to_rgb(resized))
        delays.append(delay)
    return _ENCODERS[spec.format](images, delays, header.loop, spec)


def frames(source: BinaryIO, header: Header) -> Iterator[TimedImage]:
    """Yield the frames of an animation one after the other, each composed on the whole canvas.

    The caller must be done with a frame before it takes the next, which may be drawn over it.
    """
    return _gif_frames(source, header) if header.gif_frames else _played_frames(source, header)


def check_frames(source: BinaryIO, header: Header) -> None:
    """Decode each frame of an animation; raise what resizing all of them would raise."""
    if header.gif_frames:
        for frame in header.gif_frames[1:]:
            decode.decode_gif_frame(source, frame)
    elif header.frames > 1 and header.format.animation:
        for _ in _played_frames(source, header):
            pass


def _played_frames(source: BinaryIO, header: Header) -> Iterator[TimedImage]:
    """Yield the frames as the decoder itself composes them."""
    image = decode.open_image(source, header, header.parts)
    for index in range(header.frames):
        image.seek(index)
        image.load()
        yield image, int(image.info.get("duration", 0))


def _gif_frames(source: BinaryIO, header: Header) -> Iterator[TimedImage]:
    """Compose the frames as browsers do: the area of a disposed frame becomes transparent."""
    canvas = Image.new("RGBA", (header.width, header.height))
    for frame in header.gif_frames:
        before = canvas.copy() if frame.disposal == _TO_PREVIOUS else None
        canvas = _draw(canvas, decode.decode_gif_frame(source, frame), frame)
        yield canvas, frame.delay
        if before is not None:
            canvas = before
        elif frame.disposal == _TO_BACKGROUND:
            canvas = canvas.convert("RGBA")
            canvas.paste((0, 0, 0, 0), _clipped_box(frame, header))


def _draw(canvas: Image.Image, image: Image.Image, frame: Frame) -> Image.Image:
    """Draw a frame; the canvas has no alpha any more once an opaque frame covers it."""
    if frame.transparent:
        image = image.convert("RGBA")
        canvas.paste(image, frame.box[:2], image)
    elif frame.box == (0, 0, *canvas.size):
        return image.convert("RGB")
    else:
        canvas.paste(image.convert(canvas.mode), frame.box[:2])
    return canvas


def _clipped_box(frame: Frame, header: Header) -> tuple[int, int, int, int]:
    left, top, right, bottom = frame.box
    return left, top, min(right, header.width), min(bottom, header.height)


def _encode_gif(
    images: Sequence[Image.Image], delays: Sequence[int], loop: int, spec: Spec
) -> bytes:
    return gif_encoder.encode_animation(images, delays, loop)


def _encode_webp(
    images: Sequence[Image.Image], delays: Sequence[int], loop: int, spec: Spec
) -> bytes:
    area = sum(image.width * image.height for image in images)
    options = {
        "save_all": True,
        "append_images": images[1:],
        "duration": delays,
        "loop": loop,
        "quality": LOSSLESS_EFFORT if spec.lossless else spec.quality,
        "kmin": 0,
        "kmax": 0,  # no key frames after the first: half the time, and browsers never seek
        "method": 4 if area <= _WEBP_FINE else 0,
        "lossless": spec.lossless,
    }
    content = bytearray(codecs.save(images[0], "WEBP", options))
    if content[12:16] == b"VP8X" and any(image.mode == "RGBA" for image in images):
        # The encoder leaves the flag out if each frame's own rectangle is opaque.
        content[_WEBP_FLAGS] |= _WEBP_ALPHA
    return bytes(content)


def _encode_avif(
    images: Sequence[Image.Image], delays: Sequence[int], loop: int, spec: Spec
) -> bytes:
    # The container has no count: a sequence plays for ever. One alpha channel is for all frames.
    if any(image.mode == "RGBA" for image in images):
        images = [image.convert("RGBA") for image in images]
    options = {
        "save_all": True,
        "append_images": images[1:],
        "duration": list(delays),
        "quality": spec.quality,
        "speed": AVIF_SPEED,
        "max_threads": 1,
    }
    return codecs.save(images[0], "AVIF", options)


_ENCODERS: Final[Mapping[str, Callable[..., bytes]]] = {
    "gif": _encode_gif,
    "webp": _encode_webp,
    "avif": _encode_avif,
}
"""By extension: one for each row of the format table with ``animation``, and AVIF."""

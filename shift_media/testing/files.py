"""Small valid files for tests: images by Pillow, and videos of one second, without ffmpeg."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from shift_media.core.formats import BY_EXTENSION, RESIZE_FORMATS, accepted_formats

SAMPLES = Path(__file__).parent / "samples"
"""Recordings of one second: 64 × 48 pixels, 5 frames and silence, some kilobytes each."""

VIDEO_FORMATS = ("mp4", "mov", "webm")
VIDEO_SIZE = (64, 48)
VIDEO_SECONDS = 1.024

_FRAME_MILLISECONDS = 100
_ORIENTATION_TAG = 0x0112


def make_image(
    width: int = 64,
    height: int = 48,
    *,
    format: str = "jpg",
    name: str = "",
    color: str | tuple[int, ...] = "teal",
    frames: int = 1,
    orientation: int = 1,
) -> SimpleUploadedFile:
    """Return an image file, as a form or an assignment to a field takes it.

    Args:
        width: in pixels, before the orientation is applied.
        height: as the width.
        format: ``"jpg"``, ``"png"``, ``"gif"``, ``"webp"`` or ``"avif"``.
        name: of the file; the default is ``image`` with the extension.
        color: in any form that Pillow knows; one with alpha, such as ``(0, 128, 128, 90)``, makes
            the image transparent, which JPEG cannot be.
        frames: more than one makes an animated GIF, WebP, AVIF or PNG.
        orientation: EXIF orientation, 1 to 8.
    """
    if format not in RESIZE_FORMATS:
        raise ValueError(f"{format!r} must be one of {', '.join(map(repr, RESIZE_FORMATS))}.")
    mode = "RGBA" if isinstance(color, tuple) and len(color) == 4 else "RGB"
    first, *others = (
        # Frames differ in one pixel, because encoders merge equal ones.
        _with_pixel(Image.new(mode, (width, height), color), number)
        for number in range(frames)
    )
    options: dict[str, Any] = {}
    if others:
        options = {"save_all": True, "append_images": others, "duration": _FRAME_MILLISECONDS}
    if orientation != 1:
        exif = Image.Exif()
        exif[_ORIENTATION_TAG] = orientation
        options["exif"] = exif
    file = io.BytesIO()
    first.save(file, RESIZE_FORMATS[format].pillow, **options)
    row = RESIZE_FORMATS[format]
    return SimpleUploadedFile(
        name or f"image.{row.extension}", file.getvalue(), content_type=row.content_type
    )


def _with_pixel(image: Image.Image, number: int) -> Image.Image:
    if number:
        image.putpixel((number % image.width, 0), (255, 255, 255, 255)[: len(image.getbands())])
    return image


def make_video(*, format: str = "mp4", name: str = "") -> SimpleUploadedFile:
    """Return a video of one second with sound, as a form or an assignment to a field takes it.

    Args:
        format: ``"mp4"``, ``"mov"`` or ``"webm"``.
        name: of the file; the default is ``video`` with the extension.
    """
    if format not in VIDEO_FORMATS:
        raise ValueError(f"{format!r} must be one of {', '.join(map(repr, VIDEO_FORMATS))}.")
    content = (SAMPLES / f"second.{format}").read_bytes()
    return SimpleUploadedFile(
        name or f"video.{format}", content, content_type=BY_EXTENSION[format].content_type
    )


def make_media(accept: Iterable[str] = ("image/*",)) -> SimpleUploadedFile:
    """Return a small image or video that a field with this ``accept`` takes.

    It is a generator for model_bakery, which reads its attribute ``required``.
    """
    for format in accepted_formats(accept):
        if format.extension in RESIZE_FORMATS:
            return make_image(format=format.extension)
        if format.extension in VIDEO_FORMATS:
            return make_video(format=format.extension)
    raise ValueError(f"No image and no video is of the types {list(accept)!r}.")


make_media.required = ["accept"]  # type: ignore[attr-defined]  # of model_bakery

"""From the colours of an original to sRGB, by its ICC profile if it has a valid one."""

from __future__ import annotations

import zlib
from functools import lru_cache
from io import BytesIO
from itertools import product
from typing import BinaryIO, Final

from PIL import Image, ImageChops, ImageCms

from shift_media.core.faults import translated_faults
from shift_media.imaging.engine import icc
from shift_media.imaging.engine.codec_errors import DECODER_ERRORS
from shift_media.imaging.formats.base import Header
from shift_media.imaging.formats.colors import ColorSpace
from shift_media.imaging.formats.segments import SegmentedFile

_MAX_PROFILE: Final = 4_000_000
"""Bytes; large press profiles have about 3 MB."""
_MAX_CACHED_PROFILE: Final = 16_384
"""Bytes; a profile of sRGB has about 3 kB."""
_PROFILE_ERRORS: Final = (ImageCms.PyCMSError, *DECODER_ERRORS)
_SPACES: Final = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}
"""The colour space in the header of a profile (ICC.1, 7.2.6), by Pillow's mode."""


def read_profile(source: BinaryIO, header: Header) -> bytes | None:
    """Return the ICC profile of an original; None if it has none, or one that is far too large."""
    length = sum(span.length for span in header.profile)
    if not 0 < length <= _MAX_PROFILE:
        return None
    content = SegmentedFile(source, header.profile).read()
    if not header.deflated:
        return content
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(content, _MAX_PROFILE)
    except zlib.error:
        return None
    return content if inflater.eof else None


def to_srgb(
    image: Image.Image, profile: bytes | None, space: ColorSpace | None = None
) -> Image.Image:
    """Convert L, LA, RGB, RGBA or CMYK to sRGB, from a profile, or else from a colour space.

    A profile that is broken, or of another colour model than the image, is ignored.
    """
    alpha = image.getchannel("A") if image.mode in ("LA", "RGBA") else None
    if space is not None and (profile is None or not _is_valid(profile)):
        grey = image.mode in ("L", "LA")
        profile = icc.grey_profile(space.curve) if grey else icc.rgb_profile(space)
    if profile is not None:
        base = image.convert(image.mode[:-1]) if alpha else image
        converted = _apply_profile(base, profile)
        if converted is not None:
            if alpha is not None:
                converted.putalpha(alpha)
            return converted
    return image.convert("RGB") if image.mode == "CMYK" else image


def _apply_profile(image: Image.Image, profile: bytes) -> Image.Image | None:
    if profile[16:20] != _SPACES[image.mode].encode():
        return None
    try:
        # A profile that only seems broken must not be ignored: the resize is stored for ever.
        with translated_faults():
            if image.mode == "RGB" and len(profile) <= _MAX_CACHED_PROFILE and _is_srgb(profile):
                return image
            return ImageCms.applyTransform(image, _transform(profile, image.mode))
    except _PROFILE_ERRORS:
        return None


@lru_cache(maxsize=64)
def _is_valid(profile: bytes) -> bool:
    try:
        with translated_faults():
            ImageCms.ImageCmsProfile(BytesIO(profile))
    except _PROFILE_ERRORS:
        return False
    return True


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB"), mode, "RGB"
    )


@lru_cache(maxsize=64)
def _is_srgb(profile: bytes) -> bool:
    """Return True if a profile changes no colour by more than 1: then converting is a waste."""
    steps = range(0, 256, 15)
    cube = Image.frombytes(
        "RGB", (18**2, 18), bytes(v for c in product(steps, repeat=3) for v in c)
    )
    converted = ImageCms.applyTransform(cube, _transform(profile, "RGB"))
    if converted is None:
        return False
    return max(ImageChops.difference(cube, converted).tobytes()) <= 1

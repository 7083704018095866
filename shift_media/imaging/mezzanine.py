"""Mezzanines: when a smaller version of an original may replace it, and how it is packed.

The rule comes from measurements of SSIM against a full decode (docs/explanation/mezzanine.rst): a
resize loses no more than 0.002 if the mezzanine is larger than the resize by `factor`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from shift_media.core import geometry
from shift_media.core.errors import EmptyCrop
from shift_media.core.geometry import Size
from shift_media.core.keys import MezzanineKey, OriginalKey
from shift_media.core.spec import LOSSLESS_QUALITY, Spec

SIDE: Final = 2048
"""The longer side of a mezzanine, in pixels."""

MAX_BYTES: Final = 32_000_000
"""No mezzanine is larger: 2048² pixels with alpha are 17 MB before they are compressed."""

_MIN_SHRINKING: Final = 3
"""How many times the pixels of its mezzanine an original has at least: else it saves little."""


@dataclass(frozen=True, slots=True)
class MezzanineFormat:
    """How mezzanines of originals of one format are stored.

    Attributes:
        extension: of the mezzanine: a format with alpha if the original may have it.
        quality: of the mezzanine.
        factor: how many times the sides of a resize the mezzanine's are at least.
    """

    extension: str
    quality: int
    factor: float


_WEBP: Final = MezzanineFormat("webp", 95, 2.0)
_FORMATS: Final[Mapping[str, MezzanineFormat]] = {
    "jpg": MezzanineFormat("jpg", 85, 1.5),
    "png": MezzanineFormat("png", LOSSLESS_QUALITY, 1.5),
    "webp": _WEBP,
    "avif": _WEBP,
    "heic": _WEBP,
    "tif": _WEBP,
    "jp2": _WEBP,
    "jxl": _WEBP,
}
"""By the original's extension. GIFs, icons, BMPs and the posters of videos have none."""

_TRAILER: Final = re.compile(
    rb"\nshift_media mezzanine 1 ([1-9][0-9]{0,5}) ([1-9][0-9]{0,5}) [0-9a-f]{32}\n\Z"
)
_TRAILER_BYTES: Final = 128


def mezzanine_key(original: OriginalKey) -> MezzanineKey | None:
    """Return the key of an original's mezzanine; None if its format has none."""
    format = _FORMATS.get(original.extension)
    return None if format is None else MezzanineKey(original, SIDE, format.extension)


def mezzanine_spec(original: OriginalKey) -> Spec:
    """Return the spec that makes the mezzanine of an original."""
    format = _FORMATS[original.extension]
    return Spec(SIDE, SIDE, "fit", format.quality, upscale=False, format=format.extension)


def supports(original: OriginalKey, spec: Spec) -> bool:
    """Return True if, by the spec alone, a mezzanine may be large enough; False for a crop."""
    format = _FORMATS.get(original.extension)
    if format is None or spec.crop is not None or spec.lossless or spec.digest:
        return False
    return max(spec.width or 1, spec.height or 1) * format.factor <= SIDE


def is_worthwhile(width: int, height: int, frames: int) -> bool:
    """Return True for an upright original that is still and so large that a mezzanine helps."""
    longer = max(width, height)
    area = width * height * (SIDE / longer) ** 2
    return frames == 1 and longer > SIDE and width * height >= _MIN_SHRINKING * area


def substitute_spec(
    original: OriginalKey, spec: Spec, size: Size, mezzanine_size: Size
) -> Spec | None:
    """Return the spec that makes the same resize from the mezzanine as a spec from the original.

    ``size`` is the upright original's. The resize has the size that was promised for the original.
    None if the mezzanine is too small for it.
    """
    return substitute_smaller(spec, size, mezzanine_size, _FORMATS[original.extension].factor)


def substitute_smaller(spec: Spec, size: Size, smaller: Size, factor: float) -> Spec | None:
    """Return the spec that makes a resize from a smaller picture of all of an upright original.

    None if the smaller picture has less than ``factor`` times the sides of the resize, and for
    effects of a preset, which may trim the original.
    """
    if spec.digest is not None:
        return None
    try:
        plan = geometry.plan(spec, *size)
    except EmptyCrop:
        return None
    left, top, right, bottom = plan.box
    # The shown part of the original, in pixels of the smaller picture.
    turned, turned_smaller = (geometry.turned_size(spec, *each) for each in (size, smaller))
    width = (right - left) * turned_smaller[0] / turned[0]
    height = (bottom - top) * turned_smaller[1] / turned[1]
    if plan.size[0] * factor > width or plan.size[1] * factor > height:
        return None
    if spec.mode == "pad":
        return spec
    mode = spec.mode if spec.mode == "fill" else "stretch"
    return replace(spec, width=plan.size[0], height=plan.size[1], mode=mode, upscale=True)


def pack(content: bytes, size: Size) -> bytes:
    """Append the original's size, which the picture does not hold, and a digest of both.

    Decoders ignore bytes after the end of a picture.
    """
    return content + _trailer(content, size)


def unpack(packed: bytes) -> tuple[bytes, Size] | None:
    """Return picture and size from the bytes of `pack`; None if they are damaged."""
    match = _TRAILER.search(packed, max(0, len(packed) - _TRAILER_BYTES))
    if match is None:
        return None
    content, size = packed[: match.start()], (int(match[1]), int(match[2]))
    return (content, size) if packed[match.start() :] == _trailer(content, size) else None


def _trailer(content: bytes, size: Size) -> bytes:
    text = f"{size[0]} {size[1]}"
    digest = hashlib.blake2b(content, digest_size=16)  # a third of the time of SHA-256
    digest.update(text.encode())
    return f"\nshift_media mezzanine 1 {text} {digest.hexdigest()}\n".encode()

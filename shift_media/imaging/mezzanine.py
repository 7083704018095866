"""When a smaller version of an original may stand in for it, and the bytes that it is kept as.

The rule comes from measurements of SSIM against a full decode (docs/explanation/mezzanine.rst): a
resize loses no more than 0.002 where the mezzanine is so much larger than what is made of it.
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

MOST_BYTES: Final = 32_000_000
"""No mezzanine is larger: 2048² pixels with alpha are 17 MB before they are compressed."""

_SMALLER: Final = 3
"""How many times the pixels of its mezzanine an original has at least, to be worth one."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How mezzanines of originals of one type are kept.

    Attributes:
        extension: of the mezzanine: one that keeps alpha where the original may have it.
        quality: of the mezzanine.
        factor: how many times a resize's sides the mezzanine's are at least.
    """

    extension: str
    quality: int
    factor: float


_WEBP: Final = Kind("webp", 95, 2.0)
KINDS: Final[Mapping[str, Kind]] = {
    "jpg": Kind("jpg", 85, 1.5),
    "png": Kind("png", LOSSLESS_QUALITY, 1.5),
    "webp": _WEBP,
    "avif": _WEBP,
}
"""By the original's extension. GIFs and the posters of videos have none."""

_TRAILER: Final = re.compile(
    rb"\nshift_media mezzanine 1 ([1-9][0-9]{0,5}) ([1-9][0-9]{0,5}) [0-9a-f]{32}\n\Z"
)
_TRAILER_BYTES: Final = 128


def key_of(original: OriginalKey) -> MezzanineKey | None:
    """Name the mezzanine of an original; None where its type has none."""
    kind = KINDS.get(original.extension)
    return None if kind is None else MezzanineKey(original, SIDE, kind.extension)


def spec_of(original: OriginalKey) -> Spec:
    """Give the spec that makes the mezzanine of an original."""
    kind = KINDS[original.extension]
    return Spec(SIDE, SIDE, "fit", kind.quality, upscale=False, format=kind.extension)


def may_serve(original: OriginalKey, spec: Spec) -> bool:
    """Tell, by the spec alone, whether a mezzanine can be enough: never for a crop."""
    kind = KINDS.get(original.extension)
    if kind is None or spec.crop is not None:
        return False
    return max(spec.width or 1, spec.height or 1) * kind.factor <= SIDE


def is_worth(width: int, height: int, frames: int) -> bool:
    """Tell whether an original, upright, is so large and still that a mezzanine helps."""
    longer = max(width, height)
    area = width * height * (SIDE / longer) ** 2
    return frames == 1 and longer > SIDE and width * height >= _SMALLER * area


def stand_in(original: OriginalKey, spec: Spec, size: Size, smaller: Size) -> Spec | None:
    """Rewrite a spec so that it makes of the mezzanine what it would of the original.

    ``size`` is the upright original's, ``smaller`` the mezzanine's. The resize keeps the size that
    was promised for the original. None where the mezzanine is too small for it.
    """
    try:
        plan = geometry.plan(spec, *size)
    except EmptyCrop:
        return None
    left, top, right, bottom = plan.box
    seen = ((right - left) * smaller[0] / size[0], (bottom - top) * smaller[1] / size[1])
    factor = KINDS[original.extension].factor
    if any(side * factor > have for side, have in zip(plan.size, seen, strict=True)):
        return None
    if spec.mode == "pad":
        return spec
    width, height = plan.size
    mode = spec.mode if spec.mode == "fill" else "stretch"
    return replace(spec, width=width, height=height, mode=mode, upscale=True)


def pack(content: bytes, size: Size) -> bytes:
    """Append what the picture itself does not tell: the original's size, and a digest of both.

    What follows the end of a picture is ignored by whoever shows it.
    """
    return content + _trailer(content, size)


def unpack(packed: bytes) -> tuple[bytes, Size] | None:
    """Take apart what `pack` made; None of whatever is not whole."""
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

"""Several widths of one picture: ladders, and their ``srcset``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shift_media.core.errors import InvalidSpec
from shift_media.core.spec import Spec
from shift_media.resizes.builder import build
from shift_media.resizes.resize import NOTHING, Facts, Resize, size_of

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage


def ladder(
    file_key: str,
    widths: Sequence[int],
    *,
    storage: MediaStorage,
    facts: Facts = NOTHING,
    size: str | None = None,
    **options: Any,
) -> dict[int, Resize]:
    """Build resizes of several widths, by the width that each will have, narrowest first.

    Never wider than the original: what would be is replaced by one as wide as the original.
    ``size="400x300"`` gives the ratio, for the modes that need both sides.
    """
    known = size_of(facts())
    steps: dict[int, Resize] = {}
    for width in sorted(set(widths)):
        seen = min(width, known[0]) if known else width
        text = _scaled(size, seen)
        resize = build(file_key, text, storage=storage, facts=facts, **options)
        steps.setdefault(resize.width or seen, resize)
    return steps


def joined(steps: Mapping[int, Resize]) -> str:
    """Write a ladder as a ``srcset``: ``"… 320w, … 640w"``."""
    return ", ".join(f"{resize.url} {width}w" for width, resize in steps.items())


def _scaled(size: str | None, width: int) -> str:
    """Scale a size to a width, keeping its ratio."""
    if size is None:
        return f"{width}x"
    spec = Spec.make(size, format="png")
    if spec.width is None or spec.height is None:
        raise InvalidSpec(f'{size!r} gives no ratio: write both sides, such as "400x300".')
    return f"{width}x{max(1, round(spec.height * width / spec.width))}"

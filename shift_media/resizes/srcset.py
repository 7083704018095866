"""Several widths of one picture, and their ``srcset``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shift_media.core.errors import InvalidSpec
from shift_media.core.spec import Spec
from shift_media.resizes.builder import build
from shift_media.resizes.resize import NO_FACTS, Facts, Resize, known_size

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage


def build_by_width(
    file_key: str,
    widths: Sequence[int],
    *,
    storage: MediaStorage,
    facts: Facts = NO_FACTS,
    size: str | None = None,
    **options: Any,
) -> dict[int, Resize]:
    """Build resizes of several widths, by the width that each will have, narrowest first.

    Widths beyond the original's are replaced by one resize as wide as the original.

    Args:
        file_key: the original's key.
        widths: in pixels, in any order.
        storage: where the original is.
        facts: what is known of the original.
        size: such as ``"400x300"``, whose ratio is kept; for the modes that need both sides.
        options: those of `builder.build`.
    """
    original_size = known_size(facts())
    if original_size and options.get("rotate") in (90, 270):
        original_size = original_size[::-1]
    resizes: dict[int, Resize] = {}
    for given in sorted(set(widths)):
        width = min(given, original_size[0]) if original_size else given
        resize = build(file_key, scale(size, width), storage=storage, facts=facts, **options)
        resizes.setdefault(resize.width or width, resize)
    return resizes


def format_srcset(resizes: Mapping[int, Resize]) -> str:
    """Return the ``srcset`` of resizes by width: ``"… 320w, … 640w"``.

    It is empty for a file without a key, which has one width only.
    """
    return ", ".join(
        f"{resize.url} {width}w" for width, resize in resizes.items() if not resize.is_legacy
    )


def scale(size: str | None, width: int) -> str:
    """Return a size of this width with the ratio of the given one, if there is one."""
    if size is None:
        return f"{width}x"
    spec = Spec.make(size, format="png")
    if spec.width is None or spec.height is None:
        raise InvalidSpec(f'{size!r} has no ratio. Give both sides, such as "400x300".')
    return f"{width}x{max(1, round(spec.height * width / spec.width))}"

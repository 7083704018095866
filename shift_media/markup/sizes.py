"""The ``sizes`` attribute, also written by breakpoints: ``"100vw lg:33vw"``."""

from __future__ import annotations

from typing import Any

from shift_media.conf import settings
from shift_media.conf.reader import suggest
from shift_media.core.errors import InvalidSpec

_DEFAULT = "100vw"


def format_sizes(given: Any) -> Any:
    """Return the value of ``sizes``: that of HTML as it is, breakpoints as media conditions.

    ``"100vw lg:33vw"`` becomes ``"(min-width: 1024px) 33vw, 100vw"``. Raises `InvalidSpec` for an
    unknown breakpoint.
    """
    if not isinstance(given, str) or ":" not in given or given.startswith("(") or "," in given:
        return given
    widths: dict[int, str] = {}
    for word in given.split():
        name, _, width = word.rpartition(":")
        if name and name not in settings.BREAKPOINTS:
            near = suggest(name, settings.BREAKPOINTS)
            raise InvalidSpec(f'"{name}" in sizes is not in SHIFT_MEDIA["BREAKPOINTS"]{near}')
        if not width:
            raise InvalidSpec(f'{word!r} in sizes has no width: write "lg:33vw".')
        widths[settings.BREAKPOINTS[name] if name else 0] = width
    last = widths.pop(0, _DEFAULT)
    conditions = [f"(min-width: {side}px) {widths[side]}" for side in sorted(widths, reverse=True)]
    return ", ".join([*conditions, last])

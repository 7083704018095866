"""Values by breakpoints: ``"100vw lg:33vw"`` for ``sizes``, ``"4x3 lg:16x9"`` for ratios."""

from __future__ import annotations

from typing import Any, Final

from shift_media.conf import settings
from shift_media.conf.reader import suggest
from shift_media.core.errors import InvalidSpec

_DEFAULT: Final = "100vw"


def format_sizes(given: Any) -> Any:
    """Return the value of ``sizes``: that of HTML as it is, breakpoints as media conditions.

    ``"100vw lg:33vw"`` becomes ``"(min-width: 1024px) 33vw, 100vw"``. Raises `InvalidSpec` for an
    unknown breakpoint.
    """
    if not isinstance(given, str) or ":" not in given or given.startswith("(") or "," in given:
        return given
    widths = split_breakpoints("sizes", given, "33vw")
    last = widths.pop(0, _DEFAULT)
    return ", ".join([*(f"{media(side)} {width}" for side, width in widths.items()), last])


def split_breakpoints(option: str, given: str, example: str) -> dict[int, str]:
    """Return each value by the width of the page from which it holds, widest first.

    ``"4x3 lg:16x9"`` becomes ``{1024: "16x9", 0: "4x3"}``.

    Args:
        option: what the values are given for.
        given: the values, each after the name of its breakpoint and a colon.
        example: a value, for the error.

    Raises `InvalidSpec` for an unknown breakpoint, or one without a value.
    """
    values: dict[int, str] = {}
    for word in given.split():
        name, _, value = word.rpartition(":")
        side = width_of_breakpoint(name, option) if name else 0
        if not value:
            raise InvalidSpec(f'{word!r} in {option} has no value: write "lg:{example}".')
        values[side] = value
    return dict(sorted(values.items(), reverse=True))


def width_of_breakpoint(name: str, option: str) -> int:
    """Return the width of the page in pixels; raise `InvalidSpec` for an unknown breakpoint."""
    if name not in settings.BREAKPOINTS:
        near = suggest(name, settings.BREAKPOINTS)
        raise InvalidSpec(f'"{name}" in {option} is not in SHIFT_MEDIA["BREAKPOINTS"]{near}')
    return int(settings.BREAKPOINTS[name])


def media(side: int) -> str:
    """Return the condition for pages of at least a width in pixels."""
    return f"(min-width: {side}px)"

"""The shortest data that a decoder takes for the whole, found by halving."""

from __future__ import annotations

from collections.abc import Callable


def shortest(short: int, enough: int, is_enough: Callable[[int], bool]) -> int:
    """Return the least length that is enough, above one that is too short."""
    while enough - short > 1:
        middle = (enough + short) // 2
        if is_enough(middle):
            enough = middle
        else:
            short = middle
    return enough

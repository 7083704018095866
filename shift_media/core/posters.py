"""Posters of videos: which one is in use, and the attempt that has made it.

What is stored under a key is cached for a year. So a new poster has a key of its own, and so have
its resizes: docs/decisions/new-posters.rst.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final, TypeVar

from shift_media.core.keys import NEW_POSTER

_LEAF: Final = re.compile(rf".+/_{NEW_POSTER}/([0-9a-f]{{8}})/poster\.jpg")

AnyRendition = TypeVar("AnyRendition", bound=Any)


def poster_token(key: str) -> str | None:
    """Return the attempt that has made the new poster with a key; None for the first poster."""
    match = _LEAF.fullmatch(key)
    return match[1] if match else None


def find_poster(renditions: Iterable[AnyRendition]) -> AnyRendition | None:
    """Return the poster in use among the renditions of one original; None if it has none.

    That is the one that a user has chosen, else the newest that a profile was made again with,
    else the first one. The renditions are in the order in which they were made.
    """
    posters = [each for each in renditions if each.kind == "poster"]
    return max(enumerate(posters), key=_rank, default=(0, None))[1]


def _rank(numbered: tuple[int, Any]) -> tuple[bool, bool, int]:
    number, poster = numbered
    is_new = poster_token(poster.key) is not None
    return poster.profile == NEW_POSTER, is_new, number if is_new else -number

"""The number of units of coded data that are read of one image."""

from __future__ import annotations

from typing import Final

from shift_media.core.errors import Undecodable

_MAX_UNITS: Final = 50_000
"""The 768 cells of the largest photo of a phone have some thousands."""


class UnitBudget:
    """How many units may still be read of an image, all of its items together.

    Items may share their bytes, so that a small file could have millions.
    """

    def __init__(self) -> None:
        self._left = _MAX_UNITS

    def take(self) -> None:
        """Count one unit; raise `Undecodable` if there are too many."""
        self._left -= 1
        if self._left < 0:
            raise Undecodable(f"The image has more than {_MAX_UNITS} units of data.")

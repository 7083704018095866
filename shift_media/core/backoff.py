"""Exponential back-off: pauses between attempts that grow up to a limit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil, log
from typing import Generic, TypeVar

Pause = TypeVar("Pause", float, timedelta)
"""Seconds, or a timedelta."""


# Without slots, because a frozen generic class with slots cannot be made as Backoff[float](…) on
# Python 3.11.
@dataclass(frozen=True)
class Backoff(Generic[Pause]):
    """Pauses that grow by a factor after each failed attempt.

    Attributes:
        first: the pause after the first attempt, more than nothing.
        longest: the pause that none exceeds.
        factor: how many times as long each pause is as the one before it, more than 1.
    """

    first: Pause
    longest: Pause
    factor: float = 2.0

    def pause(self, attempt: int) -> Pause:
        """Return the pause after a failed attempt; they count from 1, and less counts as 1.

        ``first * factor ** (attempt - 1)``, and at most ``longest``.
        """
        steps = min(max(attempt, 1) - 1, self._steps_to_longest)
        return min(self.first * self.factor**steps, self.longest)

    @property
    def _steps_to_longest(self) -> int:
        """Steps after which every pause is the longest: the power of many more would overflow."""
        ratio = self.longest / self.first
        # One more than computed, because the logarithm is rounded.
        return ceil(log(ratio, self.factor)) + 1 if ratio > 1 else 0

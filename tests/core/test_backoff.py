"""Exponential back-off: it grows, it has a limit, and no attempt is too late for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shift_media.core.backoff import Backoff

seconds = st.floats(0.01, 1e6)
factors = st.floats(1.01, 10)
attempts = st.integers(-1, 10**9)
backoffs = st.builds(Backoff[float], seconds, seconds, factors)


@pytest.mark.slow
@given(backoffs, attempts)
def test_pause_is_between_the_first_and_the_longest(backoff: Backoff[float], attempt: int) -> None:
    assert min(backoff.first, backoff.longest) <= backoff.pause(attempt) <= backoff.longest


@given(backoffs, attempts)
def test_pause_never_shrinks(backoff: Backoff[float], attempt: int) -> None:
    assert backoff.pause(attempt) <= backoff.pause(attempt + 1)


@given(backoffs, st.integers(1, 200))
def test_pause_grows_by_the_factor_until_the_longest(
    backoff: Backoff[float], attempt: int
) -> None:
    expected = min(backoff.first * backoff.factor ** (attempt - 1), backoff.longest)
    assert backoff.pause(attempt) == pytest.approx(expected)


@given(backoffs)
def test_late_attempt_has_the_longest_pause(backoff: Backoff[float]) -> None:
    assert backoff.pause(10**9) == backoff.longest


def test_timedeltas_double_up_to_the_longest() -> None:
    backoff = Backoff(timedelta(minutes=1), timedelta(minutes=5))
    pauses = [backoff.pause(attempt) for attempt in range(6)]
    assert pauses == [timedelta(minutes=minutes) for minutes in (1, 1, 2, 4, 5, 5)]


def test_attempt_beyond_counting_does_not_overflow() -> None:
    assert Backoff(1.0, 60.0).pause(10**9) == 60.0
    hour = timedelta(hours=1)
    assert Backoff(timedelta(seconds=10), hour).pause(10**9) == hour

"""A picture whose decoder fails for want of memory is tried again, less and less often."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client

from shift_media.core.errors import MediaError, OutOfResources, Undecodable
from shift_media.core.keys import ResizeKey, parse_resize_key
from shift_media.resizes import failures
from shift_media.resizes.resize import Resize
from shift_media.workers.pool import current_pool, end_workers
from shift_media.workers.process import IMPORTS
from tests.resizes.counting import CountingStorage
from tests.workers import hostile
from tests.workers.conftest import bad, good

Add = Callable[..., str]
ResizeOf = Callable[..., Resize]
Site = Callable[..., CountingStorage]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return the clock of the module; a test adds to its ``now``."""
    clock = SimpleNamespace(now=1e9)
    monkeypatch.setattr(failures, "time", SimpleNamespace(time=lambda: clock.now))
    return clock


@pytest.fixture
def key(site: Site, resize_of: ResizeOf, add: Add) -> ResizeKey:
    site()
    return parse_resize_key(resize_of(add()).key)


def fail(key: ResizeKey, clock: SimpleNamespace, began_before: float = 0) -> float:
    """Let the decoder fail; return the pause in seconds."""
    error = OutOfResources()
    failures.pause(key.source, error, clock.now - began_before)
    return error.retry_seconds


def left(key: ResizeKey) -> float:
    """Return the seconds for which a resize is not tried; 0 if it is."""
    try:
        failures.raise_recent(key)
    except OutOfResources as error:
        return error.retry_seconds
    return 0.0


@pytest.mark.acceptance(80)
def test_pauses_start_with_the_second_failure_and_double_up_to_two_minutes(
    key: ResizeKey, clock: SimpleNamespace
) -> None:
    pauses = []
    for _ in range(7):
        pauses.append(fail(key, clock))
        assert left(key) == pytest.approx(pauses[-1])
        clock.now += pauses[-1] + 0.1
        assert left(key) == 0
    assert pauses == [0, 10, 20, 40, 80, 120, 120]


@pytest.mark.acceptance(80)
def test_attempts_that_fail_together_count_once(key: ResizeKey, clock: SimpleNamespace) -> None:
    assert [fail(key, clock, began_before=3)] + [fail(key, clock, 2.9)] * 9 == [0] * 10
    clock.now += 1
    assert left(key) == 0
    assert fail(key, clock) == 10


def test_clock_that_is_set_back_makes_no_pause_longer(
    key: ResizeKey, clock: SimpleNamespace
) -> None:
    fail(key, clock)
    clock.now += 1
    fail(key, clock)
    clock.now -= 86_400
    assert left(key) == 0


def test_other_originals_are_not_affected(
    key: ResizeKey, clock: SimpleNamespace, add: Add, resize_of: ResizeOf
) -> None:
    other = parse_resize_key(resize_of(add()).key)
    for _ in range(4):
        fail(key, clock)
        clock.now += 1
    assert left(key) > 0
    assert left(other) == 0


def test_picture_that_proves_to_be_damaged_stays_so(
    key: ResizeKey, clock: SimpleNamespace
) -> None:
    failures.remember(key, Undecodable())
    assert fail(key, clock) == 0
    with pytest.raises(MediaError) as caught:
        failures.raise_recent(key)
    assert caught.value.code == "undecodable"


@pytest.mark.slow
@pytest.mark.acceptance(80)
@pytest.mark.parametrize("action", ["kill", "eat"])
def test_picture_without_memory_for_it_costs_no_worker_during_its_pause(
    action: str,
    site: Site,
    add: Add,
    resize_of: ResizeOf,
    clock: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(IMPORTS, hostile.__name__)
    limits: dict[str, Any] = {"WORKERS": 1, "WORKER_MEMORY": 400 << 20, "ENGINE": "pillow"}
    site(shift_media=limits)
    url = resize_of(add(bad(action).getvalue(), "photo.png"), "20x", format="png").url
    client = Client()
    seen = []
    for _ in range(4):
        response = client.get(url)
        assert (response.status_code, response.json()["code"]) == (503, "out_of_resources")
        seen.append(response["Retry-After"])
        clock.now += 1
        if len(seen) > 1:
            monkeypatch.setattr(current_pool(), "worker", None)  # It fails if it is asked.
    assert seen == ["5", "10", "9", "8"]
    end_workers()
    fine = resize_of(add(good().getvalue(), "photo.png"), "20x", format="png").url
    assert client.get(fine).status_code == 200
    clock.now += 10
    response = client.get(url)
    assert response["Retry-After"] == "20"
    end_workers()

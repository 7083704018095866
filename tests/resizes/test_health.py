"""The health views: their answers, what they cost, and what they tell strangers."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.signals import setting_changed
from django.test import Client, override_settings
from django.urls import reverse

from shift_media import health
from shift_media.core.errors import StorageError
from shift_media.core.keys import parse_key
from tests.resizes.counting import CountingStorage

Site = Callable[..., CountingStorage]


@pytest.fixture(autouse=True)
def nothing_found() -> Iterator[None]:
    health._forget()
    yield
    health._forget()


def get(path: str) -> Any:
    return Client().get(path)


@pytest.mark.parametrize("path", ["/media/health", "/media/health/", "/media/health/deep"])
def test_healthy_host_is_200_that_no_cache_keeps(storage: CountingStorage, path: str) -> None:
    response = get(path)
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert response["Cache-Control"] == "no-store"
    assert Client().head(path).status_code == 200
    assert Client().post(path).status_code == 405


def test_paths_are_no_keys() -> None:
    for name in ("health", "health_deep"):
        path = reverse(f"shift_media:{name}").removeprefix("/media/")
        with pytest.raises(Exception, match="key"):
            parse_key(path)


def test_shallow_check_asks_no_storage_and_deep_one_asks_once_in_some_seconds(
    storage: CountingStorage,
) -> None:
    get("/media/health")
    assert storage.calls == {}
    for _ in range(5):
        get("/media/health/deep")
    assert storage.calls == {"stat": 1}


def test_storage_that_fails_is_503_and_its_error_in_the_log_alone(
    storage: CountingStorage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(key: str) -> None:
        raise StorageError("secret-bucket does not answer")

    monkeypatch.setattr(CountingStorage, "stat", lambda self, key: refuse(key))
    with caplog.at_level(logging.ERROR, "shift_media.health"):
        response = get("/media/health/deep")
    assert (response.status_code, response.json()) == (503, {"status": "unavailable"})
    assert b"secret" not in response.content
    assert "secret-bucket does not answer" in caplog.text
    assert get("/media/health").status_code == 200


def test_storage_that_hangs_is_503_after_the_limit_and_asked_by_one_thread(
    storage: CountingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = threading.Event()
    calls: list[str] = []

    def hang(self: CountingStorage, key: str) -> None:
        calls.append(key)
        end.wait(30)

    monkeypatch.setattr(CountingStorage, "stat", hang)
    monkeypatch.setattr(health, "LIMIT_SECONDS", 0.05)
    try:
        assert [get("/media/health/deep").status_code for _ in range(3)] == [503] * 3
        assert len(calls) == 1
    finally:
        end.set()


def test_full_disk_is_503(
    storage: CountingStorage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    assert get("/media/health").status_code == 503
    assert "No space left on device" in caplog.text


def test_cache_that_fails_is_503_in_the_deep_check(site: Site) -> None:
    site(shift_media={"CACHE": "shared"})
    broken = {"BACKEND": "tests.resizes.test_health.BrokenCache"}
    with override_settings(CACHES={"default": broken, "shared": broken}):
        assert get("/media/health/deep").status_code == 503
        assert get("/media/health").status_code == 200


class BrokenCache:
    """A cache whose server does not answer."""

    def __init__(self, *args: object) -> None:
        pass

    def get(self, key: str) -> None:
        raise ConnectionError("redis does not answer")

    def close(self, **kwargs: object) -> None:
        pass


def test_changed_settings_are_checked_anew(storage: CountingStorage) -> None:
    get("/media/health/deep")
    setting_changed.send(sender=None, setting="STORAGES", value={}, enter=True)
    assert storage.calls == {}  # of a new storage
    get("/media/health/deep")
    assert storage.calls == {"stat": 1}

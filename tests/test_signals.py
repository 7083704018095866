"""Signals: a receiver that fails is logged, and changes nothing for others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.dispatch import Signal
from django.test import Client

from shift_media import signals
from shift_media.storages import default_media_storage
from tests.fields.material import upload
from tests.testapp.models import Photo

pytestmark = [pytest.mark.acceptance(64), pytest.mark.django_db(transaction=True)]

Fail = Callable[[Signal], list[str]]


@pytest.fixture
def fail() -> Iterator[Fail]:
    """Return a function that connects a receiver that fails, and another one after it."""
    connected: list[tuple[Signal, Any]] = []

    def fail(signal: Signal) -> list[str]:
        called: list[str] = []

        def first(**kwargs: Any) -> None:
            raise RuntimeError("a receiver of the project fails")

        def second(**kwargs: Any) -> None:
            called.append(kwargs["key"])

        for receiver in (first, second):
            signal.connect(receiver)
            connected.append((signal, receiver))
        return called

    yield fail
    for signal, receiver in connected:
        signal.disconnect(receiver)


def test_first_visitor_gets_the_resize_if_a_receiver_fails(
    fail: Fail, client: Client, media_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    called = fail(signals.resize_created)
    resize = Photo.objects.create(image=upload()).image.resize("20x20")
    assert client.get(resize.url).status_code == 200
    assert called == [resize.key]
    assert "a receiver of the project fails" in caplog.text


def test_saved_and_deleted_rows_stay_so_if_a_receiver_fails(
    fail: Fail, media_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved, deleted = fail(signals.media_saved), fail(signals.media_deleted)
    photo = Photo.objects.create(image=upload())
    key = photo.image.name
    photo.delete()
    assert (saved, deleted) == ([key], [key])
    assert not default_media_storage.exists(key)
    assert caplog.text.count("Error calling") == 2

"""Saving and deleting files in async code."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from tests.fields.material import upload
from tests.resizes.counting import CountingStorage
from tests.testapp.models import Photo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

Stored = Callable[[], list[str]]


def test_file_is_stored_and_deleted_in_async_code(stored: Stored) -> None:
    photo = Photo()
    async_to_sync(photo.image.asave)("photo.jpg", upload())
    assert stored() == [Photo.objects.get().image.key]
    async_to_sync(photo.image.adelete)()
    assert stored() == []
    assert Photo.objects.get().image.name == ""


WAYS: dict[str, Callable[[], Any]] = {
    "file": lambda: Photo().image.asave("photo.jpg", upload()),
    "row": lambda: Photo(image=upload()).asave(),
    "manager": lambda: Photo.objects.acreate(image=upload()),
}


@pytest.mark.parametrize("way", WAYS)
def test_event_loop_goes_on_while_a_file_is_stored(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, storing, ticked = CountingStorage.put, threading.Event(), threading.Event()

    def wait_and_put(*args: Any, **kwargs: Any) -> bool:
        storing.set()
        assert ticked.wait(30)  # Without a thread the loop would stand still here.
        return put(*args, **kwargs)

    monkeypatch.setattr(CountingStorage, "put", wait_and_put)

    async def save() -> None:
        saving = asyncio.ensure_future(WAYS[way]())
        while not storing.is_set() and not saving.done():
            await asyncio.sleep(0.001)
        ticked.set()
        await saving

    async_to_sync(save)()
    assert Photo.objects.get().image.width == 64

"""The app servers of the redirect model: the real view, and two that a first attempt would be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property
from typing import Any, cast

from django.conf import settings
from django.core.files.base import ContentFile
from django.test import Client, override_settings

from shift_media.core.errors import MediaError, StorageError
from shift_media.core.keys import new_original_key, parse_resize_key
from shift_media.resizes import builder, failures, making
from shift_media.resizes.resize import Resize
from shift_media.storages import default_media_storage
from shift_media.storages.base import Stat
from shift_media.testing import InMemoryMediaStorage
from tests.resizes.conftest import picture
from tests.resizes.redirect_model import Answer, Question

BUCKET = "https://bucket.example/"
GOOD = picture()
BROKEN = GOOD[:300]


class Crash(BaseException):
    """The death of a process, which no handler of the app sees."""


class FaultyStorage(InMemoryMediaStorage):
    """A storage whose process dies after a PUT, or whose service fails, when it is told to."""

    fault = ""

    def stat(self, key: str) -> Stat | None:
        """Fail if told to."""
        if self.fault == "storage":
            raise StorageError("The bucket answered 503 SlowDown.")
        return super().stat(key)

    def put(self, key: str, *args: Any, **kwargs: Any) -> bool:
        """Die after the PUT if told to."""
        created = super().put(key, *args, **kwargs)
        if self.fault == "crash":
            raise Crash
        return created


class RealApp:
    """The view of the app on a storage in memory, whose answers are remembered.

    Raises `AssertionError` if anything but the right picture is answered or stored, or if a
    redirect leads elsewhere than to the public URL of the resize.
    """

    def __init__(self) -> None:
        self._answers: dict[Question, Answer] = {}

    def answer(self, question: Question) -> Answer:
        """Return the answer of the view to a request."""
        if question not in self._answers:
            with _site(question.delivery) as storage:
                self._answers[question] = self._ask(storage, question)
        return self._answers[question]

    @cached_property
    def _content(self) -> bytes:
        with _site("content") as storage:
            return cast("bytes", _get(_add(storage, picture())).body)

    def _ask(self, storage: FaultyStorage, question: Question) -> Answer:
        right = self._content
        resize = _add(storage, BROKEN if question.failed or question.original == "bad" else GOOD)
        if question.made or question.failed:
            _get(resize)  # The server remembers this.
        storage.delete(resize.key)
        if question.stored:
            storage.put(resize.key, ContentFile(right), content_type="image/jpeg")
        if question.original == "gone":
            storage.delete(parse_resize_key(resize.key).source)
        status, kept = self._request(storage, resize, question.fault)
        return Answer(
            status,
            kept,
            stored=_read(storage, resize.key) == right,
            made=making.recently_made.get(resize.key) is not None,
            failed=_is_failure_remembered(resize.key),
        )

    def _request(self, storage: FaultyStorage, resize: Resize, fault: str) -> tuple[int, bool]:
        storage.fault = fault
        try:
            with making.limiter().slot() if fault == "full" else nullcontext():
                response = _get(resize)
        except Crash:
            return 503, False  # The web server or the CDN in front says so.
        finally:
            storage.fault = ""
        if response.status_code == 302:
            assert response["Location"] == BUCKET + resize.key
        if response.status_code == 200:
            assert response.body == self._content
        return response.status_code, "no-store" not in response["Cache-Control"]


def _get(resize: Resize) -> Any:
    response: Any = Client().get(f"/media/{resize.key}")
    response.body = (
        b"".join(response.streaming_content) if response.streaming else response.content
    )
    return response


def _add(storage: FaultyStorage, content: bytes) -> Resize:
    key = str(new_original_key("photo.jpg", "jpg"))
    storage.put(key, ContentFile(content), content_type="image/jpeg")
    return builder.build(key, "64x64", storage=storage)


def _read(storage: FaultyStorage, key: str) -> bytes | None:
    """Return what is stored under a key, or None."""
    if storage.stat(key) is None:
        return None
    with storage.fetch(key) as stored:
        return stored.read()


def _is_failure_remembered(key: str) -> bool:
    try:
        failures.raise_recent(parse_resize_key(key))
    except MediaError:
        return True
    return False


@contextmanager
def _site(delivery: str) -> Iterator[FaultyStorage]:
    """Set up a site that makes one resize at a time and lets no request wait for it."""
    options = {"delivery": delivery, "public_url": BUCKET, "base_url": "/media/"}
    media = {"BACKEND": f"{__name__}.FaultyStorage", "OPTIONS": options}
    with override_settings(
        STORAGES={**settings.STORAGES, "media": media},
        SHIFT_MEDIA={"CONCURRENCY": 1, "QUEUE": 0, "QUEUE_SECONDS": 1},
    ):
        yield cast("FaultyStorage", default_media_storage)


class NaiveApp:
    """An app that makes what is missing and always redirects, by 302 or 301."""

    def __init__(self, status: int = 302) -> None:
        self.status = status

    def answer(self, question: Question) -> Answer:
        """Return a redirect to the bucket, whatever happened before."""
        if question.fault in ("full", "storage"):
            status, stored = 503, question.stored
        elif question.original == "good" or question.stored:
            status, stored = (503 if question.fault else self.status), True
        else:
            status, stored = {"gone": 404, "bad": 422}[question.original], False
        return Answer(status, False, stored, question.made, question.failed)

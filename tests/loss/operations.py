"""The actions of users on the site, one operation after another, chosen by a seed."""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import random
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.files.base import ContentFile
from django.db import transaction
from django.http import HttpRequest
from django.test import Client, RequestFactory

from shift_media.core.errors import MediaError
from shift_media.direct import files
from shift_media.fields import MediaField
from shift_media.models import TranscodeJob
from tests.imaging import images
from tests.loss.site.models import BucketClip, BucketPhoto, DiskClip, DiskPhoto

PHOTOS = (DiskPhoto, BucketPhoto)
CLIPS = (DiskClip, BucketClip)
MOST_ROWS = 150
"""Of a model: with more of them more is deleted than uploaded."""
MOST_JOBS = 4
"""Pending jobs, with which no further video is uploaded."""


def may_upload(request: HttpRequest, field: MediaField) -> bool:
    return True


class RolledBack(Exception):
    """Raised by an operation to undo its own transaction."""


class Refused(Exception):
    """A client was told that something did not work."""


@cache
def _picture() -> bytes:
    return images.encoded(images.photograph(32, 24), "png")


def new_picture(chance: random.Random) -> bytes:
    """Return a small picture that no other upload has, of up to 60 kB."""
    size = chance.choice((10, 500, 4_000, 60_000))
    return images.with_chunks(
        _picture(), (b"tEXt", b"n\0" + chance.randbytes(size).hex().encode())
    )


def new_video(chance: random.Random, video: Path) -> bytes:
    """Return a video that no other upload has: with a box that says nothing."""
    return video.read_bytes() + struct.pack(">I", 24) + b"free" + chance.randbytes(16)


def digest_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Operations:
    """The operations of one worker.

    Args:
        chance: where all decisions come from.
        video: a file to upload.
    """

    def __init__(self, chance: random.Random, video: Path) -> None:
        self._chance = chance
        self._video = video
        self._shares: dict[Callable[[], None], int] = {
            self.upload: 30, self.replace: 16, self.delete: 12, self.delete_some: 2,
            self.copy_row: 6, self.copy_to_other_storage: 6, self.upload_directly: 10,
            self.make_resize: 12, self.roll_back: 8, self.change_together: 4,
            self.upload_video: 4, self.delete_video: 2,
        }  # fmt: skip

    def run_one(self) -> str:
        """Run the next operation, and return its name; what fails is raised."""
        (operation,) = self._chance.choices(list(self._shares), list(self._shares.values()))
        self.name = operation.__name__
        operation()
        return self.name

    # Each of them is one or few statements of a view.

    def upload(self) -> None:
        self._upload(self._model())

    def _upload(self, model: Any) -> None:
        content = new_picture(self._chance)
        if model.objects.count() > MOST_ROWS:
            self._delete(model)
        model(file=ContentFile(content, "a lake.png"), sha256=digest_of(content)).save()

    def replace(self) -> None:
        self._replace(self._model())

    def _replace(self, model: Any) -> None:
        row, content = self._row(model), new_picture(self._chance)
        row.file, row.sha256 = ContentFile(content, "a hill.png"), digest_of(content)
        row.save()

    def delete(self) -> None:
        self._delete(self._model())

    def _delete(self, model: Any) -> None:
        self._row(model).delete()

    def delete_some(self) -> None:
        model = self._model()
        model.objects.filter(pk__in=[self._row(model).pk for _ in range(3)]).delete()

    def copy_row(self) -> None:
        row = self._row(self._model())
        row.pk, row._state.adding = None, True
        row.save()

    def copy_to_other_storage(self) -> None:
        model = self._model()
        (other,) = {*PHOTOS} - {model}
        row = self._row(model)
        other(file=row.file, sha256=row.sha256).save()

    def make_resize(self) -> None:
        row = self._row(self._model())
        row.file.resize(self._chance.choice(("12x", "9x9"))).ensure()

    def roll_back(self) -> None:
        model = self._model()
        change = self._chance.choice((self._upload, self._replace, self._delete))
        try:
            with transaction.atomic():
                change(model)
                raise RolledBack
        except RolledBack:
            return

    def change_together(self) -> None:
        with transaction.atomic():
            for model in PHOTOS:
                self._chance.choice((self._upload, self._replace, self._delete))(model)

    def upload_video(self) -> None:
        model = self._chance.choice(CLIPS)
        if TranscodeJob.objects.exclude(state__in=("complete", "error", "canceled")).count() > (
            MOST_JOBS
        ):
            return
        content = new_video(self._chance, self._video)
        model(file=ContentFile(content, "a film.mp4"), sha256=digest_of(content)).save()

    def delete_video(self) -> None:
        self._delete(self._chance.choice(CLIPS))

    def upload_directly(self) -> None:
        model, content = self._model(), new_picture(self._chance)
        token = _send(model, content)
        if self._chance.random() < 0.2:
            return  # The user closes the page.
        request = RequestFactory().post("/", {"file-upload": token})
        form = _form_of(model)(request.POST, files(request))
        form.instance.sha256 = digest_of(content)
        if not form.is_valid():
            raise Refused(form.errors.as_json())
        form.save()

    def _model(self) -> Any:
        return self._chance.choice(PHOTOS)

    def _row(self, model: Any) -> Any:
        pks = list(model.objects.order_by("pk").values_list("pk", flat=True))
        if not pks:
            raise Refused(f"There is no {model.__name__}.")
        try:
            return model.objects.get(pk=self._chance.choice(pks))
        except model.DoesNotExist as error:  # Another user has deleted it: the page is a 404.
            raise Refused(f"The {model.__name__} is gone.") from error


@cache
def _form_of(model: Any) -> Any:
    return forms.modelform_factory(model, fields=["file"])


def _send(model: Any, content: bytes) -> str:
    """Send bytes as the script of a page does, and return their ticket."""
    client = Client(raise_request_exception=False)
    announced = {
        "field": f"loss.{model.__name__}.file", "name": "a wood.png", "type": "image/png",
        "size": len(content), "sha256": digest_of(content),
    }  # fmt: skip
    answer: Any = client.post("/media/upload/", announced, content_type="application/json")
    if answer.status_code != 201:
        raise Refused(f"{answer.status_code} for the ticket")
    given = json.loads(answer.content)
    if given["url"].startswith("/"):
        sent: Any = client.put(given["url"], content, "image/png", headers=given["headers"])
        status = sent.status_code
    else:
        status = _put(given["url"], content, given["headers"])
    if status not in (200, 204):
        raise Refused(f"{status} for the bytes")
    return str(given["ticket"])


def _put(url: str, content: bytes, headers: dict[str, str]) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    try:
        connection.request("PUT", f"{parts.path}?{parts.query}", io.BytesIO(content), headers)
        return connection.getresponse().status
    except http.client.HTTPException as error:
        raise Refused(repr(error)) from error
    finally:
        connection.close()


EXPECTED = (MediaError, OSError, Refused)
"""Errors that a view would answer; those of the database are expected, too."""

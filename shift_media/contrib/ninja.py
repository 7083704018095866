"""Media fields in django-ninja (extra ``ninja``).

::

    class PhotoOut(Schema):
        id: int
        image: MediaSchema | None

        resolve_image = media_resolver("image", presets=["avatar", "800x"])


    class PhotoIn(Schema):
        image: TicketSchema


    api = NinjaAPI()
    api.add_exception_handler(InvalidMedia, refuse)


    @api.post("/photos", response=PhotoOut)
    def add(request, photo: PhotoIn):
        return Photo.objects.create(image=photo.image.file(request))

A file is represented by the same object as in Django REST framework, without a query and without
a request to the storage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, JsonResponse

from shift_media.core.errors import MissingExtra
from shift_media.core.metadata import FileState
from shift_media.direct import StagedFile
from shift_media.markup.representation import MediaJSON, media_json
from shift_media.validators import InvalidMedia

try:
    from ninja import Schema
except ImportError as error:
    raise MissingExtra("django-ninja", "ninja") from error


class MediaResizeSchema(Schema):
    """A resize; its sides are null if those of the original are not known."""

    url: str
    width: int | None
    height: int | None


class MediaSchema(Schema):
    """A media file: its URL, its facts, and its resizes by the names that were asked for."""

    url: str
    state: FileState
    content_type: str | None
    size: int | None
    width: int | None
    height: int | None
    duration: float | None
    placeholder: str | None
    color: str | None
    resizes: dict[str, MediaResizeSchema]


class TicketSchema(Schema):
    """The ticket of a direct upload, ``{"ticket": "…"}``."""

    ticket: str

    def file(self, request: HttpRequest) -> StagedFile:
        """Return the uploaded file; reading it raises `InvalidMedia`, such as for another user."""
        return StagedFile(self.ticket, request)


def media_resolver(field: str, presets: Sequence[str] | None = None) -> Any:
    """Return the resolver of a media field, which a schema names ``resolve_image``.

    By itself the framework turns a file into its URL.

    Args:
        field: the name of the field on the row.
        presets: the resizes to include: names of presets, or sizes. By default all presets.
    """

    def resolve(row: Any, context: Any) -> MediaJSON | None:
        request = (context or {}).get("request")
        absolute = request.build_absolute_uri if request is not None else str
        return media_json(getattr(row, field), presets, absolute)

    return staticmethod(resolve)


def refuse(request: HttpRequest, error: InvalidMedia) -> JsonResponse:
    """Answer with 422 and the message for the user, in the form of the framework's errors.

    For ``api.add_exception_handler(InvalidMedia, refuse)``.
    """
    detail = {"type": str(error.code), "loc": ["body"], "msg": error.sentence}
    return JsonResponse({"detail": [detail]}, status=422)

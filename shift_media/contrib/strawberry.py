"""Media fields in GraphQL by strawberry-django (extra ``strawberry``).

::

    @strawberry_django.type(Photo)
    class PhotoType:
        id: strawberry.auto
        image: Media | None = media_field("image", metadata="image_meta")


    query { photos { image { url width card: resize(preset: "card") { url } } } }

A client names presets of the settings only, so that it cannot have other sizes signed. Nothing
takes a query or a request to the storage beyond the query for the rows.
"""

from __future__ import annotations

from typing import Any

from shift_media.conf import settings
from shift_media.core.errors import MissingExtra
from shift_media.markup.representation import FACTS, media_json

try:
    import strawberry
    import strawberry_django
except ImportError as error:
    raise MissingExtra("strawberry-graphql-django", "strawberry") from error


@strawberry.type(description="A resize; its sides are null if they are not known.")
class MediaResize:
    """A resize of a media file."""

    url: str
    width: int | None
    height: int | None


@strawberry.type(description="A media file; each fact is null if it is not known.")
class Media:
    """The URL and the facts of a media file."""

    url: str
    state: str
    content_type: str | None
    size: int | None
    width: int | None
    height: int | None
    duration: float | None
    placeholder: str | None
    color: str | None
    file: strawberry.Private[Any]
    absolute: strawberry.Private[Any]

    @strawberry.field(  # type: ignore[untyped-decorator]
        description="A preset of the site; null for one that cannot be made."
    )
    def resize(self, preset: str) -> MediaResize | None:
        """Return a resize by the name of a preset."""
        if preset not in settings.PRESETS:
            known = ", ".join(settings.PRESETS) or "none"
            raise ValueError(f"There is no preset {preset!r}. The known ones: {known}.")
        shown = media_json(self.file, [preset], self.absolute)
        found = shown["resizes"].get(preset) if shown else None
        return MediaResize(**found) if found else None


def media_field(name: str, metadata: str = "") -> Any:
    """Return the field of a type for a media field of its model.

    Args:
        name: the name of the media field.
        metadata: the name of its metadata field, so that the optimizer loads both.
    """

    def resolve(root: Any, info: strawberry.Info) -> Media | None:
        file = getattr(root, name)
        request = getattr(info.context, "request", None)
        absolute = str if request is None else request.build_absolute_uri
        shown = media_json(file, [], absolute)
        if shown is None:
            return None
        facts: Any = {fact: shown[fact] for fact in FACTS}  # type: ignore[literal-required]
        return Media(url=shown["url"], state=shown["state"], file=file, absolute=absolute, **facts)

    columns = [column for column in (name, metadata) if column]
    return strawberry_django.field(resolver=resolve, only=columns)

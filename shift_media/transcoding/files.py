"""What a `MediaFile` can do where it is a video: renditions, a poster, and lists of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.db import models

from shift_media.registry import media_fields
from shift_media.resizes.resize import Resize
from shift_media.transcoding.types import VideoFile

if TYPE_CHECKING:
    from shift_media.core.metadata import Metadata
    from shift_media.transcoding.models import Rendition, TranscodeJob

Row = TypeVar("Row", bound=models.Model)

_QUERY = 500
"""Keys looked up in one query: few enough for SQLite."""


@dataclass(frozen=True, slots=True)
class Poster:
    """The still picture of a video, from which resizes can be made."""

    file: VideoFile
    rendition: Rendition

    @property
    def key(self) -> str:
        """Where it lies."""
        return self.rendition.key

    @property
    def url(self) -> str:
        """Its public URL."""
        return self.rendition.url

    @property
    def width(self) -> int | None:
        """The width in pixels."""
        return self.rendition.width

    @property
    def height(self) -> int | None:
        """The height in pixels."""
        return self.rendition.height

    def resize(self, size: str, **spec: Any) -> Resize:
        """Build a resize of it, as `MediaFile.resize` does of a picture."""
        return self.file.resize(size, **spec)

    def ladder(self, widths: Sequence[int], **spec: Any) -> dict[int, Resize]:
        """Build resizes of several widths, as `MediaFile.ladder` does of a picture."""
        return self.file.ladder(widths, **spec)

    @property
    def known_metadata(self) -> Metadata | None:
        """What is known of the video, without any I/O."""
        return self.file.known_metadata


class Video:
    """The part of a `MediaFile` that is about renditions."""

    _renditions: Sequence[Rendition] | None = None

    def transcode(self, profile: str | None = None, force: bool = False) -> TranscodeJob:
        """Have renditions made, after the commit; gives the job, which may be there already.

        Without a profile it is the field's. ``force`` has renditions made again that there are.
        """
        from shift_media.transcoding import services

        return services.submit(cast("VideoFile", self), profile, force=force)

    transcode.alters_data = True  # type: ignore[attr-defined]  # templates must not call it

    @property
    def renditions(self) -> list[Rendition]:
        """The renditions that can be played, in the profile's order; one query each time.

        For a list of rows use `prefetch_renditions`.
        """
        file = cast("VideoFile", self)
        if not file or not file._committed:
            return []
        found = self._renditions
        if found is None:
            found = list(_complete([file.key]))
        for rendition in found:
            rendition._storage = file.storage
        return list(found)

    @property
    def poster(self) -> Poster | None:
        """The still picture; None as long as there is none."""
        made = next((r for r in self.renditions if r.kind == "poster"), None)
        return None if made is None else Poster(cast("VideoFile", self), made)


def _complete(keys: Iterable[str]) -> models.QuerySet[Rendition]:
    from shift_media.transcoding.base import State
    from shift_media.transcoding.models import Rendition

    rows = Rendition._default_manager.filter(original__in=keys, state=State.COMPLETE)
    return rows.order_by("pk")


def prefetch_renditions(rows: Iterable[Row], *fields: str) -> list[Row]:
    """Load the renditions of all videos of some rows at once: two queries for a whole list.

    ``fields`` are the names of media fields; without them all that the rows have.
    """
    loaded = list(rows)
    files: dict[str, list[VideoFile]] = {}
    for row in loaded:
        for name in fields or [field.name for field in media_fields(type(row))]:
            file = getattr(row, name)
            if file:
                file._renditions = []
                files.setdefault(file.key, []).append(file)
    keys = list(files)
    for start in range(0, len(keys), _QUERY):
        for rendition in _complete(keys[start : start + _QUERY]):
            for file in files[rendition.original]:
                cast("list[Rendition]", file._renditions).append(rendition)
    return loaded

"""The part of `MediaFile` that is about videos: renditions, the poster, and their prefetch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast

from django.db import models
from django.utils import timezone

from shift_media.core.posters import find_poster, poster_token
from shift_media.registry import media_fields
from shift_media.resizes.builder import build_of_poster
from shift_media.resizes.resize import Resize
from shift_media.transcoding.types import VideoFile
from shift_media.video.captions import language_of

if TYPE_CHECKING:
    from shift_media.core.metadata import Metadata
    from shift_media.transcoding.models import Rendition, TranscodeJob

Row = TypeVar("Row", bound=models.Model)

_QUERY = 500
"""Keys in one query. SQLite allows 999 parameters in old versions."""


@dataclass(frozen=True, slots=True)
class Poster:
    """The poster of a video. Resizes can be made of it."""

    file: VideoFile
    rendition: Rendition

    @property
    def key(self) -> str:
        """The key in the storage."""
        return self.rendition.key

    @property
    def url(self) -> str:
        """The public URL."""
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
        """Build a resize of the poster; see `MediaFile.resize`."""
        return build_of_poster(self.file.resize(size, **spec), poster_token(self.key))

    def ladder(self, widths: Sequence[int], **spec: Any) -> dict[int, Resize]:
        """Build resizes of the poster in several widths; see `MediaFile.ladder`."""
        resizes, token = self.file.ladder(widths, **spec), poster_token(self.key)
        return {width: build_of_poster(each, token) for width, each in resizes.items()}

    @property
    def known_metadata(self) -> Metadata | None:
        """The stored metadata of the video; no I/O."""
        return self.file.known_metadata


@dataclass(frozen=True, slots=True)
class CaptionSource:
    """Captions of a video as WebVTT.

    Attributes:
        language: as in BCP 47; ``und`` if unknown.
    """

    language: str
    url: str


class Video:
    """The part of a `MediaFile` that is about renditions."""

    _renditions: Sequence[Rendition] | None = None

    def transcode(
        self, profile: str | None = None, force: bool = False, priority: int = 0
    ) -> TranscodeJob:
        """Submit a job that makes renditions after the commit, and return it.

        A job that is live or complete already is returned as it is; ``force`` makes the renditions
        of a complete one again. The default profile is the field's. Raises `NotTranscodable`.
        Jobs with a higher priority are run first. It is 0 for uploads, and from -50 to 50.
        """
        from shift_media.transcoding import services

        return services.submit(cast("VideoFile", self), profile, force=force, priority=priority)

    transcode.alters_data = True  # type: ignore[attr-defined]  # Templates must not call it.

    def choose_poster(self, seconds: float) -> TranscodeJob:
        """Submit a job that takes a new poster, exactly at a time of the video, and return it.

        The time is that of the video as it is played, in seconds. The poster is in use once the
        job is complete. It has a key of its own, and so have its resizes. It stays in use if the
        renditions are made again, until another one is chosen, or `reset_poster` is called.
        Raises `NotTranscodable`, and ``ValueError`` for a time that is not in the video.
        """
        from shift_media.transcoding import services

        return services.choose_poster(cast("VideoFile", self), seconds)

    choose_poster.alters_data = True  # type: ignore[attr-defined]

    @property
    def renditions(self) -> list[Rendition]:
        """The complete renditions, in the order of the profile, with the poster that is in use.

        Each access costs a query. For a list of rows use `prefetch_renditions`.
        """
        file = cast("VideoFile", self)
        if not file.name or not file._committed:
            return []
        prefetched = self._renditions
        renditions = _complete_renditions([file.key]) if prefetched is None else list(prefetched)
        in_use = find_poster(renditions)
        renditions = [each for each in renditions if each.kind != "poster" or each is in_use]
        for rendition in renditions:
            rendition._storage = file.storage
        return renditions

    @property
    def captions(self) -> list[CaptionSource]:
        """The captions of a video: those of the fields that ``captions`` names, and of its file.

        An uploaded file replaces the tracks of its language.
        """
        return self.list_captions(self.renditions)

    def list_captions(self, renditions: Sequence[Rendition]) -> list[CaptionSource]:
        """Return the captions, if the renditions are known already."""
        file = cast("VideoFile", self)
        uploaded = {
            language: getattr(file.instance, name)
            for language, name in file.field.captions.items()
        }
        listed = [
            CaptionSource(language, captions.url)
            for language, captions in uploaded.items()
            if captions and captions.stored_name.endswith(".vtt")
        ]
        replaced = {one.language for one in listed}
        for rendition in renditions:
            language = language_of(rendition.key)
            if rendition.kind == "captions" and language not in replaced:
                listed.append(CaptionSource(language, rendition.url))
        return listed

    @property
    def waits_for_worker(self) -> bool:
        """True if a job of this video is due, and no worker ran for an hour."""
        from shift_media.transcoding import services
        from shift_media.transcoding.models import TranscodeJob

        file = cast("VideoFile", self)
        if not file.name or not file._committed or services.waiting_job() is None:
            return False
        jobs = TranscodeJob.objects.on_primary().due(timezone.now())
        return jobs.filter(original=file.key).exists()

    @property
    def poster(self) -> Poster | None:
        """The poster; None if the video has none yet."""
        poster = next((each for each in self.renditions if each.kind == "poster"), None)
        return None if poster is None else Poster(cast("VideoFile", self), poster)


def _complete_renditions(originals: Sequence[str]) -> list[Rendition]:
    from shift_media.transcoding.models import Rendition

    return list(Rendition.objects.complete(originals))


def prefetch_renditions(rows: Iterable[Row], *fields: str) -> list[Row]:
    """Return rows whose videos have their renditions loaded: two queries for a whole list.

    ``fields`` are names of media fields; the default is all media fields of the rows.
    """
    loaded = list(rows)
    files: dict[str, list[VideoFile]] = {}
    for row in loaded:
        for name in fields or [field.name for field in media_fields(type(row))]:
            file = getattr(row, name)
            if file.name:
                file._renditions = []
                files.setdefault(file.key, []).append(file)
    keys = list(files)
    for start in range(0, len(keys), _QUERY):
        for rendition in _complete_renditions(keys[start : start + _QUERY]):
            for file in files[rendition.original]:
                cast("list[Rendition]", file._renditions).append(rendition)
    return loaded

"""The protocol of a video file, because this room lies below the fields and cannot import them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from django.db import models

from shift_media.core.metadata import Metadata
from shift_media.resizes.resize import Resize
from shift_media.storages import MediaStorage

if TYPE_CHECKING:
    from shift_media.transcoding.models import Rendition


class VideoFile(Protocol):
    """A `MediaFile` with a video, as far as this room uses it."""

    _committed: bool
    _renditions: Sequence[Rendition] | None

    field: Any
    instance: models.Model
    name: str | None

    @property
    def stored_name(self) -> str:
        """The name of the file in its storage."""

    @property
    def storage(self) -> MediaStorage:
        """The storage of the original."""

    def __bool__(self) -> bool: ...

    @property
    def key(self) -> str:
        """The key of the original."""

    @property
    def known_metadata(self) -> Metadata | None:
        """The stored metadata of the original; no I/O."""

    def resize(self, size: str, *args: Any, **spec: Any) -> Resize:
        """Build a resize of the poster."""

    def ladder(self, widths: Sequence[int], **spec: Any) -> dict[int, Resize]:
        """Build resizes of the poster in several widths."""

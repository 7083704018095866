"""The verification of outputs that a service of AWS has written into the bucket.

A service may say that a job is complete when files are missing, empty or truncated.
"""

from __future__ import annotations

import io
from typing import ClassVar

from PIL import Image

from shift_media.core.errors import NotStored, SourceError, TranscodeError
from shift_media.transcoding.backends.reports import bad_output
from shift_media.transcoding.base import Job
from shift_media.video import planning
from shift_media.video.codec_strings import type_codecs
from shift_media.video.playlists import Playlist, parse_playlist
from shift_media.workers import isolated

TEXT_BYTES = 4 << 20
"""The most that is read of a playlist; one of 24 hours has some hundred kilobytes."""

PICTURE_BYTES = 32 << 20


class MissingOutput(TranscodeError):
    """A file that is not in the bucket. A new attempt may help if it was deleted."""

    code = "missing_output"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, retryable=True)


class StoredOutputs:
    """The files under the prefix of one attempt: one listing, and the beginning of some of them.

    Errors of the storage itself, such as `StorageError`, are not caught: the job goes on.

    Attributes:
        service_name: the service in messages.
        missing_hint: what to check when a file is missing.
    """

    service_name: ClassVar[str]
    missing_hint: ClassVar[str] = ""

    def __init__(self, job: Job, source_duration: float) -> None:
        self._job = job
        self._source_duration = source_duration
        self._sizes = {entry.key: entry.size for entry in job.storage.entries(job.prefix)}

    def _size_of(self, key: str) -> int:
        """Return the size of a file in bytes. Raises `MissingOutput` if there is none, or 0."""
        size = self._sizes.get(key, 0)
        if not size:
            raise self._missing(key)
        return size

    def _missing(self, key: str) -> MissingOutput:
        text = f"{self.service_name} reports the job as complete, but {key} is missing or empty."
        return MissingOutput(f"{text} {self.missing_hint}".strip())

    def _read(self, key: str, max_bytes: int) -> bytes:
        """Return the beginning of a file. Raises `MissingOutput` if there is none."""
        try:
            with self._job.storage.fetch(key) as stored:
                content: bytes = stored.read(min(max_bytes, stored.size))
        except NotStored as error:
            raise self._missing(key) from error
        return content

    def _codecs(self, key: str) -> str:
        """Return the codecs of an MP4, whose header comes first; empty for other files."""
        if not key.endswith((".mp4", ".m4a", ".ogg")):
            return ""
        return type_codecs(key, io.BytesIO(self._read(key, TEXT_BYTES)))

    def _playlist(self, key: str) -> Playlist:
        self._size_of(key)
        try:
            return parse_playlist(self._read(key, TEXT_BYTES).decode())
        except ValueError as error:
            raise bad_output(key, "it is not a playlist") from error

    def _stream_files(self, key: str) -> set[str]:
        """Return the keys of a stream, the playlist included, which must have an end."""
        index = self._playlist(key)
        self._check(index.is_ended, key, "its playlist has no end")
        self._check_duration(key, index.seconds)
        return {key, *(resolve_name(key, name) for name in index.files)}

    def _check_duration(self, file: str, duration: float) -> None:
        source = self._source_duration
        is_full_length = planning.is_full_length(duration, source)
        self._check(is_full_length, file, f"it lasts {duration:.1f} of {source:.1f} seconds")

    def _check(self, is_right: bool, file: str, fault: str) -> None:
        if not is_right:
            raise bad_output(file, fault)


def open_picture(file: str, content: bytes) -> Image.Image:
    """Return a decoded image. Raises `TranscodeError` for damaged and other files."""
    try:
        return isolated.read_pixels(io.BytesIO(content))
    except SourceError as error:
        raise bad_output(file, f"it is not a picture: {error}") from error


def resolve_name(playlist_key: str, name: str) -> str:
    """Return the key of a file that a playlist names.

    Raises `TranscodeError` for a name that leads out of the playlist's folder.
    """
    folder = playlist_key.rpartition("/")[0]
    if not name or name.startswith("/") or ".." in name or "://" in name:
        raise bad_output(playlist_key, f"it names {name!r}")
    return f"{folder}/{name}"

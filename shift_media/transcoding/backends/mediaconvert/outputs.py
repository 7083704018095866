"""What a job has left in the bucket: looked at before anybody is told that it is there."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import Image

from shift_media.core.errors import NotStored, TranscodeError
from shift_media.core.formats import detect
from shift_media.transcoding.backends import hls
from shift_media.transcoding.backends.ffmpeg.commands import SpriteLayout
from shift_media.transcoding.backends.mediaconvert.job_settings import Group, frames_of
from shift_media.transcoding.base import Job, RenditionReport, State
from shift_media.video import planning
from shift_media.video.facts import VideoFacts
from shift_media.video.profiles import Audio, PosterSpec, RenditionSpec, Sprite, StillsSpec

_TEXT_BYTES = 4 << 20  # a playlist of a day has some hundred kilobytes
_JPEG_BYTES = 32 << 20
_JPEG_QUALITY = 80
_MP4_HEAD = 12
_EBML = b"\x1a\x45\xdf\xa3"

Sides = tuple[int, int] | tuple[None, None]
"""Width and height; sound has none."""


class Missing(TranscodeError):
    """A file that is not there, which a new job may mend: somebody deleted it, say."""

    code = "missing_output"

    def __init__(self, key: str) -> None:
        text = f"MediaConvert says that it is complete, but {key} is missing or empty."
        super().__init__(text, retryable=True)


class MediaConvertOutputs:
    """The outputs of a job that is complete; one listing, and a look into each kind of file."""

    def __init__(self, job: Job, facts: VideoFacts) -> None:
        self._job = job
        self._facts = facts
        self._sizes = {entry.key: entry.size for entry in job.storage.entries(job.prefix)}

    def reports(self, groups: list[Group], details: list[Any]) -> Iterator[RenditionReport]:
        """Check and report all groups; ``details`` are MediaConvert's own, in the same order.

        Raises `TranscodeError` for the first that is not right.
        """
        of_profile = {rendition.file: rendition for rendition in self._job.profile.renditions}
        known = details if len(details) == len(groups) else [{}] * len(groups)
        for group, detail in zip(groups, known, strict=True):
            yield self._report(group, of_profile[group.file], detail)

    def _report(
        self, group: Group, rendition: RenditionSpec, detail: Mapping[str, Any]
    ) -> RenditionReport:
        if isinstance(rendition, PosterSpec):
            return self._poster(rendition)
        if isinstance(rendition, Sprite):
            return self._sprite(rendition)
        if isinstance(rendition, StillsSpec):
            return self._stills(rendition)
        if group.kind == "hls":
            return self._hls(group, rendition)
        return self._mp4(group, rendition, detail)

    # Files that are there as they should be.

    def _mp4(
        self, group: Group, rendition: RenditionSpec, detail: Mapping[str, Any]
    ) -> RenditionReport:
        key = self._key(rendition)
        self._size_of(key)
        head = self._read(key, _MP4_HEAD)
        is_mp3 = isinstance(rendition, Audio) and rendition.is_mp3
        kind = "MP3" if is_mp3 else group.file.rpartition(".")[2].upper()
        right = {"MP3": detect(head).extension == "mp3", "WEBM": head.startswith(_EBML)}
        self._check(right.get(kind, head[4:8] == b"ftyp"), group.file, f"it is no {kind}")
        made = (detail.get("OutputDetails") or [{}])[0]
        duration = self._facts.duration
        if "DurationInMs" in made:
            duration = made["DurationInMs"] / 1000
            self._check_duration(group.file, duration)
        size = _size(group)
        shown = made.get("VideoDetails") or {}
        found = shown.get("WidthInPx"), shown.get("HeightInPx")
        self._check(found in ((None, None), size), group.file, f"it is {found}, not {size}")
        return self._complete(rendition, size, self._sizes[key], duration)

    def _hls(self, group: Group, rendition: RenditionSpec) -> RenditionReport:
        key = self._key(rendition)
        files = {key}
        master = self._playlist(key)
        outputs = group.settings["Outputs"]
        rungs = [one for one in outputs if "VideoDescription" in one]
        self._check(master.streams == len(rungs), group.file, f"it has {master.streams} streams")
        self._check(len(master.files) >= len(outputs), group.file, "a stream is missing")
        for name in master.files:
            index_key = _beside(key, name)
            index = self._playlist(index_key)
            self._check(index.is_whole, name, "its playlist has no end")
            self._check_duration(name, index.seconds)
            files |= {index_key, *(_beside(index_key, part) for part in index.files)}
        size = sum(self._size_of(file) for file in files)
        return self._complete(rendition, _size(group), size, self._facts.duration)

    def _playlist(self, key: str) -> hls.Playlist:
        self._size_of(key)
        try:
            return hls.read(self._read(key, _TEXT_BYTES).decode())
        except ValueError as error:
            raise _bad(key, "it is no playlist") from error

    # Stills, which MediaConvert numbers.

    def _poster(self, wanted: PosterSpec) -> RenditionReport:
        """Copy the last capture beside the original; a poster that is there stays as it is."""
        key = self._key(wanted)
        frames = self._frames(wanted)
        if frames:
            with contextlib.suppress(Missing):  # Another process has copied and removed it.
                self._put(key, self._read(frames[-1], _JPEG_BYTES))
        content = self._read(key, _JPEG_BYTES)
        with self._picture(wanted.file, content) as picture:
            sides = picture.size
        self._remove(frames)
        return self._complete(wanted, sides, len(content))

    def _sprite(self, wanted: Sprite) -> RenditionReport:
        """Draw the captures into one JPEG; where the last are missing, the last one stands in."""
        layout = SpriteLayout(wanted, self._facts)
        sheet_key, key = self._key(layout.file), self._key(wanted)
        frames = self._frames(wanted)
        if frames:
            with contextlib.suppress(Missing):  # Another process has drawn and removed them.
                self._put(sheet_key, self._sheet(layout, frames))
                self._put(key, layout.webvtt().encode())
        size = len(self._read(sheet_key, _JPEG_BYTES)) + len(self._read(key, _TEXT_BYTES))
        self._remove(frames)
        return self._complete(wanted, (layout.width, layout.height), size)

    def _sheet(self, layout: SpriteLayout, frames: list[str]) -> bytes:
        sheet = Image.new("RGB", (layout.columns * layout.width, layout.rows * layout.height))
        for number in range(layout.number):
            key = frames[min(number, len(frames) - 1)]
            with self._picture(key, self._read(key, _JPEG_BYTES)) as picture:
                row, column = divmod(number, layout.columns)
                tile = picture.resize((layout.width, layout.height))
                sheet.paste(tile, (column * layout.width, row * layout.height))
        drawn = io.BytesIO()
        sheet.save(drawn, "JPEG", quality=_JPEG_QUALITY)
        return drawn.getvalue()

    def _stills(self, wanted: StillsSpec) -> RenditionReport:
        """Give the captures their names, and the format that was asked for."""
        expected = len(planning.still_times(wanted, self._facts.duration))
        frames = self._frames(wanted)[:expected]
        for number, frame in enumerate(frames, 1):
            with contextlib.suppress(Missing):  # Another process has named and removed it.
                content = self._read(frame, _JPEG_BYTES)
                self._put(self._key(wanted.numbered(number)), self._as_wanted(wanted, content))
        size = sum(self._sizes_of_stills(wanted, expected))
        self._remove(self._frames(wanted))
        return self._complete(wanted, self._sides_of_stills(wanted), size)

    def _sizes_of_stills(self, wanted: StillsSpec, expected: int) -> Iterator[int]:
        """Look at what is there; the last may lie behind the last frame."""
        for number in range(1, expected + 1):
            try:
                content = self._read(self._key(wanted.numbered(number)), _JPEG_BYTES)
            except Missing:
                if number < max(2, expected):
                    raise
            else:
                yield len(content)

    def _as_wanted(self, wanted: StillsSpec, content: bytes) -> bytes:
        with self._picture(wanted.file, content) as picture:
            right = picture.size == self._sides_of_stills(wanted)
            self._check(right, wanted.file, f"it is {picture.size}")
            if not wanted.file.endswith(".png"):
                return content
            made = io.BytesIO()
            picture.save(made, "PNG")
        return made.getvalue()

    def _sides_of_stills(self, wanted: StillsSpec) -> tuple[int, int]:
        return wanted.frame(self._facts.width, self._facts.height).sides

    def _frames(self, wanted: PosterSpec | Sprite | StillsSpec) -> list[str]:
        stem = self._key(frames_of(wanted)).removesuffix(".jpg")
        found = (key for key in self._sizes if key.startswith(f"{stem}.") and self._sizes[key])
        return sorted(key for key in found if key.endswith(".jpg"))

    def _picture(self, file: str, content: bytes) -> Image.Image:
        try:
            picture = Image.open(io.BytesIO(content), formats=["JPEG"])
            picture.load()
        except (OSError, ValueError) as error:
            raise _bad(file, f"it is no picture: {error}") from error
        return picture

    def _put(self, key: str, content: bytes) -> None:
        kind = planning.content_type(key)
        self._job.storage.put(key, io.BytesIO(content), content_type=kind, size=len(content))

    def _remove(self, frames: list[str]) -> None:
        for key in frames:
            self._job.storage.delete(key)

    # What all have in common.

    def _complete(
        self,
        rendition: RenditionSpec,
        sides: Sides,
        size: int,
        duration: float | None = None,
    ) -> RenditionReport:
        return RenditionReport(
            key=self._key(rendition),
            legacy_key=planning.legacy_key(self._job.original, rendition, *sides),
            kind=rendition.kind,
            content_type=planning.content_type(rendition.file),
            state=State.COMPLETE,
            width=sides[0],
            height=sides[1],
            duration=duration,
            size=size,
        )

    def _key(self, rendition: RenditionSpec | str) -> str:
        job = self._job
        return planning.key_of(job.original, job.profile.name, job.token, rendition)

    def _size_of(self, key: str) -> int:
        size = self._sizes.get(key, 0)
        if not size:
            raise Missing(key)
        return size

    def _read(self, key: str, most: int) -> bytes:
        """Read the beginning of a file; the storage's own errors pass, but what is missing."""
        try:
            with self._job.storage.fetch(key) as stored:
                content: bytes = stored.read(min(most, stored.size))
        except NotStored as error:
            raise Missing(key) from error
        return content

    def _check_duration(self, file: str, duration: float) -> None:
        whole = planning.is_whole(duration, self._facts.duration)
        self._check(whole, file, f"it lasts {duration:.1f} of {self._facts.duration:.1f} seconds")

    def _check(self, right: bool, file: str, wrong: str) -> None:
        if not right:
            raise _bad(file, wrong)


def _size(group: Group) -> Sides:
    """Give the sides of a group's first, which is its largest, output; sound has none."""
    picture = group.settings["Outputs"][0].get("VideoDescription")
    return (picture["Width"], picture["Height"]) if picture else (None, None)


def _beside(key: str, name: str) -> str:
    """Resolve a name in a playlist; what leads elsewhere is refused."""
    folder = key.rpartition("/")[0]
    if not name or name.startswith("/") or ".." in name or "://" in name:
        raise _bad(key, f"it names {name!r}")
    return f"{folder}/{name}"


def _bad(file: str, wrong: str) -> TranscodeError:
    return TranscodeError(f"What was made is not right: {file}: {wrong}.", code="bad_output")

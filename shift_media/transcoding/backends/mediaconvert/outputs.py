"""The outputs of a complete job: videos are verified, captures become posters and sprites."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from PIL import Image

from shift_media.core.formats import detect
from shift_media.imaging import engine
from shift_media.transcoding.backends.mediaconvert.job_settings import OutputGroup, capture_file
from shift_media.transcoding.backends.reports import choose_poster_key
from shift_media.transcoding.backends.stored_outputs import (
    PICTURE_BYTES,
    TEXT_BYTES,
    MissingOutput,
    StoredOutputs,
    open_picture,
    resolve_name,
)
from shift_media.transcoding.base import Job, RenditionReport, State
from shift_media.video import planning
from shift_media.video.facts import VideoFacts
from shift_media.video.specs import Audio, Dash, PosterSpec, RenditionSpec, Sprite, StillsSpec
from shift_media.video.sprites import SpriteLayout

_SPRITE_QUALITY = 80  # on Pillow's scale for JPEG, from 0 to 95
_HEAD_BYTES = 12
_EBML = b"\x1a\x45\xdf\xa3"  # the beginning of WebM (RFC 8794, 11.2.1)

Sides = tuple[int, int] | tuple[None, None]
"""Width and height; audio has neither."""


class MediaConvertOutputs(StoredOutputs):
    """Reports the outputs of a complete job of MediaConvert.

    Two processes may do so at the same time, and both report the same renditions.
    """

    service_name = "MediaConvert"

    def __init__(self, job: Job, facts: VideoFacts) -> None:
        super().__init__(job, facts.duration)
        self._facts = facts

    def reports(self, groups: list[OutputGroup], details: list[Any]) -> Iterator[RenditionReport]:
        """Yield the reports of all groups; ``details`` are MediaConvert's, in the same order.

        Raises `TranscodeError` for the first output that is not as planned.
        """
        renditions = {rendition.file: rendition for rendition in self._job.profile.renditions}
        known = details if len(details) == len(groups) else [{}] * len(groups)
        for group, detail in zip(groups, known, strict=True):
            yield self._report(group, renditions[group.file], detail)

    def _report(
        self, group: OutputGroup, rendition: RenditionSpec, detail: Mapping[str, Any]
    ) -> RenditionReport:
        if isinstance(rendition, PosterSpec):
            return self._poster(rendition)
        if isinstance(rendition, Sprite):
            return self._sprite(rendition)
        if isinstance(rendition, StillsSpec):
            return self._stills(rendition)
        if group.kind == "hls":
            return self._hls(group, rendition)
        return self._single_file(group, rendition, detail)

    # Files that are complete as MediaConvert writes them.

    def _single_file(
        self, group: OutputGroup, rendition: RenditionSpec, detail: Mapping[str, Any]
    ) -> RenditionReport:
        key = self._job.rendition_key(rendition)
        size = self._size_of(key)
        self._check_type(group.file, rendition, self._read(key, _HEAD_BYTES))
        output = (detail.get("OutputDetails") or [{}])[0]
        duration = self._facts.duration
        if "DurationInMs" in output:
            duration = output["DurationInMs"] / 1000
            self._check_duration(group.file, duration)
        planned = _planned_sides(group)
        video = output.get("VideoDetails") or {}
        sides = video.get("WidthInPx"), video.get("HeightInPx")
        is_right = sides in ((None, None), planned)
        self._check(is_right, group.file, f"it is {sides}, not {planned}")
        return self._complete(rendition, planned, size, duration)

    def _check_type(self, file: str, rendition: RenditionSpec, head: bytes) -> None:
        if isinstance(rendition, Audio) and rendition.is_mp3:
            kind, is_right = "MP3", detect(head).extension == "mp3"
        elif file.endswith(".ogg"):
            kind, is_right = "Ogg", head.startswith(b"OggS")
        elif file.endswith(".webm"):
            kind, is_right = "WebM", head.startswith(_EBML)
        else:  # The first box of MP4 and M4A (ISO/IEC 14496-12, 4.3).
            kind, is_right = "MP4", head[4:8] == b"ftyp"
        self._check(is_right, file, f"it is not {kind}")

    def _hls(self, group: OutputGroup, rendition: RenditionSpec) -> RenditionReport:
        key = self._job.rendition_key(rendition)
        master = self._playlist(key)
        outputs = group.settings["Outputs"]
        rungs = [output for output in outputs if "VideoDescription" in output]
        self._check(master.streams == len(rungs), group.file, f"it has {master.streams} streams")
        self._check(len(master.files) >= len(outputs), group.file, "a stream is missing")
        files = {key}
        for name in master.files:
            files |= self._stream_files(resolve_name(key, name))
        size = sum(self._size_of(file) for file in files)
        return self._complete(rendition, _planned_sides(group), size, self._facts.duration)

    def manifest(self, rendition: Dash) -> RenditionReport:
        """Return the report of the manifest that belongs to a playlist, which was verified."""
        key = self._job.rendition_key(rendition)
        size = self._size_of(key)
        is_manifest = b"<MPD" in self._read(key, TEXT_BYTES)
        self._check(is_manifest, rendition.file, "it is not a manifest")
        return self._complete(rendition, (None, None), size, self._facts.duration)

    # Renditions that are made from captures.

    def _poster(self, poster: PosterSpec) -> RenditionReport:
        """Store the last capture as the poster; one that exists already stays as it is."""
        key = self._job.rendition_key(poster)
        captures = self._captures(poster)
        if captures:
            # Another process may have stored the poster and deleted the captures.
            with contextlib.suppress(MissingOutput):
                content = self._read(captures[-1], PICTURE_BYTES)
                key = choose_poster_key(self._job, poster, content)
                self._put(key, content)
        if self._job.poster and self._job.storage.stat(key) is None:
            key = self._job.poster  # The other process has found that it is the same picture.
        content = self._read(key, PICTURE_BYTES)
        with open_picture(poster.file, content) as picture:
            sides = picture.size
        self._delete(captures)
        return replace(self._complete(poster, sides, len(content)), key=key)

    def _sprite(self, sprite: Sprite) -> RenditionReport:
        """Store all captures as tiles of one JPEG, and the list of their places."""
        layout = SpriteLayout(sprite, self._facts)
        sheet_key = self._job.rendition_key(layout.file)
        key = self._job.rendition_key(sprite)
        captures = self._captures(sprite)
        if captures:
            # Another process may have stored the sprite and deleted the captures.
            with contextlib.suppress(MissingOutput):
                self._put(sheet_key, self._draw_sheet(layout, captures))
                self._put(key, layout.webvtt().encode())
        size = len(self._read(sheet_key, PICTURE_BYTES)) + len(self._read(key, TEXT_BYTES))
        self._delete(captures)
        return self._complete(sprite, (layout.width, layout.height), size)

    def _draw_sheet(self, layout: SpriteLayout, captures: list[str]) -> bytes:
        sheet = Image.new("RGB", (layout.columns * layout.width, layout.rows * layout.height))
        for number in range(layout.count):
            # The last capture is repeated if some are missing at the end.
            key = captures[min(number, len(captures) - 1)]
            with open_picture(key, self._read(key, PICTURE_BYTES)) as picture:
                row, column = divmod(number, layout.columns)
                tile = picture.resize((layout.width, layout.height))
                sheet.paste(tile, (column * layout.width, row * layout.height))
        return engine.save_picture(sheet, "jpg", quality=_SPRITE_QUALITY)

    def _stills(self, stills: StillsSpec) -> RenditionReport:
        """Store the captures under the names and in the format of the profile."""
        expected = stills.count(self._facts.duration)
        sides = stills.compute_frame(self._facts.width, self._facts.height).sides
        for number, capture in enumerate(self._captures(stills)[:expected], 1):
            # Another process may have stored the still and deleted the capture.
            with contextlib.suppress(MissingOutput):
                content = self._convert(stills, sides, self._read(capture, PICTURE_BYTES))
                self._put(self._job.rendition_key(stills.numbered_file(number)), content)
        size = sum(self._sizes_of_stills(stills, expected))
        self._delete(self._captures(stills))
        return self._complete(stills, sides, size)

    def _sizes_of_stills(self, stills: StillsSpec, expected: int) -> Iterator[int]:
        """Yield the size of each still; the last one may lie after the last frame."""
        for number in range(1, expected + 1):
            key = self._job.rendition_key(stills.numbered_file(number))
            try:
                content = self._read(key, PICTURE_BYTES)
            except MissingOutput:
                if number < max(2, expected):
                    raise
            else:
                yield len(content)

    def _convert(self, stills: StillsSpec, sides: tuple[int, int], content: bytes) -> bytes:
        with open_picture(stills.file, content) as picture:
            self._check(picture.size == sides, stills.file, f"it is {picture.size}, not {sides}")
            if not stills.file.endswith(".png"):
                return content
            return engine.save_picture(picture, "png")

    def _captures(self, rendition: PosterSpec | Sprite | StillsSpec) -> list[str]:
        """Return the keys of the captures that were listed, in the order of time."""
        stem = self._job.rendition_key(capture_file(rendition)).removesuffix(".jpg")
        keys = (key for key in self._sizes if key.startswith(f"{stem}.") and self._sizes[key])
        return sorted(key for key in keys if key.endswith(".jpg"))

    def _put(self, key: str, content: bytes) -> None:
        content_type = planning.content_type_for(key)
        self._job.storage.put(
            key, io.BytesIO(content), content_type=content_type, size=len(content)
        )

    def _delete(self, keys: list[str]) -> None:
        for key in keys:
            self._job.storage.delete(key)

    def _complete(
        self,
        rendition: RenditionSpec,
        sides: Sides,
        size: int,
        duration: float | None = None,
    ) -> RenditionReport:
        return RenditionReport(
            key=self._job.rendition_key(rendition),
            legacy_key=planning.legacy_key(self._job.original, rendition, *sides),
            kind=rendition.kind,
            content_type=planning.content_type_for(rendition.file),
            state=State.COMPLETE,
            width=sides[0],
            height=sides[1],
            duration=duration,
            size=size,
            codecs=self._codecs(self._job.rendition_key(rendition)),
        )


def _planned_sides(group: OutputGroup) -> Sides:
    """Return the sides of a group's first output, which is its largest; audio has none."""
    video = group.settings["Outputs"][0].get("VideoDescription")
    return (video["Width"], video["Height"]) if video else (None, None)

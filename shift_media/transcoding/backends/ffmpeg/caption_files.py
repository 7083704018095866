"""Captions in a workspace: the text tracks of the source, and files that users have uploaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from shift_media.core.errors import MediaError, TranscodeError
from shift_media.transcoding.base import JobReport, UploadedCaptions
from shift_media.video.captions import MAX_BYTES, CaptionTrack, has_cues, trim_captions
from shift_media.video.parts import Part
from shift_media.video.planned import TranscodePlan

Write = Callable[[Sequence[CaptionTrack]], Iterator[JobReport]]
"""Runs ffmpeg, which writes some tracks to their files."""


class CaptionFiles:
    """The captions in one workspace.

    Attributes:
        uploaded: those of `fetch`, for the playlists alone: pages show the files themselves.
        warnings: sentences about captions that are left out.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.uploaded: list[CaptionTrack] = []
        self.warnings: list[str] = []

    def write(self, plan: TranscodePlan, write: Write) -> Iterator[JobReport]:
        """Write the text tracks; those that ffmpeg cannot write are missing afterwards."""
        if not plan.captions:
            return
        try:
            yield from write(plan.captions)
        except TranscodeError as error:
            if error.code != "failed":
                raise
            yield from self._write_each(plan.captions, write)
        for track in plan.captions if plan.part else ():
            path = self._folder / track.file
            if path.exists() and path.stat().st_size <= MAX_BYTES:
                text = path.read_text(errors="replace")
                path.write_text(trim_captions(text, plan.part))

    def _write_each(self, tracks: Sequence[CaptionTrack], write: Write) -> Iterator[JobReport]:
        for track in tracks:
            try:
                yield from write([track])
            except TranscodeError as error:
                if error.code != "failed":
                    raise
                (self._folder / track.file).unlink(missing_ok=True)

    def fetch(self, uploads: Iterable[UploadedCaptions], part: Part) -> None:
        """Fetch uploaded captions; those that are gone, or have no cue, are left out."""
        for upload in uploads:
            track = CaptionTrack(-1, upload.language, f"uploaded-{upload.language}.vtt")
            try:
                with upload.storage.fetch(upload.key) as stored:
                    content = stored.read(min(MAX_BYTES, stored.size))
            except MediaError as error:
                self._leave_out(upload, f"{error}")
                continue
            text = trim_captions(content.decode("utf-8-sig", errors="replace"), part)
            if has_cues(text):
                (self._folder / track.file).write_text(text)
                self.uploaded.append(track)
            else:
                self._leave_out(upload, "They have no cue.")

    def _leave_out(self, upload: UploadedCaptions, reason: str) -> None:
        name = upload.key.rpartition("/")[2]
        self.warnings.append(f"The captions {name} ({upload.language}) are left out: {reason}")

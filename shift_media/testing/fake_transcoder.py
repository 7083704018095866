"""A transcoder for tests: every job is complete at once, without ffmpeg or a service."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.conf import settings as django_settings
from django.test import override_settings

from shift_media.core.errors import TranscodeError
from shift_media.core.formats import HEAD_BYTES, detect
from shift_media.testing.files import SAMPLES, VIDEO_SECONDS, VIDEO_SIZE, make_image
from shift_media.transcoding.backends.reports import choose_poster_key
from shift_media.transcoding.base import Job, JobReport, RenditionReport, State, Transcoder
from shift_media.video import planning
from shift_media.video.codec_strings import type_codecs
from shift_media.video.specs import PosterSpec, RenditionSpec

if TYPE_CHECKING:
    from shift_media.transcoding.models import TranscodeJob

_PLAYLIST = """\
#EXTM3U
#EXT-X-VERSION:7
#EXT-X-TARGETDURATION:1
#EXT-X-MEDIA-SEQUENCE:0
#EXT-X-PLAYLIST-TYPE:VOD
#EXT-X-MAP:URI="{folder}/init.mp4"
#EXTINF:1.000000,
{folder}/segment.m4s
#EXT-X-ENDLIST
"""
_MANIFEST = """\
<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011"
 type="static" mediaPresentationDuration="PT1S" minBufferTime="PT1S"><Period/></MPD>
"""
_CAPTIONS = "WEBVTT\n\n00:00.000 --> 00:01.000\nOne second.\n"
_CUES = "WEBVTT\n\n00:00.000 --> 00:01.024\n{picture}#xywh=0,0,64,48\n"


class FakeTranscoder(Transcoder):
    """A transcoder for tests, whose renditions are the same video of one second for all jobs.

    It makes every rendition of a profile as a valid file of its kind. A file that is not a video
    is an error, as it is for other transcoders.

    Args:
        error: the code of the error with which all jobs fail; empty if they complete.
    """

    name = "fake"
    embedded = True

    def __init__(self, *, error: str = "") -> None:
        self._error = error
        self._tokens: set[str] = set()

    def submit(self, job: Job) -> str:
        """Begin a job and return its external id."""
        self._tokens.add(job.token)
        return f"fake-{job.token}"

    def read(self, job: Job) -> JobReport:
        """Store the renditions, and return that the job is complete."""
        try:
            self._check(job)
            reports = tuple(self._store(job, each) for each in job.profile.renditions)
        except TranscodeError as error:
            return JobReport(state=State.ERROR, error=error)
        return JobReport(
            state=State.COMPLETE, progress=100, renditions=reports, payload=job.profile.payload
        )

    def cancel(self, job: Job) -> None:
        """Forget a job and delete its files."""
        self._tokens.discard(job.token)
        job.storage.delete_prefix(job.prefix)

    def _check(self, job: Job) -> None:
        if job.external_id != f"fake-{job.token}" or job.token not in self._tokens:
            raise TranscodeError("This process has no such job.", code="lost", retryable=True)
        if self._error:
            raise TranscodeError("The test asked for this error.", code=self._error)
        with job.storage.fetch(str(job.original)) as stored:
            if not detect(stored.read(HEAD_BYTES)).transcoded:
                text = "The original is neither a video nor a sound nor a GIF."
                raise TranscodeError(text, code="unreadable")
        if not job.wanted():
            raise TranscodeError("The original was replaced or deleted.", code="unwanted")

    def _store(self, job: Job, spec: RenditionSpec) -> RenditionReport:
        size = 0
        if spec.kind == "captions":  # as of a source with a track in English
            spec = replace(spec, file=f"{spec.file.removesuffix('.vtt')}-en.vtt")
        for file, content in self._files(spec).items():
            key = job.rendition_key(spec if file == spec.file else file)
            if isinstance(spec, PosterSpec):
                key = choose_poster_key(job, spec, content)
            kind = planning.content_type_for(file)
            job.storage.put(key, io.BytesIO(content), content_type=kind, size=len(content))
            size += len(content)
        has_picture = spec.kind not in ("audio", "captions", "dash", "sprite")
        width, height = VIDEO_SIZE if has_picture else (None, None)
        return RenditionReport(
            key=key,  # That of the last file is that to play.
            kind=spec.kind,
            content_type=planning.content_type_for(spec.file),
            state=State.COMPLETE,
            width=width,
            height=height,
            duration=VIDEO_SECONDS if spec.kind in ("mp4", "webm", "hls", "audio") else None,
            size=size,
            codecs=_codecs(spec.file),
            legacy_key=planning.legacy_key(job.original, spec, width, height),
        )

    def _files(self, spec: RenditionSpec) -> Mapping[str, bytes]:
        """Return the files of a rendition by their names; the one to play comes last."""
        return _files(spec)


def _files(spec: RenditionSpec) -> Mapping[str, bytes]:
    stem, _, extension = spec.file.rpartition(".")
    if spec.kind == "hls":
        return {
            f"{stem}/init.mp4": (SAMPLES / "init.mp4").read_bytes(),
            f"{stem}/segment.m4s": (SAMPLES / "segment.m4s").read_bytes(),
            spec.file: _PLAYLIST.format(folder=stem).encode(),
        }
    if spec.kind == "sprite":
        picture = f"{stem}.jpg"
        return {picture: _picture("jpg"), spec.file: _CUES.format(picture=picture).encode()}
    if spec.kind == "captions":
        return {spec.file: _CAPTIONS.encode()}
    if spec.kind == "dash":
        return {spec.file: _MANIFEST.encode()}
    if spec.kind in ("poster", "stills"):
        return {spec.file: _picture(extension)}
    return {spec.file: (SAMPLES / f"second.{extension}").read_bytes()}


def _codecs(file: str) -> str:
    path = SAMPLES / f"second.{file.rpartition('.')[2]}"
    if not path.exists():
        return ""
    with path.open("rb") as content:
        return type_codecs(file, content)


def _picture(format: str) -> bytes:
    content: bytes = make_image(*VIDEO_SIZE, format=format).read()
    return content


@contextlib.contextmanager
def fake_transcoding(**options: Any) -> Iterator[None]:
    """Use `FakeTranscoder` with these options, and let no task queue run jobs.

    Run them with `run_transcode_jobs`. Works as a decorator too.
    """
    transcoder = {"BACKEND": "shift_media.testing.FakeTranscoder", "OPTIONS": options}
    current = getattr(django_settings, "SHIFT_MEDIA", {})
    with override_settings(SHIFT_MEDIA={**current, "TRANSCODER": transcoder, "TASKS": None}):
        yield


def run_transcode_jobs() -> list[TranscodeJob]:
    """Run all jobs that are due, as ``manage.py media_transcode`` does, and return them."""
    from shift_media.transcoding.services import Worker

    worker = Worker()
    return list(iter(worker.run_one, None))

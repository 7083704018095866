"""What a job has left in the bucket: looked at before anybody is told that it is there."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

from PIL import Image

from shift_media.core.errors import TranscodeError
from shift_media.transcoding.backends import hls
from shift_media.transcoding.backends.elastic_transcoder import requests
from shift_media.transcoding.base import Job, RenditionReport, State
from shift_media.video import planning
from shift_media.video.elastic import naming
from shift_media.video.elastic.job import ElasticOutput, ElasticPlaylist

_TEXT_BYTES = 4 << 20
_ENDINGS = {"HLSv3": "m3u8", "HLSv4": "m3u8", "MPEG-DASH": "mpd", "Smooth": "ism"}
_KINDS = {"HLSv3": "hls", "HLSv4": "hls", "MPEG-DASH": "dash", "Smooth": "smooth"}
_SOUND = ("m4a", "mp3", "flac", "wav", "oga", "ogg")
_STILLS = (".png", ".jpg")


class ElasticOutputs:
    """The outputs of a job that is complete; ``told`` is what ``read_job`` says of it."""

    def __init__(self, job: Job, told: Mapping[str, Any]) -> None:
        self._job, self._elastic = job, requests.elastic_of(job)
        self._told = {one["Key"]: one for one in told.get("Outputs", ())}
        detected = told.get("Input", {}).get("DetectedProperties", {})
        self._seconds = detected.get("DurationMillis", 0) / 1000
        self._sizes = {entry.key: entry.size for entry in job.storage.entries(job.prefix)}

    def reports(self) -> Iterator[RenditionReport]:
        """Check and report all; raises `TranscodeError` for the first that is not right."""
        for output in self._elastic.outputs:
            if not self._elastic.is_listed(output):
                yield self._output(output)
        for playlist in self._elastic.playlists:
            yield self._playlist(playlist)
        for output in self._elastic.outputs:
            if output.thumbnail_pattern:
                yield from self._stills(output)

    def _output(self, output: ElasticOutput) -> RenditionReport:
        file, legacy = self._elastic.files[output.key], output.key
        if self._elastic.is_segmented(output):
            key = self._key(file)
            files = {key, *self._stream(key)}
            kind, legacy = "hls", naming.stream_playlist(legacy)
        else:
            files = {self._key(file)}
            extension = file.rpartition(".")[2]
            kind = "audio" if extension in _SOUND else extension
        return self._report(file, kind, legacy, files, [output])

    def _playlist(self, playlist: ElasticPlaylist) -> RenditionReport:
        ending, kind = _ENDINGS[playlist.format], _KINDS[playlist.format]
        stem = requests.stem_of(self._elastic.playlist_files[playlist.name])
        file = f"{stem}.{ending}"
        files = {self._key(file)}
        outputs = [self._elastic.output(key) for key in playlist.keys]
        if kind == "hls":
            master = self._read(self._key(file))
            for name in master.files:
                files |= {self._key(name), *self._stream(self._key(name))}
            if master.streams < 1:
                raise _bad(file, "it has no streams")
        else:
            files |= {self._key(self._elastic.files[output.key]) for output in outputs}
        legacy = naming.master_playlist(playlist.name, playlist.format)
        return self._report(file, kind, legacy, files, outputs)

    def _stream(self, key: str) -> Iterator[str]:
        """List the files of a stream, which must be whole."""
        index = self._read(key)
        if not index.is_whole:
            raise _bad(key, "its playlist has no end")
        if not planning.is_whole(index.seconds, self._seconds):
            raise _bad(key, f"it lasts {index.seconds:.1f} of {self._seconds:.1f} seconds")
        folder = key.rpartition("/")[0]
        for name in index.files:
            if "/" in name or ".." in name:
                raise _bad(key, f"it names {name!r}")
            yield f"{folder}/{name}"

    def _stills(self, output: ElasticOutput) -> Iterator[RenditionReport]:
        begin = self._key(requests.stills_of(self._elastic, output))
        found = sorted(k for k in self._sizes if k.startswith(begin) and k.endswith(_STILLS))
        if not found:  # An output without pictures has none, whatever the pattern says.
            return
        sides = self._sides(found[0])
        yield RenditionReport(
            key=found[0],
            kind="stills",
            content_type=planning.content_type(found[0]),
            state=State.COMPLETE,
            width=sides[0],
            height=sides[1],
            size=sum(self._sizes[key] for key in found),
            legacy_key=self._legacy(
                naming.thumbnail(output.thumbnail_pattern, 1, sides, found[0][-3:])
            ),
        )

    def _sides(self, key: str) -> tuple[int, int]:
        with self._job.storage.fetch(key) as stored:
            content: bytes = stored.read(stored.size)
        try:
            with Image.open(io.BytesIO(content), formats=["JPEG", "PNG"]) as picture:
                return picture.size
        except (OSError, ValueError) as error:
            raise _bad(key, f"it is no picture: {error}") from error

    def _report(
        self, file: str, kind: str, legacy: str, files: set[str], outputs: list[ElasticOutput]
    ) -> RenditionReport:
        told = [self._told.get(requests.key_of(self._elastic, one), {}) for one in outputs]
        largest = max(told, key=lambda one: one.get("Width") or 0)
        milliseconds = largest.get("DurationMillis")
        duration = milliseconds / 1000 if milliseconds else largest.get("Duration")
        if duration and not planning.is_whole(duration, self._seconds):
            raise _bad(file, f"it lasts {duration:.1f} of {self._seconds:.1f} seconds")
        return RenditionReport(
            key=self._key(file),
            kind=kind,
            content_type=planning.content_type(file),
            state=State.COMPLETE,
            width=largest.get("Width") or None,
            height=largest.get("Height") or None,
            duration=duration,
            size=sum(self._size(key) for key in files),
            legacy_key=self._legacy(legacy),
        )

    def _legacy(self, name: str) -> str:
        return naming.filled(self._elastic.prefix + name, self._job.original)

    def _key(self, file: str) -> str:
        return f"{self._job.prefix}{file}"

    def _size(self, key: str) -> int:
        size = self._sizes.get(key, 0)
        if not size:
            raise TranscodeError(
                f"The service says that it is complete, but {key} is missing or empty: does its "
                "pipeline write into the bucket of the original?",
                code="missing_output",
                retryable=True,
            )
        return size

    def _read(self, key: str) -> hls.Playlist:
        self._size(key)
        with self._job.storage.fetch(key) as stored:
            content: bytes = stored.read(min(_TEXT_BYTES, stored.size))
        try:
            return hls.read(content.decode())
        except ValueError as error:
            raise _bad(key, "it is no playlist") from error


def _bad(file: str, wrong: str) -> TranscodeError:
    return TranscodeError(f"What was made is not right: {file}: {wrong}.", code="bad_output")

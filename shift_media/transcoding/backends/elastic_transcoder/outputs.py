"""The outputs of a complete job, verified in the bucket before they are reported."""

from __future__ import annotations

from collections.abc import Iterator

from shift_media.transcoding.backends.aws_client import ServiceJob
from shift_media.transcoding.backends.elastic_transcoder import requests
from shift_media.transcoding.backends.stored_outputs import (
    PICTURE_BYTES,
    StoredOutputs,
    open_picture,
    resolve_name,
)
from shift_media.transcoding.base import Job, RenditionReport, State
from shift_media.video import planning
from shift_media.video.elastic import naming
from shift_media.video.elastic.job import ElasticOutput, ElasticPlaylist

_EXTENSIONS = {"HLSv3": "m3u8", "HLSv4": "m3u8", "MPEG-DASH": "mpd", "Smooth": "ism"}
_KINDS = {"HLSv3": "hls", "HLSv4": "hls", "MPEG-DASH": "dash", "Smooth": "smooth"}
_AUDIO = ("m4a", "mp3", "flac", "wav", "oga", "ogg")
_STILLS = (".png", ".jpg")


class ElasticOutputs(StoredOutputs):
    """Reports the outputs of a complete job; ``service_job`` is the answer of ``read_job``."""

    service_name = "Elastic Transcoder"
    missing_hint = "Does its pipeline write into the bucket of the original?"

    def __init__(self, job: Job, service_job: ServiceJob) -> None:
        detected = service_job.get("Input", {}).get("DetectedProperties", {})
        super().__init__(job, detected.get("DurationMillis", 0) / 1000)
        self._elastic = requests.elastic_job(job)
        self._answers = {output["Key"]: output for output in service_job.get("Outputs", ())}

    def reports(self) -> Iterator[RenditionReport]:
        """Yield the reports of all outputs, playlists and thumbnails.

        Raises `TranscodeError` for the first one that is not as planned.
        """
        for output in self._elastic.outputs:
            if not self._elastic.is_listed(output):
                yield self._output(output)
        for playlist in self._elastic.playlists:
            yield self._master_playlist(playlist)
        for output in self._elastic.outputs:
            if output.thumbnail_pattern:
                yield from self._thumbnails(output)

    def _output(self, output: ElasticOutput) -> RenditionReport:
        file, legacy = self._elastic.files[output.key], output.key
        key = self._job.rendition_key(file)
        if self._elastic.is_segmented(output):
            legacy = naming.stream_playlist(legacy)
            return self._report(file, "hls", legacy, self._stream_files(key), [output])
        extension = file.rpartition(".")[2]
        kind = "audio" if extension in _AUDIO else extension
        return self._report(file, kind, legacy, {key}, [output])

    def _master_playlist(self, playlist: ElasticPlaylist) -> RenditionReport:
        extension, kind = _EXTENSIONS[playlist.format], _KINDS[playlist.format]
        stem = requests.strip_extension(self._elastic.playlist_files[playlist.name])
        file = f"{stem}.{extension}"
        key = self._job.rendition_key(file)
        outputs = [self._elastic.output(key) for key in playlist.output_keys]
        files = {key}
        if kind == "hls":
            master = self._playlist(key)
            self._check(master.streams > 0, file, "it has no streams")
            for name in master.files:
                files |= self._stream_files(resolve_name(key, name))
        else:
            for output in outputs:
                files.add(self._job.rendition_key(self._elastic.files[output.key]))
        legacy = naming.master_playlist(playlist.name, playlist.format)
        return self._report(file, kind, legacy, files, outputs)

    def _thumbnails(self, output: ElasticOutput) -> Iterator[RenditionReport]:
        prefix = f"{self._job.prefix}{requests.thumbnail_prefix(self._elastic, output)}"
        keys = sorted(k for k in self._sizes if k.startswith(prefix) and k.endswith(_STILLS))
        if not keys:  # An output without video has none, whatever its pattern says.
            return
        first, extension = keys[0], keys[0][-3:]
        with open_picture(first, self._read(first, PICTURE_BYTES)) as picture:
            sides = picture.size
        legacy = naming.thumbnail(output.thumbnail_pattern, 1, sides, extension)
        yield RenditionReport(
            key=first,
            kind="stills",
            content_type=planning.content_type_for(first),
            state=State.COMPLETE,
            width=sides[0],
            height=sides[1],
            size=sum(self._sizes[key] for key in keys),
            legacy_key=self._legacy_key(legacy),
        )

    def _report(
        self, file: str, kind: str, legacy: str, files: set[str], outputs: list[ElasticOutput]
    ) -> RenditionReport:
        answers = [
            self._answers.get(requests.output_key(self._elastic, output), {}) for output in outputs
        ]
        largest = max(answers, key=lambda answer: answer.get("Width") or 0)
        milliseconds = largest.get("DurationMillis")
        # Without milliseconds there is a duration in whole seconds.
        duration = milliseconds / 1000 if milliseconds else largest.get("Duration")
        if duration:
            self._check_duration(file, duration)
        return RenditionReport(
            key=self._job.rendition_key(file),
            kind=kind,
            content_type=planning.content_type_for(file),
            state=State.COMPLETE,
            width=largest.get("Width") or None,
            height=largest.get("Height") or None,
            duration=duration,
            size=sum(self._size_of(key) for key in files),
            codecs=self._codecs(self._job.rendition_key(file)),
            legacy_key=self._legacy_key(legacy),
        )

    def _legacy_key(self, name: str) -> str:
        return naming.fill_placeholders(self._elastic.prefix + name, self._job.original)

"""Profiles in Elastic Transcoder's vocabulary, translated into renditions.

Where a preset does not say something, or its definition was never published, a default is used
and reported. What no other transcoder makes is listed as impossible. The service itself runs the
job in either case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from shift_media.core.errors import InvalidProfile
from shift_media.video.elastic import naming
from shift_media.video.elastic.encoding import PresetTranslator
from shift_media.video.elastic.job import (
    KEYS,
    OUTPUTS,
    ElasticJob,
    ElasticOutput,
    ElasticPlaylist,
    parse_job,
)
from shift_media.video.encoding import VideoEncoding
from shift_media.video.profile_options import NAMES, ReadFile
from shift_media.video.profiles import Profile, check_name, parse_profile, parse_rendition
from shift_media.video.specs import Audio, Hls, Mp4, RenditionSpec, StillsSpec, Webm

_SEGMENT_SECONDS = 6
_ALTERNATIVES = {
    "flv": "an MP4, 1351620000001-000010 is 720p",
    "mpg": "an MP4, 1351620000001-000020 is 480p",
    "mxf": "an MP4, 1351620000001-000001 is 1080p",
    "gif": "an MP4, 1351620000001-000040 is 360p",
    "wav": "AAC or MP3, such as 1351620000001-100110",
    "flac": "AAC or MP3, such as 1351620000001-100110",
    "fmp4": "HLS, such as 1351620000001-200010, with the Format HLSv4",
}
"""Advice for containers that no other transcoder makes."""
_FALLBACK = "output"


def read_profile(name: object, options: object, read: ReadFile | None = None) -> Profile:
    """Parse a profile of either vocabulary. Raises `InvalidProfile`.

    ``read`` returns the bytes of a watermark's file.
    """
    if not isinstance(options, Mapping) or OUTPUTS not in options:
        return parse_profile(name, options, read)
    check_name(name)
    if foreign := [option for option in NAMES if option in options]:
        raise InvalidProfile(
            f'"{foreign[0]}" is no option of a profile with "outputs", because Elastic Transcoder '
            'has none like it. Write the profile with "kind".'
        )
    job = parse_job({key: options[key] for key in KEYS if key in options})
    additional = {file: given for file, given in options.items() if file not in KEYS}
    renditions = tuple(parse_rendition(*item) for item in additional.items())
    return _JobTranslator(str(name), job, renditions).profile()


class _JobTranslator:
    """Translates the outputs and playlists of one job into renditions."""

    def __init__(self, name: str, job: ElasticJob, additional: tuple[RenditionSpec, ...]) -> None:
        self._name, self._additional = name, additional
        taken = {rendition.file for rendition in additional}
        files = {o.key: _unique(_file_name(job, o), taken) for o in job.outputs}
        playlist_files = {
            p.name: _unique(naming.rendition_file(p.name, "m3u8", "playlist"), taken)
            for p in job.playlists
        }
        self._job = replace(job, files=files, playlist_files=playlist_files)
        self._assumptions: dict[str, None] = {}  # a set that keeps the order
        self._impossible: list[str] = []
        self._taken = taken

    def profile(self) -> Profile:
        """Return the profile."""
        renditions = (*self._outputs(), *self._playlists(), *self._stills(), *self._additional)
        job = replace(
            self._job,
            assumptions=tuple(self._assumptions),
            impossible=tuple(self._impossible),
            additional=tuple(rendition.file for rendition in self._additional),
        )
        return Profile(self._name, renditions, job)

    # Each of these yields what other transcoders can make, and lists the rest as impossible.

    def _outputs(self) -> Iterator[RenditionSpec]:
        for output in self._job.outputs:
            if not self._check_output(output) or self._job.is_listed(output):
                continue
            file, legacy = self._job.files[output.key], self._job.prefix + output.key
            preset = self._translator(output)
            if self._job.is_segmented(output):
                legacy = naming.stream_playlist(legacy)
                yield from self._hls(file, legacy, output.key, [output])
            elif preset.preset.has_video:
                kind = Webm if preset.preset.container == "webm" else Mp4
                yield kind(file=file, legacy=legacy, encoding=preset.video_encoding())
            else:
                yield Audio(file=file, legacy=legacy, encoding=preset.audio_encoding())

    def _playlists(self) -> Iterator[RenditionSpec]:
        for playlist in self._job.playlists:
            if not self._check_playlist(playlist):
                continue
            outputs = [self._job.output(key) for key in playlist.output_keys]
            if all(self._is_supported(output) for output in outputs):
                file = self._job.playlist_files[playlist.name]
                name = naming.master_playlist(playlist.name, playlist.format)
                legacy = self._job.prefix + name
                yield from self._hls(file, legacy, playlist.name, outputs)

    def _hls(
        self, file: str, legacy: str, name: str, outputs: list[ElasticOutput]
    ) -> Iterator[Hls]:
        videos = [o for o in outputs if self._translator(o).preset.has_video]
        audio_outputs = [o for o in outputs if o not in videos]
        if not videos:
            self._impossible.append(
                f'"{name}" has audio alone, but HLS is made with video only: add an output with '
                "video."
            )
            return
        if audio_outputs:
            self._assume(f'"{name}": the audio is part of each stream, not a stream of its own.')
        streams = self._streams(videos, audio_outputs)
        yield Hls(
            file=file,
            legacy=legacy,
            segment_seconds=self._segment_seconds(name, outputs),
            streams=tuple(sorted(streams, key=lambda one: -one[1].box[0] * one[1].box[1])),
        )

    def _streams(
        self, videos: list[ElasticOutput], audio_outputs: list[ElasticOutput]
    ) -> Iterator[tuple[str, VideoEncoding]]:
        """Yield the name and encoding of each rung; a silent one gets the first audio there is."""
        encodings = [self._translator(output).video_encoding() for output in videos]
        separate = [self._translator(output).audio_encoding() for output in audio_outputs]
        audio = [*separate, *(encoding.audio for encoding in encodings if encoding.audio)]
        for output, encoding in zip(videos, encodings, strict=True):
            label = self._job.files[output.key].rpartition(".")[0]
            yield label, replace(encoding, audio=encoding.audio or (audio[0] if audio else None))

    def _segment_seconds(self, name: str, outputs: list[ElasticOutput]) -> int:
        seconds = max(output.segment_seconds for output in outputs)
        if not seconds:
            self._assume(f'"{name}" has no SegmentDuration, chosen here: {_SEGMENT_SECONDS}.')
        return max(1, round(seconds or _SEGMENT_SECONDS))

    def _stills(self) -> Iterator[StillsSpec]:
        for output in self._job.outputs:
            if not output.thumbnail_pattern or output.preset is None:
                continue
            if not output.preset.has_video or not self._is_supported(output):
                continue
            plain = output.thumbnail_pattern.replace(naming.COUNT, "")
            stem = naming.rendition_file(plain, "x", "thumbnails").rpartition(".")[0]
            options = self._translator(output).thumbnails()
            file = _unique(f"{stem}-00001.{options.format}", self._taken)
            yield StillsSpec(
                file=file,
                legacy=self._job.prefix + output.thumbnail_pattern,
                box=options.box,
                policy=options.policy,
                padding=options.padding,
                seconds=options.seconds,
            )

    def _check_output(self, output: ElasticOutput) -> bool:
        for name, value in output.extra.items():
            if value and (name, value) != ("Rotate", "auto"):
                self._impossible.append(f'"{output.key}" has {name}, which is not supported.')
                return False
        if self._is_supported(output):
            return True
        self._impossible.append(f'"{output.key}" {self._explain(output)}')
        return False

    def _check_playlist(self, playlist: ElasticPlaylist) -> bool:
        if playlist.format in ("HLSv3", "HLSv4"):
            return True
        self._impossible.append(
            f'Playlist "{playlist.name}" is {playlist.format}, which is not made here: take '
            f"{_ALTERNATIVES['fmp4']}."
        )
        return False

    def _is_supported(self, output: ElasticOutput) -> bool:
        """Return True if other transcoders make the container and codecs of an output."""
        preset = output.preset
        if preset is None or preset.container not in ("mp4", "ts", "mp3", "webm"):
            return False
        if preset.container == "webm":
            audio = preset.has_audio is False or preset.audio.codec in ("vorbis", None)
            return bool(preset.has_video) and preset.video.codec in ("vp8", "vp9") and audio
        if preset.container == "ts" and not self._job.is_segmented(output):
            return False
        video = not preset.has_video or preset.video.codec == "h264"
        codecs = ("aac", None) if preset.has_video else ("aac", "mp3", None)
        return video and (preset.has_audio is False or preset.audio.codec in codecs)

    def _explain(self, output: ElasticOutput) -> str:
        """Return why an output is not supported, and what to write instead."""
        preset = output.preset
        if preset is None:
            definition = '{"Container": "mp4", "Video": {…}}'
            return (
                f"has the preset {output.preset_id}, which is not known here: put what "
                f'read_preset returned into "presets": {{"{output.preset_id}": {definition}}}.'
            )
        if preset.container == "ts" and not self._job.is_segmented(output):
            return 'is one MPEG-TS file: give it a "SegmentDuration", or an MP4 preset.'
        kind = preset.container or preset.audio.codec or ""
        alternative = _ALTERNATIVES.get(kind, "an MP4, 1351620000001-000010 is 720p")
        return (
            f"is {kind} ({preset.id}, {preset.name}), which is not made here: take {alternative}."
        )

    def _translator(self, output: ElasticOutput) -> PresetTranslator:
        if output.preset is None:
            raise InvalidProfile(f"{output.preset_id} is not known.")  # pragma: no cover
        return PresetTranslator(output.preset, self._assume)

    def _assume(self, text: str) -> None:
        self._assumptions[text] = None


def _file_name(job: ElasticJob, output: ElasticOutput) -> str:
    preset = output.preset
    ending = output.key.rpartition(".")[2].lower()
    guess = ending if ending.isalnum() and 2 <= len(ending) <= 4 else "mp4"
    extension = guess
    if preset is not None:
        extension = preset.container or preset.audio.codec or guess
        if extension == "mp4" and not preset.has_video:
            extension = "m4a"
    if job.is_segmented(output):
        extension = "m3u8"
    return naming.rendition_file(output.key, extension, output.preset_id[-6:] or _FALLBACK)


def _unique(file: str, taken: set[str]) -> str:
    """Return the file name, with a number if it is taken; add it to the names that are."""
    stem, _, extension = file.rpartition(".")
    number = 1
    while file in taken:
        number += 1
        file = f"{stem}-{number}.{extension}"
    taken.add(file)
    return file

"""Profiles in that service's vocabulary, made of renditions that other transcoders can make.

What a preset does not say, or nobody published, is a default of ours and is noted; what no other
transcoder makes is named. Neither stops the service itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from shift_media.core.errors import InvalidProfile
from shift_media.video.elastic import naming
from shift_media.video.elastic.encoding import Reading
from shift_media.video.elastic.job import (
    KEYS,
    OUTPUTS,
    ElasticJob,
    ElasticOutput,
    ElasticPlaylist,
    parse_job,
)
from shift_media.video.encoding import Encoding
from shift_media.video.profiles import (
    Audio,
    Hls,
    Mp4,
    Profile,
    RenditionSpec,
    StillsSpec,
    Webm,
    check_name,
    parse_profile,
    parse_rendition,
)

_SEGMENT_SECONDS = 6
_INSTEAD = {
    "flv": "an MP4, 1351620000001-000010 is 720p",
    "mpg": "an MP4, 1351620000001-000020 is 480p",
    "mxf": "an MP4, 1351620000001-000001 is 1080p",
    "gif": "an MP4, 1351620000001-000040 is 360p",
    "wav": "AAC or MP3, such as 1351620000001-100110",
    "flac": "AAC or MP3, such as 1351620000001-100110",
    "fmp4": "HLS, such as 1351620000001-200010, with the Format HLSv4",
}
_FALLBACK = "output"


def read_profile(name: object, options: object) -> Profile:
    """Read a profile of either vocabulary; raises `InvalidProfile`."""
    if not isinstance(options, Mapping) or OUTPUTS not in options:
        return parse_profile(name, options)
    check_name(name)
    job = parse_job({key: options[key] for key in KEYS if key in options})
    mixed = {file: given for file, given in options.items() if file not in KEYS}
    own = tuple(parse_rendition(*item) for item in mixed.items())
    return _Translation(str(name), job, own).profile()


class _Translation:
    """One job on its way to renditions of ours."""

    def __init__(self, name: str, job: ElasticJob, mixed: tuple[RenditionSpec, ...]) -> None:
        self._name, self._mixed = name, mixed
        taken = {rendition.file for rendition in mixed}
        files = {o.key: _unique(_file(job, o), taken) for o in job.outputs}
        lists = {
            p.name: _unique(naming.own_file(p.name, "m3u8", "playlist"), taken)
            for p in job.playlists
        }
        self._job = replace(job, files=files, playlist_files=lists)
        self._notes: dict[str, None] = {}
        self._impossible: list[str] = []
        self._taken = taken

    def profile(self) -> Profile:
        """Give what comes of it."""
        renditions = (*self._outputs(), *self._playlists(), *self._stills(), *self._mixed)
        job = replace(
            self._job,
            notes=tuple(self._notes),
            impossible=tuple(self._impossible),
            mixed=tuple(rendition.file for rendition in self._mixed),
        )
        return Profile(self._name, renditions, job)

    # Each gives what can be made, and writes down the rest.

    def _outputs(self) -> Iterator[RenditionSpec]:
        for output in self._job.outputs:
            if not self._is_possible(output) or self._job.is_listed(output):
                continue
            file, legacy = self._job.files[output.key], self._job.prefix + output.key
            reading = self._reading(output)
            if self._job.is_segmented(output):
                legacy = naming.stream_playlist(legacy)
                yield from self._hls(file, legacy, output.key, [output])
            elif reading.preset.has_picture:
                kind = Webm if reading.preset.container == "webm" else Mp4
                yield kind(file=file, legacy=legacy, encoding=reading.encoding())
            else:
                yield Audio(file=file, legacy=legacy, encoding=reading.sound())

    def _playlists(self) -> Iterator[RenditionSpec]:
        for playlist in self._job.playlists:
            if not self._is_possible_playlist(playlist):
                continue
            outputs = [self._job.output(key) for key in playlist.keys]
            if all(self._kind(output) for output in outputs):
                file = self._job.playlist_files[playlist.name]
                name = naming.master_playlist(playlist.name, playlist.format)
                legacy = self._job.prefix + name
                yield from self._hls(file, legacy, playlist.name, outputs)

    def _hls(
        self, file: str, legacy: str, name: str, outputs: list[ElasticOutput]
    ) -> Iterator[Hls]:
        pictures = [o for o in outputs if self._reading(o).preset.has_picture]
        sounds = [o for o in outputs if o not in pictures]
        if not pictures:
            self._impossible.append(f'"{name}" has sound alone: HLS is made with pictures only.')
            return
        encodings = [self._reading(output).encoding() for output in pictures]
        spoken = [self._reading(output).sound() for output in sounds]
        heard = [*spoken, *(encoding.sound for encoding in encodings if encoding.sound)]
        streams: list[tuple[str, Encoding]] = []
        for output, encoding in zip(pictures, encodings, strict=True):
            sound = encoding.sound or (heard[0] if heard else None)
            label = self._job.files[output.key].rpartition(".")[0]
            streams.append((label, replace(encoding, sound=sound)))
        if sounds:
            self._note(f'"{name}": its sound is a part of each stream, not a stream of its own.')
        yield Hls(
            file=file,
            legacy=legacy,
            segment_seconds=self._seconds(name, outputs),
            streams=tuple(sorted(streams, key=lambda one: -one[1].box[0] * one[1].box[1])),
        )

    def _seconds(self, name: str, outputs: list[ElasticOutput]) -> int:
        seconds = max(output.segment_seconds for output in outputs)
        if not seconds:
            self._note(f'"{name}" has no SegmentDuration: {_SEGMENT_SECONDS} seconds.')
        return max(1, round(seconds or _SEGMENT_SECONDS))

    def _stills(self) -> Iterator[StillsSpec]:
        for output in self._job.outputs:
            if not output.thumbnail_pattern or output.preset is None:
                continue
            if not output.preset.has_picture or not self._kind(output):
                continue
            plain = output.thumbnail_pattern.replace(naming.COUNT, "")
            stem = naming.own_file(plain, "x", "thumbnails").rpartition(".")[0]
            known = self._reading(output).stills()
            file = _unique(f"{stem}-00001.{known.format}", self._taken)
            yield StillsSpec(
                file=file,
                legacy=self._job.prefix + output.thumbnail_pattern,
                box=known.box,
                policy=known.policy,
                padding=known.padding,
                seconds=known.seconds,
            )

    # What can be made.

    def _is_possible(self, output: ElasticOutput) -> bool:
        for name, value in output.extra.items():
            if value and (name, value) != ("Rotate", "auto"):
                self._impossible.append(f'"{output.key}" has {name}, which is not supported.')
                return False
        if self._kind(output):
            return True
        self._impossible.append(f'"{output.key}" {self._why(output)}')
        return False

    def _kind(self, output: ElasticOutput) -> bool:
        """Tell whether the pictures and sound of an output are of a kind that is made here."""
        preset = output.preset
        if preset is None or preset.container not in ("mp4", "ts", "mp3", "webm"):
            return False
        if preset.container == "webm":
            sound = preset.has_sound is False or preset.sound.codec in ("vorbis", None)
            return bool(preset.has_picture) and preset.picture.codec in ("vp8", "vp9") and sound
        if preset.container == "ts" and not self._job.is_segmented(output):
            return False
        picture = not preset.has_picture or preset.picture.codec == "h264"
        codecs = ("aac", None) if preset.has_picture else ("aac", "mp3", None)
        return picture and (preset.has_sound is False or preset.sound.codec in codecs)

    def _why(self, output: ElasticOutput) -> str:
        preset = output.preset
        if preset is None:
            described = '{"Container": "mp4", "Video": {…}}'
            return (
                f"has the preset {output.preset_id}, which is not known here: put what "
                f'read_preset told of it into "presets": {{"{output.preset_id}": {described}}}.'
            )
        if preset.container == "ts" and not self._job.is_segmented(output):
            return 'is one MPEG-TS file: give it a "SegmentDuration", or an MP4 preset.'
        kind = preset.container or preset.sound.codec or ""
        instead = _INSTEAD.get(kind, "an MP4, 1351620000001-000010 is 720p")
        return f"is {kind} ({preset.id}, {preset.name}), which is not made here: take {instead}."

    def _is_possible_playlist(self, playlist: ElasticPlaylist) -> bool:
        if playlist.format in ("HLSv3", "HLSv4"):
            return True
        self._impossible.append(
            f'Playlist "{playlist.name}" is {playlist.format}, which is not made here: take '
            f"{_INSTEAD['fmp4']}."
        )
        return False

    def _reading(self, output: ElasticOutput) -> Reading:
        if output.preset is None:
            raise InvalidProfile(f"{output.preset_id} is not known.")  # pragma: no cover
        return Reading(output.preset, self._note)

    def _note(self, text: str) -> None:
        self._notes[text] = None


def _file(job: ElasticJob, output: ElasticOutput) -> str:
    preset = output.preset
    ending = output.key.rpartition(".")[2].lower()
    guessed = ending if ending.isalnum() and 2 <= len(ending) <= 4 else "mp4"
    extension = guessed
    if preset is not None:
        extension = preset.container or preset.sound.codec or guessed
        if extension == "mp4" and not preset.has_picture:
            extension = "m4a"
    if job.is_segmented(output):
        extension = "m3u8"
    return naming.own_file(output.key, extension, output.preset_id[-6:] or _FALLBACK)


def _unique(file: str, taken: set[str]) -> str:
    stem, _, extension = file.rpartition(".")
    number = 1
    while file in taken:
        number += 1
        file = f"{stem}-{number}.{extension}"
    taken.add(file)
    return file

"""The lists of segments: checked, measured, and written as a master playlist and a manifest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from shift_media.transcoding.backends.reports import bad_output
from shift_media.video import dash, planning, playlists
from shift_media.video.captions import CaptionTrack, cut_captions, write_playlist
from shift_media.video.codec_strings import read_codec_strings
from shift_media.video.facts import VideoFacts
from shift_media.video.languages import parse_language
from shift_media.video.planned import PlannedPlaylist, PlannedVideo, TranscodePlan
from shift_media.video.playlists import SoundEntry, StreamEntry

_SHORTEST_END = 0.25
"""In seconds; so much more does not change the rounded duration of the segment before it."""


class PlaylistWriter:
    """Writes the lists of one HLS rendition from the files that ffmpeg has cut."""

    def __init__(self, playlist: PlannedPlaylist, plan: TranscodePlan, folder: Path) -> None:
        self._playlist, self._folder = playlist, folder
        self._plan = plan
        self._duration = plan.facts.duration
        self._streams: list[StreamEntry] = []
        self._sounds: list[SoundEntry] = []

    def write(self, facts: Mapping[str, VideoFacts], tracks: Sequence[CaptionTrack]) -> list[str]:
        """Write the master playlist; return the names of all files that it leads to.

        ``facts`` are those of the encoded videos, ``tracks`` the captions. Raises `TranscodeError`
        for a stream that is not complete.
        """
        playlist = self._playlist
        self._streams = [
            self._measure_stream(playlist.folder(rung), rung, facts[rung.file])
            for rung in playlist.rungs
        ]
        self._sounds = list(self._measure_sounds())
        uris = [one.uri for one in self._streams] + [one.stream.uri for one in self._sounds]
        files = [
            f"{path.parent.name}/{path.name}"
            for uri in uris
            for path in sorted((self._folder / uri).parent.iterdir())
        ]
        captions = []
        for track in tracks:
            uri, written = self._cut_captions(track)
            captions.append((track.language, uri))
            files += written
        text = playlists.write_master(self._streams, self._sounds, captions)
        (self._folder / playlist.rendition.file).write_text(text)
        return files

    def write_manifest(self, file: str) -> None:
        """Write the DASH manifest of the same segments."""
        text = dash.write_manifest(self._streams, self._sounds, self._duration)
        (self._folder / file).write_text(text)

    def _measure_sounds(self) -> Iterator[SoundEntry]:
        playlist, facts = self._playlist, self._plan.facts
        if not playlist.has_sound_apart(facts):
            return
        for folder in (playlist.sound_folder, *map(playlist.folder_of, playlist.sounds)):
            self._join_short_end(self._folder / folder)
        language = parse_language(dict(facts.sounds).get(facts.audio_stream, ""))
        yield SoundEntry(self._measure_stream(playlist.sound_folder), language)
        for sound in playlist.sounds:
            stream = self._measure_stream(playlist.folder_of(sound))
            yield SoundEntry(stream, sound.language)

    def _join_short_end(self, folder: Path) -> None:
        """Append a last segment that is nearly empty to the one before it.

        Sound may end a few milliseconds after the last picture. hls.js 1.7 takes a segment with
        that alone for a gap, and waits for ever, so that the video never ends.
        """
        index = folder / "index.m3u8"
        segments = playlists.parse_playlist(index.read_text()).segments
        if len(segments) < 2 or segments[-1][1] >= _SHORTEST_END:
            return
        (before, _), (last, _) = segments[-2:]
        with (folder / before).open("ab") as file:
            file.write((folder / last).read_bytes())
        (folder / last).unlink()
        index.write_text(playlists.join_last_segments(index.read_text()))

    def _measure_stream(
        self, name: str, rung: PlannedVideo | None = None, facts: VideoFacts | None = None
    ) -> StreamEntry:
        """Return a stream of HLS, after a check that it is complete; without a rung, a sound."""
        folder = self._folder / name
        text = playlists.correct_target((folder / "index.m3u8").read_text())
        (folder / "index.m3u8").write_text(text)
        index = playlists.parse_playlist(text)
        self._check(index.is_ended, name, "its playlist has no end")
        is_full_length = planning.is_full_length(index.seconds, self._duration)
        self._check(is_full_length, name, "segments are missing")
        header = index.headers[0] if index.headers else ""
        described = folder / header if header or rung is None else self._folder / rung.file
        sides = rung.display_size if rung else (0, 0)
        return StreamEntry(
            uri=f"{name}/index.m3u8",
            codecs=self._read_codecs(name, described),
            width=sides[0],
            height=sides[1],
            fps=facts.fps if facts else 0.0,
            header=header,
            segments=tuple(
                (segment, (folder / segment).stat().st_size, seconds)
                for segment, seconds in index.segments
            ),
        )

    def _read_codecs(self, name: str, path: Path) -> tuple[str, ...]:
        try:
            with path.open("rb") as content:
                return tuple(read_codec_strings(content))
        except (ValueError, OSError) as error:
            raise bad_output(name, "its header names no codec") from error

    def _check(self, is_right: bool, file: str, fault: str) -> None:
        if not is_right:
            raise bad_output(file, fault)

    def _cut_captions(self, track: CaptionTrack) -> tuple[str, list[str]]:
        """Write the segments of a track; return the name of their playlist, and all files."""
        name = f"{self._playlist.stem}-{track.file.removesuffix('.vtt')}"
        (self._folder / name).mkdir()
        text = (self._folder / track.file).read_text(errors="replace")
        seconds = self._playlist.rendition.segment_seconds
        segments = cut_captions(text, seconds, self._duration)
        names = [f"s{number:05}.vtt" for number in range(len(segments))]
        for file, (content, _) in zip(names, segments, strict=True):
            (self._folder / name / file).write_text(content)
        index = write_playlist(names, (seconds for _, seconds in segments))
        (self._folder / name / "index.m3u8").write_text(index)
        return f"{name}/index.m3u8", [f"{name}/{file}" for file in [*names, "index.m3u8"]]

"""The verification of a run's files before they are published, because exit codes lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from shift_media.core.errors import TranscodeError
from shift_media.core.formats import HEAD_BYTES, detect
from shift_media.transcoding.backends.ffmpeg import filters
from shift_media.transcoding.backends.ffmpeg.lists import PlaylistWriter
from shift_media.transcoding.backends.reports import bad_output, choose_poster_key
from shift_media.transcoding.base import Job, RenditionReport
from shift_media.video import planning
from shift_media.video.captions import MAX_BYTES, MAX_TRACKS, CaptionTrack, has_cues
from shift_media.video.codec_strings import type_codecs
from shift_media.video.facts import VideoFacts
from shift_media.video.planned import PlannedPlaylist, PlannedVideo, TranscodePlan
from shift_media.video.specs import Audio, PosterSpec, Sprite, StillsSpec
from shift_media.video.sprites import SpriteLayout


@dataclass
class RenditionFiles:
    """A rendition in the workspace: its report and its files, the one of the key last."""

    report: RenditionReport
    files: list[str] = field(default_factory=list)


class OutputVerification:
    """Compares the files in a workspace with the plan."""

    def __init__(
        self, job: Job, plan: TranscodePlan, folder: Path, uploaded: Sequence[CaptionTrack] = ()
    ) -> None:
        self._job, self._plan, self._folder = job, plan, folder
        self._uploaded = uploaded
        self._source = plan.facts

    def verify(self, facts: Mapping[str, VideoFacts]) -> list[RenditionFiles]:
        """Return the renditions; ``facts`` are those of the probed files, by name.

        Raises `TranscodeError` for the first file that differs from the plan.
        """
        return list(self._verify_all(facts))

    def _verify_all(self, facts: Mapping[str, VideoFacts]) -> Iterator[RenditionFiles]:
        plan = self._plan
        self._tracks = [track for track in plan.captions if not self._find_fault(track)]
        for video in plan.videos:
            duration = self._check_video(video, facts[video.file])
            if video.published:
                made = self._rendition(
                    video.kind, video.file, video.width, video.height, duration=duration
                )
                yield _name_codecs(made, facts[video.file]) if video.kind == "webm" else made
        for playlist in plan.playlists:
            yield from self._check_playlist(playlist, facts)
        for audio in plan.audio_files:
            yield self._check_audio(audio, facts.get(audio.file))
        for track in self._tracks:
            yield self._caption_rendition(track)
        for poster in plan.posters:
            yield self._check_poster(poster)
        for sprite in plan.sprites:
            yield self._check_sprite(sprite)
        for stills in plan.stills:
            yield self._check_stills(stills)

    def _check(self, is_right: bool, file: str, fault: str) -> None:
        if not is_right:
            raise bad_output(file, fault)

    def _check_video(self, video: PlannedVideo, facts: VideoFacts) -> float:
        """Check an MP4 or WebM and return its duration in seconds."""
        size = f"{facts.width} × {facts.height}"
        same_size = (facts.width, facts.height) == video.display_size
        self._check(same_size, video.file, f"it is {size}")
        self._check(facts.video == video.codec, video.file, f"it is {facts.video}")
        has_audio = bool(facts.audio) == video.has_audio(self._source)
        self._check(has_audio, video.file, "its audio is missing")
        self._check_duration(facts)
        return facts.duration

    def _check_audio(self, audio: Audio, facts: VideoFacts | None) -> RenditionFiles:
        if facts is None:
            facts = self._read_mp3(audio)
        self._check(bool(facts.audio), audio.file, "it has no audio")
        self._check_duration(facts)
        return self._rendition("audio", audio.file, duration=facts.duration)

    def _read_mp3(self, audio: Audio) -> VideoFacts:
        """Return the facts of an MP3, which is not in the probe's allow-list.

        Its bit rate is constant, so its size gives its duration.
        """
        content = (self._folder / audio.file).read_bytes()
        encoding = audio.choose_encoding()
        extension = detect(content[:HEAD_BYTES]).extension
        seconds = len(content) * 8 / (encoding.kbps * 1000)
        return VideoFacts(audio="mp3" if extension == "mp3" else "", duration=seconds)

    def _check_duration(self, facts: VideoFacts) -> None:
        if not planning.is_full_length(facts.duration, self._source.duration):
            raise TranscodeError(
                f"Only {facts.duration:.1f} of {self._source.duration:.1f} seconds could be "
                "decoded: the original may be truncated.",
                code="incomplete",
            )

    def _check_playlist(
        self, playlist: PlannedPlaylist, facts: Mapping[str, VideoFacts]
    ) -> Iterator[RenditionFiles]:
        """Check the streams, and write the master playlist from what was measured of them."""
        lists = PlaylistWriter(playlist, self._plan, self._folder)
        replaced = {track.language for track in self._uploaded}
        others = [track for track in self._tracks if track.language not in replaced]
        files = lists.write(facts, [*self._uploaded, *others])
        file, largest = playlist.rendition.file, playlist.rungs[0]
        sides, duration = (largest.width, largest.height), self._source.duration
        yield self._with_files(self._rendition("hls", file, *sides, duration=duration), files)
        for manifest in self._plan.manifests:
            if manifest.playlist_file == file:
                lists.write_manifest(manifest.file)
                yield self._rendition("dash", manifest.file, *sides, duration=duration)

    def _find_fault(self, track: CaptionTrack) -> str:
        """Return why a text track is left out, or an empty text."""
        path = self._folder / track.file
        if not path.exists():
            return "ffmpeg cannot write it as WebVTT"
        if path.stat().st_size > MAX_BYTES:
            return f"it has more than {MAX_BYTES} bytes"
        return "" if has_cues(path.read_text(errors="replace")) else "it has no cue"

    def find_warnings(self) -> list[str]:
        """Return a sentence for each part of the source that is missing in complete renditions."""
        warnings = [
            f"The text track {track.file} is left out: {fault}."
            for track in self._plan.captions
            if (fault := self._find_fault(track))
        ]
        if self._plan.captions and (more := len(self._source.captions) - MAX_TRACKS) > 0:
            warnings.append(f"{more} text tracks are left out: only {MAX_TRACKS} are made.")
        return warnings

    def _caption_rendition(self, track: CaptionTrack) -> RenditionFiles:
        report = RenditionReport(
            key=self._job.rendition_key(track.file),
            kind="captions",
            content_type=planning.content_type_for(track.file),
            duration=self._source.duration,
            size=self._bytes([track.file]),
        )
        return RenditionFiles(report, [track.file])

    def _check_poster(self, poster: PosterSpec) -> RenditionFiles:
        self._check((self._folder / poster.file).exists(), poster.file, "it is missing")
        sides = filters.poster_size(poster, self._source)
        rendition = self._rendition("poster", poster.file, *sides)
        key = choose_poster_key(self._job, poster, (self._folder / poster.file).read_bytes())
        return replace(rendition, report=replace(rendition.report, key=key))

    def _check_sprite(self, sprite: Sprite) -> RenditionFiles:
        layout = SpriteLayout(sprite, self._source)
        self._check((self._folder / layout.file).exists(), layout.file, "it is missing")
        (self._folder / sprite.file).write_text(layout.webvtt())
        rendition = self._rendition("sprite", sprite.file, layout.width, layout.height)
        return self._with_files(rendition, [layout.file])

    def _check_stills(self, stills: StillsSpec) -> RenditionFiles:
        """Check that there is one for each interval; the last may lie after the last frame."""
        expected = stills.count(self._source.duration)
        numbered = [stills.numbered_file(number) for number in range(1, expected + 1)]
        files = [file for file in numbered if (self._folder / file).exists()]
        is_complete = files == numbered[: len(files)] and len(files) >= max(1, expected - 1)
        self._check(is_complete, stills.file, f"there are {len(files)} of {expected}")
        sides = stills.compute_frame(self._source.width, self._source.height).sides
        return self._with_files(self._rendition("stills", stills.file, *sides), files[1:])

    def _rendition(
        self,
        kind: str,
        file: str,
        width: int | None = None,
        height: int | None = None,
        duration: float | None = None,
    ) -> RenditionFiles:
        spec = next(spec for spec in self._job.profile.renditions if spec.file == file)
        report = RenditionReport(
            key=self._job.rendition_key(spec),
            legacy_key=planning.legacy_key(self._job.original, spec, width, height),
            kind=kind,
            content_type=planning.content_type_for(file),
            width=width,
            height=height,
            duration=duration,
            size=self._bytes([file]),
            codecs=self._codecs(file),
        )
        return RenditionFiles(report, [file])

    def _codecs(self, file: str) -> str:
        """Return the codecs of a file; of a playlist, which is not written yet, an empty text."""
        if not (self._folder / file).exists():
            return ""
        with (self._folder / file).open("rb") as content:
            return type_codecs(file, content)

    def _with_files(self, rendition: RenditionFiles, files: list[str]) -> RenditionFiles:
        """Return the rendition with more files, which come before the one of the key."""
        files = [*files, *rendition.files]
        return RenditionFiles(replace(rendition.report, size=self._bytes(files)), files)

    def _bytes(self, files: list[str]) -> int:
        return sum((self._folder / file).stat().st_size for file in files)


def _name_codecs(made: RenditionFiles, facts: VideoFacts) -> RenditionFiles:
    """Return a WebM with its codecs, whose names in a type are those of probing."""
    codecs = ",".join(filter(None, (facts.video, facts.audio)))
    return replace(made, report=replace(made.report, codecs=codecs))

"""What a run has made is looked at before it is published, since exit codes lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from shift_media.core.errors import TranscodeError
from shift_media.core.formats import HEAD_BYTES, detect
from shift_media.transcoding.backends.ffmpeg import commands
from shift_media.transcoding.backends.ffmpeg.commands import SpriteLayout
from shift_media.transcoding.base import Job, RenditionReport
from shift_media.video import planning
from shift_media.video.encoding import SoundEncoding
from shift_media.video.facts import VideoFacts
from shift_media.video.planning import Encode, PlannedPlaylist, TranscodePlan
from shift_media.video.profiles import Audio, PosterSpec, RenditionSpec, Sprite, StillsSpec


def key_in(job: Job, rendition: RenditionSpec | str) -> str:
    """Name where a file of a job lies."""
    return planning.key_of(job.original, job.profile.name, job.token, rendition)


@dataclass
class Made:
    """A rendition in the folder: what it is, and its files, of which the last gives the key."""

    report: RenditionReport
    files: list[str] = field(default_factory=list)


class OutputVerification:
    """Compares the files of a folder with what was planned."""

    def __init__(self, job: Job, plan: TranscodePlan, folder: Path) -> None:
        self._job, self._plan, self._folder = job, plan, folder
        self._source = plan.facts

    def of(self, found: Mapping[str, VideoFacts]) -> list[Made]:
        """Give the renditions; raises `TranscodeError` for the first that is not right."""
        return list(self._all(found))

    def _all(self, found: Mapping[str, VideoFacts]) -> Iterator[Made]:
        plan = self._plan
        for encode in plan.encodes:
            duration = self._check_mp4(encode, found[encode.file])
            if encode.published:
                yield self._made(
                    encode.kind, encode.file, encode.width, encode.height, duration=duration
                )
        for playlist in plan.playlists:
            yield self._check_playlist(playlist)
        for sound in plan.sounds:
            yield self._check_sound(sound, found.get(sound.file))
        for poster in plan.posters:
            yield self._check_poster(poster)
        for sprite in plan.sprites:
            yield self._check_sprite(sprite)
        for stills in plan.stills:
            yield self._check_stills(stills)

    def _check(self, right: bool, file: str, wrong: str) -> None:
        if not right:
            raise TranscodeError(
                f"What was made is not right: {file}: {wrong}.", code="bad_output"
            )

    def _check_mp4(self, made: Encode, found: VideoFacts) -> float:
        size = f"{found.width} × {found.height}"
        same = (found.width, found.height) == made.shown
        self._check(same, made.file, f"it is {size}")
        self._check(found.video == made.codec, made.file, f"it is {found.video}")
        heard = bool(found.audio) == made.has_sound(self._source)
        self._check(heard, made.file, "sound is missing")
        self._check_duration(found)
        return found.duration

    def _check_sound(self, made: Audio, found: VideoFacts | None) -> Made:
        if found is None:
            found = self._heard(made)
        self._check(bool(found.audio), made.file, "it has no sound")
        self._check_duration(found)
        return self._made("audio", made.file, duration=found.duration)

    def _heard(self, made: Audio) -> VideoFacts:
        """Look at an MP3, which is not probed: its bit rate is constant, so its size tells."""
        content = (self._folder / made.file).read_bytes()
        sound = made.encoding or SoundEncoding()
        name = detect(content[:HEAD_BYTES]).extension
        seconds = len(content) * 8 / (sound.kbps * 1000)
        return VideoFacts(audio="mp3" if name == "mp3" else "", duration=seconds)

    def _check_duration(self, found: VideoFacts) -> None:
        if not planning.is_whole(found.duration, self._source.duration):
            raise TranscodeError(
                f"Only {found.duration:.1f} of {self._source.duration:.1f} seconds could be read.",
                code="incomplete",
            )

    def _check_playlist(self, made: PlannedPlaylist) -> Made:
        files = []
        for rung in made.rungs:
            folder = made.folder(rung)
            parts = sorted(path.name for path in (self._folder / folder).iterdir())
            index = (self._folder / folder / "index.m3u8").read_text()
            self._check("#EXT-X-ENDLIST" in index, folder, "its playlist has no end")
            listed = sum(
                float(line[8:].rstrip(",")) for line in index.splitlines() if "#EXTINF:" in line
            )
            self._check(
                planning.is_whole(listed, self._source.duration),
                folder,
                "segments are missing",
            )
            files += [f"{folder}/{name}" for name in parts]
        largest = made.rungs[0]
        master = (self._folder / made.rendition.file).read_text()
        self._check(master.count("#EXT-X-STREAM-INF") == len(made.rungs), "hls", "no rungs")
        done = self._made("hls", made.rendition.file, largest.width, largest.height)
        done.files[:0] = files
        done.report = replace(
            done.report, duration=self._source.duration, size=self._bytes(done.files)
        )
        return done

    def _check_poster(self, wanted: PosterSpec) -> Made:
        self._check((self._folder / wanted.file).exists(), wanted.file, "there is none")
        return self._made("poster", wanted.file, *commands.poster_size(wanted, self._source))

    def _check_sprite(self, wanted: Sprite) -> Made:
        layout = SpriteLayout(wanted, self._source)
        self._check((self._folder / layout.file).exists(), layout.file, "there is none")
        (self._folder / wanted.file).write_text(layout.webvtt())
        made = self._made("sprite", wanted.file, layout.width, layout.height)
        made.files.insert(0, layout.file)
        made.report = replace(made.report, size=self._bytes(made.files))
        return made

    def _check_stills(self, wanted: StillsSpec) -> Made:
        """Hold that there is one for each moment; the last may lie behind the last frame."""
        expected = len(planning.still_times(wanted, self._source.duration))
        numbered = [wanted.numbered(number) for number in range(1, expected + 1)]
        files = [file for file in numbered if (self._folder / file).exists()]
        whole = files == numbered[: len(files)] and len(files) >= max(1, expected - 1)
        self._check(whole, wanted.file, f"there are {len(files)} of {expected}")
        sides = wanted.frame(self._source.width, self._source.height).sides
        made = self._made("stills", wanted.file, *sides)
        made.files[:0] = files[1:]
        made.report = replace(made.report, size=self._bytes(made.files))
        return made

    def _made(
        self,
        kind: str,
        file: str,
        width: int | None = None,
        height: int | None = None,
        duration: float | None = None,
    ) -> Made:
        rendition = next((r for r in self._job.profile.renditions if r.file == file), file)
        legacy = ""
        if not isinstance(rendition, str):
            legacy = planning.legacy_key(self._job.original, rendition, width, height)
        report = RenditionReport(
            key=key_in(self._job, rendition),
            legacy_key=legacy,
            kind=kind,
            content_type=planning.content_type(file),
            width=width,
            height=height,
            duration=duration,
            size=self._bytes([file]),
        )
        return Made(report, [file])

    def _bytes(self, files: list[str]) -> int:
        return sum((self._folder / file).stat().st_size for file in files)

"""One run: fetch, probe, encode, probe what was made, publish; a generator that reports."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from shift_media.core.errors import MediaError
from shift_media.core.profiles import Poster, Rendition, Sprite
from shift_media.core.video import VideoFacts
from shift_media.transcoding import probing, profiles
from shift_media.transcoding.backends.ffmpeg import commands
from shift_media.transcoding.backends.ffmpeg.commands import SpriteLayout, Tools
from shift_media.transcoding.backends.ffmpeg.workspace import Workspace
from shift_media.transcoding.base import Job, JobReport, RenditionReport, State, TranscodeError
from shift_media.transcoding.probing import probe_video
from shift_media.transcoding.process import Bounds, Program
from shift_media.transcoding.profiles import Encode, Plan, Playlist

logger = logging.getLogger("shift_media")

FETCHED, ENCODED, MADE, DONE = 2, 85, 95, 99
"""Percent at the end of each stage; 100 is the row's, once it says complete."""

_CHUNK = 4 << 20
_SIDE_SECONDS = 600  # for what is cut and drawn from what has been encoded


class Unwanted(TranscodeError):
    """The original was replaced or deleted, or the job is somebody else's by now."""

    code = "unwanted"


@dataclass
class Made:
    """A rendition in the folder: what it is, and its files, of which the last gives the key."""

    report: RenditionReport
    files: list[str] = field(default_factory=list)


class Run:
    """Work on one job, step by step; closing it ends its programs and removes its folder."""

    def __init__(self, job: Job, tools: Tools, bounds: Bounds, base: Path | None) -> None:
        self.job = job
        self._tools, self._bounds, self._base = tools, bounds, base
        self._progress = 0
        self._steps = self._work()

    def step(self) -> JobReport:
        """Work until there is something to tell, which is some four times a second."""
        try:
            return next(self._steps)
        except StopIteration:
            raise TranscodeError("The run has ended already.", code="lost") from None

    def close(self) -> None:
        """Stop, and leave nothing on this machine."""
        self._steps.close()

    def _tell(self, share: float, first: int, last: int) -> JobReport:
        percent = first + int((last - first) * share)
        self._progress = max(self._progress, min(percent, DONE))
        return JobReport(state=State.PROGRESSING, progress=self._progress)

    def _work(self) -> Generator[JobReport, None, None]:
        workspace = Workspace(self._base)
        try:
            self._folder = workspace.folder
            yield from self._fetch()
            facts = probe_video(self._folder / self._source, self._tools.limits)
            plan = profiles.plan(self.job.profile, facts)
            planned = tuple(self._planned(plan))
            yield replace(self._tell(0, FETCHED, FETCHED), renditions=planned)
            yield from self._encode(plan)
            found = yield from self._finish(plan)
            made = list(self._verified(plan, found))
            yield self._tell(1, ENCODED, MADE)
            yield from self._publish(made)
            reports = tuple(replace(one.report, state=State.COMPLETE) for one in made)
        except TranscodeError as error:
            yield JobReport(state=State.ERROR, progress=self._progress, error=error)
        except (MediaError, OSError) as error:  # The storage, the disk: they may work again.
            code = error.code if isinstance(error, MediaError) else "machine"
            text = str(error) if isinstance(error, MediaError) else str(error.strerror)
            failed = TranscodeError(text, code=code, passing=True)
            yield JobReport(state=State.ERROR, progress=self._progress, error=failed)
        else:
            yield JobReport(state=State.COMPLETE, progress=100, renditions=reports)
        finally:
            workspace.close()

    def _planned(self, plan: Plan) -> Iterator[RenditionReport]:
        """List what will be made, which is less than the profile has where the source is small."""
        made = {encode.file for encode in plan.encodes}
        for rendition in self.job.profile.renditions:
            if (rendition.kind == "mp4" and rendition.file not in made) or (
                rendition.kind == "audio" and not plan.sounds
            ):
                continue
            yield RenditionReport(
                key=self._key(rendition),
                kind=rendition.kind,
                content_type=profiles.content_type(rendition.file),
                state=State.PROGRESSING,
            )

    def _key(self, rendition: Rendition | str) -> str:
        job = self.job
        return profiles.key_of(job.original, job.profile.name, job.token, rendition)

    @property
    def _source(self) -> str:
        return f"source.{self.job.original.extension}"

    def _fetch(self) -> Iterator[JobReport]:
        with (
            self.job.storage.fetch(str(self.job.original)) as stored,
            (self._folder / self._source).open("wb") as file,
        ):
            while chunk := stored.read(_CHUNK):
                file.write(chunk)
                yield self._tell(file.tell() / max(1, stored.size), 0, FETCHED)

    def _encode(self, plan: Plan) -> Iterator[JobReport]:
        if not plan.encodes and not plan.sounds:
            return
        command = commands.encode(self._tools, self._source, plan)
        with Program(command, self._folder, self._bounds) as program:
            for line in program.lines():
                share = commands.progress_of(line, plan.facts.duration)
                yield self._tell(share or 0.0, FETCHED, ENCODED)

    def _finish(self, plan: Plan) -> Generator[JobReport, None, dict[str, VideoFacts]]:
        """Probe what was encoded, and meanwhile make what is cut and drawn from it."""
        names = [*(made.file for made in plan.encodes), *(made.file for made in plan.sounds)]
        if not names:
            yield from self._draw(plan)
            return {}
        with probing.start(names, self._folder, self._tools.limits, _SIDE_SECONDS) as probe:
            yield from self._draw(plan)
            found = probing.finish(probe, self._tools.limits)
        return dict(zip(names, found, strict=True))

    def _draw(self, plan: Plan) -> Iterator[JobReport]:
        """Make all at once; the sprite from the smallest MP4, which is quickest."""
        tools, facts = self._tools, plan.facts
        smallest = min(plan.encodes, key=lambda made: made.width * made.height, default=None)
        source = smallest.file if smallest else self._source
        work = []
        for playlist in plan.playlists:
            for rung in playlist.rungs:
                (self._folder / playlist.folder(rung)).mkdir()
            work.append(commands.playlist(tools, playlist, bool(facts.audio)))
        work += [commands.sprite(tools, source, sprite, facts) for sprite in plan.sprites]
        ways = [list(commands.posters(tools, self._source, p, facts)) for p in plan.posters]
        yield from self._side([*work, *(way[0] for way in ways)])
        if any(not (self._folder / poster.file).exists() for poster in plan.posters):
            yield from self._side([way[-1] for way in ways])

    def _side(self, work: list[list[str]]) -> Iterator[JobReport]:
        bounds = replace(self._bounds, seconds=min(self._bounds.seconds, _SIDE_SECONDS))
        with contextlib.ExitStack() as stack:
            programs = [
                stack.enter_context(Program(command, self._folder, bounds)) for command in work
            ]
            for program in programs:
                for _ in program.lines():
                    yield self._tell(0, ENCODED, MADE)

    # What was made is looked at, since exit codes lie.

    def _verified(self, plan: Plan, found: dict[str, VideoFacts]) -> Iterator[Made]:
        for encode in plan.encodes:
            duration = self._check_mp4(encode, found[encode.file], plan)
            if encode.published:
                yield self._made(
                    "mp4", encode.file, encode.width, encode.height, duration=duration
                )
        for playlist in plan.playlists:
            yield self._check_playlist(playlist, plan)
        for sound in plan.sounds:
            heard = found[sound.file]
            self._check(heard.audio == "aac", sound.file, "it has no sound")
            self._check_duration(heard, plan)
            yield self._made("audio", sound.file, duration=heard.duration)
        for poster in plan.posters:
            yield self._check_poster(poster, plan)
        for sprite in plan.sprites:
            yield self._check_sprite(sprite, plan)

    def _check(self, right: bool, file: str, wrong: str) -> None:
        if not right:
            raise TranscodeError(
                f"What was made is not right: {file}: {wrong}.", code="bad_output"
            )

    def _check_mp4(self, made: Encode, found: VideoFacts, plan: Plan) -> float:
        size = f"{found.width} × {found.height}"
        same = (found.width, found.height) == (made.width, made.height)
        self._check(same, made.file, f"it is {size}")
        self._check(found.video == "h264", made.file, f"it is {found.video}")
        self._check(bool(found.audio) == bool(plan.facts.audio), made.file, "sound is missing")
        self._check_duration(found, plan)
        return found.duration

    def _check_duration(self, found: VideoFacts, plan: Plan) -> None:
        if not profiles.is_whole(found.duration, plan.facts.duration):
            raise TranscodeError(
                f"Only {found.duration:.1f} of {plan.facts.duration:.1f} seconds could be read.",
                code="incomplete",
            )

    def _check_playlist(self, made: Playlist, plan: Plan) -> Made:
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
                profiles.is_whole(listed, plan.facts.duration), folder, "segments are missing"
            )
            files += [f"{folder}/{name}" for name in parts]
        largest = made.rungs[0]
        master = (self._folder / made.rendition.file).read_text()
        self._check(master.count("#EXT-X-STREAM-INF") == len(made.rungs), "hls", "no rungs")
        done = self._made("hls", made.rendition.file, largest.width, largest.height)
        done.files[:0] = files
        done.report = replace(
            done.report, duration=plan.facts.duration, size=self._bytes(done.files)
        )
        return done

    def _check_poster(self, wanted: Poster, plan: Plan) -> Made:
        self._check((self._folder / wanted.file).exists(), wanted.file, "there is none")
        return self._made("poster", wanted.file, *commands.poster_size(wanted, plan.facts))

    def _check_sprite(self, wanted: Sprite, plan: Plan) -> Made:
        layout = SpriteLayout(wanted, plan.facts)
        self._check((self._folder / layout.file).exists(), layout.file, "there is none")
        (self._folder / wanted.file).write_text(layout.webvtt())
        made = self._made("sprite", wanted.file, layout.width, layout.height)
        made.files.insert(0, layout.file)
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
        rendition = next((r for r in self.job.profile.renditions if r.file == file), file)
        report = RenditionReport(
            key=self._key(rendition),
            kind=kind,
            content_type=profiles.content_type(file),
            width=width,
            height=height,
            duration=duration,
            size=self._bytes([file]),
        )
        return Made(report, [file])

    def _bytes(self, files: list[str]) -> int:
        return sum((self._folder / file).stat().st_size for file in files)

    # Nothing is put into the storage before everything is right.

    def _publish(self, made: list[Made]) -> Iterator[JobReport]:
        files = [(one, file) for one in made for file in one.files]
        for number, (one, file) in enumerate(files):
            if not self.job.wanted():
                raise Unwanted("Its result is not wanted any more.")
            self._put(one, file)
            yield self._tell((number + 1) / len(files), MADE, DONE)

    def _put(self, made: Made, file: str) -> None:
        path = self._folder / file
        key = made.report.key
        if file != made.files[-1]:
            key = self._key(file)
        with path.open("rb") as content:
            self.job.storage.put(
                key,
                content,
                content_type=profiles.content_type(file),
                size=path.stat().st_size,
            )

"""One run: fetch, probe, encode, probe what was made, publish; a generator that reports."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

from shift_media.core.errors import MediaError, TranscodeError
from shift_media.sandbox.process import Bounds, Program
from shift_media.transcoding.backends.ffmpeg import commands
from shift_media.transcoding.backends.ffmpeg.commands import Tools
from shift_media.transcoding.backends.ffmpeg.verify import Made, OutputVerification, key_in
from shift_media.transcoding.backends.ffmpeg.workspace import Workspace
from shift_media.transcoding.base import Job, JobReport, RenditionReport, State
from shift_media.transcoding.probing import VideoProbe, check_limits
from shift_media.video import planning
from shift_media.video.facts import VideoFacts
from shift_media.video.planning import TranscodePlan

logger = logging.getLogger("shift_media")

FETCHED, ENCODED, MADE, DONE = 2, 85, 95, 99
"""Percent at the end of each stage; 100 is the row's, once it says complete."""

_CHUNK = 4 << 20
_SIDE_SECONDS = 600  # for what is cut from what has been encoded
_PROBE_SECONDS = 120.0  # for looking at all that was made


class Unwanted(TranscodeError):
    """The original was replaced or deleted, or the job is somebody else's by now."""

    code = "unwanted"


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
            with VideoProbe(self._folder, self._tools.limits, _PROBE_SECONDS) as probe:
                made = yield from self._make(probe)
            yield self._tell(1, ENCODED, MADE)
            yield from self._publish(made)
            reports = tuple(replace(one.report, state=State.COMPLETE) for one in made)
        except TranscodeError as error:
            yield JobReport(state=State.ERROR, progress=self._progress, error=error)
        except (MediaError, OSError) as error:  # The storage, the disk: they may work again.
            code = error.code if isinstance(error, MediaError) else "machine"
            text = str(error) if isinstance(error, MediaError) else str(error.strerror)
            failed = TranscodeError(text, code=code, retryable=True)
            yield JobReport(state=State.ERROR, progress=self._progress, error=failed)
        else:
            kept = planning.payload_of(self.job.profile)
            yield JobReport(state=State.COMPLETE, progress=100, renditions=reports, payload=kept)
        finally:
            workspace.close()

    def _make(self, probe: VideoProbe) -> Generator[JobReport, None, list[Made]]:
        yield from self._fetch()
        facts = yield from self._known(probe)
        plan = planning.plan(self.job.profile, facts)
        planned = tuple(self._planned(plan))
        yield replace(self._tell(0, FETCHED, FETCHED), renditions=planned)
        yield from self._encode(plan)
        # What has been encoded is looked at while the rest is made of it.
        names = [made.file for made in plan.encodes]
        names += [made.file for made in plan.sounds if not made.is_mp3]
        probe.start(names, _PROBE_SECONDS)
        yield from self._finish(plan)
        found = yield from self._told(probe, ENCODED, MADE)
        return OutputVerification(self.job, plan, self._folder).of(
            dict(zip(names, found, strict=True))
        )

    def _known(self, probe: VideoProbe) -> Generator[JobReport, None, VideoFacts]:
        """Take what was read of the upload, by the same rules; where there is nothing, look."""
        if known := self.job.facts():
            return check_limits(known, self._tools.limits)
        probe.start([self._source])
        (facts,) = yield from self._told(probe, 0, FETCHED)
        return facts

    def _told(
        self, probe: VideoProbe, first: int, last: int
    ) -> Generator[JobReport, None, list[VideoFacts]]:
        """Wait for a probe."""
        found = []
        for one in probe.results():
            if one is None:
                yield self._tell(0, first, last)
            else:
                found.append(one)
        return found

    def _planned(self, plan: TranscodePlan) -> Iterator[RenditionReport]:
        """List what will be made, which is less than the profile has where the source is small."""
        made = {encode.file for encode in plan.encodes}
        for rendition in self.job.profile.renditions:
            if (rendition.kind in ("mp4", "webm") and rendition.file not in made) or (
                rendition.kind == "audio" and not plan.sounds
            ):
                continue
            yield RenditionReport(
                key=key_in(self.job, rendition),
                kind=rendition.kind,
                content_type=planning.content_type(rendition.file),
                state=State.PROGRESSING,
            )

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

    def _encode(self, plan: TranscodePlan) -> Iterator[JobReport]:
        if not (plan.encodes or plan.sounds or plan.sprites or plan.stills):
            return
        command = commands.encode(self._tools, self._source, plan)
        with Program(command, self._folder, self._bounds) as program:
            for line in program.lines():
                share = commands.progress_of(line, plan.facts.duration)
                yield self._tell(share or 0.0, FETCHED, ENCODED)

    def _finish(self, plan: TranscodePlan) -> Iterator[JobReport]:
        """Cut the playlists, and draw a poster where there is none yet."""
        work = []
        for playlist in plan.playlists:
            for rung in playlist.rungs:
                (self._folder / playlist.folder(rung)).mkdir()
            work.append(commands.playlist(self._tools, playlist, playlist.has_sound(plan.facts)))
        yield from self._side(work)
        for poster in plan.posters:
            for way in commands.posters(self._tools, self._source, poster, plan.facts):
                if not (self._folder / poster.file).exists():
                    yield from self._side([way])

    def _side(self, work: list[list[str]]) -> Iterator[JobReport]:
        bounds = replace(self._bounds, seconds=min(self._bounds.seconds, _SIDE_SECONDS))
        with contextlib.ExitStack() as stack:
            programs = [
                stack.enter_context(Program(command, self._folder, bounds)) for command in work
            ]
            for program in programs:
                for _ in program.lines():
                    yield self._tell(0, ENCODED, MADE)

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
            key = key_in(self.job, file)
        with path.open("rb") as content:
            self.job.storage.put(
                key,
                content,
                content_type=planning.content_type(file),
                size=path.stat().st_size,
            )

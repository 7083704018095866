"""One run: fetch, probe, encode, verify, publish; a generator that yields reports."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from shift_media.core.errors import MediaError, TranscodeError
from shift_media.sandbox.process import Bounds, Program
from shift_media.transcoding import probing
from shift_media.transcoding.backends.ffmpeg import commands, measuring
from shift_media.transcoding.backends.ffmpeg.caption_files import CaptionFiles
from shift_media.transcoding.backends.ffmpeg.inputs import FFmpegOptions
from shift_media.transcoding.backends.ffmpeg.memory import needed_memory
from shift_media.transcoding.backends.ffmpeg.verify import OutputVerification, RenditionFiles
from shift_media.transcoding.backends.ffmpeg.workspace import Workspace
from shift_media.transcoding.backends.marks import draw_marks
from shift_media.transcoding.backends.reports import Unwanted, planned_report
from shift_media.transcoding.base import Job, JobReport, RenditionReport, State
from shift_media.transcoding.probing import VideoProbe
from shift_media.video import planning
from shift_media.video.captions import CaptionTrack
from shift_media.video.facts import VideoFacts
from shift_media.video.planned import TranscodePlan

FETCHED, ENCODED, CUT, PUBLISHED = 2, 85, 95, 99
"""Percent at the end of each stage. A job has 100 once its row is complete."""

_CHUNK = 4 << 20
_REPORT_SECONDS = 0.25  # between two reports of encoding
_CUT_SECONDS = 600  # for cutting playlists out of encoded files, and for a poster alone
_PROBE_SECONDS = 120.0  # for probing the source, and for probing all outputs


class Run:
    """The work on one job, step by step. Closing it ends its programs and removes its folder."""

    def __init__(
        self, job: Job, options: FFmpegOptions, bounds: Bounds, base: Path | None
    ) -> None:
        self.job = job
        self._options, self._bounds, self._base = options, bounds, base
        self._progress = 0
        self._warnings: list[str] = []
        self._steps = self._work()

    def step(self) -> JobReport:
        """Work until the next report, which comes about four times a second."""
        try:
            return next(self._steps)
        except StopIteration:
            raise TranscodeError("The run has ended already.", code="lost") from None

    def close(self) -> None:
        """Stop, and leave nothing on this machine."""
        self._steps.close()

    def _report(self, share: float, first: int, last: int) -> JobReport:
        """Return a report of the progress between two percentages; it never goes backwards."""
        percent = first + int((last - first) * share)
        self._progress = max(self._progress, min(percent, PUBLISHED))
        return JobReport(state=State.PROGRESSING, progress=self._progress)

    def _work(self) -> Generator[JobReport, None, None]:
        workspace = Workspace(self._base)
        try:
            self._folder = workspace.folder
            self._captions = CaptionFiles(workspace.folder)
            formats = probing.formats_for(self._source)
            limits = self._options.limits
            with VideoProbe(self._folder, limits, _PROBE_SECONDS, formats) as probe:
                renditions = yield from self._make(probe)
            yield self._report(1, ENCODED, CUT)
            yield from self._publish(renditions)
            reports = tuple(replace(one.report, state=State.COMPLETE) for one in renditions)
        except TranscodeError as error:
            yield self._failure(error)
        except MediaError as error:  # The storage may work again at the next attempt.
            yield self._failure(TranscodeError(str(error), code=error.code, retryable=True))
        except OSError as error:  # So may the disk. The text has no path of this machine.
            text = str(error.strerror)
            yield self._failure(TranscodeError(text, code="machine", retryable=True))
        else:
            yield JobReport(
                state=State.COMPLETE,
                progress=100,
                renditions=reports,
                payload={**self.job.profile.payload, **self._payload()},
            )
        finally:
            workspace.close()

    def _payload(self) -> dict[str, list[str]]:
        return {"warnings": self._warnings} if self._warnings else {}

    def _failure(self, error: TranscodeError) -> JobReport:
        return JobReport(state=State.ERROR, progress=self._progress, error=error)

    def _make(self, probe: VideoProbe) -> Generator[JobReport, None, list[RenditionFiles]]:
        yield from self._fetch()
        plan = yield from self._plan(probe)
        planned = tuple(self._planned_renditions(plan))
        yield replace(self._report(0, FETCHED, FETCHED), renditions=planned)
        yield from self._encode(plan)
        # The probe reads the encoded files while playlists are cut out of them.
        files = [video.file for video in plan.videos]
        files += [audio.file for audio in plan.audio_files if not audio.is_mp3]
        probe.start(files, _PROBE_SECONDS)
        yield from self._cut(plan)
        answers = yield from self._wait_for(probe, ENCODED, CUT)
        if plan.playlists:
            self._captions.fetch(self.job.captions(), plan.part)
        uploaded = self._captions.uploaded
        verification = OutputVerification(self.job, plan, self._folder, uploaded)
        renditions = verification.verify(dict(zip(files, answers, strict=True)))
        self._warnings = [*self._captions.warnings, *verification.find_warnings()]
        return renditions

    def _plan(self, probe: VideoProbe) -> Generator[JobReport, None, TranscodePlan]:
        facts = yield from self._read_facts(probe)
        if facts.may_have_alpha and self.job.profile.of_kind("webm"):
            facts = yield from self._measure_alpha(facts)
        plan = planning.build_plan(self.job.profile, facts)
        if any(audio.loudness for audio in plan.audio_files):
            facts = yield from self._measure_loudness(plan)
            plan = replace(plan, facts=facts)
        return plan

    def _read_facts(self, probe: VideoProbe) -> Generator[JobReport, None, VideoFacts]:
        """Return the facts of the source, with the times of its packets.

        Those that the upload stored are not enough: they say nothing of colours, fields and times.
        """
        probe.start([self._source], _PROBE_SECONDS, reads_packets=True)
        (facts,) = yield from self._wait_for(probe, 0, FETCHED)
        if facts.may_hide_fields:
            messages = yield from self._measure_fields(facts, measuring.FIELD_FRAMES)
            return replace(facts, field_order=measuring.parse_field_order(messages))
        if facts.may_be_marked_wrongly:
            messages = yield from self._measure_fields(facts, measuring.SURE_FRAMES)
            return replace(facts, field_order=measuring.parse_sure_field_order(messages))
        return facts

    def _measure_fields(self, facts: VideoFacts, frames: int) -> Generator[JobReport, None, str]:
        command = measuring.fields_command(self._options, self._source, facts, frames)
        return (yield from self._read_messages(command, _PROBE_SECONDS))

    def _measure_alpha(self, facts: VideoFacts) -> Generator[JobReport, None, VideoFacts]:
        part = self.job.profile.options.part
        command = measuring.alpha_command(self._options, self._source, facts, part)
        messages = yield from self._read_messages(command, self._bounds.seconds)
        return replace(facts, has_alpha=measuring.parse_alpha(messages))

    def _measure_loudness(self, plan: TranscodePlan) -> Generator[JobReport, None, VideoFacts]:
        command = measuring.loudness_command(self._options, self._source, plan)
        messages = yield from self._read_messages(command, self._bounds.seconds)
        loudness, true_peak = measuring.parse_loudness(messages)
        return replace(plan.facts, loudness=loudness, true_peak=true_peak)

    def _read_messages(
        self, command: list[str], seconds: float
    ) -> Generator[JobReport, None, str]:
        """Return the last messages of a command that only measures."""
        bounds = replace(self._bounds, seconds=min(self._bounds.seconds, seconds))
        with Program(command, self._folder, bounds) as program:
            for _ in program.lines():
                yield self._report(0, FETCHED, FETCHED)
            return program.error_output()

    def _wait_for(
        self, probe: VideoProbe, first: int, last: int
    ) -> Generator[JobReport, None, list[VideoFacts]]:
        """Yield reports until the probe has answered for each file, then return the answers."""
        answers = []
        for answer in probe.results():
            if answer is None:
                yield self._report(0, first, last)
            else:
                answers.append(answer)
        return answers

    def _planned_renditions(self, plan: TranscodePlan) -> Iterator[RenditionReport]:
        """Yield what will be made: a small source gets fewer renditions than the profile has."""
        files = {video.file for video in plan.videos}
        for rendition in self.job.profile.renditions:
            if (rendition.kind in ("mp4", "webm") and rendition.file not in files) or (
                rendition.kind == "audio" and not plan.audio_files
            ):
                continue
            if rendition.kind == "captions":  # Only the tracks are files.
                continue
            yield planned_report(self.job, rendition)

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
                yield self._report(file.tell() / max(1, stored.size), 0, FETCHED)

    def _encode(self, plan: TranscodePlan) -> Iterator[JobReport]:
        if not (plan.videos or plan.audio_files or plan.sprites or plan.stills):
            return
        marks = draw_marks(plan)
        for mark in marks.values():
            (self._folder / mark.file).write_bytes(mark.content)
        command = commands.encode_command(self._options, self._source, plan, marks)
        bounds = self._bounds
        if self._options.memory_grows:
            bounds = replace(bounds, memory_bytes=needed_memory(plan, self._options.threads))
        with Program(command, self._folder, bounds) as program:
            share = reported = 0.0
            for line in program.lines():
                share = max(share, commands.parse_progress(line, plan.facts.duration) or 0.0)
                # There is a line for each frame, but a report is due a few times a second.
                if not line or time.monotonic() - reported >= _REPORT_SECONDS:
                    reported = time.monotonic()
                    yield self._report(share, FETCHED, ENCODED)

    def _cut(self, plan: TranscodePlan) -> Iterator[JobReport]:
        """Cut the playlists, and make a poster if encoding has made none."""
        work = []
        for playlist in plan.playlists:
            for rung in playlist.rungs:
                (self._folder / playlist.folder(rung)).mkdir()
            if playlist.has_sound_apart(plan.facts):
                (self._folder / playlist.sound_folder).mkdir()
            for sound in playlist.sounds:
                (self._folder / playlist.folder_of(sound)).mkdir()
            work.append(commands.playlist_command(self._options, playlist, plan))
        yield from self._run_at_once(work)
        yield from self._captions.write(plan, self._write_tracks)
        for poster in plan.posters:
            for command in commands.poster_commands(self._options, self._source, poster, plan):
                if not (self._folder / poster.file).exists():
                    yield from self._run_at_once([command])

    def _write_tracks(self, tracks: Sequence[CaptionTrack]) -> Iterator[JobReport]:
        command = commands.captions_command(self._options, self._source, tracks)
        yield from self._run_at_once([command])

    def _run_at_once(self, work: list[list[str]]) -> Iterator[JobReport]:
        bounds = replace(self._bounds, seconds=min(self._bounds.seconds, _CUT_SECONDS))
        with contextlib.ExitStack() as stack:
            programs = [
                stack.enter_context(Program(command, self._folder, bounds)) for command in work
            ]
            for program in programs:
                for _ in program.lines():
                    yield self._report(0, ENCODED, CUT)

    def _publish(self, renditions: list[RenditionFiles]) -> Iterator[JobReport]:
        """Store all files. Nothing is stored before everything is verified."""
        files = [(one, file) for one in renditions for file in one.files]
        for number, (rendition, file) in enumerate(files, 1):
            if not self.job.wanted():
                raise Unwanted
            self._put(rendition, file)
            yield self._report(number / len(files), CUT, PUBLISHED)

    def _put(self, rendition: RenditionFiles, file: str) -> None:
        path = self._folder / file
        is_last = file == rendition.files[-1]
        key = rendition.report.key if is_last else self.job.rendition_key(file)
        with path.open("rb") as content:
            self.job.storage.put(
                key,
                content,
                content_type=planning.content_type_for(file),
                size=path.stat().st_size,
            )

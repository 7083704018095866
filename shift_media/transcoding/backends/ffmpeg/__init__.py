"""The transcoder that needs no service: ffmpeg, in a process on this machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from django.core.checks import CheckMessage, Error, Warning

from shift_media.core.errors import MediaError, MissingExtra
from shift_media.sandbox.ffmpeg import find_program, has_filter
from shift_media.sandbox.process import Bounds
from shift_media.transcoding import probing
from shift_media.transcoding.backends.ffmpeg import memory
from shift_media.transcoding.backends.ffmpeg.codecs import (
    HARDWARE,
    IN_SOFTWARE,
    SOFTWARE,
    SVT_AV1,
    Encoders,
)
from shift_media.transcoding.backends.ffmpeg.inputs import FFmpegOptions
from shift_media.transcoding.backends.ffmpeg.job import Run
from shift_media.transcoding.backends.ffmpeg.trial import choose_av1
from shift_media.transcoding.backends.reports import failure
from shift_media.transcoding.base import RUNNING, Job, JobReport, Transcoder
from shift_media.transcoding.probing import VideoLimits

logger = logging.getLogger("shift_media")


class FFmpeg(Transcoder):
    """Run ffmpeg: the one of `imageio-ffmpeg`, or the one on the path.

    Args:
        program: path of another ffmpeg.
        max_seconds: duration of the longest source.
        max_pixels: area of the largest frame of a source.
        timeout: seconds that the encoding of one job may take.
        max_file_bytes: size of the largest file that ffmpeg may write.
        max_memory_bytes: address space of ffmpeg; 0 for at least 4 GB, and more for many threads
            and pixels. With hardware 0 is no limit, because drivers reserve much of it.
        threads: of the decoder and of each encoder; 0 for 1.5 for each core, 16 at most.
        encoder: ``"software"``, or a kind of hardware: ``"vaapi"``, ``"nvenc"``,
            ``"videotoolbox"``. Codecs that it does not have are encoded in software.
        device: the device of VAAPI.
        folder: where private folders are made; by default in the folder for temporary files.
    """

    name: ClassVar[str] = "ffmpeg"
    embedded: ClassVar[bool] = True

    def __init__(
        self,
        *,
        program: str = "",
        max_seconds: int = 4 * 3600,
        max_pixels: int = 36_000_000,
        timeout: int = 6 * 3600,
        max_file_bytes: int = 8 << 30,
        max_memory_bytes: int = 0,
        threads: int = 0,
        encoder: str = SOFTWARE,
        device: str = IN_SOFTWARE.device,
        folder: str | os.PathLike[str] | None = None,
    ) -> None:
        self._program = program
        self._limits = VideoLimits(max_seconds, max_pixels)
        # The limit of CPU time counts all cores together.
        self._bounds = Bounds(
            timeout,
            timeout * (os.cpu_count() or 1),
            max_file_bytes,
            max_memory_bytes or (memory.LEAST if encoder == SOFTWARE else 0),
        )
        self._memory_grows = not max_memory_bytes and encoder == SOFTWARE
        self.encoders = Encoders(encoder, device)
        self._threads = threads or memory.default_threads()
        self._folder = None if folder is None else Path(folder)
        self._runs: dict[str, Run] = {}

    def submit(self, job: Job) -> str:
        """Prepare a run; `read` works on it."""
        program = find_program(self._program)
        probing.check_available()
        options = FFmpegOptions(
            program,
            self._limits,
            self._threads,
            tone_map=has_filter(program, "zscale"),
            memory_grows=self._memory_grows,
            encoders=self.choose_encoders(program, job.profile.codecs),
        )
        self._runs.setdefault(job.token, Run(job, options, self._bounds, self._folder))
        return f"{os.getpid()}/{job.token}"

    def choose_encoders(self, program: str, codecs: Collection[str]) -> Encoders:
        """Return the encoders of codecs; that of AV1 in software is chosen by a trial."""
        is_needed = "av1" in codecs and self.encoders.name_of("av1") == SVT_AV1
        return replace(self.encoders, av1=choose_av1(program)) if is_needed else self.encoders

    def read(self, job: Job) -> JobReport:
        """Work on the job for a quarter of a second and return its progress."""
        run = self._runs.get(job.token)
        if run is None:  # It ended, or another process has run it.
            return failure("No run of this process has the job.", "lost", retryable=True)
        report = run.step()
        if report.state not in RUNNING:
            self._end(job)
        return report

    def cancel(self, job: Job) -> None:
        """End the program of a job and delete its files; an error is logged and not raised."""
        self._end(job)
        try:
            job.storage.delete_prefix(job.prefix)
        except (MediaError, OSError) as error:
            logger.warning("Files of a cancelled job stay under %s: %s", job.prefix, error)

    def _end(self, job: Job) -> None:
        run = self._runs.pop(job.token, None)
        if run is not None:
            run.close()

    def check(self) -> Iterator[CheckMessage]:
        """Yield what is not installed."""
        try:
            find_program(self._program)
            probing.check_available()
        except MissingExtra as error:
            yield Warning(
                str(error),
                hint="Jobs stay pending until it is installed.",
                id="shift_media.W005",
            )
        if self.encoders.hardware not in (SOFTWARE, *HARDWARE):
            known = ", ".join((SOFTWARE, *HARDWARE))
            yield Error(
                f'"encoder" is {self.encoders.hardware!r}, expected one of {known}.',
                hint='Correct "encoder" in the OPTIONS of SHIFT_MEDIA["TRANSCODER"].',
                id="shift_media.E006",
            )
        if self._program and not os.access(self._program, os.X_OK):
            yield Error(
                f"{self._program} is not an executable file.",
                hint='Correct "program" in the OPTIONS of SHIFT_MEDIA["TRANSCODER"].',
                id="shift_media.E006",
            )

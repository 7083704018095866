"""A transcoder for tests that acts as a service and reports the states that a test sets."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.files.base import ContentFile

from shift_media.core.errors import TranscodeError
from shift_media.transcoding.backends.elastic_transcoder import ElasticTranscoder
from shift_media.transcoding.backends.mediaconvert import MediaConvert
from shift_media.transcoding.base import Job, JobReport, RenditionReport, State, Transcoder
from shift_media.transcoding.events import JobEvent

PATH = f"{__name__}.Scripted"


class Scripted(Transcoder):
    """Reports the next state of a list at each `read`, and the last one again and again.

    Failures are raised first.
    """

    name = "scripted"
    states: ClassVar[list[State]] = []
    read_ids: ClassVar[list[str]] = []
    cancelled: ClassVar[list[str]] = []
    failures: ClassVar[list[TranscodeError]] = []
    together: ClassVar[threading.Barrier | None] = None

    @classmethod
    def begin(cls, *states: State) -> None:
        """Set the states to report, and reset the records."""
        cls.states[:] = states
        cls.read_ids.clear()
        cls.cancelled.clear()
        cls.failures.clear()
        cls.together = None

    def submit(self, job: Job) -> str:
        return f"external-{job.id}"

    def read(self, job: Job) -> JobReport:
        type(self).read_ids.append(job.external_id)
        if self.failures:
            raise self.failures.pop(0)
        state = self.states[0] if len(self.states) == 1 else self.states.pop(0)
        if self.together is not None:
            self.together.wait(60)
        if state == State.ERROR:
            return JobReport(state=state, error=TranscodeError("It went wrong."))
        if state != State.COMPLETE:
            return JobReport(state=state, progress=50)
        key = f"{job.prefix}480p.mp4"
        job.storage.put(key, ContentFile(b"video"), content_type="video/mp4")
        made = RenditionReport(key=key, kind="mp4", content_type="video/mp4", state=state)
        return JobReport(state=state, progress=100, renditions=(made,))

    @classmethod
    def parse_event(cls, body: Mapping[str, Any]) -> JobEvent | None:
        """Return the job of a message of either service."""
        return MediaConvert.parse_event(body) or ElasticTranscoder.parse_event(body)

    def cancel(self, job: Job) -> None:
        self.cancelled.append(job.external_id)

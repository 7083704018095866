"""The progress of a job that ffmpeg runs, and the time that is left."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management.base import OutputWrapper
from django.test import Client, override_settings
from django.utils import timezone

from shift_media.management.transcode_output import TranscodeReport
from shift_media.transcoding import services
from shift_media.transcoding.backends.ffmpeg import job as ffmpeg_job
from shift_media.transcoding.backends.ffmpeg.commands import parse_progress
from shift_media.transcoding.backends.ffmpeg.job import ENCODED, FETCHED
from shift_media.transcoding.base import LIVE, State
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.services.attempts import build_attempt
from tests.transcoding.conftest import H264, Draw, NewFilm, pattern, sound


@pytest.mark.slow
@pytest.mark.needs("ffmpeg")
@pytest.mark.django_db
def test_progress_moves_through_the_whole_encode(
    new_film: NewFilm, draw: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sprite has its only frame at the end, and nothing of it may be waited for."""
    monkeypatch.setattr(ffmpeg_job, "_REPORT_SECONDS", 0)
    new_film(draw("three.mp4", *pattern(seconds=3, rate=20), *sound(3), *H264))
    attempt = build_attempt(TranscodeJob.objects.get())
    transcoder = services.transcoder()
    transcoder.submit(attempt)
    shown = [0]
    while (report := transcoder.read(attempt)).state in LIVE:
        shown.append(report.progress)
    assert report.state == State.COMPLETE, report.error
    assert shown == sorted(shown)
    while_encoding = {share for share in shown if FETCHED < share < ENCODED}
    assert len(while_encoding) > 20, shown
    assert min(while_encoding) < 10


@pytest.mark.parametrize(
    ("line", "share"),
    [
        ("frame:3    pts:1536    pts_time:2.5", 0.25),
        ("frame:3    pts:1536    pts_time:11", 1.0),
        ("out_time_us=5000000", 0.5),
        ("out_time_us=N/A", None),
        ("out_time_us=-9", None),
        ("frame:0    pts:NOPTS   pts_time:NOPTS", None),
        ("time=0", None),
        ("frame=437", None),
        ("progress=end", None),
        ("", None),
    ],
)
def test_share_is_parsed_of_a_line(line: str, share: float | None) -> None:
    assert parse_progress(line, 10) == share
    assert parse_progress(line, 0) is None


def running(progress: int, seconds: float = 60) -> TranscodeJob:
    started = timezone.now() - timedelta(seconds=seconds)
    return TranscodeJob(pk=1, state=State.PROGRESSING, progress=progress, started=started)


def test_time_left_assumes_that_each_percent_takes_as_long() -> None:
    left = running(25).time_left
    assert left is not None
    assert left.total_seconds() == pytest.approx(180, abs=5)
    assert running(4).time_left is None  # The source is still being downloaded.
    assert running(50, -60).time_left == timedelta()  # The clock of another machine.
    ended = running(100)
    ended.state = State.COMPLETE
    assert ended.time_left is None
    assert TranscodeJob().time_left is None


def test_command_shows_the_time_left() -> None:
    out = io.StringIO()
    TranscodeReport(OutputWrapper(out), OutputWrapper(out)).update(running(50, 125))
    assert "progressing, 50 %, about 2:0" in out.getvalue()
    assert out.getvalue().endswith(" min left\n")


@pytest.mark.django_db
def test_admin_shows_the_time_left() -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    job = running(50, 125)
    job.original, job.profile = "a/a.mp4", "web"
    job.save()
    with override_settings(LANGUAGE_CODE="en"):
        page = client.get("/admin/shift_media/transcodejob/").content.decode()
    assert "50 % (−2:0" in page

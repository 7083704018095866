"""Outages of the database while ``media_transcode`` has nothing to do."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.test import override_settings
from django.utils import timezone

from shift_media.management import outage
from shift_media.management.commands import media_transcode
from shift_media.transcoding import services
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from tests.testapp.models import Film

pytestmark = [pytest.mark.needs("ffmpeg"), pytest.mark.django_db(transaction=True)]

POSTER = {"web": {"_poster.jpg": {"kind": "poster"}}}


def set_clock(monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    """Let each look at the clock of outages be so many seconds after the last one."""
    clock = SimpleNamespace(monotonic=itertools.count(0, step).__next__)
    monkeypatch.setattr(outage, "time", clock)


def away(times: float, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the database be away for some calls; end the command once it has nothing to do."""
    calls: list[str] = []
    run_one = services.Worker.run_one

    def run_unless_away(worker: services.Worker) -> TranscodeJob | None:
        calls.append("run")
        if len(calls) <= times:
            raise OperationalError("could not connect to server")
        job = run_one(worker)
        if job is None:
            worker.stop.set()
        return job

    monkeypatch.setattr(services.Worker, "run_one", run_unless_away)
    monkeypatch.setattr(media_transcode, "PAUSE_SECONDS", 0.001)
    return calls


@pytest.mark.slow
@pytest.mark.acceptance(65)
def test_idle_worker_outlives_an_outage(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    with override_settings(SHIFT_MEDIA={"TRANSCODE_LEASE": 1, "PROFILES": POSTER}):
        set_clock(monkeypatch, 10)
        away(5, monkeypatch)  # longer than the lease
        call_command("media_transcode", watch=True, verbosity=0)
    assert TranscodeJob.objects.get().state == State.COMPLETE


@pytest.mark.acceptance(65)
def test_polling_command_outlives_an_outage(film: Film, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_transcode, "PAUSE_SECONDS", 0.001)
    polls = iter([OperationalError("gone"), OperationalError("gone")])

    def poll(poller: services.Poller) -> Iterator[TranscodeJob]:
        if (error := next(polls, None)) is not None:
            raise error
        cancelled = TranscodeJob.objects.get().cancel()
        assert cancelled
        return iter(())

    monkeypatch.setattr(services.Poller, "poll", poll)
    TranscodeJob.objects.update(not_before=timezone.now() + timedelta(hours=1))
    call_command("media_transcode", wait=True, verbosity=0)
    assert TranscodeJob.objects.get().state == State.CANCELED


@pytest.mark.acceptance(65)
def test_command_that_does_not_watch_ends_after_the_lease(
    film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    with override_settings(SHIFT_MEDIA={"TRANSCODE_LEASE": 1}):
        calls = away(math.inf, monkeypatch)
        set_clock(monkeypatch, 0.4)
        with pytest.raises(OperationalError):
            call_command("media_transcode", verbosity=0)
    assert 1 < len(calls) < 6
    assert TranscodeJob.objects.get().state == State.PENDING

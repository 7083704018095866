"""The queue without a worker: jobs are due, and nothing has run any for an hour."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from shift_media.transcoding.models import TranscodeJob

WORKER_PAUSE = timedelta(hours=1)
"""Without a job begun, in hand or ended for so long, no worker is running."""


UNREAD_AFTER = timedelta(days=2)
"""The age of a job of a service at which nothing reads it: a day is the longest that it may take,
unless the option ``timeout`` of the transcoder says more."""


def unread_jobs() -> int:
    """Return how many jobs were submitted to a service long ago and have not ended."""
    submitted = TranscodeJob.objects.on_primary().running().filter(lease_until=None)
    return submitted.filter(started__lt=timezone.now() - UNREAD_AFTER).count()


def waiting_job() -> TranscodeJob | None:
    """Return the job that has been due for longest if no worker ran for an hour, else None."""
    now = timezone.now()
    since = now - WORKER_PAUSE
    jobs = TranscodeJob.objects.on_primary()
    oldest = jobs.due(now).order_by("not_before", "pk").first()
    if oldest is None:
        return None
    worked = Q(started__gte=since) | Q(finished__gte=since) | Q(lease_until__gte=now)
    return None if jobs.filter(worked).exists() else oldest

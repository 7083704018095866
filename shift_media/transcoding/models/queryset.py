"""Selections of jobs: by state, by original, and by attempt."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Protocol, Self, TypeVar

from django.db import models, router

from shift_media.transcoding.base import ANNOUNCED, LIVE, RUNNING, State

Row = TypeVar("Row", bound=models.Model)


class JobRow(Protocol):
    """A `TranscodeJob`, as the selections of jobs and renditions use it."""

    pk: Any

    @property
    def original(self) -> str:
        """The key of the original."""

    @property
    def profile(self) -> str:
        """The name of the profile."""

    @property
    def token(self) -> str:
        """The token of the attempt."""

    @property
    def lease_owner(self) -> str:
        """The worker that has the lease, or an empty string."""


class TranscodeJobQuerySet(models.QuerySet[Row]):
    """A selection of jobs."""

    def on_primary(self) -> Self:
        """Select jobs where they are written: a replica may not have the newest rows yet."""
        return self.using(router.db_for_write(self.model))

    def live(self) -> Self:
        """Select the jobs that have not ended: pending ones and running ones."""
        return self.filter(state__in=LIVE)

    def running(self) -> Self:
        """Select the jobs that a worker or a service works on."""
        return self.filter(state__in=RUNNING)

    def unannounced(self) -> Self:
        """Select the jobs that have ended, and whose signal no process has begun to send."""
        return self.filter(state__in=ANNOUNCED, lease_until__isnull=False)

    def due(self, now: datetime) -> Self:
        """Select the pending jobs whose pause is over, by priority, the longest-waiting first."""
        due = self.filter(state=State.PENDING, not_before__lte=now)
        return due.order_by("-priority", "not_before", "pk")

    def of(self, original: str, profile: str) -> Self:
        """Select the jobs that make a profile of an original, the newest first."""
        return self.filter(original=original, profile=profile).order_by("-pk")

    def attempt(self, job: JobRow) -> Self:
        """Select a job's row for as long as it is in the attempt that ``job`` was read in.

        A job that was retried has another token, one that was recovered has another lease owner
        or none. An update of this selection is a compare-and-set: it changes no row if another
        process was quicker.
        """
        return self.filter(pk=job.pk, token=job.token, lease_owner=job.lease_owner)

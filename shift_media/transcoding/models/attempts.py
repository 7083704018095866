"""Attempts of a job: how one begins, goes on, and is given up for another.

Several workers, pollers and webhooks may handle one job at a time. So every change of state is one
UPDATE whose WHERE clause repeats what the caller knows of the row (compare-and-set): the method
returns False, and changes nothing, if another process was quicker.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Self

from django.db import IntegrityError, transaction
from django.utils import timezone

from shift_media.conf import settings
from shift_media.core.backoff import Backoff
from shift_media.transcoding.base import RUNNING, JobReport, State, states_before
from shift_media.transcoding.models.columns import JobColumns, new_token
from shift_media.transcoding.models.queryset import TranscodeJobQuerySet
from shift_media.transcoding.models.rendition import Rendition, RenditionQuerySet

logger = logging.getLogger("shift_media")

BACKOFF = Backoff(first=timedelta(seconds=10), longest=timedelta(hours=1))
"""The pauses between the attempts of a job."""

_CODE_LENGTH = 100  # characters of an error code; some are a service's own


class JobAttempts(JobColumns):
    """A job as its attempts change it."""

    class Meta:
        """`TranscodeJob` has the table."""

        abstract = True

    @property
    def _rows(self) -> TranscodeJobQuerySet[Self]:
        return TranscodeJobQuerySet(type(self), using=self.database)

    def _row(self) -> TranscodeJobQuerySet[Self]:
        # The primary key alone might be that of another job, if the row was read elsewhere.
        same = {"pk": self.pk, "original": self.original, "profile": self.profile}
        return self._rows.filter(**same)

    @property
    def _renditions(self) -> RenditionQuerySet:
        return Rendition.objects.using(self.database).filter(job=self.pk)

    def _attempt(self) -> TranscodeJobQuerySet[Self]:
        return self._rows.attempt(self)

    def claim(self, owner: str) -> bool:
        """Begin an attempt with a lease for a worker, unless another worker has."""
        now = timezone.now()
        values = {
            "state": State.SUBMITTED,
            "attempts": self.attempts + 1,
            "token": new_token(),
            "progress": 0,
            "lease_owner": owner,
            "lease_until": now + lease_duration(),
            "started": now,
        }
        unclaimed = self._row().filter(
            state=State.PENDING, attempts=self.attempts, token=self.token
        )
        if not unclaimed.update(**values):
            return False
        for name, value in values.items():
            setattr(self, name, value)
        return True

    def raise_priority(self, priority: int) -> None:
        """Set the priority if that of the job is lower."""
        self._row().filter(priority__lt=priority).update(priority=priority)
        self.priority = max(self.priority, priority)

    def renew(self) -> bool:
        """Extend the lease; return False if the job was cancelled or taken over."""
        return self._update(lease_until=timezone.now() + lease_duration())

    def set_external_id(self, external_id: str, transcoder: str) -> bool:
        """Store what a transcoder has returned for this attempt."""
        self.external_id = external_id
        return self._update(external_id=external_id, transcoder=transcoder)

    def drop_lease(self) -> bool:
        """Leave the attempt to the service that works on it: no worker has to stay alive."""
        return self._update(lease_owner="", lease_until=None)

    def set_error(self, code: str, error: str) -> bool:
        """Store why the service could not be read, or empty strings; the attempt goes on."""
        return self._update(**failure(code, error))

    def advance(self, report: JobReport) -> bool:
        """Store the progress of a running attempt, which never becomes less.

        Returns False for a report that is older than the row, or of another attempt.
        """
        progress = max(self.progress, min(report.progress, 99))
        current = self._attempt().filter(state__in=states_before(report.state))
        with transaction.atomic(using=self.database):
            if not current.update(state=report.state, progress=progress):
                return False
            for rendition in report.renditions:
                Rendition.objects.using(self.database).store(self, rendition)
            self._renditions.filter(state=State.PROGRESSING).update(progress=progress)
        self.state, self.progress = report.state, progress
        return True

    def _update(self, **values: object) -> bool:
        return bool(self._attempt().running().update(**values))

    # An attempt ends, and the job is pending again.

    def release(self) -> bool:
        """Make the job pending at once; the interrupted attempt does not count."""
        return self._requeue(self._attempt().running(), attempts=max(0, self.attempts - 1))

    def retry_later(self, code: str, error: str) -> bool:
        """Make the job pending again after a pause, and store why."""
        pause = BACKOFF.pause(self.attempts)
        not_before = timezone.now() + pause
        current = self._attempt().running()
        requeued = self._requeue(current, not_before=not_before, **failure(code, error))
        if requeued:
            logger.warning("%s is tried again in %s: %s", self, pause, error)
        return requeued

    def recover(self, code: str, error: str, attempts: int) -> bool:
        """Make a job pending whose attempt is lost, unless its lease was renewed meanwhile.

        ``attempts`` is the number of attempts that count.
        """
        return self._requeue(self._unrenewed(), attempts=attempts, **failure(code, error))

    def restart(self) -> bool:
        """Make a job pending that failed or was cancelled, as if it were new.

        Returns False if it is in another state, or if another job for the same original and
        profile is live.
        """
        ended = self._row().filter(state__in=(State.ERROR, State.CANCELED))
        try:
            with transaction.atomic(using=self.database):
                restarted = ended.update(
                    state=State.PENDING,
                    progress=0,
                    attempts=0,
                    external_id="",
                    token=new_token(),
                    not_before=timezone.now(),
                    lease_until=None,
                    finished=None,
                    **failure("", ""),
                )
                if restarted:
                    self._renditions.delete()
        except IntegrityError:  # of the constraint shift_media_one_live_job
            return False
        return bool(restarted)

    def _unrenewed(self) -> TranscodeJobQuerySet[Self]:
        return self._attempt().running().filter(lease_until=self.lease_until)

    def _requeue(self, rows: TranscodeJobQuerySet[Self], **values: object) -> bool:
        values = {"not_before": timezone.now(), **values}
        with transaction.atomic(using=self.database):
            requeued = rows.update(
                state=State.PENDING,
                token=new_token(),  # A late report of this attempt must not complete the next.
                lease_owner="",
                lease_until=None,
                external_id="",
                **values,
            )
            if requeued:
                self._renditions.filter(state__in=RUNNING).delete()
        return bool(requeued)


def lease_duration() -> timedelta:
    """Return how long a claim, or the announcement of an end, is left to one process."""
    return timedelta(seconds=settings.TRANSCODE_LEASE)


def failure(code: str, error: str) -> dict[str, str]:
    """Return the columns of an error; both are empty where there is none."""
    return {"error_code": code[:_CODE_LENGTH], "error": error}

"""Jobs as rows, and how they end; `attempts` has how they begin and go on."""

from __future__ import annotations

import logging
from typing import ClassVar, Self

from django.db import InterfaceError, OperationalError, connections, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shift_media.deletion.references import is_referenced
from shift_media.transcoding.base import ANNOUNCED, JobReport, State
from shift_media.transcoding.models.attempts import JobAttempts, failure, lease_duration
from shift_media.transcoding.models.queryset import TranscodeJobQuerySet
from shift_media.transcoding.models.rendition import Rendition

logger = logging.getLogger("shift_media")


class TranscodeJob(JobAttempts):
    """One run of one profile over one original; a retry is a new attempt of the same job."""

    objects = TranscodeJobQuerySet.as_manager()

    # True once this process has begun to complete the attempt, unless it was refused.
    began_completion = False

    class Meta:
        """The constraint admits one live job for each original and profile.

        Its index is also that of the queries by original.
        """

        verbose_name = _("transcoding job")
        verbose_name_plural = _("transcoding jobs")
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [
            models.Index(fields=["state", "not_before"], name="shift_media_job_due"),
            models.Index(
                fields=["state", "-priority", "not_before"], name="shift_media_job_queue"
            ),
            models.Index(fields=["lease_until"], name="shift_media_job_lease"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["original", "profile", "live"], name="shift_media_one_live_job"
            )
        ]

    def is_wanted(self) -> bool:
        """Return True if this attempt is the current one and a row refers to the original.

        It counts as wanted as long as the database is away, because `complete` asks again.
        """
        try:
            return self._attempt().live().exists() and self._is_referenced()
        except (OperationalError, InterfaceError) as error:
            logger.warning("%s goes on, although the database is away: %s", self, error)
            self._close_if_lost()
            return True

    def was_completed(self) -> bool:
        """Return True if this attempt was completed; open a lost connection again to ask."""
        self._close_if_lost()
        return self._row().filter(token=self.token, state=State.COMPLETE).exists()

    def _close_if_lost(self) -> None:
        """Close a connection that has failed, so that the next query opens another."""
        connection = connections[self.database]
        if not connection.in_atomic_block:  # Django 5.2 closes it in the transaction of a test.
            connection.close_if_unusable_or_obsolete()

    def complete(self, report: JobReport) -> bool:
        """Store the renditions of an attempt and remove those of older jobs of this profile.

        Returns False if the attempt is not the current one, or no row refers to the original.
        """
        may_be_repeated = self.began_completion
        self.began_completion = True  # It stays after an error: the COMMIT may have arrived.
        completed = self._complete(report)
        self.began_completion = completed or may_be_repeated
        return completed

    def _complete(self, report: JobReport) -> bool:
        with transaction.atomic(using=self.database):
            completed = self._end(
                self._attempt().live(),
                State.COMPLETE,
                progress=100,
                payload=dict(report.payload) or self.payload,
                **failure("", ""),
            )
            if not completed:
                return False
            # Only after the UPDATE: it locks the database on SQLite, so that the original cannot
            # be deleted between this query and the commit.
            if not self._is_referenced():
                transaction.set_rollback(True, using=self.database)
                return False
            Rendition.objects.using(self.database).replace(self, report.renditions)
        return True

    def fail(self, code: str, error: str) -> bool:
        """End the job with an error."""
        return self._fail(self._attempt().running(), code, error)

    def fail_lost(self, code: str, error: str) -> bool:
        """End a job whose attempt is lost, unless its lease was renewed meanwhile."""
        return self._fail(self._unrenewed(), code, error)

    def cancel(self) -> bool:
        """End a live job, whichever attempt it is in."""
        canceled = self._end(self._row().live(), State.CANCELED)
        if canceled:
            self._renditions.update(state=State.CANCELED)
        return canceled

    def cancel_unwanted(self) -> bool:
        """End the job because its original was replaced or deleted."""
        gone = failure("original_gone", "The original was replaced or deleted.")
        return self._end(self._attempt().running(), State.CANCELED, **gone)

    def _fail(self, rows: TranscodeJobQuerySet[Self], code: str, error: str) -> bool:
        failed = self._end(rows, State.ERROR, **failure(code, error))
        if failed:
            self._renditions.update(state=State.ERROR)
        return failed

    def _end(self, rows: TranscodeJobQuerySet[Self], state: State, **values: object) -> bool:
        """End the job; one that is to be announced keeps a lease until it is."""
        until = timezone.now() + lease_duration() if state in ANNOUNCED else None
        ended = rows.update(
            state=state, lease_owner="", lease_until=until, finished=timezone.now(), **values
        )
        return bool(ended)

    @property
    def is_unannounced(self) -> bool:
        """True if the job has ended, and no process has begun to send the signal of its end."""
        return self.state in ANNOUNCED and self.lease_until is not None

    def take_announcement(self) -> bool:
        """Return True for the one process that is to send the signal of the job's end."""
        ended = self._row().filter(token=self.token).unannounced()
        return bool(ended.update(lease_until=None))

    def _is_referenced(self) -> bool:
        return is_referenced(self.original, self.database)

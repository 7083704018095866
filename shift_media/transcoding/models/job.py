"""Jobs as rows, and how their state changes.

Several workers, pollers and webhooks may handle one job at a time. So every change of state is one
UPDATE whose WHERE clause repeats what the caller knows of the row (compare-and-set): the method
returns False, and changes nothing, if another process was quicker.
"""

from __future__ import annotations

import logging
import uuid
from datetime import timedelta
from typing import ClassVar, cast

from django.core.validators import MaxValueValidator
from django.db import (
    IntegrityError,
    InterfaceError,
    OperationalError,
    connections,
    models,
    router,
    transaction,
)
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shift_media.conf import settings
from shift_media.core.backoff import Backoff
from shift_media.core.errors import TranscodeError
from shift_media.core.keys import KEY_LENGTH
from shift_media.deletion.references import is_referenced
from shift_media.registry import find_field
from shift_media.storages import MediaStorage, resolve
from shift_media.transcoding.base import LIVE, RUNNING, JobReport, State, states_before
from shift_media.transcoding.models.queryset import TranscodeJobQuerySet
from shift_media.transcoding.models.rendition import Rendition, RenditionQuerySet

logger = logging.getLogger("shift_media")

BACKOFF = Backoff(first=timedelta(seconds=10), longest=timedelta(hours=1))
"""The pauses between the attempts of a job."""

_CODE_LENGTH = 100  # characters of an error code; some are a service's own


def new_token() -> str:
    """Return a random name for an attempt and for the folder of its renditions."""
    return uuid.uuid4().hex[:8]


class TranscodeJob(models.Model):
    """One run of one profile over one original; a retry is a new attempt of the same job."""

    original = models.CharField(_("original"), max_length=KEY_LENGTH)
    source = models.CharField(
        _("source"), max_length=200, help_text=_("The field that the file is in.")
    )
    storage = models.CharField(_("storage"), max_length=100, blank=True)
    profile = models.CharField(_("profile"), max_length=32)
    transcoder = models.CharField(_("transcoder"), max_length=50, blank=True)
    state = models.CharField(
        _("state"), max_length=12, choices=State.choices, default=State.PENDING
    )
    progress = models.PositiveSmallIntegerField(
        _("progress"), default=0, validators=[MaxValueValidator(100)]
    )
    error_code = models.CharField(_("error code"), max_length=100, blank=True)
    error = models.TextField(_("error"), blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    token = models.CharField(max_length=32, default=new_token, editable=False)
    external_id = models.CharField(_("external id"), max_length=200, blank=True, db_index=True)
    payload = models.JSONField(_("payload"), default=dict, blank=True)
    lease_owner = models.CharField(_("lease owner"), max_length=100, blank=True)
    lease_until = models.DateTimeField(_("lease until"), null=True, blank=True)
    not_before = models.DateTimeField(_("not before"), default=timezone.now)
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    started = models.DateTimeField(_("started"), null=True, blank=True)
    finished = models.DateTimeField(_("finished"), null=True, blank=True)

    objects = TranscodeJobQuerySet.as_manager()

    # True once this process has begun to complete the attempt, unless it was refused.
    began_completion = False

    class Meta:
        """The constraint admits one live job for each original and profile."""

        verbose_name = _("transcoding job")
        verbose_name_plural = _("transcoding jobs")
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [
            models.Index(fields=["state", "not_before"], name="shift_media_job_due"),
            models.Index(fields=["original", "profile"], name="shift_media_job_original"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["original", "profile"],
                condition=models.Q(state__in=[str(state) for state in LIVE]),
                name="shift_media_one_live_job",
            )
        ]

    def __str__(self) -> str:
        return f"{self.profile} of {self.original}"

    @property
    def database(self) -> str:
        """The alias of the database that the row is written to.

        The row may have been read from a replica.
        """
        return router.db_for_write(TranscodeJob, instance=self)

    def reload(self) -> None:
        """Read the row again where it is written, because a replica may lag behind."""
        self.refresh_from_db(using=self.database)

    @property
    def is_live(self) -> bool:
        """Return True for a job that has not ended: it is pending or running."""
        return self.state in LIVE

    @property
    def may_be_retried(self) -> bool:
        """Return True if there are attempts left."""
        return self.attempts < settings.TRANSCODE_ATTEMPTS

    @property
    def model(self) -> type[models.Model] | None:
        """The model that has the original in one of its fields; None if the field is gone."""
        field = find_field(self.source)
        return None if field is None else field.model

    def get_storage(self) -> MediaStorage:
        """Return the storage of the original; raise `TranscodeError` if the field is gone."""
        storage = resolve(self.storage, self.source)
        if storage is None:
            text = f"The field {self.source}, whose storage has the original, is gone."
            raise TranscodeError(text, code="no_storage")
        return cast("MediaStorage", storage)

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

    def send(self, signal: Signal) -> None:
        """Send a signal; an error in a receiver is logged, because it must not fail the job."""
        signal.send_robust(sender=self.model, job=self)

    def _row(self) -> TranscodeJobQuerySet[TranscodeJob]:
        # The primary key alone might be that of another job, if the row was read elsewhere.
        same = {"pk": self.pk, "original": self.original, "profile": self.profile}
        return TranscodeJob.objects.using(self.database).filter(**same)

    @property
    def _renditions(self) -> RenditionQuerySet:
        return Rendition.objects.using(self.database).filter(job=self.pk)

    def _attempt(self) -> TranscodeJobQuerySet[TranscodeJob]:
        return TranscodeJob.objects.using(self.database).attempt(self)

    def _is_referenced(self) -> bool:
        return is_referenced(self.original, self.database)

    # An attempt begins and goes on.

    def claim(self, owner: str) -> bool:
        """Begin an attempt with a lease for a worker, unless another worker has."""
        now = timezone.now()
        values = {
            "state": State.SUBMITTED,
            "attempts": self.attempts + 1,
            "token": new_token(),
            "progress": 0,
            "lease_owner": owner,
            "lease_until": now + _lease_duration(),
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

    def renew(self) -> bool:
        """Extend the lease; return False if the job was cancelled or taken over."""
        return self._update(lease_until=timezone.now() + _lease_duration())

    def set_external_id(self, external_id: str, transcoder: str) -> bool:
        """Store what a transcoder has returned for this attempt."""
        self.external_id = external_id
        return self._update(external_id=external_id, transcoder=transcoder)

    def drop_lease(self) -> bool:
        """Leave the attempt to the service that works on it: no worker has to stay alive."""
        return self._update(lease_owner="", lease_until=None)

    def set_error(self, code: str, error: str) -> bool:
        """Store why the service could not be read, or empty strings; the attempt goes on."""
        return self._update(**_failure(code, error))

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
        requeued = self._requeue(current, not_before=not_before, **_failure(code, error))
        if requeued:
            logger.warning("%s is tried again in %s: %s", self, pause, error)
        return requeued

    def recover(self, code: str, error: str, attempts: int) -> bool:
        """Make a job pending whose attempt is lost, unless its lease was renewed meanwhile.

        ``attempts`` is the number of attempts that count.
        """
        return self._requeue(self._unrenewed(), attempts=attempts, **_failure(code, error))

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
                    finished=None,
                    **_failure("", ""),
                )
                if restarted:
                    self._renditions.delete()
        except IntegrityError:  # of the constraint shift_media_one_live_job
            return False
        return bool(restarted)

    def _unrenewed(self) -> TranscodeJobQuerySet[TranscodeJob]:
        return self._attempt().running().filter(lease_until=self.lease_until)

    def _requeue(self, rows: TranscodeJobQuerySet[TranscodeJob], **values: object) -> bool:
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

    # The job ends.

    def complete(self, report: JobReport) -> bool:
        """Store the renditions of an attempt and remove those of older jobs of this profile.

        Returns False if the attempt is not the current one, or no row refers to the original.
        """
        self.began_completion = True  # It stays after an error: the COMMIT may have arrived.
        self.began_completion = self._complete(report)
        return self.began_completion

    def _complete(self, report: JobReport) -> bool:
        with transaction.atomic(using=self.database):
            completed = self._end(
                self._attempt().live(),
                State.COMPLETE,
                progress=100,
                payload=dict(report.payload) or self.payload,
                **_failure("", ""),
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
        failure = _failure("original_gone", "The original was replaced or deleted.")
        return self._end(self._attempt().running(), State.CANCELED, **failure)

    def _fail(self, rows: TranscodeJobQuerySet[TranscodeJob], code: str, error: str) -> bool:
        failed = self._end(rows, State.ERROR, **_failure(code, error))
        if failed:
            self._renditions.update(state=State.ERROR)
        return failed

    def _end(
        self, rows: TranscodeJobQuerySet[TranscodeJob], state: State, **values: object
    ) -> bool:
        ended = rows.update(
            state=state, lease_owner="", lease_until=None, finished=timezone.now(), **values
        )
        return bool(ended)


def _lease_duration() -> timedelta:
    return timedelta(seconds=settings.TRANSCODE_LEASE)


def _failure(code: str, error: str) -> dict[str, str]:
    """Return the columns of an error; both are empty where there is none."""
    return {"error_code": code[:_CODE_LENGTH], "error": error}

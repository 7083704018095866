"""The columns of a job, and what they say without a change of state."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import cast

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, router
from django.dispatch import Signal
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shift_media.conf import settings
from shift_media.core.errors import TranscodeError
from shift_media.core.keys import KEY_LENGTH
from shift_media.registry import find_field
from shift_media.storages import MediaStorage, resolve
from shift_media.transcoding.base import LIVE, MOST_PRIORITY, RUNNING, State

_LEAST_PROGRESS = 5
"""The percentage from which on the rest is estimated. The first ones are the download."""

_LEAST_BILLED_SECONDS = 10
"""https://aws.amazon.com/mediaconvert/pricing/: the shortest duration that an output is billed."""


def new_token() -> str:
    """Return a random name for an attempt and for the folder of its renditions."""
    return uuid.uuid4().hex[:8]


class JobColumns(models.Model):
    """The columns of a job, and what they refer to."""

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
    priority = models.SmallIntegerField(
        _("priority"),
        default=0,
        db_default=0,  # for processes of an earlier version while a site is updated
        validators=[MinValueValidator(-MOST_PRIORITY), MaxValueValidator(MOST_PRIORITY)],
        help_text=_("Jobs with a higher one are run first."),
    )
    # For the constraint. MySQL and MariaDB have no unique index with a condition, and no index
    # compares two nulls as equal.
    live = models.GeneratedField(
        expression=models.Case(
            models.When(state__in=[str(state) for state in LIVE], then=models.Value(1))
        ),
        output_field=models.SmallIntegerField(null=True),
        db_persist=True,
    )
    not_before = models.DateTimeField(_("not before"), default=timezone.now)
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    started = models.DateTimeField(_("started"), null=True, blank=True)
    finished = models.DateTimeField(_("finished"), null=True, blank=True)

    class Meta:
        """`TranscodeJob` has the table."""

        abstract = True

    def __str__(self) -> str:
        return f"{self.profile} of {self.original}"

    @property
    def database(self) -> str:
        """The alias of the database that the row is written to.

        The row may have been read from a replica.
        """
        return router.db_for_write(type(self), instance=self)

    def reload(self) -> None:
        """Read the row again where it is written, because a replica may lag behind."""
        self.refresh_from_db(using=self.database)

    @property
    def is_live(self) -> bool:
        """Return True for a job that has not ended: it is pending or running."""
        return self.state in LIVE

    @property
    def time_left(self) -> timedelta | None:
        """An estimate of how long the attempt still runs; None before it can be estimated.

        It assumes that the rest takes as long for each percent as the attempt has so far.
        """
        if self.state not in RUNNING or self.started is None or self.progress < _LEAST_PROGRESS:
            return None
        taken = max(timezone.now() - self.started, timedelta())
        return taken * (100 - self.progress) / self.progress

    @property
    def billed_minutes(self) -> float | None:
        """The minutes of all outputs together, as MediaConvert has reported them, else None.

        Each output counts for ten seconds at least, as AWS bills it.
        """
        groups = self.payload.get("OutputGroupDetails", [])
        outputs = [output for group in groups for output in group.get("OutputDetails", [])]
        seconds = [output["DurationInMs"] / 1000 for output in outputs if "DurationInMs" in output]
        return sum(max(each, _LEAST_BILLED_SECONDS) for each in seconds) / 60 if seconds else None

    @property
    def warnings(self) -> list[str]:
        """Sentences about what is missing although the job is complete, such as captions."""
        warnings = [str(warning) for warning in self.payload.get("warnings", [])]
        codes = [one.get("Code") for one in self.payload.get("Warnings", [])]
        return warnings + [f"MediaConvert gave the warning {code}." for code in codes]

    @property
    def cost(self) -> float | None:
        """The price of the job at MediaConvert; None without ``SHIFT_MEDIA["TRANSCODE_PRICE"]``.

        It is `billed_minutes` multiplied by that price.
        """
        minutes = self.billed_minutes
        return minutes * settings.TRANSCODE_PRICE if minutes and settings.TRANSCODE_PRICE else None

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

    def send(self, signal: Signal) -> None:
        """Send a signal; an error in a receiver is logged, because it must not fail the job."""
        signal.send_robust(sender=self.model, job=self)

"""Rows of transcoding: jobs, and the renditions that they make."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shift_media.core.keys import KEY_LENGTH
from shift_media.storages import MediaStorage, by_alias
from shift_media.transcoding.base import LIVE, State

RENDITION_KEY_LENGTH = 450
"""Enough for any rendition's key: a directory, a profile and three segments of 100."""


def new_token() -> str:
    """Name an attempt: its renditions lie in a folder of that name, beside those of no other."""
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

    if TYPE_CHECKING:
        renditions: Any

    class Meta:
        """One live job for each original and profile, whoever submits it and how often."""

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
    def is_live(self) -> bool:
        """Whether it is still to be done, or under way."""
        return self.state in LIVE


class Rendition(models.Model):
    """A file, or a set of files, that a job makes: an MP4, a playlist, a poster, a sprite."""

    job = models.ForeignKey(
        TranscodeJob, models.CASCADE, related_name="renditions", verbose_name=_("job")
    )
    original = models.CharField(_("original"), max_length=KEY_LENGTH, db_index=True)
    key = models.CharField(_("key"), max_length=RENDITION_KEY_LENGTH)
    kind = models.CharField(_("kind"), max_length=20)
    content_type = models.CharField(_("content type"), max_length=100)
    state = models.CharField(
        _("state"), max_length=12, choices=State.choices, default=State.PENDING
    )
    progress = models.PositiveSmallIntegerField(
        _("progress"), default=0, validators=[MaxValueValidator(100)]
    )
    width = models.PositiveIntegerField(_("width"), null=True, blank=True)
    height = models.PositiveIntegerField(_("height"), null=True, blank=True)
    duration = models.FloatField(_("duration"), null=True, blank=True)
    size = models.PositiveBigIntegerField(_("size"), null=True, blank=True)
    error_code = models.CharField(_("error code"), max_length=100, blank=True)
    error = models.TextField(_("error"), blank=True)
    legacy_key = models.CharField(_("legacy key"), max_length=1024, blank=True)

    # Set where the file is known: a field's own storage has no alias to find it by.
    _storage: MediaStorage | None = None

    class Meta:
        """As the job made them."""

        verbose_name = _("rendition")
        verbose_name_plural = _("renditions")
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "key"], name="shift_media_one_rendition")
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def url(self) -> str:
        """The public URL."""
        storage = self._storage or cast("MediaStorage", by_alias(self.job.storage))
        return storage.derived_url(self.key)

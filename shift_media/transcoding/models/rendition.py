"""The rows of renditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Self, cast

from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from shift_media.core.keys import KEY_LENGTH
from shift_media.storages import MediaStorage, get_storage
from shift_media.transcoding.base import RenditionReport, State
from shift_media.transcoding.models.queryset import JobRow

RENDITION_KEY_LENGTH = 450
"""Enough for any rendition's key: a directory, a profile and three segments of 100."""


_REPORTED = (
    "kind",
    "content_type",
    "state",
    "width",
    "height",
    "duration",
    "size",
    "codecs",
    "error_code",
    "error",
    "legacy_key",
)
"""The columns that a `RenditionReport` has under the same names."""


class RenditionQuerySet(models.QuerySet["Rendition"]):
    """A selection of renditions."""

    def complete(self, originals: Iterable[str]) -> Self:
        """Select what can be played of some originals, in the order of their profiles.

        Each has the name of its profile as an attribute.
        """
        rows = self.filter(original__in=originals, state=State.COMPLETE).order_by("pk")
        return rows.annotate(profile=models.F("job__profile"))

    def store(self, job: JobRow, report: RenditionReport) -> None:
        """Create or update the row that a transcoder reports for a job."""
        values = {name: getattr(report, name) for name in _REPORTED}
        progress = 100 if report.state == State.COMPLETE else 0
        self.update_or_create(
            job_id=job.pk,
            key=report.key,
            defaults={**values, "original": job.original, "progress": progress},
        )

    def replace(self, job: JobRow, reports: Sequence[RenditionReport]) -> None:
        """Store the renditions of a completed job as the only ones of this profile."""
        self.filter(job=job.pk).exclude(key__in=[report.key for report in reports]).delete()
        for report in reports:
            self.store(job, report)
        same_profile = self.filter(original=job.original, job__profile=job.profile)
        same_profile.exclude(job=job.pk).delete()


class Rendition(models.Model):
    """A file, or a set of files, that a job makes: an MP4, a playlist, a poster, a sprite."""

    job = models.ForeignKey(
        "TranscodeJob", models.CASCADE, related_name="renditions", verbose_name=_("job")
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
    codecs = models.CharField(
        _("codecs"),
        max_length=100,
        blank=True,
        db_default="",  # for processes of an earlier version while a site is updated
        help_text=_("As in the type of a source in HTML: avc1.64001f,mp4a.40.2"),
    )
    error_code = models.CharField(_("error code"), max_length=100, blank=True)
    error = models.TextField(_("error"), blank=True)
    legacy_key = models.CharField(_("legacy key"), max_length=1024, blank=True)

    objects = RenditionQuerySet.as_manager()

    profile: str = ""
    """The name of the job's profile; set by `RenditionQuerySet.complete`."""

    # Set by a `MediaFile`, because a storage that only the field has is in no setting.
    _storage: MediaStorage | None = None

    class Meta:
        """In the order in which the job made them."""

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
        """The URL; without a storage that was set, it costs a query for the job."""
        storage = self._storage or cast("MediaStorage", get_storage(self.job.storage))
        if storage.derived == "private":
            return storage.playback_url(self.key, self.duration or 0)
        return storage.derived_url(self.key)

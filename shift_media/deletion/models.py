"""Rows of pending work: deletions, and invalidations of a CDN."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shift_media.core.keys import KEY_LENGTH


class PendingDeletion(models.Model):
    """An original whose row is gone, and that is to be deleted with all that was derived from it.

    Written in the transaction that removes the last reference; see `shift_media.deletion.service`.
    """

    class Stage(models.IntegerChoices):
        """How often the original has been deleted already."""

        FIRST = 1, _("to be deleted")
        SECOND = 2, _("to be deleted once more")

    storage = models.CharField(
        _("storage"),
        max_length=100,
        blank=True,
        help_text=_("Alias in STORAGES; empty where the field has its own storage."),
    )
    source = models.CharField(
        _("source"), max_length=200, help_text=_("The field that the file was in.")
    )
    prefix = models.CharField(_("prefix"), max_length=KEY_LENGTH)
    stage = models.PositiveSmallIntegerField(
        _("stage"), choices=Stage.choices, default=Stage.FIRST
    )
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    not_before = models.DateTimeField(_("not before"), default=timezone.now, db_index=True)
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    last_error = models.TextField(_("last error"), blank=True)

    class Meta:
        """The oldest first."""

        verbose_name = _("pending deletion")
        verbose_name_plural = _("pending deletions")
        ordering: ClassVar = ["not_before", "pk"]

    def __str__(self) -> str:
        return self.prefix

    @property
    def key(self) -> str:
        """The key of the original."""
        directory = self.prefix.rstrip("/")
        return f"{self.prefix}{directory.rpartition('/')[2]}"


class PendingInvalidation(models.Model):
    """A directory that was deleted, and that a cache before the storage is to forget."""

    storage = models.CharField(_("storage"), max_length=100, blank=True)
    source = models.CharField(_("source"), max_length=200)
    prefix = models.CharField(_("prefix"), max_length=KEY_LENGTH)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    not_before = models.DateTimeField(_("not before"), default=timezone.now, db_index=True)
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    last_error = models.TextField(_("last error"), blank=True)

    class Meta:
        """The oldest first."""

        verbose_name = _("pending invalidation")
        verbose_name_plural = _("pending invalidations")
        ordering: ClassVar = ["not_before", "pk"]

    def __str__(self) -> str:
        return self.prefix

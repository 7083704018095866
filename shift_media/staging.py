"""Staged files of direct uploads: which tickets were used, and which files a task is to store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar, Final

from django.db import models
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shift_media.core.backoff import Backoff
from shift_media.core.keys import KEY_LENGTH

LEASE: Final = timedelta(hours=1)
"""How long a claimed file is left to its worker: longer than 5 TB are seldom read. Then the worker
has probably died, and another one may claim it."""

BACKOFF: Final = Backoff(first=timedelta(minutes=1), longest=timedelta(hours=6))
_ERROR_LENGTH: Final = 2000


class UsedTicket(models.Model):
    """A ticket that a row was written with.

    It is written in the transaction that writes the row, so that of two rows with one ticket the
    second is refused, and a ticket whose transaction is rolled back can be used again. After the
    ticket has expired, ``media_cleanup`` deletes it.
    """

    staged = models.CharField(_("staged key"), max_length=KEY_LENGTH, unique=True)
    expires = models.DateTimeField(_("expires"), db_index=True)

    class Meta:
        """The names of the model."""

        verbose_name = _("used ticket")
        verbose_name_plural = _("used tickets")

    def __str__(self) -> str:
        return self.staged


class PendingUpload(models.Model):
    """A direct upload that a row refers to, and that a task is to check and store.

    It is written in the transaction that writes the row. Until its task has ended, the sweep
    spares the staged file.
    """

    source = models.CharField(
        _("source"), max_length=200, help_text=_("The media field, as app.Model.field.")
    )
    key = models.CharField(_("key"), max_length=KEY_LENGTH, unique=True)
    staged = models.CharField(
        _("staged key"),
        max_length=KEY_LENGTH,
        unique=True,  # A ticket is used once.
        help_text=_("Where the file is until then."),
    )
    sha256 = models.CharField(
        _("SHA-256"), max_length=64, blank=True, help_text=_("As the client has announced it.")
    )
    size = models.PositiveBigIntegerField(_("size"))
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    not_before = models.DateTimeField(_("not before"), default=timezone.now, db_index=True)
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    last_error = models.TextField(_("last error"), blank=True)

    class Meta:
        """The oldest first."""

        verbose_name = _("pending upload")
        verbose_name_plural = _("pending uploads")
        ordering: ClassVar = ["not_before", "pk"]

    def __str__(self) -> str:
        return self.key

    def claim(self) -> bool:
        """Claim the file for `LEASE`; return False if another worker has it, or it is not due."""
        now = timezone.now()
        values: dict[str, Any] = {"not_before": now + LEASE, "attempts": F("attempts") + 1}
        claimed = self._row().filter(not_before__lte=now).update(**values)
        self.attempts += claimed
        return bool(claimed)

    def retry_later(self, error: Exception) -> None:
        """Keep an error, and make the file due again later, each time more."""
        text = f"{type(error).__name__}: {error}"[:_ERROR_LENGTH]
        due = timezone.now() + BACKOFF.pause(self.attempts)
        self._row().update(not_before=due, last_error=text)

    def _row(self) -> models.QuerySet[PendingUpload]:
        rows = PendingUpload.objects.using(self._state.db)
        return rows.filter(pk=self.pk)

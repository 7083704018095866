"""Reservations: what the tickets that are not used yet count in a quota."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from shift_media.core.keys import KEY_LENGTH

_OWNER_LENGTH = 255


class UploadReservation(models.Model):
    """A ticket that counts in its user's quota, until its file has a row or it expires.

    There is a row only on a site with ``UPLOAD_QUOTA``. Once the parts of an upload are being made
    one file it is ``completing``, and an abort leaves it as it is.
    """

    key = models.CharField(_("key"), max_length=KEY_LENGTH, unique=True)
    owner = models.CharField(_("owner"), max_length=_OWNER_LENGTH, db_index=True)
    size = models.PositiveBigIntegerField(_("size"))
    expires = models.DateTimeField(_("expires"), db_index=True)
    completing = models.BooleanField(_("completing"), default=False)

    class Meta:
        """The names of the model."""

        verbose_name = _("upload reservation")
        verbose_name_plural = _("upload reservations")

    def __str__(self) -> str:
        return self.key

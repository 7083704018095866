"""Quotas of direct uploads: the site's own function decides, and unused tickets count."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from django.db import DatabaseError
from django.db.models import Count, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from shift_media.conf import ConfigurationError, settings
from shift_media.core.errors import MediaError
from shift_media.direct.models import UploadReservation

if TYPE_CHECKING:
    from shift_media.direct.tickets import Ticket

logger = logging.getLogger("shift_media")

Quota = Callable[[HttpRequest, int, int], None]

_STATUSES = (403, 413)


class QuotaExceeded(MediaError):
    """An upload that the function of ``UPLOAD_QUOTA`` refuses.

    Args:
        message: for the user; by default that the space is used up.
        code: for the client's program.
        status: of the answer, 413 or 403.
    """

    code = "quota_exceeded"
    public = "There is no space left for this file."

    def __init__(
        self, message: str = "", *, code: str = "quota_exceeded", status: int = 413
    ) -> None:
        if status not in _STATUSES:
            raise ValueError(
                f"The status of QuotaExceeded is {status}: choose one of {_STATUSES}."
            )
        super().__init__(message, code=code)
        self.message = message or _("There is no space left for this file.")
        self.status = status


def reserve(request: HttpRequest, ticket: Ticket) -> None:
    """Count a ticket in its user's quota; raise `QuotaExceeded` if the site's function does.

    The reservation is written before the function is called. Of two requests at the same time each
    counts the other one, so that both may be refused, but never both accepted wrongly.
    """
    if settings.UPLOAD_QUOTA is None:
        return
    check = _quota(settings.UPLOAD_QUOTA)
    rows = UploadReservation.objects
    rows.filter(expires__lte=timezone.now()).delete()
    expires = datetime.fromtimestamp(ticket.expires, UTC)
    row = rows.create(key=ticket.key, owner=ticket.owner, size=ticket.size, expires=expires)
    unused = rows.filter(owner=ticket.owner).aggregate(size=Sum("size"), count=Count("pk"))
    try:
        check(request, unused["size"], unused["count"])
    except BaseException:
        row.delete()
        raise


def release(key: str) -> None:
    """Forget the reservation of a ticket whose file has a row, which the site counts itself."""
    if settings.UPLOAD_QUOTA is None:
        return
    try:
        UploadReservation.objects.filter(key=key).delete()
    except DatabaseError:
        logger.warning("The reservation of %s stays until it expires.", key, exc_info=True)


def _quota(path: str) -> Quota:
    try:
        return cast("Quota", import_string(path))
    except ImportError as error:
        detail = f'SHIFT_MEDIA["UPLOAD_QUOTA"]: {error}'
        raise ConfigurationError(detail, key="UPLOAD_QUOTA") from error

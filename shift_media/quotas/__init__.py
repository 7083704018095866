"""Quotas of direct uploads: the site's own function decides, and unused tickets count."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from django.db import DatabaseError, router
from django.db.models import Count, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _

from shift_media.conf import ConfigurationError, settings
from shift_media.core.errors import MediaError

if TYPE_CHECKING:
    from django.db import models

    from shift_media.quotas.models import UploadReservation

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


def reserve(request: HttpRequest, *, key: str, owner: str, size: int, expires: int) -> None:
    """Count a ticket in its user's quota; raise `QuotaExceeded` if the site's function does.

    The reservation is written before the function is called. Of two requests at the same time each
    counts the other one, so that both may be refused, but never both accepted wrongly.

    Args:
        request: of the user.
        key: of the staged bytes.
        owner: as in the ticket.
        size: announced bytes.
        expires: seconds since the epoch.
    """
    if settings.UPLOAD_QUOTA is None:
        return
    check = _quota(settings.UPLOAD_QUOTA)
    rows = _reservations()
    rows.filter(expires__lte=timezone.now()).delete()
    end = datetime.fromtimestamp(expires, UTC)
    row = rows.create(key=key, owner=owner, size=size, expires=end)
    unused = rows.filter(owner=owner).aggregate(size=Sum("size"), count=Count("pk"))
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
        _reservations().filter(key=key).delete()
    except DatabaseError:
        logger.warning("The reservation of %s stays until it expires.", key, exc_info=True)


def begin_completion(key: str) -> bool:
    """Keep the reservation of an upload in parts from now on; return False if it is gone.

    Then the upload was aborted, or its file has a row.
    """
    if settings.UPLOAD_QUOTA is None:
        return True
    return bool(_reservations().filter(key=key).update(completing=True))


def abort_completion(key: str) -> None:
    """Let an upload be aborted again, because its parts could not be made one file."""
    if settings.UPLOAD_QUOTA is not None:
        _reservations().filter(key=key).update(completing=False)


def release_unless_completing(key: str) -> bool:
    """Forget the reservation of an upload in parts; return False if it is being completed.

    The database decides which of two requests at the same moment is first, so that a file never
    comes to be without a reservation.
    """
    if settings.UPLOAD_QUOTA is None:
        return True
    rows = _reservations().filter(key=key)
    rows.filter(completing=False).delete()
    return not rows.exists()


def _reservations() -> models.QuerySet[UploadReservation]:
    # On use, because a model needs the settings of a site, and the fields import this module.
    from shift_media.quotas.models import UploadReservation

    # A replica may not have the newest ones yet, which count too.
    return UploadReservation.objects.using(router.db_for_write(UploadReservation))


def _quota(path: str) -> Quota:
    try:
        return cast("Quota", import_string(path))
    except ImportError as error:
        detail = f'SHIFT_MEDIA["UPLOAD_QUOTA"]: {error}'
        raise ConfigurationError(detail, key="UPLOAD_QUOTA") from error

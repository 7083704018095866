"""The errors of direct uploads as answers in JSON."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, cast

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse

from shift_media.core.errors import Busy, OutOfResources, StorageError
from shift_media.direct.parts import PartsRefused
from shift_media.http import HEADERS, NO_STORE
from shift_media.quotas import QuotaExceeded
from shift_media.validators import InvalidMedia

logger = logging.getLogger("shift_media")

_RETRY_SECONDS: Final = 5

View = Callable[..., HttpResponse]


def answering_errors(*methods: str) -> Callable[[View], View]:
    """Return a decorator of a view that answers these methods, and errors with JSON.

    The status of an error is 400, 403, 405, 409, 413 or 503.
    """

    def decorated(view: View) -> View:
        @wraps(view)
        def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method in methods:
                response = _answered(view, request, *args, **kwargs)
            else:
                response = HttpResponse(status=405, headers={"Allow": ", ".join(methods)})
            response["X-Content-Type-Options"] = HEADERS["X-Content-Type-Options"]
            response["Cache-Control"] = NO_STORE
            return response

        return cast("View", wrapped)

    return decorated


def _answered(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    try:
        return view(request, *args, **kwargs)
    except PermissionDenied:
        return _refused(403, "forbidden", "You may not upload here.")
    except PartsRefused as error:
        return JsonResponse(error.content, status=error.status)
    except QuotaExceeded as error:
        return _refused(error.status, error.code, str(error.message))
    except InvalidMedia as error:
        return _refused(400, str(error.code), error.sentence)
    except (Busy, OutOfResources, StorageError) as error:
        logger.warning("A direct upload failed: %s: %s", error.code, error)
        response = _refused(503, error.code, error.public)
        response["Retry-After"] = str(_RETRY_SECONDS)
        return response


def _refused(status: int, code: str, message: str) -> JsonResponse:
    return JsonResponse({"code": code, "message": message}, status=status)

"""Who sends a request of a direct upload: the user of a session, or that of a token."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final, cast

from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.module_loading import import_string
from django.views.decorators.csrf import csrf_exempt

from shift_media.conf import ConfigurationError, settings
from shift_media.core.errors import MediaError
from shift_media.http import HEADERS, NO_STORE

View = Callable[..., HttpResponse]

_BROWSER_SCHEMES: Final = frozenset(("basic", "digest", "kerberos", "negotiate", "ntlm"))
"""Schemes of ``Authorization`` that browsers answer by themselves: RFC 7617, 7616 and 4559."""

_PAGE_HEADERS: Final = ("Origin", "Referer", "Sec-Fetch-Site")


class NotAuthenticated(MediaError):
    """The credentials of a request are wrong: the answer has the status 401.

    Args:
        detail: for the log.
        challenge: the header ``WWW-Authenticate``.
    """

    code = "not_authenticated"
    public = "The credentials are wrong or have expired."

    def __init__(self, detail: str = "", *, challenge: str = "Bearer") -> None:
        super().__init__(detail)
        self.challenge = challenge


def with_known_user(view: View) -> View:
    """Set ``request.user`` to the user of a token, or check the CSRF token of a session's user.

    A token is sent by the client on purpose, so its request cannot be forged by another page.
    Cookies, passwords of HTTP's own schemes and certificates are sent by the browser with each
    request, so the CSRF check stays for those.
    """

    @csrf_exempt
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            has_token = _has_token(request)
        except NotAuthenticated as error:
            content = {"code": error.code, "message": error.public}
            headers = {
                "WWW-Authenticate": error.challenge,
                "Cache-Control": NO_STORE,
                "X-Content-Type-Options": HEADERS["X-Content-Type-Options"],
            }
            return JsonResponse(content, status=401, headers=headers)
        may_be_forged = _sends_by_itself if has_token else _may_be_of_a_page
        rejected = _csrf_rejection(request) if may_be_forged(request) else None
        if rejected is not None:
            return rejected
        return view(request, *args, **kwargs)

    return cast("View", wrapped)


def _has_token(request: HttpRequest) -> bool:
    """Set the user of a token, and return True; raise `NotAuthenticated` for a wrong token."""
    path = settings.UPLOAD_AUTHENTICATION
    if path is None:
        return False
    try:
        authenticate = import_string(path)
    except ImportError as error:
        detail = f'SHIFT_MEDIA["UPLOAD_AUTHENTICATION"]: {error}'
        raise ConfigurationError(detail, key="UPLOAD_AUTHENTICATION") from error
    user = authenticate(request)
    if user is None:
        return False
    request.user = user
    return True


def _sends_by_itself(request: HttpRequest) -> bool:
    """Return True if a browser may have added the credentials of a page's request.

    It adds cookies, certificates and ``Authorization`` of HTTP's own schemes, also to a form that
    a page of another site sends. Browsers name the page in `_PAGE_HEADERS`, apps do not.
    """
    scheme = request.headers.get("Authorization", "").partition(" ")[0].lower()
    if scheme and scheme not in _BROWSER_SCHEMES:
        return False
    return bool(request.COOKIES) or any(name in request.headers for name in _PAGE_HEADERS)


def _may_be_of_a_page(request: HttpRequest) -> bool:
    """Return False for an app's request without a token, which the rule of the field refuses."""
    user = getattr(request, "user", None)
    is_anonymous = user is None or not user.is_authenticated
    is_from_app = settings.UPLOAD_AUTHENTICATION is not None and not request.COOKIES
    return not (is_from_app and is_anonymous)


def _csrf_rejection(request: HttpRequest) -> HttpResponse | None:
    """Return the response of the site's CSRF middleware, or None if it accepts the request."""
    for path in django_settings.MIDDLEWARE:
        kind = import_string(path)
        if isinstance(kind, type) and issubclass(kind, CsrfViewMiddleware):
            check = kind(_no_response)
            check.process_request(request)
            rejected = check.process_view(request, _no_response, (), {})
            return cast("HttpResponse | None", rejected)
    return None


def _no_response(request: HttpRequest) -> HttpResponse:
    """Stand for the view in the CSRF middleware, which looks only whether it is exempt."""
    return HttpResponse()

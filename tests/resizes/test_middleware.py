"""The resize view behind all of Django's middleware: its answers are the same for everyone."""

from __future__ import annotations

import importlib
import inspect
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django
import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.contrib.sites.models import Site as DjangoSite
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import Client, override_settings
from django.urls import include, path, re_path
from django.utils import translation
from django.utils.deprecation import MiddlewareMixin

from shift_media.core.keys import new_original_key
from shift_media.resizes.resize import Resize
from tests.resizes.conftest import picture
from tests.resizes.counting import CountingStorage

Add = Callable[..., str]
ResizeOf = Callable[..., Resize]
Ask = Callable[..., Any]

IMMUTABLE = "public, max-age=31536000, immutable"

ORDER = [
    "django.middleware.cache.UpdateCacheMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.BrokenLinkEmailsMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.RemoteUserMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "tests.resizes.test_middleware.GreetingMiddleware",
]
"""The order that Django's documentation recommends, with one of a site that adds a message."""

LAST = ["django.middleware.cache.FetchFromCacheMiddleware"]

LEFT_OUT = {
    "django.middleware.cache.CacheMiddleware",  # UpdateCache and FetchFromCache in one
    "django.contrib.auth.middleware.PersistentRemoteUserMiddleware",  # as RemoteUser
}


class GreetingMiddleware(MiddlewareMixin):
    """Adds a message to each request, and reads the user of each response."""

    def process_request(self, request: HttpRequest) -> None:
        messages.info(request, "Welcome")

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        response["X-User"] = str(request.user)
        return response


@login_not_required
def page(request: HttpRequest, **kwargs: str) -> HttpResponse:
    return HttpResponse("page")


urlpatterns = [
    path("media/", include("shift_media.urls")),
    *i18n_patterns(re_path("(?P<path>.*)", page)),
]


def middleware_of_django() -> Iterator[str]:
    """Yield the dotted path of each middleware of the installed Django."""
    root = Path(django.__file__).parent
    files = [*root.glob("middleware/[a-z]*.py"), *root.glob("contrib/*/middleware.py")]
    for file in files:
        module = ".".join(["django", *file.relative_to(root).with_suffix("").parts])
        for name, kind in inspect.getmembers(importlib.import_module(module), inspect.isclass):
            if name.endswith("Middleware") and kind.__module__ == module:
                yield f"{module}.{name}"


@pytest.fixture
def all_of_django() -> list[str]:
    """Return every middleware of Django, in an order in which they work."""
    found = set(middleware_of_django()) - LEFT_OUT
    others = sorted(found - {*ORDER, *LAST})
    order = [*ORDER, *others, *LAST]
    return [name for name in order if name in found or name.startswith("tests.")]


@pytest.fixture
def behind(
    all_of_django: list[str], storage: CountingStorage, db: None
) -> Iterator[Callable[..., Client]]:
    """Return a function that returns a client of a site with all of Django's middleware."""
    overrides = []
    DjangoSite.objects.update_or_create(pk=1, defaults={"domain": "example.com", "name": "x"})

    def start(**options: Any) -> Client:
        override = override_settings(
            **{
                "MIDDLEWARE": all_of_django,
                "ROOT_URLCONF": __name__,
                "SITE_ID": 1,
                "TEMPLATES": [],
                "SESSION_SAVE_EVERY_REQUEST": True,
                "CACHES": {
                    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
                },
                **options,
            }
        )
        override.enable()
        overrides.append(override)
        caches["default"].clear()
        return Client()

    with translation.override(None):  # LocaleMiddleware leaves its language active.
        yield start
    for override in reversed(overrides):
        override.disable()


def sent(response: Any) -> tuple[int, bytes, dict[str, str]]:
    """Return what a client sees, without the headers that the middleware may add."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    ours = ("Accept-Ranges", "Access-Control-Allow-Origin", "Allow", "Cache-Control",
            "Content-Encoding", "Content-Length", "Content-Range", "Content-Security-Policy",
            "Content-Type", "Cross-Origin-Resource-Policy", "ETag", "Last-Modified", "Location",
    )  # fmt: skip
    return response.status_code, body, {n: response[n] for n in ours if n in response}


def requests_for(key: str, resize: Resize) -> Iterator[tuple[str, str, dict[str, str]]]:
    forged = resize.url.replace("400x300", "401x300")
    for url in (f"/media/{key}", resize.url, resize.url, forged):
        yield "get", url, {}
        yield "head", url, {}
        yield "post", url, {}
        yield "get", url, {"HTTP_RANGE": "bytes=5-400"}
        yield "get", url, {"HTTP_IF_NONE_MATCH": "*"}
        yield "get", f"{url}/", {}


COOKIES = {
    "no cookie": {},
    "malformed CSRF token": {"csrftoken": "x"},
    "unknown session": {"sessionid": "x" * 32},
}


@pytest.mark.acceptance(65)
@pytest.mark.parametrize("csrf_in_session", [False, True])
@pytest.mark.parametrize("cookies", COOKIES.values(), ids=COOKIES)
def test_answers_behind_all_middleware_are_those_of_the_view(
    behind: Callable[..., Client],
    add: Add,
    resize_of: ResizeOf,
    csrf_in_session: bool,
    cookies: dict[str, str],
) -> None:
    key = add()
    resize = resize_of(key)
    plain = behind(MIDDLEWARE=["django.middleware.common.CommonMiddleware"])
    asked = list(requests_for(key, resize))
    expected = [sent(getattr(plain, method)(url, **more)) for method, url, more in asked]
    client = behind(CSRF_USE_SESSIONS=csrf_in_session)
    client.handler.enforce_csrf_checks = True
    client.cookies.load(cookies)
    for (method, url, more), answer in zip(asked, expected, strict=True):
        headers = {"HTTP_ACCEPT_ENCODING": "gzip", "HTTP_ACCEPT_LANGUAGE": "de", **more}
        response = getattr(client, method)(url, **headers)
        assert not response.cookies, (method, url)
        assert "cookie" not in response.get("Vary", "").lower(), (method, url)
        assert sent(response) == answer, (method, url, more)


@pytest.mark.acceptance(65)
def test_media_answers_leave_the_session_of_a_user_alone(
    behind: Callable[..., Client], add: Add, resize_of: ResizeOf, django_assert_num_queries: Any
) -> None:
    key = add()
    resize = resize_of(key)
    client = behind()
    client.force_login(User.objects.create_user("ann"))
    before = Session.objects.get().session_data
    client.cookies["messages"] = "kept until a page shows it"
    for url in (resize.url, resize.url, f"/media/{key}"):
        response = client.get(url)
        assert sent(response)[0] == 200
        assert response["Cache-Control"] == IMMUTABLE
        assert response["X-User"] == "ann"  # for middleware that runs after the view
        assert not response.cookies
        assert "cookie" not in response.get("Vary", "").lower()
    assert Session.objects.get().session_data == before
    page = client.get("/en/")
    assert "sessionid" in page.cookies  # other views keep the behaviour of Django


@pytest.mark.acceptance(65)
def test_pictures_are_not_kept_in_the_per_site_cache(
    behind: Callable[..., Client],
    all_of_django: list[str],
    storage: CountingStorage,
    add: Add,
    resize_of: ResizeOf,
) -> None:
    url = resize_of(add()).url
    client = behind(MIDDLEWARE=[name for name in all_of_django if name.startswith("django")])
    for number in range(3):
        assert client.get(f"{url}?x={number}").status_code == 200
    assert storage.calls["put"] == 1
    assert not caches["default"]._cache  # type: ignore[attr-defined]
    client.get("/en/page/")
    assert caches["default"]._cache  # type: ignore[attr-defined]


@pytest.mark.acceptance(65)
def test_missing_file_is_404_beside_a_catch_all_of_i18n_patterns(
    behind: Callable[..., Client],
) -> None:
    client = behind()
    missing = client.get(f"/media/{new_original_key('gone', 'jpg')}", HTTP_ACCEPT_LANGUAGE="de")
    assert (missing.status_code, missing["Cache-Control"]) == (404, "no-store")
    other = client.get("/media/robots.txt", HTTP_ACCEPT_LANGUAGE="de")
    assert (other.status_code, other["Location"]) == (302, "/de/media/robots.txt")


def test_order_of_the_tests_names_middleware_of_the_installed_django() -> None:
    found = set(middleware_of_django())
    named = {*ORDER, *LAST, *LEFT_OUT} - {"tests.resizes.test_middleware.GreetingMiddleware"}
    assert named <= found, "Django has renamed or removed these: correct ORDER."
    assert len(found) >= 18, sorted(found)
    assert django.VERSION >= (6, 0) or not any("csp" in name for name in found)


@pytest.mark.acceptance(65)
@pytest.mark.parametrize("odd", [{"USE_TZ": False}, {"FORCE_SCRIPT_NAME": "/app"}], ids=str)
def test_answers_with_odd_settings_are_the_same(
    site: Any, resize_of: ResizeOf, odd: dict[str, Any]
) -> None:
    mounted = odd.get("FORCE_SCRIPT_NAME", "")
    key = add_to(site(base_url="/media/"))
    asked = list(requests_for(key, resize_of(key)))
    expected = [sent(getattr(Client(), method)(url, **more)) for method, url, more in asked]
    site(base_url=f"{mounted}/media/")
    with override_settings(**odd):
        urls = [url for _, url, _ in requests_for(key, resize_of(key))]
        assert all(url.startswith(f"{mounted}/media/") for url in urls[6:])
        for (method, url, more), answer in zip(asked, expected, strict=True):
            # A server that mounts the site passes the rest of the path, and the raw path.
            raw = {"RAW_URI": f"{mounted}{url}"}
            assert sent(getattr(Client(), method)(url, **more, **raw)) == answer, (method, url)


def add_to(storage: CountingStorage) -> str:
    key = str(new_original_key("photo", "jpg"))
    storage.put(key, io.BytesIO(picture()), content_type="image/jpeg")
    return key

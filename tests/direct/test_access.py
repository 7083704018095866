"""Direct uploads of apps with tokens instead of cookies, and quotas."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError
from django.http import HttpRequest
from django.test import Client, override_settings
from django.utils import timezone

from shift_media.conf import ConfigurationError
from shift_media.core.errors import StorageError
from shift_media.direct import NotAuthenticated
from shift_media.quotas import QuotaExceeded
from shift_media.quotas.models import UploadReservation
from shift_media.storages import LocalMediaStorage
from tests.direct.part_steps import act, send
from tests.direct.steps import FIELD, announced, ask, errors, form, put, ticket
from tests.fields.material import picture
from tests.testapp.models import Photo

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("media", "uploads"),
    pytest.mark.acceptance(39),
]

JPEG = picture()
BEARER = {"authorization": "Bearer ada"}


def user_of_token(request: HttpRequest) -> User | None:
    """Return the user whose name is the token: the function of a site."""
    kind, _, name = request.headers.get("Authorization", "").partition(" ")
    if kind != "Bearer":
        return None
    try:
        return User.objects.get(username=name)
    except User.DoesNotExist as error:
        raise NotAuthenticated(f"There is no user {name!r}.") from error


def anyone(request: HttpRequest, field: object) -> bool:
    return True


@pytest.fixture
def tokens(client: Client, uploads: None) -> Iterator[None]:
    """Let ada upload with a token, too."""
    given = {
        "UPLOADS": {FIELD: "shift_media.direct.may_add"},
        "UPLOAD_AUTHENTICATION": f"{__name__}.user_of_token",
    }
    with override_settings(SHIFT_MEDIA=given):
        yield


@pytest.fixture
def app() -> Client:
    """Return a client without cookies, of which the CSRF check is on."""
    return Client(enforce_csrf_checks=True)


def sent(app: Client, headers: dict[str, str]) -> Any:
    return app.post(
        "/media/upload/", announced(JPEG), content_type="application/json", headers=headers
    )


@pytest.mark.usefixtures("tokens")
def test_app_with_a_token_uploads_without_cookies(app: Client, client: Client) -> None:
    given = sent(app, BEARER)
    assert given.status_code == 201, given.content
    assert not given.cookies
    headers = given.json()["headers"] | BEARER
    stored = app.put(given.json()["url"], JPEG, "image/jpeg", headers=headers)
    assert stored.status_code == 204, stored.content
    assert form(client, given.json()["ticket"]).is_valid()  # ada's session


def ada_whoever_asks(request: HttpRequest) -> User:
    """Return a user, as for a password, a certificate or a cookie: the function of a site."""
    return User.objects.get(username="ada")


@pytest.fixture
def without_tokens(client: Client, uploads: None) -> Iterator[None]:
    """Let ada upload by what a browser sends by itself."""
    given = {
        "UPLOADS": {FIELD: "shift_media.direct.may_add"},
        "UPLOAD_AUTHENTICATION": f"{__name__}.ada_whoever_asks",
    }
    with override_settings(SHIFT_MEDIA=given):
        yield


PAGE = {"origin": "https://evil.example"}
BASIC = {"authorization": "Basic YWRhOmE="}


@pytest.mark.usefixtures("without_tokens")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (BASIC | PAGE, 403),
        ({"authorization": "Negotiate YQ=="} | {"sec-fetch-site": "cross-site"}, 403),
        (PAGE, 403),  # a client certificate
        ({"referer": "https://evil.example/"}, 403),
        ({"cookie": "token=a"}, 403),
        (BASIC, 201),
        ({"x-api-key": "a"}, 201),
        ({"authorization": "Bearer a"} | PAGE, 201),
    ],
    ids=str,
)
def test_what_a_browser_sends_by_itself_needs_the_csrf_token(
    app: Client, headers: dict[str, str], status: int
) -> None:
    assert sent(app, headers).status_code == status
    page = {"x-csrftoken": "a" * 32, "cookie": f"csrftoken={'a' * 32}; token=a"}
    own = {**headers, **page, "origin": "http://testserver"}
    assert sent(app, own).status_code == 201


@pytest.mark.usefixtures("tokens")
def test_ticket_of_a_token_belongs_to_its_user(app: Client, other: Client) -> None:
    given = sent(app, BEARER).json()
    bobs = {**given["headers"], "authorization": "Bearer bob"}
    assert app.put(given["url"], JPEG, "image/jpeg", headers=bobs).status_code == 400
    assert errors(other, given["ticket"]) == ["upload_refused"]


@pytest.mark.usefixtures("tokens")
def test_wrong_token_is_answered_with_a_challenge(app: Client) -> None:
    response = sent(app, {"authorization": "Bearer eve"})
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.json()["code"] == "not_authenticated"
    assert "eve" not in response.json()["message"]


@pytest.mark.usefixtures("tokens")
def test_app_without_a_token_gets_the_answer_of_the_rule(app: Client) -> None:
    response = sent(app, {})
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")


@pytest.mark.usefixtures("tokens")
def test_user_of_a_session_still_needs_the_csrf_token(app: Client, client: Client) -> None:
    app.cookies = client.cookies
    assert sent(app, {}).status_code == 403
    assert b"CSRF" in sent(app, {}).content
    app.cookies["csrftoken"] = token = "a" * 32
    assert sent(app, {"x-csrftoken": token}).status_code == 201


def test_anonymous_page_with_cookies_still_needs_the_csrf_token(app: Client) -> None:
    given = {
        "UPLOADS": {FIELD: f"{__name__}.anyone"},
        "UPLOAD_AUTHENTICATION": f"{__name__}.user_of_token",
    }
    with override_settings(SHIFT_MEDIA=given):
        assert sent(app, {}).status_code == 201  # an app
        app.cookies["csrftoken"] = "a" * 32
        assert sent(app, {}).status_code == 403


def test_without_the_setting_a_token_is_nothing(app: Client, client: Client) -> None:
    assert sent(app, BEARER).status_code == 403


def test_site_without_csrf_middleware_checks_nothing(app: Client, client: Client) -> None:
    from django.conf import settings

    app.cookies = client.cookies
    rest = [path for path in settings.MIDDLEWARE if "Csrf" not in path]
    with override_settings(MIDDLEWARE=rest):
        assert sent(app, {}).status_code == 201


@pytest.mark.parametrize("name", ["UPLOAD_AUTHENTICATION", "UPLOAD_QUOTA"])
def test_path_of_no_function_raises_a_configuration_error(client: Client, name: str) -> None:
    given = {"UPLOADS": {FIELD: "shift_media.direct.may_add"}, name: "no.such.function"}
    with override_settings(SHIFT_MEDIA=given), pytest.raises(ConfigurationError, match=name):
        ask(client, JPEG)


def quota(request: HttpRequest, size: int, count: int) -> None:
    """Refuse more than two files, stored ones included: the function of a site."""
    if Photo.objects.count() + count > 2:
        raise QuotaExceeded("You have two pictures already.", code="two", status=403)
    if size > 1_000_000:
        raise QuotaExceeded


@pytest.fixture
def limited(uploads: None) -> Iterator[None]:
    """Allow two pictures and a megabyte."""
    given = {
        "UPLOADS": {FIELD: "shift_media.direct.may_add"},
        "UPLOAD_QUOTA": f"{__name__}.quota",
    }
    with override_settings(SHIFT_MEDIA=given):
        yield


@pytest.mark.usefixtures("limited")
def test_tickets_that_are_not_used_yet_count_in_the_quota(client: Client, other: Client) -> None:
    ticket(client, JPEG)
    ticket(client, JPEG)
    refused = ask(client, JPEG)
    assert refused.status_code == 403
    assert refused.json() == {"code": "two", "message": "You have two pictures already."}
    assert UploadReservation.objects.count() == 2
    ticket(other, JPEG)  # another user's


@pytest.mark.usefixtures("limited")
def test_bytes_over_the_quota_are_refused_with_its_status(client: Client) -> None:
    ticket(client, JPEG, size=600_000)
    refused = ask(client, JPEG, size=600_000)
    assert refused.status_code == 413
    assert refused.json() == {
        "code": "quota_exceeded", "message": "There is no space left for this file."
    }  # fmt: skip


@pytest.mark.usefixtures("limited")
def test_used_ticket_is_counted_by_its_row_alone(client: Client) -> None:
    given = ticket(client, JPEG)
    put(client, given, JPEG)
    form(client, given["ticket"]).save()
    assert not UploadReservation.objects.exists()
    ticket(client, JPEG)
    assert ask(client, JPEG).status_code == 403


@pytest.mark.usefixtures("limited")
def test_expired_ticket_is_not_counted(client: Client) -> None:
    ticket(client, JPEG)
    ticket(client, JPEG)
    UploadReservation.objects.update(expires=timezone.now() - timedelta(seconds=1))
    ticket(client, JPEG)
    assert UploadReservation.objects.count() == 1


@pytest.mark.usefixtures("limited")
def test_upload_in_parts_is_counted_until_it_is_aborted(client: Client) -> None:
    small = ask(client, JPEG, parts=True)
    assert small.status_code == 201, small.content
    assert UploadReservation.objects.count() == 1
    act(client, "abort", small.json()["ticket"])
    assert not UploadReservation.objects.exists()


@pytest.mark.usefixtures("limited")
def test_completed_upload_in_parts_is_counted_although_it_is_aborted(client: Client) -> None:
    begun = ask(client, JPEG, parts=True).json()["ticket"]
    assert send(client, begun, 1, JPEG) == 204
    assert act(client, "complete", begun).status_code == 200
    assert act(client, "abort", begun).status_code == 204
    assert UploadReservation.objects.count() == 1
    form(client, begun).save()
    assert not UploadReservation.objects.exists()


@pytest.mark.usefixtures("limited")
def test_storage_that_begins_no_upload_in_parts_reserves_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalMediaStorage, "multipart", None)
    assert ask(client, JPEG, parts=True).json()["code"] == "parts_unsupported"
    assert not UploadReservation.objects.exists()


@pytest.mark.usefixtures("limited")
def test_storage_that_cannot_presign_at_the_moment_reserves_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise StorageError("down")

    monkeypatch.setattr(LocalMediaStorage, "presigned_upload", fail)
    assert ask(client, JPEG).status_code == 503
    assert not UploadReservation.objects.exists()


@pytest.mark.usefixtures("limited")
def test_refused_file_reserves_nothing(client: Client) -> None:
    assert ask(client, JPEG, type="text/html").status_code == 400
    assert not UploadReservation.objects.exists()


@pytest.mark.usefixtures("limited")
def test_file_is_saved_although_its_reservation_cannot_be_released(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ticket(client, JPEG)
    put(client, given, JPEG)

    def fail(**lookup: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(UploadReservation.objects, "filter", fail)
    form(client, given["ticket"]).save()
    assert Photo.objects.count() == 1


def test_status_of_an_exceeded_quota_is_one_that_clients_know() -> None:
    with pytest.raises(ValueError, match="413"):
        QuotaExceeded(status=500)


def test_site_without_a_quota_reserves_nothing(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    ticket(client, JPEG)
    assert not UploadReservation.objects.exists()

"""Tickets on local disk: only announced bytes are accepted, and only from their user."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import transaction
from django.test import Client, RequestFactory, override_settings
from django.utils import timezone

from shift_media.conf import ConfigurationError, settings
from shift_media.core.errors import StorageError
from shift_media.core.signing import RESIZE
from shift_media.deletion.sweep import Sweep
from shift_media.direct import files, tickets, views
from shift_media.direct.tickets import Ticket
from tests.direct.steps import FIELD, URL, announced, ask, errors, form, put, request_of, ticket
from tests.fields.conftest import Use
from tests.fields.material import HTML, PDF, picture
from tests.resizes.counting import CountingStorage
from tests.testapp.models import Photo

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("media", "uploads"),
    pytest.mark.acceptance(39),
]

JPEG = picture()


@pytest.fixture
def staged(client: Client) -> dict[str, Any]:
    """Upload a picture, and return its ticket."""
    given = ticket(client, JPEG)
    assert put(client, given, JPEG).status_code == 204
    return given


def test_file_uploaded_with_a_ticket_is_saved_by_the_form(
    client: Client, staged: dict[str, Any], stored: Callable[[], list[str]]
) -> None:
    (before,) = stored()
    sent = form(client, staged["ticket"])
    assert sent.is_valid(), sent.errors
    photo = sent.save()
    assert photo.image.name.endswith("/a-lake.jpg/a-lake.jpg")
    assert photo.image_meta["original_name"] == "Ä lake.JPG"
    assert photo.image_meta["sha256"] == announced(JPEG)["sha256"]
    with Photo.objects.get().image.open() as file:
        assert file.read() == JPEG
    assert photo.image.key != before


def test_ticket_is_refused_after_its_file_was_stored(
    client: Client, staged: dict[str, Any]
) -> None:
    form(client, staged["ticket"]).save()
    assert errors(client, staged["ticket"]) == ["upload_missing"]
    assert put(client, staged, JPEG).status_code == 204  # and nothing was written:
    assert errors(client, staged["ticket"]) == ["upload_missing"]
    assert Photo.objects.count() == 1


def test_bytes_sent_twice_before_they_are_used_are_accepted(
    client: Client, staged: dict[str, Any], stored: Callable[[], list[str]]
) -> None:
    assert put(client, staged, JPEG).status_code == 204
    assert len(stored()) == 1
    assert form(client, staged["ticket"]).is_valid()


def test_form_with_another_error_can_be_sent_again(client: Client, staged: dict[str, Any]) -> None:
    assert form(client, staged["ticket"]).is_valid()
    assert form(client, staged["ticket"]).is_valid()
    with transaction.atomic():
        form(client, staged["ticket"]).save()
        transaction.set_rollback(True)
    assert form(client, staged["ticket"]).is_valid()
    form(client, staged["ticket"]).save()
    assert Photo.objects.count() == 1


def test_form_sent_before_the_bytes_is_refused(client: Client) -> None:
    assert errors(client, ticket(client, JPEG)["ticket"]) == ["upload_missing"]


@pytest.mark.parametrize(
    "sent", [JPEG[:-1], JPEG + b"x", b"x" * len(JPEG), b""], ids=["short", "long", "other", "none"]
)
def test_bytes_that_differ_from_the_ticket_are_not_stored(
    sent: bytes, client: Client, stored: Callable[[], list[str]]
) -> None:
    response = put(client, ticket(client, JPEG), sent)
    assert (response.status_code, response.json()["code"]) == (400, "upload_differs")
    assert stored() == []


@pytest.mark.parametrize("content", [PDF, HTML, picture("PNG")])
def test_bytes_of_another_type_than_announced_are_refused(content: bytes, client: Client) -> None:
    given = ticket(client, content)
    assert put(client, given, content).status_code == 204  # what was announced, but for its type
    assert errors(client, given["ticket"]) == ["upload_differs"]


def head(content: bytes) -> str:
    return base64.b64encode(content[:4096]).decode()


@pytest.mark.parametrize("content", [picture("PNG"), picture("WEBP"), picture("GIF")])
@pytest.mark.parametrize("guess", ["image/jpeg", "", None])
def test_first_bytes_decide_whatever_the_browser_guesses(
    content: bytes, guess: Any, client: Client
) -> None:
    given = ticket(client, content, type=guess, head=head(content))
    assert put(client, given, content).status_code == 204
    assert errors(client, given["ticket"]) == []


@pytest.mark.parametrize(
    ("announced_head", "code"),
    [(head(PDF), "unknown_type"), (head(HTML), "unknown_type"), ("", "unknown_type")]
    + [(wrong, "upload_refused") for wrong in ("!", "é", 7, ["a"])],
)
def test_first_bytes_that_the_field_refuses_get_no_ticket(
    announced_head: Any, code: str, client: Client
) -> None:
    response = ask(client, JPEG, head=announced_head)
    assert (response.status_code, response.json()["code"]) == (400, code)


def test_name_chooses_the_type_of_a_text_whose_first_bytes_are_announced(client: Client) -> None:
    user = User.objects.get()
    user.user_permissions.add(Permission.objects.get(codename="add_attachment"))
    rules = {"testapp.Attachment.file": "shift_media.direct.may_add"}
    with override_settings(SHIFT_MEDIA={"UPLOADS": rules}):
        facts = {"field": "testapp.Attachment.file", "head": head(b"a;b"), "type": ""}
        given = ticket(client, b"a;b", name="list.csv", **facts)
        assert given["headers"]["X-Upload-Ticket"]
        assert put(client, given, b"a;b").status_code == 204
        request = request_of(client, given["ticket"])
        file = files(request)["image"]
        assert file.ticket.content_type == "text/csv"
        assert file.read() == b"a;b"


def test_bytes_that_differ_from_the_first_ones_are_refused(client: Client) -> None:
    given = ticket(client, HTML, head=head(JPEG))
    assert put(client, given, HTML).status_code == 204
    assert errors(client, given["ticket"]) == ["upload_differs"]


def test_rules_of_the_field_apply_to_the_uploaded_bytes(client: Client) -> None:
    given = ticket(client, JPEG[:300])
    assert put(client, given, JPEG[:300]).status_code == 204
    assert errors(client, given["ticket"]) == ["undecodable"]


def test_staged_object_is_compared_with_the_ticket_when_it_is_used(
    client: Client, staged: dict[str, Any], tmp_path: Any
) -> None:
    (path,) = (path for path in (tmp_path / "media").rglob("*.jpg") if path.is_file())
    for altered in (b"x" * len(JPEG), JPEG + b"x"):
        path.write_bytes(altered)
        assert errors(client, staged["ticket"]) == ["upload_differs"]
    path.write_bytes(JPEG)
    assert form(client, staged["ticket"]).is_valid()


def test_ticket_of_another_user_is_refused(
    client: Client, other: Client, staged: dict[str, Any]
) -> None:
    given = ticket(client, JPEG)
    for stranger in (other, Client()):
        assert errors(stranger, staged["ticket"]) == ["upload_refused"]
        response = put(stranger, given, JPEG)
        assert (response.status_code, response.json()["code"]) == (400, "upload_refused")


def test_expired_ticket_is_refused(
    client: Client, staged: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    later = tickets.time.time() + tickets.SECONDS + 1
    monkeypatch.setattr(tickets.time, "time", lambda: later)
    assert errors(client, staged["ticket"]) == ["upload_refused"]
    assert put(client, staged, JPEG).json()["code"] == "upload_refused"


def test_ticket_of_a_field_that_is_gone_is_refused(client: Client, staged: dict[str, Any]) -> None:
    ticket = tickets.verify(staged["ticket"], request_of(client, ""))
    gone = replace(ticket, field="testapp.photo.gone").token
    assert errors(client, gone) == ["upload_refused"]
    to_app = {**staged, "headers": {"X-Upload-Ticket": gone}}
    assert put(client, to_app, JPEG).json()["code"] == "upload_refused"


@pytest.mark.parametrize(
    ("name", "kept"), [("\ud800x.jpg", "x.jpg"), ("", "file"), ("../", "file")]
)
def test_announced_name_is_cleaned(client: Client, name: str, kept: str) -> None:
    given = ask(client, JPEG, name=name).json()
    assert tickets.verify(given["ticket"], request_of(client, "")).name == kept


def test_altered_ticket_is_refused(client: Client, staged: dict[str, Any]) -> None:
    token = staged["ticket"]
    ticket = tickets.verify(token, request_of(client, ""))
    other_purpose = token.rpartition(".")[0]
    forged = [
        token[:-1] + ("0" if token[-1] != "0" else "1"),
        "A" + token[1:],
        token.rpartition(".")[0],
        f"{other_purpose}.{settings.signer(RESIZE).sign(other_purpose)}",
        "x",
        ".",
        "é",
    ]
    assert isinstance(ticket, Ticket)
    for altered in forged:
        assert errors(client, altered) == ["upload_refused"]


def test_signed_ticket_with_other_contents_is_refused(client: Client) -> None:
    facts = ["gallery.photo.image", "a/b", "b", "image/png", 1, "", "", 4102444800]
    wrong = [[*facts[:at], None, *facts[at + 1 :]] for at in range(len(facts))]
    wrong += [[7, *facts[1:]], [*facts[:7], "later"]]
    encoded = [base64.urlsafe_b64encode(json.dumps(each).encode()).decode() for each in wrong]
    # Besides: nothing, {}, [], no base64.
    for payload in ("", "e30", "W10", "!!", *(text.rstrip("=") for text in encoded)):
        token = f"{payload}.{settings.signer(tickets.PURPOSE).sign(payload)}"
        assert errors(client, token) == ["upload_refused"]


def test_ticket_of_a_rotated_key_is_accepted_while_the_key_verifies(client: Client) -> None:
    rule = {"UPLOADS": {FIELD: "shift_media.direct.may_add"}}
    with override_settings(SHIFT_MEDIA={**rule, "SIGNING_KEYS": ["old"]}):
        given = ticket(client, JPEG)
        put(client, given, JPEG)
    with override_settings(SHIFT_MEDIA={**rule, "SIGNING_KEYS": ["new", "old"]}):
        assert errors(client, given["ticket"]) == []
    with override_settings(SHIFT_MEDIA={**rule, "SIGNING_KEYS": ["new"]}):
        assert errors(client, given["ticket"]) == ["upload_refused"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"type": "application/pdf"}, "unknown_type"),
        ({"type": None}, "unknown_type"),
        ({"size": 25_000_001}, "too_large"),
        ({"size": 10**4000}, "too_large"),
        ({"size": 0}, "empty"),
        ({"size": -1}, "empty"),
        ({"size": True}, "upload_refused"),
        ({"size": "9"}, "upload_refused"),
        ({"sha256": "0" * 63}, "upload_refused"),
        ({"sha256": "A" * 64}, "upload_refused"),
        ({"name": None}, "upload_refused"),
        ({"name": "x" * 1001}, "upload_refused"),
    ],
)
def test_file_that_the_field_refuses_gets_no_ticket(
    changes: dict[str, Any], code: str, client: Client
) -> None:
    response = ask(client, JPEG, **changes)
    assert (response.status_code, response.json()["code"]) == (400, code)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 9999, b"\xff", b'"x"'])
def test_malformed_request_is_answered_with_400(body: bytes, client: Client) -> None:
    response = client.post(URL, body, content_type="application/json")
    assert response.status_code == 400
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize("field", ["testapp.Photo.title", "testapp.Pair.left", "x", None, 1])
def test_unknown_and_forbidden_fields_get_the_same_answer(field: object, client: Client) -> None:
    anonymous = Client()
    plain = Client()
    plain.force_login(User.objects.create_user("eve"))
    for response in (ask(client, JPEG, field=field), ask(anonymous, JPEG), ask(plain, JPEG)):
        assert response.status_code == 403
        assert response.json() == {"code": "forbidden", "message": "You may not upload here."}


def test_invalid_rule_raises_a_configuration_error(client: Client) -> None:
    for rules in ({FIELD: "no.such.rule"}, {"testapp.Photo.title": "shift_media.direct.may_add"}):
        with override_settings(SHIFT_MEDIA={"UPLOADS": rules}), pytest.raises(ConfigurationError):
            ask(client, JPEG, field=next(iter(rules)))


def test_pages_of_other_sites_cannot_upload(client: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert ask(strict, JPEG).status_code == 403
    assert put(strict, ticket(client, JPEG), JPEG).status_code == 403
    assert client.get(URL).status_code == 405
    assert client.get(URL)["Allow"] == "POST, PUT"


def test_upload_interrupted_by_the_client_stores_nothing(client: Client, tmp_path: Any) -> None:
    given = ticket(client, JPEG)

    class Gone:
        def read(self, size: int = -1) -> bytes:
            raise OSError("connection reset")

    request = RequestFactory().put(given["url"], headers=given["headers"])
    request.user = request_of(client, "").user
    request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
    request.META["CONTENT_LENGTH"] = str(len(JPEG))
    request._stream = Gone()
    response = views.upload(request)
    assert json.loads(response.content)["code"] == "upload_differs"
    assert [path for path in (tmp_path / "media").rglob("*") if path.is_file()] == []


@pytest.mark.slow
def test_only_uploads_that_are_never_completed_are_swept(
    client: Client, staged: dict[str, Any], media: CountingStorage, stored: Callable[[], list[str]]
) -> None:
    kept = form(client, staged["ticket"]).save()
    never = ticket(client, picture("PNG"), type="image/png")
    put(client, never, picture("PNG"))
    call_command("media_cleanup", stdout=io.StringIO())
    assert len(stored()) == 3  # younger than the grace time: under way, for all it knows
    Sweep(media, timezone.now() + timedelta(hours=1)).run()
    assert stored() == [kept.image.key]


def test_storage_failure_after_the_commit_is_logged(
    client: Client, use: Use, caplog: pytest.LogCaptureFixture
) -> None:
    storage = cast("Undeleting", use(f"{__name__}.Undeleting"))
    given = ticket(client, JPEG)
    put(client, given, JPEG)
    assert form(client, given["ticket"]).save().pk
    assert "stays until media_cleanup" in caplog.text
    assert storage.stat(tickets.verify(given["ticket"], request_of(client, "")).key)


class Undeleting(CountingStorage):
    """A storage that cannot delete."""

    def delete(self, name: str) -> None:
        raise StorageError("the bucket does not answer")

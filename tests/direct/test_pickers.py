"""Uploads by other pickers: forms of single files, and requests of S3's protocol."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings

from shift_media.core.errors import StorageError
from shift_media.quotas.models import UploadReservation
from shift_media.storages import LocalMediaStorage, default_media_storage
from tests.direct.part_steps import CONTENT, PART, RULES, act, begin, piece
from tests.direct.part_steps import send as send_part
from tests.direct.steps import FIELD, errors, form, ticket
from tests.fields.conftest import Use
from tests.fields.material import HTML, picture
from tests.testapp.models import Photo

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("allowed"),
    pytest.mark.acceptance(39, 77),
]

JPEG = picture()
FORM = "/media/upload/form/"
S3 = "/media/upload/s3/"


def no_quota(request: object, size: int, count: int) -> None:
    """Allow each upload, so that tickets are counted."""


@pytest.fixture
def allowed(use: Use) -> Iterator[None]:
    """Allow uploads of photos, and of any file in parts of the smallest size."""
    use("shift_media.storages.LocalMediaStorage")
    given = {
        "UPLOADS": {FIELD: "shift_media.direct.may_add", **RULES},
        "UPLOAD_PART_BYTES": PART,
        "UPLOAD_QUOTA": f"{__name__}.no_quota",
    }
    with override_settings(SHIFT_MEDIA=given):
        yield


def send(client: Client, content: bytes = JPEG, **query: str) -> Any:
    query = {"field": FIELD, **query}
    file = SimpleUploadedFile("Ä lake.JPG", content, "text/plain")
    return client.post(f"{FORM}?{urlencode(query)}", {"metadata": "{}", "filepond": file})


def test_file_of_a_form_is_staged_and_its_ticket_saves_it(client: Client) -> None:
    response = send(client)
    assert response.status_code == 201, response.content
    assert response["Cache-Control"] == "no-store"
    form(client, response.json()["ticket"]).save()
    assert Photo.objects.get().image_meta["original_name"] == "Ä lake.JPG"
    assert not UploadReservation.objects.exists()


def test_answer_in_text_is_the_ticket_alone(client: Client) -> None:
    response = send(client, answer="text")
    assert response["Content-Type"].startswith("text/plain")
    assert form(client, response.content.decode()).is_valid()


def test_ticket_of_a_form_is_its_users_alone(client: Client, other: Client) -> None:
    token = send(client).json()["ticket"]
    assert errors(other, token) == ["upload_refused"]
    assert other.delete(FORM, token, content_type="text/plain").status_code == 400
    assert form(client, token).is_valid()


@pytest.mark.parametrize(
    ("content", "query", "status", "code"),
    [
        (HTML, {}, 400, "unknown_type"),
        (b"", {}, 400, "empty"),
        (JPEG, {"field": "testapp.Portrait.image"}, 403, "forbidden"),
        (JPEG, {"field": ""}, 403, "forbidden"),
    ],
)
def test_file_that_the_field_refuses_is_not_staged(
    client: Client, stored: Callable[[], list[str]], content: bytes, query: Any, status: int,
    code: str,
) -> None:  # fmt: skip
    response = send(client, content, **query)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert stored() == []


def test_form_without_a_file_and_other_methods_are_refused(client: Client) -> None:
    assert client.post(FORM, {"a": "b"}).json()["code"] == "upload_refused"
    assert client.get(FORM).status_code == 405
    assert client.get(FORM)["Allow"] == "POST, DELETE"


def test_chunks_of_filepond_are_refused_with_what_to_do(client: Client) -> None:
    """FilePond begins with a POST of the length, and sends each chunk by PATCH."""
    url = f"/media/upload/form/?field={FIELD}"
    begun = client.post(url, headers={"upload-length": "9000000", "upload-name": "a.jpg"})
    assert (begun.status_code, begun.json()["code"]) == (400, "chunks_unsupported")
    assert "shiftMedia.upload" in begun.json()["message"]
    assert client.patch(f"{url}&patch=1", b"abc").status_code == 405


def test_form_of_another_site_is_refused(client: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert send(strict).status_code == 403
    strict.cookies["csrftoken"] = "a" * 32
    strict.defaults["HTTP_X_CSRFTOKEN"] = "a" * 32
    assert send(strict).status_code == 201


def test_file_that_is_removed_again_cannot_be_used(client: Client) -> None:
    token = send(client).json()["ticket"]
    assert client.delete(FORM, token, content_type="text/plain").status_code == 204
    assert errors(client, token) == ["upload_missing"]
    assert not UploadReservation.objects.exists()
    assert client.delete(FORM, "x" * 20_000, content_type="text/plain").status_code == 400


def test_upload_in_parts_that_is_removed_again_leaves_no_parts(client: Client) -> None:
    token = begin(client).json()["ticket"]
    assert send_part(client, token, 1, piece(1)) == 204
    assert client.delete(FORM, token, content_type="text/plain").status_code == 204
    assert not UploadReservation.objects.exists()
    assert send_part(client, token, 2, piece(2)) == 400
    assert act(client, "complete", token).json()["code"] == "upload_missing"
    assert not list(default_media_storage.multipart.unfinished())


def test_storage_that_fails_reserves_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise StorageError("full")

    monkeypatch.setattr(LocalMediaStorage, "put", fail)
    response = send(client)
    assert (response.status_code, response.json()["code"]) == (503, "storage_error")
    assert "Retry-After" in response
    assert not UploadReservation.objects.exists()


@pytest.fixture
def begun(client: Client) -> str:
    """Begin an upload of two parts, and return the query of its ticket."""
    return urlencode({"ticket": begin(client).json()["ticket"]})


def put(client: Client, query: str, number: object, content: bytes) -> Any:
    return client.put(f"{S3}?{query}&number={number}", content, "application/octet-stream")


def test_requests_of_s3_upload_a_file_in_parts(
    client: Client, begun: str, stored: Callable[[], list[str]], tmp_path: Any
) -> None:
    created = client.post(f"{S3}?{begun}", content_type="image/jpeg")
    assert re.search("<UploadId>(.+)</UploadId>", created.content.decode())
    assert created["Content-Type"] == "application/xml"
    sent = put(client, begun, 2, piece(2))
    assert (sent.status_code, sent["ETag"]) == (200, '"2"')
    listed = client.get(f"{S3}?{begun}&uploadId=1").content.decode()
    assert re.findall("<PartNumber>(.)</PartNumber>", listed) == ["2"]
    early = client.post(f"{S3}?{begun}&uploadId=1", "<a/>", content_type="text/xml")
    assert early.status_code == 409
    assert "<Code>parts_missing</Code>" in early.content.decode()
    put(client, begun, 1, piece(1))
    done = client.post(f"{S3}?{begun}&uploadId=1", "<a/>", content_type="text/xml")
    (key,) = stored()
    assert f"<Key>{key}</Key>" in done.content.decode()
    assert (tmp_path / "media" / key).read_bytes() == CONTENT


def test_upload_by_s3_is_aborted(client: Client, begun: str) -> None:
    assert client.delete(f"{S3}?{begun}&uploadId=1").status_code == 204
    gone = client.get(f"{S3}?{begun}&uploadId=1")
    assert (gone.status_code, b"upload_missing" in gone.content) == (400, True)


def test_requests_of_s3_need_the_ticket_and_its_user(
    client: Client, other: Client, begun: str
) -> None:
    single = urlencode({"ticket": ticket(client, JPEG)["ticket"]})
    for one, query in ((other, begun), (client, begun[:-1]), (client, ""), (client, single)):
        for method in ("get", "post", "put", "delete"):
            refused = getattr(one, method)(f"{S3}?{query}&uploadId=1&number=1")
            assert (refused.status_code, b"upload_refused" in refused.content) == (400, True)
    assert client.head(f"{S3}?{begun}").status_code == 405


def test_requests_of_s3_need_no_csrf_token_because_the_ticket_is_a_secret(
    client: Client, begun: str
) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = client.cookies
    assert put(strict, begun, 1, piece(1)).status_code == 200
    assert strict.post(f"{S3}?{begun}").status_code == 200


@pytest.mark.parametrize("number", [0, 3, "x", "", "1e1", 10**30])
def test_part_outside_of_the_file_is_refused_by_s3(
    client: Client, begun: str, number: object
) -> None:
    assert put(client, begun, number, piece(1)).status_code == 400


@pytest.mark.parametrize("content", [piece(1)[:-1], piece(1) + b"x", b""])
def test_part_of_another_length_is_refused_by_s3(
    client: Client, begun: str, content: bytes
) -> None:
    assert put(client, begun, 1, content).status_code == 400


def test_part_is_signed_without_a_checksum_for_clients_that_send_no_headers(
    client: Client,
) -> None:
    token = begin(client).json()["ticket"]
    signed = act(client, "sign", token, number=1, unchecked=True).json()
    assert signed["headers"] == {}
    assert signed["url"].startswith("/media/upload/s3/?ticket=")
    assert client.put(signed["url"], piece(1), "x/y").status_code == 200
    assert act(client, "list", token).json()["parts"] == [1]

"""Direct uploads into a bucket: signed parameters, refusals, and the server's own reading."""

from __future__ import annotations

import http.client
import io
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.config import Config
from django.test import Client
from django.utils import timezone

from shift_media.deletion.sweep import Sweep
from shift_media.direct import SECONDS
from shift_media.widgets import DirectInput
from tests.direct.conftest import client_of
from tests.direct.steps import FIELD, announced, errors, form, put, ticket
from tests.fields.material import PDF, picture
from tests.servers.sites import S3Site
from tests.testapp.models import Attachment, Photo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.acceptance(39)]

JPEG = picture()
RULES = {FIELD: "shift_media.direct.may_add", "testapp.Attachment.file": f"{__name__}.anybody"}


def anybody(request: Any, field: Any) -> bool:
    return True


@pytest.fixture
def bucket(s3_site: S3Site) -> S3Site:
    """Return a site whose photos may be uploaded directly into its bucket."""
    s3_site.configure(shift_media={"UPLOADS": RULES})
    return s3_site


def send(given: dict[str, Any], content: bytes, **headers: str) -> int:
    """Send the bytes as a browser does, with the headers of the ticket; return the status."""
    url = urlsplit(given["url"])
    connection = http.client.HTTPConnection(url.netloc, timeout=60)
    try:
        sent = {**given["headers"], **headers}
        connection.request(given["method"], f"{url.path}?{url.query}", content, sent)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


def test_direct_upload_bypasses_the_app_and_is_read_before_a_row_refers_to_it(
    bucket: S3Site, client: Client
) -> None:
    given = ticket(client, JPEG)
    assert bucket.counts() == {}
    assert send(given, JPEG) == 200
    bucket.proxy.clear()
    photo = form(client, given["ticket"]).save()
    asked = [request.method for request in bucket.proxy.requests]
    assert asked == ["HEAD", "GET", "PUT", "DELETE", "PUT"]
    assert photo.image_meta["sha256"] == announced(JPEG)["sha256"]
    with Photo.objects.get().image.open() as file:
        assert file.read() == JPEG
    assert errors(client, given["ticket"]) == ["upload_missing"]
    assert send(given, JPEG) in (403, 412)
    assert errors(client, given["ticket"]) == ["upload_missing"]


def test_presigned_url_signs_key_length_type_checksum_condition_and_expiry(
    bucket: S3Site, client: Client
) -> None:
    given = ticket(client, JPEG)
    url = urlsplit(given["url"])
    query = parse_qs(url.query)
    assert url.path.endswith("/a-lake.jpg/a-lake.jpg")
    assert query["X-Amz-Expires"] == [str(SECONDS)] == [str(given["seconds"])]
    signed = set(query["X-Amz-SignedHeaders"][0].split(";"))
    assert signed == {"host", "content-length", *(name.lower() for name in given["headers"])}
    assert {"content-type", "if-none-match", "x-amz-checksum-sha256"} <= signed
    assert given["headers"]["Content-Type"] == "image/jpeg"


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (JPEG[:-1], {}),
        (JPEG + b"x", {}),
        (JPEG, {"Content-Type": "text/html"}),
        (JPEG, {"If-None-Match": "x"}),
        (JPEG, {"x-amz-checksum-sha256": "A" * 43 + "="}),
        (JPEG, {"Cache-Control": "no-store"}),
    ],
    ids=["short", "long", "type", "condition", "checksum", "header"],
)
def test_bucket_refuses_a_request_that_differs_from_the_signed_one(
    content: bytes, headers: dict[str, str], bucket: S3Site, client: Client
) -> None:
    given = ticket(client, JPEG)
    assert send(given, content, **headers) == 403
    assert bucket.stored() == set()
    assert send({**given, "url": given["url"].replace("a-lake.jpg?", "b.jpg?")}, JPEG) == 403


def test_other_bytes_of_the_same_length_are_refused(bucket: S3Site, client: Client) -> None:
    given = ticket(client, JPEG)
    status = send(given, b"x" * len(JPEG))
    # Ceph 16 ignores the checksum. The server reads the bytes and compares it.
    assert errors(client, given["ticket"]) == [
        "upload_differs" if status == 200 else "upload_missing"
    ]


def test_staged_object_that_was_changed_is_refused(bucket: S3Site, client: Client) -> None:
    given = ticket(client, JPEG)
    send(given, JPEG)
    (key,) = bucket.stored()
    for altered in (b"x" * len(JPEG), JPEG + b"x"):
        bucket.client.put_object(Bucket=bucket.bucket, Key=key, Body=io.BytesIO(altered))
        assert errors(client, given["ticket"]) == ["upload_differs"]


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_storage_that_fails_is_an_error_of_the_form_and_ticket_stays_valid(
    bucket: S3Site, client: Client, method: str
) -> None:
    once = Config(retries={"total_max_attempts": 1})
    bucket.configure(shift_media={"UPLOADS": RULES}, client_config=once)
    given = ticket(client, JPEG)
    send(given, JPEG)
    bucket.proxy.inject(method=method, status=503, code="SlowDown")
    failed = form(client, given["ticket"])
    failed.fields["image"].widget = DirectInput()
    assert [error.code for error in failed.errors.as_data()["image"]] == ["upload_unread"]
    assert given["ticket"] in str(failed["image"])
    bucket.proxy.clear()
    assert form(client, given["ticket"]).is_valid()


def test_app_refuses_bytes_that_belong_into_the_bucket(bucket: S3Site, client: Client) -> None:
    given = ticket(client, JPEG)
    to_app = {"url": "/media/upload/", "headers": {"X-Upload-Ticket": given["ticket"]}}
    assert put(client, to_app, JPEG).status_code == 403
    assert bucket.stored() == set()


def test_app_takes_the_bytes_if_signatures_cannot_fix_the_length(
    bucket: S3Site, client: Client
) -> None:
    bucket.configure(shift_media={"UPLOADS": RULES}, signature_version="s3")
    given = ticket(client, JPEG)
    assert given["url"] == "/media/upload/"
    assert put(client, given, JPEG[:-1]).status_code == 400
    assert put(client, given, JPEG).status_code == 204
    assert form(client, given["ticket"]).save().pk


def test_storage_with_object_parameters_takes_direct_uploads(
    bucket: S3Site, client: Client
) -> None:
    bucket.configure(
        shift_media={"UPLOADS": RULES}, object_parameters={"StorageClass": "STANDARD"}
    )
    given = ticket(client, JPEG)
    assert send(given, JPEG) == 200


def test_uploaded_document_is_stored_as_an_attachment_of_a_safe_type(
    bucket: S3Site, client: Client
) -> None:
    announcement = {"field": "testapp.Attachment.file", "type": "application/pdf", "name": "a.pdf"}
    given = ticket(Client(), PDF, **announcement)
    assert send(given, PDF) == 200
    (key,) = bucket.stored()
    head = bucket.client.head_object(Bucket=bucket.bucket, Key=key)
    assert (head["ContentType"], head["ContentDisposition"]) == (
        "binary/octet-stream",
        "attachment",
    )
    assert not Attachment.objects.exists()


def test_upload_that_is_never_completed_is_swept(bucket: S3Site, client: Client) -> None:
    kept, never = ticket(client, JPEG), ticket(client, JPEG)
    for given in (kept, never):
        send(given, JPEG)
    photo = form(client, kept["ticket"]).save()
    assert errors(client_of("bob"), never["ticket"]) == ["upload_refused"]
    Sweep(bucket.storage, timezone.now() + timedelta(hours=1)).run()
    assert bucket.stored() == {photo.image.key}

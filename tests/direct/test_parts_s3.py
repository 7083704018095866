"""Uploads in parts into a bucket: what is signed, what the server refuses, what it counts."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from tests.direct.conftest import client_of
from tests.direct.part_steps import CONTENT, PART, RULES, act, begin, md5, piece, send, send_signed
from tests.servers.sites import S3Site

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.acceptance(77),
    pytest.mark.slow,
]


@pytest.fixture
def bucket(s3_site: S3Site) -> S3Site:
    """Return a site that takes uploads in parts of the smallest size."""
    s3_site.configure(shift_media={"UPLOADS": RULES, "UPLOAD_PART_BYTES": PART})
    return s3_site


def test_parts_go_to_the_bucket_and_their_etags_are_asked_of_it(
    bucket: S3Site, client: Client
) -> None:
    begun = begin(client).json()["ticket"]
    assert send(client, begun, 2, piece(2)) == 200
    assert act(client, "list", begun).json()["parts"] == [2]
    assert act(client, "complete", begun).json()["parts"] == [1]
    assert send(client, begun, 1, piece(1)) == 200
    bucket.proxy.clear()
    assert act(client, "complete", begun).status_code == 200
    asked = [request.method for request in bucket.proxy.requests]
    assert asked == ["GET", "HEAD", "POST", "HEAD"]
    (key,) = bucket.stored()
    found = bucket.client.get_object(Bucket=bucket.bucket, Key=key)
    assert found["Body"].read() == CONTENT
    assert found["ContentDisposition"] == "attachment"
    assert act(client, "complete", begun).status_code == 200


def test_signed_part_fixes_upload_number_length_and_md5(bucket: S3Site, client: Client) -> None:
    begun = begin(client).json()["ticket"]
    first, last = piece(1), piece(2)
    signed = act(client, "sign", begun, number=2, md5=md5(last)).json()
    query = parse_qs(urlsplit(signed["url"]).query)
    assert set(query["X-Amz-SignedHeaders"][0].split(";")) == {
        "content-length",
        "content-md5",
        "host",
    }
    for wrong in (last[::-1], last + b"x", last[:-1]):
        assert send_signed(client, signed, wrong) >= 400
    other = {**signed, "url": signed["url"].replace("partNumber=2", "partNumber=1")}
    assert send_signed(client, other, last) == 403
    changed = {**signed, "headers": {"Content-MD5": md5(first)}}
    assert send_signed(client, changed, last) == 403
    assert act(client, "list", begun).json()["parts"] == []
    assert send_signed(client, signed, last) == 200


def test_completed_upload_can_neither_be_changed_nor_taken_over(
    bucket: S3Site, client: Client
) -> None:
    begun = begin(client).json()["ticket"]
    signed = act(client, "sign", begun, number=2, md5=md5(piece(2))).json()
    for number in (1, 2):
        send(client, begun, number, piece(number))
    thief = client_of("bob")
    for action in ("list", "complete", "abort"):
        assert act(thief, action, begun).json()["code"] == "upload_refused"
    assert act(client, "complete", begun).status_code == 200
    assert send_signed(client, signed, piece(2)) in (403, 404)
    assert act(client, "abort", begun).status_code == 204
    (key,) = bucket.stored()
    head = bucket.client.head_object(Bucket=bucket.bucket, Key=key)
    assert head["ContentLength"] == len(CONTENT)


def test_aborted_upload_leaves_no_parts(bucket: S3Site, client: Client) -> None:
    begun = begin(client).json()["ticket"]
    send(client, begun, 1, piece(1))
    assert act(client, "abort", begun).status_code == 204
    listed = bucket.client.list_multipart_uploads(Bucket=bucket.bucket)
    assert listed.get("Uploads", []) == []
    assert act(client, "list", begun).json()["code"] == "upload_missing"


def test_response_that_is_lost_after_completion_is_no_failure(
    bucket: S3Site, client: Client
) -> None:
    begun = begin(client).json()["ticket"]
    for number in (1, 2):
        send(client, begun, number, piece(number))
    bucket.proxy.inject(method="POST", query="uploadId", times=1, status=503, forward=True)
    assert act(client, "complete", begun).status_code == 200


def test_site_with_signatures_of_version_2_takes_no_parts(bucket: S3Site, client: Client) -> None:
    bucket.configure(shift_media={"UPLOADS": RULES}, signature_version="s3")
    assert begin(client).json()["code"] == "parts_unsupported"

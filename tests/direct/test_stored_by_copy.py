"""Direct uploads are stored by a copy in the bucket, of the version that was inspected."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest
from django import forms
from django.test import Client

from shift_media.direct import files, staged_bytes
from shift_media.storages.server_copy import SourceChanged
from shift_media.testing import make_video
from tests.direct.part_steps import PART, act, begin, piece, send
from tests.direct.steps import announced, form, put, request_of, ticket
from tests.direct.test_presigned import RULES
from tests.direct.test_presigned import send as send_single
from tests.fields.material import picture
from tests.servers.sites import S3Site
from tests.testapp.models import Clip, Photo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.acceptance(39)]

JPEG = picture()
CLIP = "testapp.Clip.video"
ALL = {**RULES, CLIP: "tests.direct.part_steps.anybody"}


class ClipForm(forms.ModelForm):  # type: ignore[type-arg]  # Django has no generics at run time
    """The form of a page."""

    class Meta:
        model = Clip
        fields = ("video",)


@pytest.fixture
def bucket(s3_site: S3Site) -> S3Site:
    """Return a site whose photos and clips may be uploaded directly into its bucket."""
    s3_site.configure(shift_media={"UPLOADS": ALL, "UPLOAD_PART_BYTES": PART})
    return s3_site


def clip_form(client: Client, token: str) -> ClipForm:
    """Return the form of a clip that was sent with a ticket."""
    request = request_of(client, token)
    post = request.POST.copy()
    post["video-upload"] = token
    request.POST = post  # type: ignore[assignment]  # a QueryDict too
    return ClipForm(post, files(request))


def movie(size: int) -> bytes:
    """Return a video with a long box that no player reads."""
    short = make_video().read()
    return short + size.to_bytes(4, "big") + b"free" + bytes(size - 8)


def test_picture_is_stored_by_one_get_and_a_copy_with_our_own_headers(
    bucket: S3Site, client: Client
) -> None:
    given = ticket(client, JPEG)
    assert send_single(given, JPEG) == 200
    bucket.proxy.clear()
    photo = form(client, given["ticket"]).save()
    asked = list(bucket.proxy.requests)
    assert [one.method for one in asked] == ["HEAD", "GET", "PUT", "DELETE", "PUT"]
    headers = {name.lower(): value for name, value in asked[2].headers.items()}
    assert headers["x-amz-copy-source"].endswith("/a-lake.jpg/a-lake.jpg")
    assert headers["x-amz-metadata-directive"] == "REPLACE"
    head = bucket.client.head_object(Bucket=bucket.bucket, Key=photo.image.key)
    assert head["ContentType"] == "image/jpeg"
    assert head["Metadata"]["sha256"] == announced(JPEG)["sha256"] == photo.image_meta["sha256"]
    with Photo.objects.get().image.open() as file:
        assert file.read() == JPEG


def test_type_and_disposition_of_a_client_are_not_copied(bucket: S3Site, client: Client) -> None:
    """A presigned URL fixes the type; an object that got another one is stored with ours."""
    given = ticket(client, JPEG)
    send_single(given, JPEG)
    (key,) = bucket.stored()
    bucket.client.put_object(
        Bucket=bucket.bucket, Key=key, Body=JPEG, ContentType="text/html", ContentEncoding=""
    )
    photo = form(client, given["ticket"]).save()
    head = bucket.client.head_object(Bucket=bucket.bucket, Key=photo.image.key)
    assert head["ContentType"] == "image/jpeg"


@pytest.mark.parametrize("other", [b"x" * len(JPEG), picture(size=(63, 48))])
def test_object_that_changes_between_inspection_and_copy_is_not_stored(
    bucket: S3Site, client: Client, other: bytes
) -> None:
    given = ticket(client, JPEG)
    send_single(given, JPEG)
    (key,) = bucket.stored()
    sent = form(client, given["ticket"])
    assert sent.is_valid()
    bucket.client.put_object(Bucket=bucket.bucket, Key=key, Body=other)
    with pytest.raises(SourceChanged):
        sent.save()
    assert bucket.stored() == {key}
    assert not Photo.objects.exists()


@pytest.mark.slow
def test_large_video_in_parts_is_hashed_once_and_never_written_by_the_app(
    bucket: S3Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staged_bytes, "_HELD", PART)
    content = movie(PART + 4000)
    begun = begin(client, content, field=CLIP, name="clip.mp4", type="video/mp4").json()
    for number in range(1, 3):
        assert send(client, begun["ticket"], number, piece(number, content)) == 200
    assert act(client, "complete", begun["ticket"]).status_code == 200
    bucket.proxy.clear()
    sent = clip_form(client, begun["ticket"])
    assert sent.is_valid(), sent.errors
    clip = sent.save()
    asked = list(bucket.proxy.requests)
    whole = [one for one in asked if one.method == "GET" and "Range" not in one.headers]
    assert len(whole) == 1
    assert sum(one.method == "GET" for one in asked) < 16
    copies = [one for one in asked if "x-amz-copy-source" in map(str.lower, one.headers)]
    assert len(copies) == 1
    assert clip.video_meta["sha256"] == hashlib.sha256(content).hexdigest()
    assert clip.video_meta["width"]
    assert clip.video.storage.stat(clip.video.key).size == len(content)


@pytest.mark.usefixtures("media", "uploads")
def test_local_upload_is_stored_as_a_second_name(client: Client) -> None:
    given = ticket(client, JPEG)
    put(client, given, JPEG)
    sent = form(client, given["ticket"])
    assert sent.is_valid()
    storage: Any = sent.cleaned_data["image"].ticket.storage
    staged = storage.path(sent.cleaned_data["image"].ticket.key)
    with open(staged, "rb") as before:
        photo = sent.save()
        with open(storage.path(photo.image.key), "rb") as after:
            assert os.fstat(before.fileno()).st_ino == os.fstat(after.fileno()).st_ino
            assert after.read() == JPEG

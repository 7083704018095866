"""``media_bucket`` against Ceph's gateway, which has website rules and policies of its own."""

from __future__ import annotations

import io
import json
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

from shift_media.aws.policies import public_read_policy
from shift_media.aws.website import website_configuration
from tests.servers.fixtures import client_of, storage_options

APP_URL = "http://app.localhost:8000/media/"


@pytest.fixture
def bucket(rgw: Any) -> Iterator[str]:
    """Name a bucket that is not there yet, and make it the media storage's."""
    name = f"made-{uuid.uuid4().hex[:12]}"
    with media_on(storage_options(rgw, name)):
        yield name


def media_on(options: dict[str, Any]) -> Any:
    media = {"BACKEND": "shift_media.storages.S3MediaStorage", "OPTIONS": options}
    return override_settings(STORAGES={**settings.STORAGES, "media": media})


def run(*options: str) -> str:
    out = io.StringIO()
    call_command("media_bucket", *options, stdout=out)
    return out.getvalue()


@pytest.mark.rgw
def test_create_and_apply_can_be_run_again(bucket: str, rgw: Any) -> None:
    assert "would be created" in run("create", "--dry-run")
    assert run("create") == f"Bucket {bucket}: created.\n"
    assert "is there already" in run("create")
    for _ in range(2):
        told = run("apply", "--website", "--policy", "--app-url", APP_URL)
        assert told.count("applied") == 2
    client = client_of(rgw)
    policy = json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])
    assert policy == public_read_policy(bucket)
    website = client.get_bucket_website(Bucket=bucket)
    wanted = website_configuration(APP_URL)
    assert website["RoutingRules"] == wanted["RoutingRules"]


@pytest.mark.rgw
def test_a_missing_key_leads_to_the_app_and_nobody_lists(bucket: str, rgw: Any) -> None:
    run("create")
    run("apply", "--website", "--policy", "--app-url", APP_URL)
    status, location = ask(rgw.port, f"{bucket}.s3-website.localhost", "/a/b.jpg")
    assert (status, location) == (307, f"{APP_URL}a/b.jpg")
    listing = urllib.request.Request(f"{rgw.endpoint}/{bucket}/?list-type=2")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(listing)
    assert refused.value.code == 403
    refused.value.close()


def ask(port: int, host: str, path: str) -> tuple[int, str]:
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request("GET", path, headers={"Host": f"{host}:{port}"})
        response = connection.getresponse()
        return response.status, response.headers["Location"] or ""
    finally:
        connection.close()


def test_a_dry_run_prints_the_documents() -> None:
    options = {"bucket_name": "my-bucket", "public_url": "https://cdn.example/"}
    with media_on(options):
        told = run("apply", "--website", "--policy", "--app-url", APP_URL, "--dry-run")
    assert json.dumps(public_read_policy("my-bucket"), indent=2) in told
    assert json.dumps(website_configuration(APP_URL), indent=2) in told


def test_private_originals_are_left_out_of_the_policy() -> None:
    options = {"bucket_name": "b", "public_url": "https://cdn.example/", "originals": "private"}
    with media_on(options):
        told = run("apply", "--policy", "--dry-run")
    assert "arn:aws:s3:::b/*upscale-*" in told
    assert '"arn:aws:s3:::b/*"' not in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["apply"], "--website, --policy, or both"),
        (["apply", "--website"], "needs --app-url"),
        (["apply", "--website", "--app-url", "evil"], "is not where the app is"),
    ],
)
def test_what_is_missing_is_told(arguments: list[str], told: str) -> None:
    with (
        media_on({"bucket_name": "b", "public_url": "https://cdn.example/"}),
        pytest.raises(CommandError, match=told),
    ):
        run(*arguments)


def test_a_local_storage_has_no_bucket() -> None:
    with pytest.raises(CommandError, match="has no bucket"):
        run("create")

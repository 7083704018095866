"""``media_bucket`` for a storage whose resizes and renditions are private."""

from __future__ import annotations

import io
import json
import uuid
from typing import Any

import pytest
from django.core.management import CommandError
from django.test import override_settings

from shift_media.aws.changes import merge_cors, remove_redirects
from shift_media.aws.cors import cors_configuration
from shift_media.aws.website import website_configuration
from shift_media.storages import default_media_storage
from tests.aws.test_media_bucket import AGREED, APP_URL, OTHERS_STATEMENT, run
from tests.resizes.test_private_s3 import read
from tests.servers.fixtures import client_of, media_on, storage_options
from tests.servers.rgw import RGW

pytestmark = [pytest.mark.acceptance(79)]

SITE = {"SITE_URL": "https://www.example.com"}
PRIVATE = {"originals": "private", "derived": "private", "public_url": "/media/"}


@pytest.fixture
def published(s3_server: Any) -> tuple[dict[str, Any], str]:
    """Return the options of a bucket that publishes all media, and a key in it."""
    name = f"made-{uuid.uuid4().hex[:12]}"
    options = storage_options(s3_server, name)
    key = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/_poster.jpg"
    with media_on(options):
        run("create")
        run("apply", *AGREED, "--app-url", APP_URL)
        storage: Any = default_media_storage
        storage.put(key, io.BytesIO(b"poster"), content_type="image/jpeg")
    return options, key


def test_bucket_that_was_public_publishes_nothing_after_apply(
    published: tuple[dict[str, Any], str], s3_server: Any
) -> None:
    options, key = published
    client, name = client_of(s3_server), options["bucket_name"]
    url = f"{s3_server.endpoint}/{name}/{key}"
    assert read(url)[0] == 200
    policy = json.loads(client.get_bucket_policy(Bucket=name)["Policy"])
    with media_on({**options, **PRIVATE}), override_settings(SHIFT_MEDIA=SITE):
        output = run("apply", "--yes")
        assert "widens" not in output
        assert "Nothing differs" in run("plan")
    assert read(url)[0] == 403
    with pytest.raises(client.exceptions.ClientError, match="NoSuchBucketPolicy"):
        client.get_bucket_policy(Bucket=name)
    (rule,) = client.get_bucket_cors(Bucket=name)["CORSRules"]
    assert rule["AllowedOrigins"] == ["https://www.example.com"]
    if isinstance(s3_server, RGW):
        assert "RoutingRules" not in client.get_bucket_website(Bucket=name)

    other = {**OTHERS_STATEMENT, "Resource": f"arn:aws:s3:::{name}/*"}
    both = {**policy, "Statement": [other, *policy["Statement"]]}
    client.put_bucket_policy(Bucket=name, Policy=json.dumps(both))
    with media_on({**options, **PRIVATE}), override_settings(SHIFT_MEDIA=SITE):
        run("apply", "--policy", "--yes")
    kept = json.loads(client.get_bucket_policy(Bucket=name)["Policy"])["Statement"]
    assert [statement["Sid"] for statement in kept] == ["OthersBackup"]


@pytest.mark.s3
@pytest.mark.parametrize("what", ["website", "cloudfront", "cors"])
def test_documents_that_would_publish_private_files_are_refused(seaweedfs: Any, what: str) -> None:
    options = {**storage_options(seaweedfs, "any-name"), **PRIVATE}
    with media_on(options), pytest.raises(CommandError, match=r"[Pp]rivate"):
        run("print", what)


@pytest.mark.s3
def test_printed_policy_of_a_private_storage_has_no_statement(seaweedfs: Any) -> None:
    with media_on({**storage_options(seaweedfs, "any-name"), **PRIVATE}):
        assert json.loads(run("print", "bucket-policy"))["Statement"] == []


def test_rule_for_all_origins_stays_for_other_sites_in_the_bucket() -> None:
    shared = cors_configuration(["https://a.example"], "a/")
    private = cors_configuration([], "b/", ["https://b.example"])
    merged = merge_cors(shared, private, "b/")["CORSRules"]
    assert [rule["AllowedOrigins"] for rule in merged] == [
        ["https://a.example"],
        ["https://b.example"],
        ["*"],
    ]
    assert merge_cors({"CORSRules": merged}, private, "b/")["CORSRules"] == merged
    assert merge_cors({"CORSRules": merged}, shared, "a/")["CORSRules"] == merged
    own = merge_cors(cors_configuration(), cors_configuration([], "", ["https://b.example"]))
    assert [rule["AllowedOrigins"] for rule in own["CORSRules"]] == [["https://b.example"]]


def test_redirects_of_other_prefixes_and_tools_stay() -> None:
    ours = website_configuration(APP_URL, "307", "b/")
    others = website_configuration(APP_URL, "307", "a/")["RoutingRules"]
    current = {**ours, "RoutingRules": [*others, *ours["RoutingRules"]]}
    left = remove_redirects(current, {}, "b/")
    assert left == {**ours, "RoutingRules": others}
    assert "RoutingRules" not in remove_redirects(ours, {}, "b/")
    assert remove_redirects(None) == {}

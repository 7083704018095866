"""``media_bucket`` on Ceph's gateway and SeaweedFS: create, plan, apply, plan."""

from __future__ import annotations

import copy
import io
import json
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from shift_media.aws.bucket import SUBRESOURCES, Bucket
from shift_media.aws.policies import public_read_policy
from shift_media.aws.website import website_configuration
from tests.resizes.test_redirect_s3 import ask as ask_url
from tests.servers.faults import FaultProxy
from tests.servers.fixtures import client_of, media_on, storage_options

APP_URL = "http://app.localhost:8000/media/"
AGREED = ("--yes", "--widen")
OTHERS_STATEMENT = {
    "Sid": "OthersBackup",
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam:::user/app"},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::{bucket}/*",
}


def run(*options: str) -> str:
    out = io.StringIO()
    call_command("media_bucket", *options, stdout=out, stderr=out, no_color=True)
    return out.getvalue()


@pytest.fixture
def bucket(s3_server: Any) -> Iterator[str]:
    """Yield the name of a bucket that does not exist yet, which the media storage uses."""
    name = f"made-{uuid.uuid4().hex[:12]}"
    with media_on(storage_options(s3_server, name)):
        yield name


@pytest.fixture
def ceph_bucket(rgw: Any) -> Iterator[str]:
    """Create a bucket on the server that supports website rules; yield its name."""
    name = f"made-{uuid.uuid4().hex[:12]}"
    with media_on(storage_options(rgw, name)):
        run("create")
        yield name


def test_plan_is_empty_after_create_and_apply(bucket: str, s3_server: Any) -> None:
    assert "would be created" in run("create", "--dry-run")
    assert run("create") == f"Bucket {bucket}: created.\n"
    assert "exists already" in run("create")
    site = ("--app-url", APP_URL, "--upload-origin", "https://www.example.com")
    planned = run("plan", *site)
    for part in ("The bucket policy", "The CORS rules", "The lifecycle rules"):
        assert f"{part} of {bucket}, new:" in planned
    assert f"This widens access: Everybody may read every object of {bucket}." in planned
    assert "Block Public Access, skipped: only Amazon's servers handle it correctly" in planned
    with pytest.raises(CommandError, match="Different: "):
        run("plan", "--check", *site)
    applied = run("apply", *AGREED, *site)
    assert "The bucket policy: applied." in applied
    again = run("plan", "--check", *site)
    assert f"Nothing differs in {bucket}.\n" in again
    assert f"Nothing differs in {bucket}.\n" in run("apply", *site)  # without a question
    without_origin = ("--app-url", APP_URL)  # Pages can still upload after another apply.
    assert f"Nothing differs in {bucket}.\n" in run("plan", "--check", *without_origin)
    client = client_of(s3_server)
    client.put_object(Bucket=bucket, Key="x", Body=b"still the owner's")
    rules = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert [rule["ID"] for rule in rules] == ["shift-media-abort-multipart"]


@pytest.mark.s3
def test_server_without_websites_is_skipped_with_advice(seaweedfs: Any) -> None:
    name = f"made-{uuid.uuid4().hex[:12]}"
    with media_on(storage_options(seaweedfs, name)):
        run("create")
        output = run("plan", "--app-url", APP_URL)
        assert "The website rules, skipped: SeaweedFS serves no websites" in output
        assert 'set delivery="content"' in output
    with media_on({**storage_options(seaweedfs, name), "delivery": "content"}):
        assert "website" not in run("plan").lower()  # and --app-url is not required
        assert "+" not in run("plan", "--verbosity", "0")


@pytest.mark.rgw
def test_applied_bucket_redirects_missing_key_and_refuses_listing(
    ceph_bucket: str, rgw: Any
) -> None:
    run("apply", *AGREED, "--app-url", APP_URL)
    status, headers, _ = ask_url(f"{rgw.website(ceph_bucket)}/a/b.jpg")
    assert (status, headers["location"]) == (307, f"{APP_URL}a/b.jpg")
    listing = urllib.request.Request(f"{rgw.endpoint}/{ceph_bucket}/?list-type=2")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(listing)
    assert refused.value.code == 403
    refused.value.close()


@pytest.mark.rgw
def test_apply_keeps_rules_of_other_tools(ceph_bucket: str, rgw: Any) -> None:
    client = client_of(rgw)
    statement = {**OTHERS_STATEMENT, "Resource": f"arn:aws:s3:::{ceph_bucket}/*"}
    policy = {"Version": "2012-10-17", "Id": "theirs", "Statement": [statement]}
    client.put_bucket_policy(Bucket=ceph_bucket, Policy=json.dumps(policy))
    cors = {"ID": "theirs", "AllowedMethods": ["GET"], "AllowedOrigins": ["https://a.example"]}
    client.put_bucket_cors(Bucket=ceph_bucket, CORSConfiguration={"CORSRules": [cors]})  # type: ignore[list-item]
    expire = {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "tmp/"}}
    lifecycle = {"Rules": [{**expire, "Expiration": {"Days": 1}}]}
    client.put_bucket_lifecycle_configuration(
        Bucket=ceph_bucket,
        LifecycleConfiguration=lifecycle,  # type: ignore[arg-type]
    )
    docs = {
        "Condition": {"KeyPrefixEquals": "docs/"},
        "Redirect": {"HostName": "docs.example", "ReplaceKeyPrefixWith": "d/"},
    }
    website = {"IndexDocument": {"Suffix": "home.html"}, "RoutingRules": [docs]}
    client.put_bucket_website(Bucket=ceph_bucket, WebsiteConfiguration=website)  # type: ignore[arg-type]
    run("apply", *AGREED, "--app-url", APP_URL)
    run("apply", *AGREED, "--app-url", APP_URL, "--redirect-code", "302")

    kept = json.loads(client.get_bucket_policy(Bucket=ceph_bucket)["Policy"])
    assert kept["Id"] == "theirs"
    assert kept["Statement"] == [statement, *public_read_policy(ceph_bucket)["Statement"]]
    rules = client.get_bucket_cors(Bucket=ceph_bucket)["CORSRules"]
    assert [rule["ID"] for rule in rules] == ["theirs", "shift-media-read"]
    expiring = client.get_bucket_lifecycle_configuration(Bucket=ceph_bucket)["Rules"]
    assert "theirs" in {rule["ID"] for rule in expiring}
    assert len(expiring) == 2
    served = client.get_bucket_website(Bucket=ceph_bucket)
    assert served["IndexDocument"] == {"Suffix": "home.html"}
    ours = website_configuration(APP_URL, "302")["RoutingRules"]
    assert served["RoutingRules"] == [docs, *ours]
    assert "Nothing differs" in run("plan", "--app-url", APP_URL, "--redirect-code", "302")


@pytest.mark.rgw
def test_conflicting_website_rule_is_replaced_only_with_replace_rules(
    ceph_bucket: str, rgw: Any
) -> None:
    client = client_of(rgw)
    rule = {
        "Condition": {"HttpErrorCodeReturnedEquals": "404"},
        "Redirect": {"HostName": "old.example", "HttpRedirectCode": "301"},
    }
    website = {"IndexDocument": {"Suffix": "index.html"}, "RoutingRules": [rule]}
    client.put_bucket_website(Bucket=ceph_bucket, WebsiteConfiguration=website)  # type: ignore[arg-type]
    arguments = ("apply", "--website", "--yes", "--app-url", APP_URL)
    with pytest.raises(CommandError, match=r"old\.example.*--replace-rules"):
        run(*arguments)
    assert client.get_bucket_website(Bucket=ceph_bucket)["RoutingRules"] == [rule]
    run(*arguments, "--replace-rules")
    wanted = website_configuration(APP_URL)["RoutingRules"]
    assert client.get_bucket_website(Bucket=ceph_bucket)["RoutingRules"] == wanted


def test_rule_for_noncurrent_versions_is_added_and_stays(bucket: str, s3_server: Any) -> None:
    run("create")
    run("apply", "--lifecycle", "--yes", "--noncurrent-days", "30")
    assert "Nothing differs" in run("plan", "--lifecycle", "--noncurrent-days", "30")
    assert "Nothing differs" in run("plan", "--lifecycle")
    run("apply", "--lifecycle", "--yes", "--noncurrent-days", "7")
    rules = client_of(s3_server).get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    days = [rule["NoncurrentVersionExpiration"] for rule in rules if "expire" in rule["ID"]]
    assert [one["NoncurrentDays"] for one in days] == [7]
    assert len(rules) == 2


@pytest.mark.parametrize("days", ["0", "-1", "x", ""])
def test_noncurrent_days_that_are_no_days_are_refused(days: str) -> None:
    with pytest.raises(CommandError, match="is not a number of days from 1"):
        run("print", "lifecycle", f"--noncurrent-days={days}")


@pytest.mark.rgw
def test_corrected_app_url_is_named_as_such_with_the_option(ceph_bucket: str) -> None:
    run("apply", "--website", "--yes", "--app-url", "https://www.example.org/media/")
    with pytest.raises(CommandError) as failed:
        run("apply", "--website", "--yes", "--app-url", APP_URL)
    said = str(failed.value)
    assert "redirects already, to https://www.example.org/media/" in said
    assert "an --app-url that you have corrected" in said
    assert said.endswith("media_bucket apply --replace-rules")
    assert "{" not in said


@pytest.mark.rgw
def test_earlier_website_rule_of_ours_with_301_is_replaced(ceph_bucket: str, rgw: Any) -> None:
    client = client_of(rgw)
    website = copy.deepcopy(website_configuration(APP_URL))
    for rule in website["RoutingRules"]:
        rule["Redirect"]["HttpRedirectCode"] = "301"
    client.put_bucket_website(Bucket=ceph_bucket, WebsiteConfiguration=website)  # type: ignore[arg-type]
    output = run("apply", "--website", "--yes", "--app-url", APP_URL)
    assert '-        "HttpRedirectCode": "301"' in output
    assert '+        "HttpRedirectCode": "307"' in output
    wanted = website_configuration(APP_URL)["RoutingRules"]
    assert client.get_bucket_website(Bucket=ceph_bucket)["RoutingRules"] == wanted


@pytest.mark.s3
def test_widened_access_needs_widen_option_or_word(
    seaweedfs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"made-{uuid.uuid4().hex[:12]}"
    client = client_of(seaweedfs)
    private = {**storage_options(seaweedfs, name), "originals": "private"}

    def public() -> list[str]:
        policy = json.loads(client.get_bucket_policy(Bucket=name)["Policy"])
        return [statement["Resource"] for statement in policy["Statement"]]

    def answer(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    with media_on(private):
        run("create")
        with pytest.raises(CommandError, match=r"Everybody may read \*upscale-\*.*add --widen"):
            run("apply", "--policy", "--yes")
        answer("")  # There is no terminal.
        with pytest.raises(CommandError, match=r"^Nothing was changed.*Add --yes --widen\.$"):
            run("apply", "--policy")
        for text in ("yes\n", "no\n"):
            answer(text)
            with pytest.raises(CommandError, match=r"^Nothing was changed\.$"):
                run("apply", "--policy")
        with pytest.raises(client.exceptions.ClientError, match="NoSuchBucketPolicy"):
            public()
        answer("widen\n")
        assert "The bucket policy: applied." in run("apply", "--policy")
        derived = public()
        assert f"arn:aws:s3:::{name}/*" not in derived[0]
    with media_on({**private, "originals": "public"}):
        with pytest.raises(CommandError, match=f"Everybody may read every object of {name}"):
            run("apply", "--policy", "--yes")
        assert public() == derived
        run("apply", "--policy", *AGREED)
        assert public() == [f"arn:aws:s3:::{name}/*"]
    with media_on(private):  # Narrower access needs no more than --yes.
        output = run("apply", "--policy", "--yes")
        assert "widens" not in output
        assert public() == derived


@pytest.mark.rgw
def test_lifted_block_of_public_policies_needs_widen_option(ceph_bucket: str, rgw: Any) -> None:
    """A subresource that an option names is sent to every server."""
    arn = "arn:aws:cloudfront::123456789012:distribution/EDFDVBD6EXAMPLE"
    private = ("--public-access-block", "--reader", "cloudfront", "--distribution", arn)
    output = run("apply", *private, "--yes")
    assert "widens" not in output
    assert "Nothing differs" in run("plan", *private)

    def blocked() -> set[bool]:
        set_up = client_of(rgw).get_public_access_block(Bucket=ceph_bucket)
        return set(set_up["PublicAccessBlockConfiguration"].values())  # type: ignore[arg-type]

    assert blocked() == {True}
    with pytest.raises(CommandError, match="BlockPublicPolicy and RestrictPublicBuckets forbade"):
        run("apply", "--public-access-block", "--yes")
    assert blocked() == {True}
    run("apply", "--public-access-block", *AGREED)
    assert blocked() == {True, False}
    assert "Nothing differs" in run("plan", "--public-access-block")


@pytest.mark.s3
def test_reader_cloudfront_replaces_public_statement(seaweedfs: Any) -> None:
    name = f"made-{uuid.uuid4().hex[:12]}"
    arn = "arn:aws:cloudfront::123456789012:distribution/EDFDVBD6EXAMPLE"
    with media_on(storage_options(seaweedfs, name)):
        run("create")
        run("apply", "--policy", *AGREED)
        with pytest.raises(CommandError, match="needs the distribution"):
            run("apply", "--reader", "cloudfront")
        output = run("apply", *AGREED, "--reader", "cloudfront", "--distribution", arn)
        assert f"Every client of {arn} may read every object of {name}." in output
    policy = json.loads(client_of(seaweedfs).get_bucket_policy(Bucket=name)["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["ShiftMediaCloudFrontRead"]


@pytest.mark.s3
def test_bucket_and_endpoint_options_need_no_s3_storage(
    seaweedfs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs.secret_key)
    name = f"made-{uuid.uuid4().hex[:12]}"
    assert "created" in run("create", "--bucket", name, "--endpoint-url", seaweedfs.endpoint)
    client_of(seaweedfs).head_bucket(Bucket=name)


def test_endpoint_option_without_scheme_says_what_to_write() -> None:
    with pytest.raises(CommandError, match=r"--endpoint-url: .*'s3.example.com': .*https://"):
        run("create", "--bucket", "b", "--endpoint-url", "s3.example.com")


@pytest.mark.s3
def test_apply_to_missing_bucket_names_create_command(seaweedfs: Any) -> None:
    with (
        media_on(storage_options(seaweedfs, "not-there-yet")),
        pytest.raises(CommandError, match="media_bucket create"),
    ):
        run("apply", "--cors", "--yes")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["apply"], "Say where shift_media.urls is included with --app-url"),
        (["plan", "--website"], "Say where shift_media.urls is included with --app-url"),
        (["apply", "--website", "--app-url", "evil"], "is not the URL of the app"),
        (["plan", "--upload-origin", "*", "--cors"], "is not an origin"),
    ],
)
def test_wrong_or_missing_option_says_what_to_write(
    arguments: list[str], message: str, s3_dead: None
) -> None:
    with pytest.raises(CommandError, match=message):
        run(*arguments)


@pytest.fixture
def s3_dead() -> Iterator[None]:
    """Configure a server that nothing listens on."""
    options = {"bucket_name": "b", "public_url": "https://cdn.example/"}
    keys = {"access_key": "a", "secret_key": "b", "region_name": "us-east-1"}
    with media_on({**options, **keys, "endpoint_url": "http://127.0.0.1:9"}):
        yield


def test_unreachable_server_fails_with_reason(s3_dead: None) -> None:
    with pytest.raises(CommandError, match="failed: Could not connect"):
        run("plan", "--policy")


@pytest.mark.s3
def test_create_of_bucket_of_another_account_says_so(seaweedfs: Any) -> None:
    proxy = FaultProxy(seaweedfs.port)
    proxy.inject(status=403, code="AccessDenied")
    try:
        with (
            media_on(storage_options(seaweedfs, "theirs", proxy.endpoint)),
            pytest.raises(CommandError, match="answers 403: it belongs to another account"),
        ):
            run("create")
    finally:
        proxy.stop()


def test_create_with_local_storage_is_refused() -> None:
    with pytest.raises(CommandError, match="has no bucket"):
        run("create")


@pytest.mark.parametrize("part", SUBRESOURCES)
@pytest.mark.parametrize(
    ("endpoint", "sent"),
    [
        ("https://s3.eu-central-1.amazonaws.com", True),
        ("https://s3.cn-north-1.amazonaws.com.cn", True),
        ("https://s3.example.com", False),
        ("https://amazonaws.com.evil.example", False),
    ],
)
def test_aws_only_subresource_is_sent_only_to_aws(part: str, endpoint: str, sent: bool) -> None:
    import boto3

    bucket = Bucket(boto3.client("s3", endpoint_url=endpoint, region_name="x"), "b")
    if sent or part not in ("public-access-block", "ownership"):
        bucket.check(SUBRESOURCES[part])
    else:
        with pytest.raises(Exception, match=f"Add --{part} to send it anyway"):
            bucket.check(SUBRESOURCES[part])

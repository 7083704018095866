"""The doctor on Ceph's gateway: a healthy bucket, broken ones, and its commands that fix them."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command

from tests.docs.blocks import BLOCKS
from tests.doctor.buckets import BROKEN, WebsiteBucket, writable
from tests.doctor.conftest import Doctor, Finding
from tests.doctor.servers import HangingServer
from tests.servers.faults import FaultProxy
from tests.servers.fixtures import client_of, new_bucket
from tests.servers.nginx import KeepingCDN
from tests.servers.rgw import RGW

pytestmark = [pytest.mark.rgw, pytest.mark.needs("rgw")]

APPLIED = ("no website rule", "301 rule", "no rule for 403", "private bucket")
"""The faults that `media_bucket` fixes. The others are statements of other tools."""


def find(findings: list[Finding], code: str, severity: str = "error") -> Finding:
    return next(one for one in findings if (one["code"], one["severity"]) == (code, severity))


@pytest.mark.acceptance(12, 13)
def test_healthy_bucket_has_no_errors_and_nothing_is_left(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    with on_rgw() as bucket:
        bucket.client.put_object(Bucket=bucket.name, Key="other-file", Body=b"else")
        before = bucket.keys()
        text = doctor.run("--strict")
        assert (doctor.code, doctor.errors) == (0, "")
        way = "307 from the public URL → 302 from the app → 200 from the public URL"
        assert way in " ".join(text.split())
        assert "\x1b[" not in text
        assert bucket.keys() == before == ["other-file"]


@pytest.mark.parametrize("name", BROKEN)
def test_broken_bucket_has_exactly_one_error_and_nothing_is_left(
    on_rgw: Callable[..., Any], doctor: Doctor, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    break_it, code = BROKEN[name]
    with on_rgw() as bucket:
        before = bucket.keys()
        break_it(bucket)
        site = bucket.app_url.removesuffix("/media/")
        found = doctor.findings("--site", site)
        assert {one["code"] for one in found if one["severity"] == "error"} == {code}
        assert doctor.code == 1
        assert bucket.keys() == before
        if name in APPLIED:
            run(find(found, code)["run"])
            capsys.readouterr()
            assert doctor.codes("--site", site) == set()
            assert doctor.code == 0


def run(command: str) -> None:
    """Run the command of a finding."""
    python, script, *words = shlex.split(command)
    assert (python, script) == ("python", "manage.py")
    call_command(*words, "--yes", "--widen")


def test_output_in_guide_equals_printed_output(on_rgw: Callable[..., Any], doctor: Doctor) -> None:
    (shown,) = (block.text for block in BLOCKS if block.name == "doctor-403")
    with on_rgw() as bucket:
        BROKEN["no rule for 403"][0](bucket)
        printed = doctor.run().replace(bucket.app_url, "https://www.example.com/media/")
    assert shown in printed


@pytest.mark.acceptance(13)
@pytest.mark.needs("nginx")
def test_cdn_that_caches_redirect_is_found(
    on_rgw: Callable[..., Any], rgw: RGW, doctor: Doctor, cdn: Callable[[str], KeepingCDN]
) -> None:
    with on_rgw() as bucket:
        website = rgw.website(bucket.name)
        with on_rgw(public_url=cdn(website).url):
            found = doctor.findings()
            assert {one["code"] for one in found if one["severity"] == "error"} == {
                "redirect-cached"
            }
            assert "X-Cache: HIT" in find(found, "redirect-cached")["seen"]
            assert bucket.keys() == ["other-file"] or bucket.keys() == []


@pytest.fixture
def cdn(rgw: RGW, needs: Any, tmp_path: Path) -> Iterator[Callable[[str], KeepingCDN]]:
    running = []

    def start(website: str) -> KeepingCDN:
        folder = tmp_path / "nginx"
        folder.mkdir()
        one = KeepingCDN(needs("nginx"), folder, rgw.port, urlsplit(website).netloc)
        running.append(one)
        return one.start()

    yield start
    for one in running:
        one.stop()


def test_bucket_without_website_configuration_is_found(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    with on_rgw() as bucket:
        bucket.client.delete_bucket_website(Bucket=bucket.name)
        found = doctor.findings("--site", bucket.app_url)
        for code in ("public-read", "missing-redirect"):
            assert "no website configuration" in find(found, code)["seen"]


def test_anonymous_writing_is_found_and_its_file_is_removed(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    with on_rgw() as bucket:
        before = bucket.keys()
        writable(bucket)
        assert doctor.codes() == {"anonymous-writing"}
        assert bucket.keys() == before


def test_objects_that_doctor_cannot_remove_are_named(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    with on_rgw() as bucket:
        before = bucket.keys()
        deny("s3:DeleteObject", bucket)
        found = doctor.findings()
        left = set(bucket.keys()) - set(before)
        seen = find(found, "left-behind")["seen"]
        assert len(left) == 3
        assert all(key in seen for key in left)
        bucket.repair()
        for key in left:
            bucket.client.delete_object(Bucket=bucket.name, Key=key)


def test_user_who_may_not_list_is_found_and_nothing_is_left(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    with on_rgw() as bucket:
        before = bucket.keys()
        deny("s3:ListBucket", bucket)
        found = doctor.findings()
        assert find(found, "storage-list")["run"].endswith("print iam-policy")
        bucket.repair()
        assert bucket.keys() == before


def test_403_for_missing_key_and_lost_write_are_found(
    on_rgw: Callable[..., Any], rgw: RGW, doctor: Doctor
) -> None:
    proxy = FaultProxy(rgw.port)
    try:
        with on_rgw(endpoint_url=proxy.endpoint) as bucket:
            proxy.inject(method="HEAD", status=403, times=2)  # of the bucket, and of the key
            found = doctor.findings()
            assert find(found, "missing-key", "warning")["seen"].startswith("403")
            assert doctor.code == 0
            proxy.inject(method="PUT", lose=True)
            assert "storage-write" in doctor.codes()
            assert bucket.keys() in ([], ["other-file"])
    finally:
        proxy.stop()


def deny(action: str, bucket: WebsiteBucket) -> None:
    """Deny an action to everybody, including the site's own user."""
    arn = f"arn:aws:s3:::{bucket.name}"
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": [arn, f"{arn}/*"],
    }
    bucket.policy(statement)


def test_private_originals_under_public_policy_are_found(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    with on_rgw(originals="private") as bucket:
        assert doctor.codes() == {"private-originals"}
        call_command("media_bucket", "apply", "--policy", "--yes", "--widen")
        assert doctor.codes() == set()
        assert bucket.client.get_bucket_policy(Bucket=bucket.name)


def test_rest_endpoint_as_public_url_is_found(
    on_rgw: Callable[..., Any], rgw: RGW, doctor: Doctor, doctor_bucket: WebsiteBucket
) -> None:
    with on_rgw(public_url=f"{rgw.endpoint}/{doctor_bucket.name}/"):
        found = doctor.findings()
        assert "website endpoint" in find(found, "missing-redirect")["fix"]


def test_site_that_refuses_signature_is_found(on_rgw: Callable[..., Any], doctor: Doctor) -> None:
    with on_rgw() as bucket:
        other = WebsiteBucket(
            bucket.client, bucket.name, bucket.app_url.replace("media", "private")
        )
        other.website("404", "403")
        assert doctor.codes() == {"app-signature"}


def test_rule_to_unknown_host_is_found_and_not_followed(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    unknown = HangingServer()
    try:
        with on_rgw() as bucket:
            other = WebsiteBucket(bucket.client, bucket.name, f"{unknown.url}/media/")
            other.website("404", "403")
            assert doctor.codes("--site", bucket.app_url) == {"redirect-target"}
            assert unknown.connections == 0
    finally:
        unknown.stop()


def test_rule_to_other_path_is_found(on_rgw: Callable[..., Any], doctor: Doctor) -> None:
    with on_rgw() as bucket:
        other = WebsiteBucket(
            bucket.client, bucket.name, bucket.app_url.replace("media", "pictures")
        )
        other.website("404", "403")
        assert "redirect-target" in doctor.codes("--site", bucket.app_url.removesuffix("/media/"))


def test_http_public_url_of_https_site_is_found(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    with on_rgw():
        found = doctor.findings("--site", "https://127.0.0.1:1", "--timeout", "1")
        assert "http, and the site" in find(found, "public-url")["seen"]
        assert find(found, "site")


def test_missing_cors_rule_is_a_warning(
    on_rgw: Callable[..., Any], doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    with on_rgw() as bucket:
        bucket.client.delete_bucket_cors(Bucket=bucket.name)
        found = doctor.findings("--strict")
        assert doctor.code == 1
        assert "may not read" in find(found, "media-cors", "warning")["seen"]
        run(find(found, "cors", "warning")["run"])
        capsys.readouterr()
        again = doctor.findings()
        assert find(again, "cors", "ok")
        assert find(again, "media-cors", "ok")


def test_cors_rule_of_before_uploads_in_parts_is_a_warning(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    with on_rgw() as bucket:
        rules = bucket.client.get_bucket_cors(Bucket=bucket.name)["CORSRules"]
        rules[0]["AllowedHeaders"].remove("content-md5")
        bucket.client.put_bucket_cors(Bucket=bucket.name, CORSConfiguration={"CORSRules": rules})
        assert find(doctor.findings(), "cors", "warning")


def test_versioned_bucket_is_a_warning_until_a_rule_removes_versions(
    on_rgw: Callable[..., Any],
    rgw: RGW,
    doctor: Doctor,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = new_bucket(rgw)
    with on_rgw(bucket_name=name):
        assert find(doctor.findings(), "versioning", "ok")
        client_of(rgw).put_bucket_versioning(
            Bucket=name, VersioningConfiguration={"Status": "Enabled"}
        )
        found = find(doctor.findings(), "versioning", "warning")
        assert "Versioning is enabled" in found["seen"]
        run(found["run"])
        capsys.readouterr()
        assert "removes the versions" in find(doctor.findings(), "versioning", "ok")["seen"]

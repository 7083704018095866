"""The doctor on Ceph's gateway: healthy, broken in many ways, and healed by its commands."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.management import call_command

from tests.docs.blocks import BLOCKS
from tests.doctor.conftest import Doctor, Finding
from tests.doctor.servers import Hanging
from tests.doctor.set_ups import BROKEN, Bucket, writable
from tests.servers.faults import FaultProxy
from tests.servers.nginx import KeepingCDN
from tests.servers.rgw import RGW

pytestmark = [pytest.mark.rgw, pytest.mark.needs("rgw")]

APPLIED = ("no website rule", "301 rule", "no rule for 403", "private bucket")
"""What `media_bucket` mends; the others are statements of somebody else's."""


def find(findings: list[Finding], code: str, severity: str = "error") -> Finding:
    return next(one for one in findings if (one["code"], one["severity"]) == (code, severity))


@pytest.mark.acceptance(12, 13)
def test_a_healthy_bucket_has_no_findings_and_nothing_is_left(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    with on_rgw() as bucket:
        bucket.client.put_object(Bucket=bucket.name, Key="of-somebody", Body=b"else")
        before = bucket.keys()
        text = doctor.run("--strict")
        assert (doctor.code, doctor.errors) == (0, "")
        way = "307 from the public URL → 302 from the app → 200 from the public URL"
        assert way in " ".join(text.split())
        assert "\x1b[" not in text
        assert bucket.keys() == before == ["of-somebody"]


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_found_alone_and_nothing_is_left(
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
    """Run the command that a finding names."""
    python, script, *words = shlex.split(command)
    assert (python, script) == ("python", "manage.py")
    call_command(*words, "--yes", "--widen")


def test_the_guide_shows_what_is_printed(on_rgw: Callable[..., Any], doctor: Doctor) -> None:
    (shown,) = (block.text for block in BLOCKS if block.name == "doctor-403")
    with on_rgw() as bucket:
        BROKEN["no rule for 403"][0](bucket)
        printed = doctor.run().replace(bucket.app_url, "https://www.example.com/media/")
    assert shown in printed


@pytest.mark.acceptance(13)
@pytest.mark.needs("nginx")
def test_a_cdn_that_keeps_the_redirect_is_found(
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
            assert bucket.keys() == ["of-somebody"] or bucket.keys() == []


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


def test_without_any_website_configuration_the_endpoint_serves_nothing(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    with on_rgw() as bucket:
        bucket.client.delete_bucket_website(Bucket=bucket.name)
        found = doctor.findings("--site", bucket.app_url)
        for code in ("public-read", "missing-redirect"):
            assert "no website configuration" in find(found, code)["seen"]


def test_strangers_who_can_write_are_found_and_their_file_is_removed(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    with on_rgw() as bucket:
        before = bucket.keys()
        writable(bucket)
        assert doctor.codes() == {"anonymous-writing"}
        assert bucket.keys() == before


def test_what_the_doctor_cannot_remove_it_names(
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
        bucket.heal()
        for key in left:
            bucket.client.delete_object(Bucket=bucket.name, Key=key)


def test_a_user_who_may_not_list_is_found_and_nothing_is_left(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    with on_rgw() as bucket:
        before = bucket.keys()
        deny("s3:ListBucket", bucket)
        found = doctor.findings()
        assert find(found, "storage-list")["run"].endswith("print iam-policy")
        bucket.heal()
        assert bucket.keys() == before


def test_a_403_for_a_missing_key_and_a_lost_write_are_found(
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
            assert bucket.keys() in ([], ["of-somebody"])
    finally:
        proxy.stop()


def deny(action: str, bucket: Bucket) -> None:
    """Forbid something to everybody, the site's own user too."""
    arn = f"arn:aws:s3:::{bucket.name}"
    told = {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": [arn, f"{arn}/*"]}
    bucket.policy(told)


def test_private_originals_that_everybody_can_read_are_found(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    with on_rgw(originals="private") as bucket:
        assert doctor.codes() == {"private-originals"}
        call_command("media_bucket", "apply", "--policy", "--yes", "--widen")
        assert doctor.codes() == set()
        assert bucket.client.get_bucket_policy(Bucket=bucket.name)


def test_the_rest_endpoint_as_the_public_url_knows_no_rules(
    on_rgw: Callable[..., Any], rgw: RGW, doctor: Doctor, doctor_bucket: Bucket
) -> None:
    with on_rgw(public_url=f"{rgw.endpoint}/{doctor_bucket.name}/"):
        found = doctor.findings()
        assert "website endpoint" in find(found, "missing-redirect")["mend"]


def test_a_site_that_does_not_accept_the_signature_is_found(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    with on_rgw() as bucket:
        other = Bucket(bucket.client, bucket.name, bucket.app_url.replace("media", "private"))
        other.website("404", "403")
        assert doctor.codes() == {"app-signature"}


def test_a_rule_that_leads_elsewhere_is_found_and_not_followed(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    elsewhere = Hanging()
    try:
        with on_rgw() as bucket:
            other = Bucket(bucket.client, bucket.name, f"{elsewhere.url}/media/")
            other.website("404", "403")
            assert doctor.codes("--site", bucket.app_url) == {"redirect-target"}
            assert elsewhere.connections == 0
    finally:
        elsewhere.stop()


def test_an_include_at_another_path_is_found(on_rgw: Callable[..., Any], doctor: Doctor) -> None:
    with on_rgw() as bucket:
        other = Bucket(bucket.client, bucket.name, bucket.app_url.replace("media", "pictures"))
        other.website("404", "403")
        assert "redirect-target" in doctor.codes("--site", bucket.app_url.removesuffix("/media/"))


def test_an_http_public_url_on_an_https_site_is_found(
    on_rgw: Callable[..., Any], doctor: Doctor
) -> None:
    with on_rgw():
        found = doctor.findings("--site", "https://127.0.0.1:1", "--timeout", "1")
        assert "http, and the site" in find(found, "public-url")["seen"]
        assert find(found, "site")


def test_a_page_that_may_not_upload_is_warned_of(
    on_rgw: Callable[..., Any], doctor: Doctor, capsys: pytest.CaptureFixture[str]
) -> None:
    with on_rgw() as bucket:
        bucket.client.delete_bucket_cors(Bucket=bucket.name)
        found = doctor.findings("--strict")
        assert doctor.code == 1
        run(find(found, "cors", "warning")["run"])
        capsys.readouterr()
        assert find(doctor.findings(), "cors", "ok")

"""The doctor on sites that share a bucket of Ceph's gateway by their locations."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from tests.doctor.conftest import Doctor, media_storage
from tests.servers.fixtures import client_of, storage_options
from tests.servers.rgw import RGW

pytestmark = [pytest.mark.rgw, pytest.mark.needs("rgw")]


@pytest.fixture(scope="module")
def shared_bucket(rgw: RGW) -> str:
    name = f"shared-{uuid.uuid4().hex[:12]}"
    client_of(rgw).create_bucket(Bucket=name)
    return name


@contextmanager
def site_at(location: str, rgw: RGW, bucket: str, folder: Path, **options: Any) -> Iterator[None]:
    """Configure a site whose media are below a location."""
    options = {
        **storage_options(rgw, bucket),
        "public_url": rgw.website(bucket),
        "location": location,
        **options,
    }
    host = {"SITE": location, "LOCK_DIR": folder / "locks", "CACHE": None}
    with media_storage("S3MediaStorage", options, SHIFT_MEDIA=host):
        yield


def configure(live: str) -> None:
    call_command("media_bucket", "claim")
    site = ("--app-url", f"{live}/media/", "--upload-origin", live)
    call_command("media_bucket", "apply", "--yes", "--widen", *site)


def keys(rgw: RGW, bucket: str) -> list[str]:
    listed = client_of(rgw).list_objects_v2(Bucket=bucket)
    return [item["Key"] for item in listed.get("Contents", ())]


@pytest.mark.acceptance(12, 13)
def test_resize_of_each_site_makes_its_round_trip(
    rgw: RGW, live: str, shared_bucket: str, doctor: Doctor, tmp_path: Path
) -> None:
    for location in ("shop", "blog"):
        with site_at(location, rgw, shared_bucket, tmp_path):
            configure(live)
            text = " ".join(doctor.run("--strict").split())
            assert (doctor.code, doctor.errors) == (0, ""), text
            assert "307 from the public URL → 302 from the app → 200 from the public URL" in text
            assert f"S3MediaStorage, {shared_bucket}/{location}, " in text
    assert keys(rgw, shared_bucket) == ["blog/shift-media-site", "shop/shift-media-site"]


def test_site_without_rules_is_told_the_command_that_adds_them(
    rgw: RGW,
    live: str,
    shared_bucket: str,
    doctor: Doctor,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with site_at("shop", rgw, shared_bucket, tmp_path):
        configure(live)
    with site_at("new", rgw, shared_bucket, tmp_path):
        call_command("media_bucket", "claim")
        found = doctor.findings("--site", live)
        wrong = {one["code"]: one for one in found if one["severity"] == "error"}
        assert set(wrong) == {"public-read", "missing-redirect"}
        for one in wrong.values():
            python, script, *words = shlex.split(one["run"])
            assert (python, script) == ("python", "manage.py")
            call_command(*words, "--yes", "--widen")
        capsys.readouterr()
        assert doctor.codes("--site", live) == set()


def test_private_originals_of_a_location_are_private(
    rgw: RGW, live: str, shared_bucket: str, doctor: Doctor, tmp_path: Path
) -> None:
    with site_at("secret", rgw, shared_bucket, tmp_path, originals="private"):
        configure(live)
        doctor.run("--strict")
        assert (doctor.code, doctor.errors) == (0, ""), doctor.text
        assert "a signed URL the bytes" in doctor.text

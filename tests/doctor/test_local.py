"""The doctor on a local disk: with a live site, without one, and with one that never responds."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from shift_media.deletion.site_marker import claim
from shift_media.storages import default_media_storage
from tests.doctor.conftest import KEY, Doctor, media_storage
from tests.doctor.servers import HangingServer, LoopingServer

SECRET = "s3cr3t-of-the-tests-that-is-never-shown"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "media"


@contextmanager
def on_disk(folder: Path, **more: Any) -> Iterator[None]:
    options = {"location": folder, "base_url": "/media/", **more}
    locks = {"LOCK_DIR": folder.parent / "locks", "CACHE": None}
    with media_storage("LocalMediaStorage", options, SHIFT_MEDIA=locks):
        yield


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_healthy_local_storage_has_no_errors_and_nothing_is_left(
    folder: Path, live: str, doctor: Doctor
) -> None:
    with on_disk(folder):
        text = doctor.run("--site", live, "--strict")
    assert (doctor.code, doctor.errors) == (0, "")
    assert "An image for 64×48: 200 from the site." in text
    assert files(folder) == []


def test_private_originals_of_local_storage_are_checked(
    folder: Path, live: str, doctor: Doctor
) -> None:
    with on_disk(folder, originals="private"):
        found = doctor.findings("--site", live)
    seen = {one["code"]: one["seen"] for one in found}
    assert seen["private-originals"] == "Anonymous clients get 404, a signed URL the bytes."
    assert doctor.code == 0


def test_unknown_site_skips_checks_that_need_it(folder: Path, doctor: Doctor) -> None:
    with on_disk(folder):
        skipped = doctor.codes(severity="skipped")
    assert {"site", "webhook", "public-url", "public-read", "round-trip"} <= skipped
    assert doctor.code == 0


def test_json_has_every_field_of_a_finding(folder: Path, doctor: Doctor) -> None:
    with on_disk(folder):
        document = json.loads(doctor.run("--json"))
    assert document["backend"] == "LocalMediaStorage"
    for finding in document["findings"]:
        assert set(finding) == {"code", "severity", "title", "seen", "why", "fix", "run"}
        assert finding["seen"]


def test_base_url_that_leads_elsewhere_is_an_error(
    folder: Path, live: str, doctor: Doctor
) -> None:
    with on_disk(folder, base_url="/pictures/"):
        codes = doctor.codes("--site", live)
    assert {"local-url", "site"} <= codes


def test_location_that_is_not_a_folder_is_an_error(folder: Path, doctor: Doctor) -> None:
    folder.write_bytes(b"a file")
    with on_disk(folder):
        assert doctor.codes() == {"local-folder", "storage-write"}
    assert folder.read_bytes() == b"a file"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_doctor_leaves_nothing(
    folder: Path, doctor: Doctor, number: signal.Signals
) -> None:
    stored: list[int] = []

    def interrupt() -> None:
        stored.append(len(files(folder)))
        os.kill(os.getpid(), number)

    site = HangingServer(interrupt)
    try:
        with on_disk(folder):
            doctor.run("--site", site.url)
    finally:
        site.stop()
    assert stored == [1]
    assert files(folder) == []
    assert (doctor.code, doctor.errors) == (130, "Interrupted. It left nothing behind.")


def test_silent_site_is_reported_after_timeout(folder: Path, doctor: Doctor) -> None:
    site = HangingServer()
    began = time.monotonic()
    try:
        with on_disk(folder):
            codes = doctor.codes("--site", site.url, "--timeout", "0.2")
    finally:
        site.stop()
    assert {"site", "public-read", "missing-redirect"} <= codes
    assert time.monotonic() - began < 25  # With the default timeout, three requests would take 30.
    assert files(folder) == []


def test_redirect_loop_is_found_and_explained(folder: Path, live: str, doctor: Doctor) -> None:
    cdn = LoopingServer()
    try:
        with on_disk(folder, public_url=cdn.url):
            found = doctor.findings("--site", live)
    finally:
        cdn.stop()
    loop = next(one for one in found if one["code"] == "redirect-loop")
    assert "X-Cache: Hit from cloudfront" in loop["seen"]
    assert "MinTTL 0" in loop["fix"]
    assert loop["run"].endswith("media_bucket print cloudfront")


@pytest.mark.slow
def test_output_has_no_secret(doctor: Doctor) -> None:
    options = {
        "bucket_name": "b",
        "access_key": "AKIA-of-the-tests",
        "secret_key": SECRET,
        "endpoint_url": f"http://user:{SECRET}@127.0.0.1:1",
        "public_url": "http://127.0.0.1:1/",
    }
    with media_storage("S3MediaStorage", options, SECRET_KEY=f"{SECRET}-django"):
        text = doctor.run("--timeout", "1") + doctor.errors
        assert "storage-write" in text
        text += doctor.run("--timeout", "1", "--json") + doctor.errors
    assert doctor.code == 1
    for secret in (SECRET, KEY, "AKIA-of-the-tests"):
        assert secret not in text


def test_missing_credentials_are_one_error(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    options = {
        "bucket_name": "b",
        "endpoint_url": "http://127.0.0.1:1",
        "public_url": "http://127.0.0.1:1/",
    }
    with media_storage("S3MediaStorage", options, SHIFT_MEDIA={"CACHE": None}):
        found = {one["code"]: one for one in doctor.findings("--timeout", "1")}
    assert "credentials" in found["storage-write"]["seen"]
    errors = {code for code, one in found.items() if one["severity"] == "error"}
    assert errors == {"storage-write"}


@pytest.mark.parametrize(
    "options",
    [
        ["--site", "www.example.com"],
        ["--limit", "5"],
        ["--timeout", "0"],
        ["--storage", "nowhere"],
        ["--storage", "staticfiles"],
        ["--verify", "--after", "nonsense"],
    ],
)
def test_wrong_option_exits_with_2(folder: Path, options: list[str]) -> None:
    with on_disk(folder), pytest.raises(CommandError) as refused:
        call_command("media_doctor", *options)
    assert refused.value.returncode == 2


def test_terminal_output_has_colours(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "terminal"
    with on_disk(folder), out.open("w") as file:
        call_command("media_doctor", stdout=file, force_color=True)
    assert "\x1b[" in out.read_text()


@pytest.mark.slow
def test_storage_of_another_site_is_an_error(tmp_path: Path, live: str, doctor: Doctor) -> None:
    options = {"location": tmp_path / "media", "base_url": "/media/"}
    for name, severity in (("staging", "error"), ("", "error"), ("production", "ok")):
        with media_storage("LocalMediaStorage", options, SHIFT_MEDIA={"SITE": name}):
            claim(default_media_storage, "production")  # type: ignore[arg-type]
            found = {one["code"]: one for one in doctor.findings("--site", live)}
        assert found["site-marker"]["severity"] == severity

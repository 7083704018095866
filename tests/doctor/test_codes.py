"""Codes, their explanations in the guide, and the commands that findings name."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import load_command_class

from shift_media.doctor import bucket
from shift_media.doctor.client import HttpClient
from shift_media.doctor.deployment import Deployment
from shift_media.doctor.findings import CODES
from shift_media.doctor.probe import ProbeImage
from shift_media.doctor.redaction import redact
from shift_media.storages import S3MediaStorage
from tests.parts import PACKAGE, ROOT

GUIDE = ROOT / "docs" / "how-to" / "troubleshooting.rst"
SOURCES = [
    *(PACKAGE / "doctor").glob("*.py"),
    PACKAGE / "management" / "commands" / "media_doctor.py",
]


def test_guide_explains_every_code_and_no_other() -> None:
    explained = re.findall(r"^``([a-z0-9-]+)``$", GUIDE.read_text(), re.MULTILINE)
    assert sorted(explained) == sorted(CODES)


def strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_code_is_reported_by_a_check() -> None:
    used = {text for path in SOURCES if path.name != "findings.py" for text in strings(path)}
    assert {code for code in CODES if code not in used} == set()


def test_every_code_has_title_and_reason() -> None:
    for code, (title, why) in CODES.items():
        assert title and why.endswith("."), code  # noqa: PT018


# Commands


@pytest.fixture
def on_aws() -> Deployment:
    storage = S3MediaStorage(
        bucket_name="my-site-media",
        region_name="eu-central-1",
        access_key="AK",
        secret_key="not-a-secret",
        public_url="http://my-site-media.s3-website.eu-central-1.amazonaws.com/",
    )
    probe = ProbeImage(storage)
    return Deployment("media", storage, probe, "https://www.example.com", HttpClient())


def parses(command: str) -> bool:
    python, script, name, *arguments = shlex.split(command)
    parser = load_command_class("shift_media", name).create_parser("manage.py", name)
    parser.parse_args(arguments)
    return (python, script) == ("python", "manage.py")


def test_commands_that_findings_build_parse(on_aws: Deployment) -> None:
    site = "https://www.example.com"
    for command in (
        on_aws.apply_command("--website", "--policy"),
        on_aws.apply_command("--website", "--replace-rules"),
        on_aws.apply_command("--cors", "--upload-origin", site),
        on_aws.apply_policy_command(),
        on_aws.command("media_bucket create"),
    ):
        assert parses(command), command
    assert "--public-access-block" in on_aws.apply_policy_command()
    assert "--app-url https://www.example.com/media/" in on_aws.apply_command("--website")


def test_commands_written_in_sources_parse() -> None:
    texts = [text for path in SOURCES for text in strings(path)]
    written = [text for text in texts if text.startswith("python manage.py ")]
    assert written
    for command in written:
        assert parses(command), command


# Where the site is


@pytest.mark.parametrize(
    ("site", "app_url"),
    [
        ("https://www.example.com", "https://www.example.com/media/"),
        ("https://www.example.com/", "https://www.example.com/media/"),
        ("https://www.example.com/pictures", "https://www.example.com/pictures/"),
        ("http://localhost:8000/a/b/", "http://localhost:8000/a/b/"),
    ],
)
def test_app_url_is_include_below_site(on_aws: Deployment, site: str, app_url: str) -> None:
    made = Deployment("media", on_aws.storage, on_aws.probe, site, HttpClient())
    assert made.app_url == app_url


def test_bucket_endpoint_has_no_signature(on_aws: Deployment) -> None:
    found = bucket.as_bucket(on_aws.storage)
    assert found is not None
    url = bucket.bucket_url(found)
    assert url == "https://my-site-media.s3.eu-central-1.amazonaws.com/"
    assert on_aws.include_path == "/media/"


# Secrets


def test_redaction_removes_passwords_and_signatures_from_urls() -> None:
    text = "redis://:hunter2@cache:6379 https://x/?X-Amz-Signature=abc&signature=def"
    shown = redact(text)
    assert not any(word in shown for word in ("hunter2", "abc", "def"))
    assert "cache:6379" in shown


def test_redaction_keeps_text_without_secrets(settings: Any) -> None:
    text = "307 from the public URL → 302 from the app"
    assert redact(text) == text

"""Common problems of an S3 set-up: each is one sentence with the next command."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import override_settings

from shift_media.aws.problems import EXCEPTIONS
from shift_media.core.errors import StorageError
from shift_media.storages import default_media_storage
from tests.doctor.conftest import Doctor
from tests.servers.faults import FaultProxy

pytestmark = pytest.mark.django_db

COMMANDS = {
    "create": ("media_bucket", "create"),
    "plan": ("media_bucket", "plan", "--policy"),
    "claim": ("media_bucket", "claim"),
    "cleanup": ("media_cleanup",),
}
KEYS = "aws configure list"
CODES = {
    "SignatureDoesNotMatch": (403, "secret key does not belong", KEYS),
    "InvalidAccessKeyId": (403, "does not know the access key", KEYS),
    "ExpiredToken": (400, "credentials have expired", "aws sso login"),
    "InvalidToken": (400, "token does not belong", "aws sso login"),
    "RequestTimeTooSkewed": (403, "clock of this machine", "timedatectl"),
    "AuthorizationHeaderMalformed": (400, "in another region", "head-bucket"),
    "PermanentRedirect": (301, "in another region", "head-bucket"),
}


@pytest.fixture
def server() -> Iterator[FaultProxy]:
    """Run a server that gives the injected answers, with nothing behind it."""
    proxy = FaultProxy(9)
    yield proxy
    proxy.stop()


def media(endpoint: str, **more: Any) -> Any:
    options = {
        "bucket_name": "my-bucket",
        "public_url": "https://cdn.example/",
        "region_name": "eu-central-1",
        "endpoint_url": endpoint,
        "addressing_style": "path",
        "access_key": "AK",
        "secret_key": "SK",
        **more,
    }
    backend = {"BACKEND": "shift_media.storages.S3MediaStorage", "OPTIONS": options}
    return override_settings(
        STORAGES={**settings.STORAGES, "media": backend}, SHIFT_MEDIA={"SITE": "production"}
    )


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the credentials of this machine from boto3."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "missing"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


def failure(*words: str) -> str:
    with pytest.raises(CommandError) as failed:
        call_command(*words, stdout=io.StringIO(), stderr=io.StringIO())
    return str(failed.value)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("code", CODES)
def test_code_of_s3_is_explained_with_the_next_command(
    server: FaultProxy, code: str, command: str
) -> None:
    status, sentence, then = CODES[code]
    server.inject(status=status, code=code)
    with media(server.endpoint):
        said = failure(*COMMANDS[command])
    assert sentence in said
    assert then in said
    assert "belongs to another account" not in said
    assert "recursion" not in said


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("no_credentials")
def test_missing_credentials_are_explained(server: FaultProxy, command: str) -> None:
    with media(server.endpoint, access_key=None, secret_key=None):
        assert "There are no AWS credentials. Set AWS_PROFILE" in failure(*COMMANDS[command])


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.usefixtures("no_credentials")
def test_client_that_cannot_be_made_is_explained(command: str) -> None:
    with media("", region_name="eu central", endpoint_url=None):
        assert "Correct region_name" in failure(*COMMANDS[command])
    with media("", access_key=None, secret_key=None, endpoint_url=None, session_profile="missing"):
        assert "aws configure list-profiles" in failure(*COMMANDS[command])


@pytest.mark.slow
@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "PermanentRedirect", ""])
def test_doctor_advises_what_fixes_the_problem(
    server: FaultProxy, code: str, request: pytest.FixtureRequest
) -> None:
    keys: dict[str, Any] = {}
    if not code:
        request.getfixturevalue("no_credentials")
        keys = {"access_key": None, "secret_key": None}
    status, sentence, _ = CODES.get(code, (500, "There are no AWS credentials", ""))
    server.inject(status=status, code=code)
    with media(server.endpoint, **keys):
        found = {one["code"]: one for one in Doctor().findings()}
    assert sentence in found["storage-write"]["fix"]
    assert found["storage-write"]["run"] == ""
    assert "check-failed" not in found


def test_error_without_a_message_shows_no_none(server: FaultProxy) -> None:
    body = b"<Error><Code>Odd</Code><Message></Message></Error>"
    server.inject(method="HEAD", status=404)
    server.inject(method="PUT", status=400, body=body)
    with media(server.endpoint):
        said = failure("media_bucket", "create")
    assert said == "Creating my-bucket was refused: 400 Odd."


def test_storage_names_the_cause_in_its_error(server: FaultProxy) -> None:
    server.inject(status=403, code="RequestTimeTooSkewed")
    storage: Any = default_media_storage
    with media(server.endpoint), pytest.raises(StorageError, match="clock of this machine"):
        list(storage.entries())


def test_explained_exceptions_are_those_of_botocore() -> None:
    assert [name for name in EXCEPTIONS if not hasattr(exceptions, name)] == []

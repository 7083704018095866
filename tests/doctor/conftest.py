"""A live Django server in this process, and a site on Ceph's gateway that it serves."""

from __future__ import annotations

import io
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import CommandError, call_command
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.test import override_settings

from tests.doctor.buckets import WebsiteBucket
from tests.servers.fixtures import client_of, storage_options
from tests.servers.rgw import RGW

KEY = "doctor-key-of-the-tests-0123456789-abcdefghijkl"
Finding = dict[str, str]


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Write no log."""


@pytest.fixture(scope="session")
def live() -> Iterator[str]:
    """Serve the site of the tests with the current settings; yield its address."""
    with serving() as address:
        yield address


@contextmanager
def serving() -> Iterator[str]:
    """Serve the site with the current middleware; yield its address."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), _Quiet)
    server.set_app(WSGIHandler())
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def media_storage(backend: str, options: dict[str, Any], **more: Any) -> Iterator[None]:
    """Override the media storage and other settings."""
    from django.conf import settings

    path = backend if "." in backend else f"shift_media.storages.{backend}"
    storage = {"BACKEND": path, "OPTIONS": options}
    shift_media = {"SIGNING_KEYS": [KEY], **more.pop("SHIFT_MEDIA", {})}
    with override_settings(
        STORAGES={**settings.STORAGES, "media": storage}, SHIFT_MEDIA=shift_media, **more
    ):
        yield


class Doctor:
    """The command, with the output and exit code of its last run."""

    def __init__(self) -> None:
        self.text = self.errors = ""
        self.code = 0

    def run(self, *options: str) -> str:
        """Run it; return its output."""
        out, errors = io.StringIO(), io.StringIO()
        self.code, self.errors = 0, ""
        try:
            call_command("media_doctor", *options, stdout=out, stderr=errors)
        except CommandError as error:
            self.code, self.errors = error.returncode, str(error)
        self.text = out.getvalue()
        self.errors += errors.getvalue()
        return self.text

    def findings(self, *options: str) -> list[Finding]:
        """Run it with ``--json``; return its findings."""
        found: list[Finding] = json.loads(self.run(*options, "--json"))["findings"]
        return found

    def codes(self, *options: str, severity: str = "error") -> set[str]:
        """Run it; return the codes of the findings of a severity."""
        return {one["code"] for one in self.findings(*options) if one["severity"] == severity}


@pytest.fixture
def doctor() -> Doctor:
    return Doctor()


@pytest.fixture(scope="session")
def doctor_bucket(rgw: RGW, live: str) -> WebsiteBucket:
    """Create the bucket that the tests of this folder break and repair."""
    name = f"doctor-{uuid.uuid4().hex[:12]}"
    client = client_of(rgw)
    client.create_bucket(Bucket=name)
    return WebsiteBucket(client, name, f"{live}/media/")


@pytest.fixture
def on_rgw(rgw: RGW, doctor_bucket: WebsiteBucket, tmp_path: Path) -> Callable[..., Any]:
    """Return a context manager that configures the site and repairs the bucket.

    Its arguments are more settings and options of the storage.
    """

    @contextmanager
    def configure(
        shift_media: dict[str, Any] | None = None, **options: Any
    ) -> Iterator[WebsiteBucket]:
        base = storage_options(rgw, doctor_bucket.name)
        options = {**base, "public_url": rgw.website(doctor_bucket.name), **options}
        host = {"LOCK_DIR": tmp_path / "locks", "CACHE": None}
        more = {"SITE": "doctor", **host, **(shift_media or {})}
        with media_storage("S3MediaStorage", options, SHIFT_MEDIA=more):
            doctor_bucket.repair()
            yield doctor_bucket

    return configure

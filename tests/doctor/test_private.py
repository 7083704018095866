"""The doctor on storages with private resizes: on disk, and on Ceph's gateway."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings
from django.urls import clear_url_caches, include, re_path
from django.views.static import serve

from shift_media.core.keys import new_original_key
from tests.doctor.conftest import Doctor
from tests.doctor.test_local import files, on_disk

pytestmark = [pytest.mark.acceptance(79)]

PRIVATE = {"originals": "private", "derived": "private"}


def seen_of(doctor: Doctor, *options: str) -> dict[str, str]:
    return {one["code"]: one["seen"] for one in doctor.findings(*options)}


def test_private_local_storage_has_no_errors_and_nothing_is_left(
    tmp_path: Path, live: str, doctor: Doctor
) -> None:
    folder = tmp_path / "media"
    with on_disk(folder, **PRIVATE):
        seen = seen_of(doctor, "--site", live)
    assert doctor.code == 0
    assert seen["private-derived"] == "Anonymous clients get 404, a signed URL the bytes."
    assert seen["private-headers"].startswith("Cache-Control: private, max-age=")
    assert seen["round-trip"] == "A missing resize: 200 from the site."
    assert "public-read" not in seen
    assert files(folder) == []


def test_server_that_sends_private_files_itself_is_found(
    tmp_path: Path, live: str, doctor: Doctor
) -> None:
    folder = tmp_path / "media"
    with on_disk(folder, **PRIVATE), override_settings(ROOT_URLCONF=__name__, FOLDER=folder):
        clear_url_caches()
        assert doctor.codes("--site", live) >= {"private-derived", "private-originals"}
    clear_url_caches()


def careless(request: Any, path: str) -> Any:
    return serve(request, path, document_root=settings.FOLDER)


urlpatterns = [
    re_path(r"^media/(?P<path>[^?]+\.jpg)$", careless),
    re_path("^media/", include("shift_media.urls")),
]


@pytest.mark.slow
def test_private_bucket_is_checked_with_what_everybody_could_read(
    on_rgw: Callable[..., Any], live: str, doctor: Doctor
) -> None:
    options = {**PRIVATE, "public_url": f"{live}/media/"}
    with on_rgw(**options, default_acl="public-read") as bucket:
        assert doctor.codes() == {"private-derived", "private-originals"}
        bucket.client.delete_bucket_policy(Bucket=bucket.name)
        seen = seen_of(doctor)
        assert doctor.code == 0
        assert (
            seen["private-derived"] == "Anonymous clients get 404 and 403, a signed URL the bytes."
        )
        assert seen["round-trip"].startswith("A missing resize: 302 from")
        assert bucket.keys() == []
        old = f"{new_original_key('old', 'jpg').prefix}_poster.jpg"
        bucket.client.put_object(Bucket=bucket.name, Key=old, Body=b"x", ACL="public-read")
        assert doctor.codes() == {"private-old-files"}
        bucket.client.put_object_acl(Bucket=bucket.name, Key=old, ACL="private")
        assert doctor.codes() == set()
        bucket.client.delete_object(Bucket=bucket.name, Key=old)

"""The name of the site in its storage: who writes it, and what refuses without it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.test import override_settings

from shift_media.core.errors import StorageError
from shift_media.core.keys import new_original_key
from shift_media.deletion.site_marker import MARKER_KEY, claim, read_marker
from shift_media.storages import default_media_storage
from tests.deletion.test_sweep import age
from tests.fields.material import upload
from tests.servers.fixtures import client_of, new_bucket, storage_options
from tests.servers.sites import S3Site
from tests.testapp.models import Photo

pytestmark = pytest.mark.django_db

storage: Any = default_media_storage


def run(*words: str) -> str:
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=out, no_color=True)
    return out.getvalue()


def site(name: str) -> Any:
    return override_settings(SHIFT_MEDIA={"SITE": name})


@pytest.fixture
def orphan(media_root: Path) -> str:
    """Store an old original without a row, beside one with a row."""
    Photo.objects.create(image=upload())
    key = str(new_original_key("photo", "jpg"))
    storage.put(key, ContentFile(b"x"), content_type="image/jpeg")
    age(media_root)
    return key


@pytest.mark.acceptance(60)
@pytest.mark.parametrize("name", ["staging", ""])
@pytest.mark.parametrize("options", [(), ("--force",)])
def test_sweep_of_a_storage_of_another_site_is_refused(
    orphan: str, name: str, options: tuple[str, ...]
) -> None:
    claim(storage, "production")
    with site(name), pytest.raises(CommandError, match="belongs to the site 'production'"):
        run("media_cleanup", *options)
    assert storage.exists(orphan)


@pytest.mark.acceptance(60)
def test_pending_deletions_of_another_site_are_not_run(
    media_root: Path,
) -> None:
    with override_settings(SHIFT_MEDIA={"DELETE_SECONDS": 0}):
        photo = Photo.objects.create(image=upload())
        key = photo.image.name
        photo.delete()
    claim(storage, "production")
    with site("staging"), pytest.raises(CommandError, match="Nothing was removed"):
        run("media_cleanup")
    assert storage.exists(key)


@pytest.mark.slow
@pytest.mark.acceptance(60)
@pytest.mark.acceptance(60)
def test_pending_deletions_of_another_sites_storage_stay_while_the_own_is_swept(
    media_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with override_settings(SHIFT_MEDIA={"DELETE_SECONDS": 0}):
        photo = Photo.objects.create(image=upload())
        key = photo.image.name
        photo.delete()
    claim(storage, "production")
    with site("staging"):
        assert "Pending deletions: 0 of 0 ran" in run("media_cleanup", "--storage", "private")
    assert storage.exists(key)
    assert "belongs to the site 'production'" in caplog.text
    with site("production"):
        assert "Pending deletions: 1 of 1 ran" in run("media_cleanup", "--storage", "private")
    assert not storage.exists(key)


@pytest.mark.slow
def test_sweep_of_the_own_storage_removes_orphans_and_keeps_the_marker(orphan: str) -> None:
    with site("production"):
        claim(storage, "production")
        run("media_cleanup")
    assert not storage.exists(orphan)
    assert read_marker(storage) == "production"


@pytest.mark.slow
@pytest.mark.acceptance(60)
def test_dry_run_in_a_storage_of_another_site_says_that_it_would_be_refused(orphan: str) -> None:
    claim(storage, "production")
    with site("staging"):
        assert "would be refused: The storage belongs" in run("media_cleanup", "--dry-run")


@pytest.mark.slow
def test_folder_without_a_marker_is_swept_without_a_warning(orphan: str) -> None:
    assert "No site" not in run("media_cleanup")
    assert not storage.exists(orphan)


def test_claim_writes_the_name_once(media_root: Path) -> None:
    with site("production"):
        assert run("media_bucket", "claim") == "The storage is claimed for the site production.\n"
        assert "belongs already to the site production" in run("media_bucket", "claim")
    with site("staging"), pytest.raises(CommandError, match="Give each site a bucket"):
        run("media_bucket", "claim")
    assert read_marker(storage) == "production"


def test_claim_without_a_name_says_what_to_set(media_root: Path) -> None:
    with pytest.raises(CommandError, match=r'SHIFT_MEDIA\["SITE"\]'):
        run("media_bucket", "claim")
    assert not storage.exists(MARKER_KEY)


def test_upload_writes_no_marker(media_root: Path) -> None:
    with site("production"):
        Photo.objects.create(image=upload())
    assert not storage.exists(MARKER_KEY)


# In a bucket


def test_create_claims_a_new_bucket_and_no_other(s3_site: S3Site) -> None:
    new = f"{s3_site.bucket}-new"
    s3_site.configure(shift_media={"SITE": "production"})
    assert "claimed for the site production" in run("media_bucket", "create", "--bucket", new)
    marker = s3_site.client.get_object(Bucket=new, Key=MARKER_KEY)["Body"].read()
    assert marker == b"production\n"
    assert "exists already" in run("media_bucket", "create")
    assert MARKER_KEY not in s3_site.stored()


def test_bucket_of_another_site_is_refused_and_one_without_a_site_is_warned_of(
    s3_site: S3Site,
) -> None:
    s3_site.configure(shift_media={"SITE": "production"})
    assert "No site has claimed this storage" in run("media_cleanup")
    run("media_bucket", "claim")
    assert "No site" not in run("media_cleanup")
    s3_site.configure()
    with pytest.raises(CommandError, match="this site has no name"):
        run("media_cleanup")


@pytest.mark.s3
def test_marker_that_cannot_be_read_refuses(seaweedfs: Any) -> None:
    from tests.servers.faults import FaultProxy

    bucket = new_bucket(seaweedfs)
    client_of(seaweedfs).put_object(Bucket=bucket, Key=MARKER_KEY, Body=b"production")
    proxy = FaultProxy(seaweedfs.port)
    proxy.inject(method="GET", key=MARKER_KEY, status=403, code="AccessDenied")
    options = storage_options(seaweedfs, bucket, proxy.endpoint)
    media = {"BACKEND": "shift_media.storages.S3MediaStorage", "OPTIONS": options}
    try:
        with (
            override_settings(STORAGES={**settings.STORAGES, "media": media}),
            pytest.raises(CommandError, match="cannot be read"),
        ):
            run("media_cleanup")
    finally:
        proxy.stop()


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_claim_names_what_is_in_the_place_of_the_marker(kind: str, media_root: Path) -> None:
    path = media_root / MARKER_KEY
    if kind == "folder":
        (path / "inside").mkdir(parents=True)
    else:
        media_root.mkdir(exist_ok=True)
        path.symlink_to("nowhere")
    with pytest.raises(StorageError, match="a folder, or a link without a target"):
        claim(storage, "production")
    with site("production"), pytest.raises(CommandError, match="Move it away"):
        run("media_bucket", "claim", "--storage", "media")


@pytest.mark.parametrize("name", [MARKER_KEY, "Shift-Media-Site"])
def test_plain_file_cannot_take_the_name_of_the_marker(name: str, media_root: Path) -> None:
    stored = storage.save(name, ContentFile(b"mine"))
    assert stored.startswith(f"{name}_")
    assert storage.exists(stored)
    assert read_marker(storage) == ""
    assert claim(storage, "production")

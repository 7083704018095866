"""Sweeps that see too few rows: other databases, other tenants, other sites."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models import QuerySet
from django.test import override_settings

from shift_media.core.keys import new_original_key
from shift_media.deletion import references
from shift_media.storages import default_media_storage
from tests.deletion.test_sweep import age
from tests.fields.material import picture, upload
from tests.fields.test_concurrency import in_a_process
from tests.servers.gallery import give_database
from tests.testapp.models import Photo

pytestmark = pytest.mark.django_db

Run = Callable[[str], None]


def sweep(*options: str) -> str:
    out = io.StringIO()
    call_command("media_cleanup", *options, stdout=out, stderr=out)
    return out.getvalue()


def photos(count: int) -> list[str]:
    """Save a row with an original, and copies of both whose ids begin with the same digits.

    They are in one shard of the sweep, which looks the keys of each shard up in all columns.
    """
    first = Photo.objects.create(image=upload())
    key = first.image.name
    keys = [key[:2] + str(new_original_key("photo", "jpg"))[2:] for _ in range(count - 1)]
    for copy in keys:
        default_media_storage.put(copy, io.BytesIO(picture()), content_type="image/jpeg")  # type: ignore[attr-defined]
    Photo.objects.bulk_create([Photo(image=copy, image_meta=first.image_meta) for copy in keys])
    return [key, *keys]


def stored() -> set[str]:
    return {entry.key for entry in default_media_storage.entries()}  # type: ignore[attr-defined]


@pytest.mark.slow
@pytest.mark.acceptance(60)
def test_sweep_of_more_than_a_small_share_is_refused_without_force(media_root: Path) -> None:
    keys = photos(40)
    QuerySet(Photo).filter(image__in=keys[:11])._raw_delete("default")
    age(media_root)
    with pytest.raises(CommandError, match=r"11 of 40 originals \(28%\).*TENANTS.*--force"):
        sweep()
    assert stored() == set(keys)
    assert "11 " in sweep("--force")
    assert stored() == set(keys[11:])


@pytest.mark.slow
@pytest.mark.acceptance(60)
def test_sweep_of_ten_originals_needs_no_force(media_root: Path) -> None:
    keys = photos(20)
    QuerySet(Photo).filter(image__in=keys[:10])._raw_delete("default")
    age(media_root)
    sweep()
    assert stored() == set(keys[10:])


@pytest.mark.slow
@pytest.mark.acceptance(60)
def test_sweep_of_a_small_share_needs_no_force(media_root: Path) -> None:
    keys = photos(240)
    QuerySet(Photo).filter(image__in=keys[:12])._raw_delete("default")
    age(media_root)
    sweep()
    assert stored() == set(keys[12:])


@pytest.mark.acceptance(60)
def test_sweep_that_sees_no_row_at_all_is_refused(media_root: Path) -> None:
    keys = photos(2)
    QuerySet(Photo).all()._raw_delete("default")
    age(media_root)
    with pytest.raises(CommandError, match="2 of 2 originals"):
        sweep()
    assert stored() == set(keys)


@pytest.mark.slow
@pytest.mark.acceptance(60)
def test_dry_run_of_a_suspicious_sweep_says_that_it_would_be_refused(media_root: Path) -> None:
    photos(1)
    QuerySet(Photo).all()._raw_delete("default")
    age(media_root)
    assert "would be refused" in sweep("--dry-run")


@contextlib.contextmanager
def tenant(name: str) -> Iterator[None]:
    visited.append(name)
    yield


visited: list[str] = []


def tenants() -> list[Any]:
    return [tenant("one"), tenant("two")]


@pytest.mark.acceptance(60)
@pytest.mark.urls("tests.urls")
def test_rows_of_each_tenant_are_looked_up(media_root: Path) -> None:
    visited.clear()
    (key,) = photos(1)
    with override_settings(SHIFT_MEDIA={"TENANTS": f"{__name__}.tenants"}):
        assert references.referenced_keys([key]) == {key}
        assert visited == ["one", "two"]
        visited.clear()
        assert not references.is_referenced("no/such/key", "default")
        assert visited == ["one", "two"]


ALIASES = """
import django
django.setup()

from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections
from django.conf import settings
from shift_media.storages import default_media_storage, storages
from tests.fields.material import picture, upload
from tests.testapp.models import Photo
import os, time
here, away = Photo(image=upload()), Photo(image=upload())
here.save()
away.save(using="archive")
copy = Photo(image=away.image.name)
copy.save()
Photo.objects.get(pk=copy.pk).delete()          # the row in the archive keeps the file
keys = {here.image.name, away.image.name}
stored = lambda: {entry.key for entry in default_media_storage.entries()}
assert stored() == keys, stored()
old = time.time() - 90_000
for folder, _, names in os.walk(default_media_storage.location):
    for name in names:
        os.utime(os.path.join(folder, name), (old, old))
call_command("media_cleanup")
assert stored() == keys, stored()
"""
ARCHIVE = "{**DATABASES['default'], 'NAME': str(DATABASES['default']['NAME']) + '.archive'}"


@pytest.fixture
def in_two_databases(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Return a function that runs code in a process with two migrated databases."""
    database = give_database(tmp_path_factory, tmp_path, "tests.settings")
    shutil.copy(database, f"{database}.archive")
    settings = f"{{'NAME': {str(database)!r}}}\nDATABASES['archive'] = {ARCHIVE}"
    return lambda code: in_a_process(code, tmp_path, settings)


@pytest.mark.sqlite("The second database is a file.")
@pytest.mark.slow
@pytest.mark.acceptance(60)
def test_rows_in_a_second_database_keep_their_files(in_two_databases: Run) -> None:
    in_two_databases(ALIASES)


BROKEN = ALIASES.replace(
    'call_command("media_cleanup")',
    """connections["archive"].close()
settings.DATABASES["archive"]["NAME"] = "/nonexistent/folder/db.sqlite3"
connections["archive"].settings_dict["NAME"] = "/nonexistent/folder/db.sqlite3"
try:
    call_command("media_cleanup")
except CommandError as error:
    assert "archive" in str(error), error
else:
    raise AssertionError("swept without asking the archive")""",
)


@pytest.mark.sqlite("The second database is a file.")
@pytest.mark.slow
@pytest.mark.acceptance(60)
def test_sweep_with_a_database_that_cannot_be_asked_is_refused(in_two_databases: Run) -> None:
    in_two_databases(BROKEN)


@pytest.mark.slow
@pytest.mark.django_db
def test_sweep_without_time_zones_runs(media_root: Path) -> None:
    (key,) = photos(1)
    age(media_root)
    with override_settings(USE_TZ=False):
        assert "Objects: 1" in sweep()
    assert stored() == {key}

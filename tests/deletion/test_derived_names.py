"""Rows of a switched ImageField whose names are in the directory of an original.

A project may have stored the key of a poster or of a resize in an ImageField. The name is not
the key of an original, so it is a legacy name, but its file is in the directory of one.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from shift_media.core.keys import OriginalKey, new_original_key, parse_original_key
from shift_media.deletion import service
from shift_media.deletion.models import PendingDeletion
from shift_media.deletion.references import is_referenced, referenced_keys
from shift_media.doctor.legacy_names import check_legacy_names
from shift_media.storages import default_media_storage
from tests.deletion.test_sweep import age
from tests.deletion.test_sweep_safety import sweep
from tests.fields.material import upload
from tests.fields.test_concurrency import in_a_process
from tests.fields.test_legacy_names import database_checks
from tests.servers.databases import DatabaseServer
from tests.servers.postgres import Postgres, postgres
from tests.testapp.models import Album, Photo

__all__ = ["postgres"]

pytestmark = [pytest.mark.django_db, pytest.mark.acceptance(40)]

SIGNATURE = "0" * 32
LEAVES = {
    "poster": ("clip.mp4", "_poster.jpg"),
    "rendition": ("clip.mp4", "_web/720p.jpg"),
    "rendition of an attempt": ("clip.mp4", "_web/0a1b2c3d/720p.jpg"),
    "mezzanine": ("photo.jpg", "_m/2048.jpg"),
    "name": ("photo.txt", "_name"),
    "resize": ("photo.jpg", f"40x30-fit-80-noupscale-{SIGNATURE}.jpg"),
    "no key at all": ("photo.jpg", "Of the Client.JPG"),
}
derived = pytest.mark.parametrize("leaf", LEAVES.values(), ids=list(LEAVES))


def put(key: str) -> str:
    default_media_storage.put(key, io.BytesIO(b"bytes"), content_type="image/jpeg")  # type: ignore[attr-defined]
    return key


def new_directory(name: str) -> OriginalKey:
    stem, _, extension = name.rpartition(".")
    return new_original_key(stem, extension)


def old_row(name: str) -> Photo:
    """Store a row as an ImageField has left it."""
    return Photo.objects.bulk_create([Photo(image=name)])[0]


@pytest.mark.slow
@derived
def test_file_that_a_row_names_in_a_directory_is_never_swept(
    leaf: tuple[str, str], media_root: Path
) -> None:
    """There is no row of the original, or the file is derived from one that has a row."""
    owner = new_directory(leaf[0])
    name = owner.prefix + leaf[1]
    path = media_root / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"bytes")
    old_row(name)
    age(media_root)
    sweep("--force")
    assert path.exists()
    put(str(owner))
    old_row(str(owner))
    age(media_root)
    sweep("--force")
    assert path.exists()


@derived
@pytest.mark.django_db(transaction=True)
def test_original_stays_while_a_row_names_a_file_in_its_directory(
    leaf: tuple[str, str], media_root: Path
) -> None:
    key = put(str(new_directory(leaf[0])))
    name = parse_original_key(key).prefix + leaf[1]
    (media_root / name).parent.mkdir(parents=True, exist_ok=True)
    (media_root / name).write_bytes(b"bytes")
    old = old_row(name)
    photo = old_row(key)
    photo.delete()
    service.run_due()
    assert (media_root / name).exists()
    assert is_referenced(key, "default")
    old.delete()
    assert not is_referenced(key, "default")


@pytest.mark.slow
def test_default_in_a_directory_keeps_it(
    media_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = put(str(new_directory("clip.mp4")))
    poster = put(parse_original_key(key).prefix + "_poster.jpg")
    field: Any = Photo._meta.get_field("image")
    field.get_default()  # Django keeps a function for it, which is replaced and put back.
    monkeypatch.setitem(field.__dict__, "_get_default", lambda: poster)
    monkeypatch.setattr(field, "default", poster)
    age(media_root)
    sweep("--force")
    assert (media_root / poster).exists()
    assert is_referenced(key, "default")


@pytest.mark.parametrize("lookup", ["exact", "contains"])
def test_history_with_a_name_in_a_directory_keeps_it(lookup: str) -> None:
    key = "0a1b2c3d/0000/4000/8000/00000000000a/a.mp4/a.mp4"
    Album.objects.create(title="")
    Album.objects.create(title=key.replace("/a.mp4/a.mp4", "/a.mp4/_p"))
    with override_settings(SHIFT_MEDIA={"HISTORY": {"testapp.Album.title": lookup}}):
        assert is_referenced(key, "default")
        assert not is_referenced(key.replace("a.mp4", "aa.mp4"), "default")
        assert not is_referenced(key.replace("a.mp4", "b.mp4"), "default")


@pytest.mark.slow
def test_names_in_directories_are_found_among_many_keys() -> None:
    """More keys than one query takes; half of the rows name a derived file."""
    keys = [str(new_directory("clip.mp4")) for _ in range(250)]
    posters = [parse_original_key(key).prefix + "_poster.jpg" for key in keys[:40]]
    Photo.objects.bulk_create(Photo(image=name) for name in [*posters, *keys[40:80]])
    assert referenced_keys(keys) == set(keys[:80])


@pytest.mark.sqlite("It reads the plan of a query.")
def test_look_up_of_one_key_takes_one_query_of_an_index_for_each_field() -> None:
    key, table = str(new_directory("clip.mp4")), connection.ops.quote_name("testapp_photo")
    referenced_keys([key])  # looks up once which tables there are
    with CaptureQueriesContext(connection) as queries:
        referenced_keys([key])
    (query,) = [each["sql"] for each in queries if table in each["sql"]]
    with connection.cursor() as cursor:
        plan = str(cursor.execute(f"EXPLAIN QUERY PLAN {query}").fetchall())
    assert "SCAN testapp_photo" not in plan, plan


@pytest.mark.slow
@derived
def test_check_and_doctor_count_names_in_directories(leaf: tuple[str, str]) -> None:
    old_row(new_directory(leaf[0]).prefix + leaf[1])
    (found,) = database_checks()
    assert found.startswith("testapp.Photo.image: 1 row has a name that is not a key")
    (finding,) = check_legacy_names()
    assert "1 row has a name that is not a key" in str(finding)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["con.jpg", "upscale-a.jpg", "Photo.jpg", "photo.exe", "a.b.jpg"])
def test_check_counts_names_that_no_upload_can_have(name: str) -> None:
    old_row(f"0a1b2c3d/0000/4000/8000/00000000000a/{name}/{name}")
    assert len(database_checks()) == 1


@pytest.mark.slow
def test_check_counts_no_keys() -> None:
    Photo.objects.create(image=upload())
    assert database_checks() == []
    assert not PendingDeletion.objects.exists()


ON_A_SERVER = """
import django
django.setup()

from django.core.management import call_command
from django.db import connection
from shift_media.deletion.references import is_referenced, referenced_keys
from shift_media.fields.legacy_rows import find_legacy_names
from tests.deletion.test_derived_names import LEAVES, new_directory
from tests.testapp.models import Photo
call_command("migrate", run_syncdb=True, verbosity=0)
owners = [new_directory(name) for name, _ in LEAVES.values()]
names = [f"{owner.prefix}{leaf}" for owner, (_, leaf) in zip(owners, LEAVES.values())]
plain = [str(new_directory("a.jpg")) for _ in range(3)]
odd = plain[0].replace("a.jpg", "con.jpg")
Photo.objects.bulk_create(Photo(image=name) for name in [*names, *plain, odd])
keys = [str(owner) for owner in owners]
gone = str(new_directory("a.jpg"))
assert referenced_keys([*keys, *plain, gone]) == {*keys, *plain}
assert is_referenced(keys[0], "default") and not is_referenced(gone, "default")
(found,) = find_legacy_names(["default"])
assert set(found.names) == {*names, odd}, found.names
"""


def test_names_in_directories_are_found_on_a_server(
    tmp_path: Path, database_server: DatabaseServer
) -> None:
    in_a_process(ON_A_SERVER, tmp_path, repr({"OPTIONS": {}, **database_server.settings}))


LOST = """
import django
django.setup()

from django.core.management import call_command
from django.db import DatabaseError, connection
from psycopg import ServerCursor
from shift_media.deletion.references import referring_values
from tests.testapp.models import Photo
call_command("migrate", run_syncdb=True, verbosity=0)
Photo.objects.create(image="1.jpg")
fetch = ServerCursor.fetchmany

def fetch_and_end(self, size):
    rows = fetch(self, size)
    if not rows:  # Between the last rows and the end of the cursor.
        process, other = self.connection.info.backend_pid, connection.copy()
        with other.cursor() as cursor:
            cursor.execute(f"SELECT pg_terminate_backend({process}, 5000)")
        other.close()
    return rows

ServerCursor.fetchmany = fetch_and_end
try:
    list(referring_values(Photo.objects.using("default"), "image", "default"))
except DatabaseError:
    raise SystemExit(0)
raise SystemExit("no error")
"""


@pytest.mark.postgres
@pytest.mark.needs("postgres")
def test_database_that_goes_away_while_keys_are_read_is_an_error_of_django(
    tmp_path: Path, postgres: Postgres
) -> None:
    in_a_process(LOST, tmp_path, repr({"OPTIONS": {}, **postgres.settings}))

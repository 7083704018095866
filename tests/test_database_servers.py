"""PostgreSQL and MariaDB compare, lock and number in other ways than SQLite.

``make matrix`` runs the tests of the rooms on each server; these are the cases of their own.
"""

from __future__ import annotations

from pathlib import Path

from tests.fields.test_concurrency import in_a_process
from tests.servers.databases import DatabaseServer

SETUP = """
import threading
import django
django.setup()
from django.core import checks
from django.core.management import call_command
from django.db import IntegrityError, connections, transaction
from shift_media.core.keys import new_original_key
from shift_media.models import ImportedFile, PendingDeletion, TranscodeJob
from shift_media.transcoding.base import State
from tests.testapp.models import Film, Photo
call_command("migrate", run_syncdb=True, verbosity=0)
"""

ONE_JOB = (
    SETUP
    + """
key = str(new_original_key("clip", "mp4"))
Film.objects.bulk_create([Film(video=key, video_meta={})])
start, jobs, failures = threading.Barrier(6), [], []

def submit():
    try:
        film = Film.objects.get()
        start.wait()
        jobs.append(film.video.transcode("web").pk)
    except Exception as error:
        failures.append(repr(error))
    finally:
        connections.close_all()

threads = [threading.Thread(target=submit) for _ in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not failures, failures
(job,) = TranscodeJob.objects.all()
assert jobs == [job.pk] * 6, jobs

ended = TranscodeJob.objects.create(original=key, profile="web", state=State.ERROR)
TranscodeJob.objects.create(original=key, profile="web", state=State.COMPLETE)
assert not ended.restart(), "Two jobs of one original and profile are live."
for state in (State.PENDING, State.SUBMITTED, State.PROGRESSING):
    try:
        with transaction.atomic():
            TranscodeJob.objects.create(original=key, profile="web", state=state)
    except IntegrityError:
        continue
    raise SystemExit(f"A second live job was stored: {state}")
TranscodeJob.objects.filter(pk=job.pk).update(state=State.COMPLETE)
assert ended.restart()
"""
)

LETTERS = (
    SETUP
    + """
from django.db.models import F
from django.test import Client
from shift_media.deletion.lookups import IsSameText

NAMES = ["photos/a.jpg", "photos/A.jpg", "photos/\\u00e1.jpg", "photos/a.jpg "]
for number, name in enumerate(NAMES):
    ImportedFile.objects.create(
        source="testapp.Photo.image", row=str(number), old_name=name, state="imported"
    )
for number, name in enumerate(NAMES):
    (found,) = ImportedFile.objects.for_name(name)
    assert found.row == str(number), (name, found.old_name)
Photo.objects.bulk_create([Photo(image="photos/Lake.jpg")])
assert not Photo.objects.filter(IsSameText(F("image"), "photos/lake.jpg"))
assert Photo.objects.filter(IsSameText(F("image"), "photos/Lake.jpg"))
"""
)

CHECKS = (
    SETUP
    + """
found = [
    str(each) for each in checks.run_checks(databases=["default"])
    if getattr(getattr(each.obj, "_meta", None), "app_label", "") == "shift_media"
]
assert not found, found
call_command("makemigrations", "shift_media", check=True, dry_run=True, verbosity=0)
row = PendingDeletion.objects.create(storage="media", source="testapp.Photo.image", prefix="a/")
assert PendingDeletion.objects.get().not_before == row.not_before, "Microseconds are lost."
call_command("migrate", "shift_media", "zero", verbosity=0)
call_command("migrate", "shift_media", verbosity=0)
"""
)

THERE_AND_BACK = (
    SETUP
    + """
from django.db import connection
key = str(new_original_key("clip", "mp4"))
for state in (State.ERROR, State.ERROR, State.COMPLETE, State.PENDING):
    TranscodeJob.objects.create(original=key, profile="web", state=state)
before = list(TranscodeJob.objects.order_by("pk").values("state", "live", "token", "created"))
call_command("migrate", "shift_media", "0010", verbosity=0)
with connection.cursor() as cursor:
    table = TranscodeJob._meta.db_table
    columns = connection.introspection.get_table_description(cursor, table)
    assert "live" not in [column.name for column in columns]
call_command("migrate", "shift_media", verbosity=0)
after = list(TranscodeJob.objects.order_by("pk").values("state", "live", "token", "created"))
assert after == before, after
assert [row["live"] for row in after] == [None, None, None, 1]
try:
    TranscodeJob.objects.create(original=key, profile="web")
except IntegrityError:
    pass
else:
    raise SystemExit("A second live job was stored.")
"""
)


def test_six_submissions_at_once_make_one_job(
    tmp_path: Path, database_server: DatabaseServer
) -> None:
    in_a_process(ONE_JOB, tmp_path, repr({"OPTIONS": {}, **database_server.settings}))


def test_old_names_are_compared_letter_for_letter(
    tmp_path: Path, database_server: DatabaseServer
) -> None:
    in_a_process(LETTERS, tmp_path, repr({"OPTIONS": {}, **database_server.settings}))


def test_checks_and_migrations_of_the_app_are_clean_in_both_directions(
    tmp_path: Path, database_server: DatabaseServer
) -> None:
    in_a_process(CHECKS, tmp_path, repr({"OPTIONS": {}, **database_server.settings}))


def test_migration_of_the_constraint_keeps_the_jobs_in_both_directions(
    tmp_path: Path, database_server: DatabaseServer
) -> None:
    in_a_process(THERE_AND_BACK, tmp_path, repr({"OPTIONS": {}, **database_server.settings}))

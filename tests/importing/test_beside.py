"""Imports beside uploads, deletions, the sweep and another import, over several connections."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fields.test_concurrency import in_a_process
from tests.servers.databases import DatabaseServer

SITE = """
import io, os, threading, time
from datetime import timedelta
from pathlib import Path
import django
django.setup()
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connections
from django.utils import timezone
from PIL import Image
from shift_media.deletion.sweep import Sweep
from shift_media.importing.models import ImportState
from shift_media.importing.plan import ImportPlan
from shift_media.importing.run import ImportOptions, ImportRun
from shift_media.models import ImportedFile
from shift_media.storages import default_media_storage
from tests.testapp.models import Photo

call_command("migrate", run_syncdb=True, verbosity=0)
ROWS = 40

def picture(side):
    file = io.BytesIO()
    Image.new("RGB", (side, side)).save(file, "JPEG")
    return ContentFile(file.getvalue(), "photo.jpg")

old, long_ago = [], time.time() - 9 * 86400
for number in range(ROWS):
    name = default_storage.save(f"photos/{number}.jpg", picture(20))
    os.utime(default_storage.path(name), (long_ago, long_ago))
    row = Photo.objects.create()
    Photo.objects.filter(pk=row.pk).update(image=name)
    old.append(row.pk)

failures, done = [], threading.Event()

def in_thread(work):
    def run():
        try:
            work()
        except Exception as error:
            failures.append(repr(error))
        finally:
            connections.close_all()
    return threading.Thread(target=run)

"""

BESIDE = (
    SITE
    + """
def imports():
    plan = ImportPlan.make(Photo, "image", None, "default")
    for outcome in ImportRun(plan, ImportOptions(workers=2, link=True)).outcomes():
        if outcome.code:
            failures.append(str(outcome))

def uploads():
    for pk in old[::3]:
        photo = Photo.objects.get(pk=pk)
        photo.image = picture(30)
        photo.save()

def deletes():
    for pk in old[1::3]:
        Photo.objects.get(pk=pk).delete()

def sweeps():
    while not done.is_set():
        Sweep(default_media_storage, timezone.now() - timedelta(hours=1)).run()

def reads():
    while not done.is_set():
        for photo in Photo.objects.all():
            name = photo.image.name
            try:
                with photo.image.open() as file:
                    file.read()
            except FileNotFoundError:
                # The row has another file by now, or it has lost this one.
                if Photo.objects.filter(pk=photo.pk, image=name).exists():
                    failures.append(f"{name} is missing")

work = [in_thread(each) for each in (imports, imports, uploads, deletes)]
beside = [in_thread(sweeps), in_thread(reads)]
for thread in [*beside, *work]:
    thread.start()
for thread in work:
    thread.join()
done.set()
for thread in beside:
    thread.join()

assert not failures, failures
uploaded = set(old[::3])
assert set(Photo.objects.values_list("pk", flat=True)) == set(old) - set(old[1::3])
for photo in Photo.objects.all():
    with photo.image.open() as file:
        side = 30 if photo.pk in uploaded else 20
        assert Image.open(file).size == (side, side), photo.image.name
        assert photo.image.width == side
    assert not photo.image.is_legacy
assert not ImportedFile.objects.filter(state=ImportState.COPYING).exists()
for number in range(ROWS):
    assert default_storage.exists(f"photos/{number}.jpg"), number
# What no row has is deleted already, or an orphan of a deletion beside an import.
Sweep(default_media_storage, timezone.now() + timedelta(hours=1)).run()
kept = sorted(entry.key for entry in default_media_storage.entries())
assert kept == sorted(Photo.objects.values_list("image", flat=True)), kept
"""
)

UNDO_BESIDE_FINISH = (
    SITE
    + """
from shift_media.importing.finish import FinishRun
from shift_media.importing.plan import PlanError
from shift_media.importing.rewrite import RewriteRun
from shift_media.importing.undo import UndoRun

plan = ImportPlan.make(Photo, "image", None, "default")
list(ImportRun(plan, ImportOptions()).outcomes())

# Links in JSON, which PostgreSQL stores in its own spelling.
old = default_storage.url("photos/0.jpg")
page = Photo.objects.create(image_meta={"z": [old, 1.50], "a": f"ä {old}"})
(row,) = RewriteRun(plan, Photo, "image_meta").outcomes()
assert (row.problem, len(row.links)) == ("", 2), row
page.refresh_from_db(using="default")
assert old not in str(page.image_meta), page.image_meta
assert page.image_meta["z"][1] == 1.5
page.delete()

start = threading.Barrier(2)

def undo():
    start.wait()
    try:
        list(UndoRun(plan).outcomes())
    except PlanError:
        pass  # The finish was quicker.

def finish():
    start.wait()
    list(FinishRun(plan, workers=2).outcomes())

work = [in_thread(undo), in_thread(finish)]
for thread in work:
    thread.start()
for thread in work:
    thread.join()
assert not failures, failures
assert Photo.objects.count() == ROWS
for photo in Photo.objects.all():
    with photo.image.open() as file:
        assert Image.open(file).size == (20, 20), photo.image.name
"""
)


@pytest.mark.sqlite("The next test is the same, on a server.")
@pytest.mark.slow
@pytest.mark.acceptance(69)
def test_import_beside_uploads_and_deletions_leaves_each_row_its_file(tmp_path: Path) -> None:
    in_a_process(
        BESIDE, tmp_path, repr({"OPTIONS": {"timeout": 60, "transaction_mode": "IMMEDIATE"}})
    )


@pytest.mark.slow
@pytest.mark.acceptance(69)
def test_import_beside_uploads_and_deletions_leaves_each_row_its_file_on_a_server(
    tmp_path: Path, database_server: DatabaseServer
) -> None:
    in_a_process(BESIDE, tmp_path, repr({"OPTIONS": {}, **database_server.settings}))


@pytest.mark.slow
@pytest.mark.acceptance(69)
def test_undo_beside_finish_leaves_each_row_its_file_on_a_server(
    tmp_path: Path, database_server: DatabaseServer
) -> None:
    in_a_process(UNDO_BESIDE_FINISH, tmp_path, repr({"OPTIONS": {}, **database_server.settings}))

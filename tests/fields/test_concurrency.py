"""Replacements of one row over several connections, in a real database."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.databases import DatabaseServer

ROOT = Path(__file__).resolve().parents[2]

REPLACE = """
import io, threading
import django
django.setup()
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connections
from PIL import Image
from tests.testapp.models import Photo
from shift_media.models import PendingDeletion
from shift_media.storages import default_media_storage

call_command("migrate", run_syncdb=True, verbosity=0)

def picture():
    file = io.BytesIO()
    Image.new("RGB", (20, 20)).save(file, "JPEG")
    return ContentFile(file.getvalue(), "photo.jpg")

pk = Photo.objects.create(image=picture()).pk
start, failures = threading.Barrier(8), []

def work(number):
    try:
        photo = Photo.objects.get(pk=pk)
        photo.image = picture()
        start.wait()
        photo.save()
        Photo.objects.create(image=picture(), title="new").delete()
    except Exception as error:
        failures.append(repr(error))
    finally:
        connections.close_all()

threads = [threading.Thread(target=work, args=[number]) for number in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
kept = [entry.key for entry in default_media_storage.entries()]
assert not failures, failures
assert kept == [Photo.objects.get().image.name], kept
assert PendingDeletion.objects.count() == 16, PendingDeletion.objects.count()
"""


def race(tmp_path: Path, database: str) -> None:
    """Replace the file of one row eight times at once, in another process."""
    in_a_process(REPLACE, tmp_path, database)


def in_a_process(code: str, tmp_path: Path, database: str) -> None:
    """Run code in another process, on a database whose settings are given as Python source."""
    settings = tmp_path / "race_settings.py"
    settings.write_text(f"from tests.settings import *\nDATABASES['default'] |= {database}\n")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "race_settings",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
            "SHIFT_MEDIA_DEMO_DIR": str(tmp_path / "var"),
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.acceptance(44)
@pytest.mark.parametrize("mode", ["IMMEDIATE", "DEFERRED"])
def test_eight_replacements_at_once_leave_only_the_last_file(mode: str, tmp_path: Path) -> None:
    race(tmp_path, repr({"OPTIONS": {"timeout": 30, "transaction_mode": mode}}))


@pytest.mark.acceptance(44)
def test_eight_replacements_at_once_leave_only_the_last_file_on_a_server(
    tmp_path: Path, database_server: DatabaseServer
) -> None:
    race(tmp_path, repr({"OPTIONS": {}, **database_server.settings}))

"""Projects of guides, served for a browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.conftest import _wait_for
from tests.parts import ROOT

PREPARE = """
import io
import django
django.setup()
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

call_command("makemigrations", "photos", verbosity=0)
call_command("migrate", verbosity=0)
client = Client()
client.force_login(User.objects.create_superuser("ada"))
{more}
print(client.cookies["sessionid"].value)
"""


@contextmanager
def serving_project(folder: Path, port: int, prepare: str) -> Iterator[tuple[str, str]]:
    """Run a project with Django's own server, which serves static files too.

    Yields the URL and the session of a user who may upload.

    Args:
        folder: of the project.
        port: on loopback.
        prepare: code that runs once the tables are there.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
        "DJANGO_SETTINGS_MODULE": "site1.settings",
    }
    session = _run(folder, environment, PREPARE.format(more=prepare))
    command = [sys.executable, "manage.py", "runserver", "--noreload", f"127.0.0.1:{port}"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        _wait_for(f"http://127.0.0.1:{port}/admin/login/")
        yield f"http://127.0.0.1:{port}", session
    finally:
        server.terminate()
        server.wait(60)


def _run(folder: Path, environment: dict[str, str], code: str) -> str:
    """Run code in a project, and return the last line that it prints."""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip().splitlines()[-1]

"""A system without what POSIX has, which a process simulates by hiding it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import ROOT

SYSTEM = """
import os, signal, socket, sys

MODULES = {"fcntl", "grp", "pwd", "resource", "termios"}
ABSENT = {
    os: "fork geteuid getgid getuid killpg memfd_create sched_getaffinity setsid wait4 waitid",
    signal: "SIGALRM SIGHUP SIGKILL SIGUSR1 SIGXCPU alarm setitimer",
    socket: "SCM_RIGHTS recv_fds send_fds",
}

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
for name in MODULES:
    sys.modules.pop(name, None)
for module, names in ABSENT.items():
    for name in names.split():
        delattr(module, name)
del os.O_CLOEXEC

import importlib, pkgutil, tempfile
import django
from django.test import override_settings
django.setup()
import shift_media
"""

IMPORTS = (
    SYSTEM
    + """
# Scripts of processes that are started on POSIX alone.
SCRIPTS = {"shift_media.sandbox.launch", "shift_media.workers.start", "shift_media.workers.loop"}
names = {module.name for module in pkgutil.walk_packages(shift_media.__path__, "shift_media.")}
assert names > SCRIPTS
failures = []
for name in sorted(names - SCRIPTS):
    try:
        importlib.import_module(name)
    except Exception as error:
        failures.append(f"{name}: {error!r}")
assert not failures, failures
"""
)

UPLOADS = (
    SYSTEM
    + """
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from tests.fields.material import picture, upload
from tests.testapp.models import Photo

call_command("check", "--database", "default")
call_command("migrate", run_syncdb=True, verbosity=0)
with override_settings(SHIFT_MEDIA={"WORKERS": 0}, ALLOWED_HOSTS=["testserver"]):
    photo = Photo.objects.create(image=upload())
    assert photo.image.read() == picture()
    resize = photo.image.resize("20x")
    answer = Client().get(resize.url)
    assert answer.status_code == 200, answer
    photo.delete()
    call_command("media_cleanup")
    assert Client().get(resize.url).status_code == 404
"""
)

PROGRAMS = (
    SYSTEM
    + """
from pathlib import Path
from shift_media.core.errors import TranscodeError
from shift_media.sandbox.process import Bounds, Program
try:
    Program([sys.executable, "-V"], Path(tempfile.gettempdir()), Bounds(1, 1, 1))
except TranscodeError as error:
    assert error.code == "unsupported_system", error.code
else:
    raise SystemExit("It started a program that it could not end.")
"""
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "code", [IMPORTS, UPLOADS, PROGRAMS], ids=["imports", "uploads", "programs"]
)
def test_app_runs_on_a_system_without_posix(code: str, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "SHIFT_MEDIA_DEMO_DIR": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr

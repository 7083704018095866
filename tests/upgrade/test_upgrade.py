"""A site that ran the code before 1.0 keeps its URLs, its renditions and its open work.

``before-1.0/make.py`` says how its database and its media were made.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.parts import ROOT

BEFORE = Path(__file__).parent / "before-1.0"
URLS = json.loads((BEFORE / "urls.json").read_text())

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the database and the media of the site."""
    folder = tmp_path_factory.mktemp("site")
    with tarfile.open(BEFORE / "media.tar.gz") as tar:
        tar.extractall(folder, filter="data")
    for path in (folder / "media").rglob("*"):
        os.utime(path, (1.7e9, 1.7e9))  # Files of the last hour may belong to running uploads.
    database = sqlite3.connect(folder / "gallery.sqlite3")
    database.executescript((BEFORE / "database.sql").read_text())
    database.close()
    return folder


def stored(folder: Path) -> dict[str, bytes]:
    paths = (path for path in (folder / "media").rglob("*") if path.is_file())
    return {path.relative_to(folder / "media").as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def before(folder: Path) -> dict[str, bytes]:
    return stored(folder)


@pytest.fixture(scope="module")
def upgraded(folder: Path, before: dict[str, bytes]) -> dict[str, Any]:
    """Return what ``site.py`` found after the upgrade."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "testproject.settings",
        "SHIFT_MEDIA_DEMO_DIR": str(folder),
        "SHIFT_MEDIA_DEMO_SECRET_KEY": "a-key-of-a-site-that-ran-the-code-before-1.0",
        "PYTHONPATH": str(ROOT),
    }
    command = [
        sys.executable,
        str(Path(__file__).with_name("site.py")),
        str(folder / "found.json"),
    ]
    ran = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found: dict[str, Any] = json.loads((folder / "found.json").read_text())
    return found


def test_each_url_keeps_its_signature_and_answers(upgraded: dict[str, Any]) -> None:
    expected = {
        name: {kind: [url, 200] for kind, url in urls.items()}
        for name, urls in URLS.items()
        if not name.endswith(".mp4")
    }
    assert upgraded["photos"] == expected


def test_each_job_keeps_its_renditions(upgraded: dict[str, Any]) -> None:
    expected = {
        name: {key: 200 if key == "original" else [state, 200] for key, state in states.items()}
        for name, states in URLS.items()
        if name.endswith(".mp4")
    }
    assert upgraded["clips"] == expected


def test_stored_files_are_not_made_again(
    folder: Path, before: dict[str, bytes], upgraded: dict[str, Any]
) -> None:
    after = stored(folder)
    assert {name: after.get(name) for name in before} == before


def test_waiting_job_is_done_after_the_upgrade(upgraded: dict[str, Any]) -> None:
    assert upgraded["jobs"] == [["complete", ""], ["complete", ""]]


def test_cleanup_runs_open_deletion_and_finds_no_orphans(upgraded: dict[str, Any]) -> None:
    assert upgraded["pending deletions"] == 0
    assert "derived files: 0 (0 bytes) removed" in upgraded["cleanup"]

"""Each guide is executed as a whole, in a project that its own text makes."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.docs.projects import create_project, paste
from tests.parts import ROOT

FACTORY_TESTS = """
import pytest

pytest.importorskip("factory"), pytest.importorskip("model_bakery")


def test_factories(db, media_storage):
    from model_bakery import baker

    from photos.factories import ClipFactory, PhotoFactory

    rows = PhotoFactory(), baker.make("photos.Photo", _create_files=True)
    assert [row.image.width for row in rows] == [640, 64]
    files = ClipFactory().video, baker.make("photos.Clip", _create_files=True).video
    assert {file.metadata.content_type for file in files} == {"video/mp4"}
"""


def run(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, *arguments]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_tests_of_the_guide_pass(tmp_path: Path) -> None:
    create_project(tmp_path)
    paste("how-to/test-your-site", tmp_path)
    (tmp_path / "photos/test_factories.py").write_text(FACTORY_TESTS)
    options = ("-q", "-p", "no:cacheprovider", "--nomigrations")
    summary = run(tmp_path, "-m", "pytest", *options).splitlines()[-1]
    assert summary.startswith("10 passed" if find_spec("factory") else "9 passed, 1 skipped")
    assert not (tmp_path / "media").exists()


def test_settings_of_the_guide_have_a_storage_in_memory(tmp_path: Path) -> None:
    create_project(tmp_path)
    paste("how-to/test-your-site", tmp_path)
    run(tmp_path, "manage.py", "check", "--settings", "site1.test_settings")

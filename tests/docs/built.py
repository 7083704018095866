"""The pages as ``make docs`` builds them, once in a run for all processes of pytest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from tests.docs.blocks import DOCS
from tests.parts import ROOT
from tests.servers.shared import base_folder

BUILD = ["-m", "sphinx", "-W", "--keep-going", "-q"]


def build_pages(factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the pages; they are built with warnings as errors."""
    folder = base_folder(factory) / "built-docs"
    said = folder / "warnings.txt"
    with FileLock(f"{folder}.lock"):
        if not said.exists():
            command = [sys.executable, *BUILD, str(DOCS), str(folder)]
            ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            folder.mkdir(exist_ok=True)
            said.write_text("" if ran.returncode == 0 else ran.stdout + ran.stderr)
    assert said.read_text() == ""
    return folder

"""A short run of `make load`, and its parts that need no server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.load.client import Answer, Outcomes
from benchmarks.load.sampling import SPARE, find_growth
from tests import parts
from tests.parts import ROOT


@pytest.mark.skipif(not parts.full(), reason="takes half a minute: make test-full")
@pytest.mark.long
@pytest.mark.s3
@pytest.mark.postgres
@pytest.mark.redis
@pytest.mark.needs("postgres", "seaweedfs", "redis", "nginx", "gunicorn")
@pytest.mark.acceptance(81)
def test_site_under_load_answers_with_pictures_or_503_and_holds_no_more(tmp_path: Path) -> None:
    """Speed is not asserted, because other tests run meanwhile; memory is still growing."""
    options = ["--requests", "40", "--clients", "12", "--minutes", "0.1"]
    command = [sys.executable, "-m", "benchmarks.load", *options, "--json", tmp_path / "load.json"]
    # PostgreSQL, which does not run as root, cannot enter the temporary folder of the tests.
    environment = {name: value for name, value in os.environ.items() if name != "TMPDIR"}
    ran = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280
    )
    assert (tmp_path / "load.json").exists(), ran.stdout + ran.stderr
    targets = json.loads((tmp_path / "load.json").read_text())["targets"]
    checked = [target for target in targets if not target["name"].startswith("mixed: ")]
    checked += [target for target in targets if target["name"] == "mixed: other answers"]
    assert len(checked) == 7
    assert [target for target in checked if not target["met"]] == [], ran.stdout


@pytest.mark.acceptance(81)
def test_answer_that_is_neither_a_success_nor_503_with_retry_after_is_unexpected() -> None:
    outcomes = Outcomes()
    for status in (200, 201, 302, 500, 0):
        outcomes.add(Answer(status, {}, b""), time.monotonic())
    outcomes.add(Answer(503, {"Retry-After": "1"}, b""), time.monotonic())
    outcomes.add(Answer(503, {}, b""), time.monotonic())
    assert outcomes.unexpected == {"500": 1, "0": 1, "503 without Retry-After": 1}
    assert outcomes.row()["503"] == 1


@pytest.mark.acceptance(81)
def test_growth_beyond_the_tolerance_is_found() -> None:
    steady = dict.fromkeys(("memory MB", *SPARE), 100.0)
    assert find_growth([steady] * 9) == {}
    within = {name: 100 + spare for name, spare in SPARE.items()} | {"memory MB": 109.0}
    assert find_growth([*[steady] * 6, *[within] * 3]) == {}
    beyond = {name: value + 2 for name, value in within.items()}
    assert set(find_growth([*[steady] * 6, *[beyond] * 3])) == set(steady)

"""A worker that is killed after each step of one job: the end is as if it never had been."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.parts import ROOT
from tests.transcoding.conftest import children_in
from tests.transcoding.test_command import NEW_FILMS, PATIENCE, NewSite, new_site
from tests.waiting import wait_until

__all__ = ["new_site"]

WORK_AND_DIE = """
import os, signal, sys, django
django.setup()
from shift_media.transcoding.services import Worker, reports, worker

def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

def tell(job):
    if stage.isdigit() and job.progress >= int(stage):
        die()

stage = sys.argv[1]
worker.PROGRESS_SECONDS = 0
if stage == "claimed":
    worker.build_attempt = die
if stage == "complete":  # Said, but what earlier attempts have left is still there.
    reports._after_completion = die
Worker(on_progress=tell).run_one()
"""
STEPS = ("claimed", "10", "99", "complete")
"""Claimed; encoding; all stored; said to be complete."""


@pytest.mark.acceptance(46)
@pytest.mark.needs("ffmpeg")
def test_killed_after_each_step_the_end_is_the_same(new_site: NewSite, clip: Path) -> None:
    site = new_site()
    with (Path(site.env["PYTHONPATH"].rpartition(":")[2]) / "site_settings.py").open("a") as more:
        more.write('SHIFT_MEDIA |= {"TRANSCODE_LEASE": 1, "TRANSCODE_ATTEMPTS": 9}\n')
    site.python(NEW_FILMS, str(clip), "1")
    for step in STEPS:
        command = [sys.executable, "-c", WORK_AND_DIE, step]
        ran = subprocess.run(command, cwd=ROOT, env=site.env, timeout=PATIENCE)
        assert ran.returncode == -signal.SIGKILL, step
        time.sleep(1.1)  # The lease.
        wait_until(lambda: children_in(site.scratch) == [], 5)
    assert site.jobs() == [{"state": "complete", "attempts": len(STEPS), "error": ""}]
    stored = site.keys()
    assert [key.rpartition("/")[2] for key in stored] == ["480p.mp4", "clip.mp4"]
    assert site.run("--wait") == ""

"""A worker that is killed after each step of a job, and the next worker that completes it."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.parts import ROOT
from tests.transcoding.conftest import children_in
from tests.transcoding.test_command import NewSite, Site, new_site
from tests.waiting import wait_until

__all__ = ["new_site"]

WORK_AND_DIE = """
import os, signal, sys, django
django.setup()
from shift_media.transcoding.services import Worker, reports, worker

def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)

def work(stage):
    def report(job):
        if stage.isdigit() and job.progress >= int(stage):
            die()

    worker.PROGRESS_SECONDS = 0
    if stage == "claimed":
        worker.build_attempt = die
    if stage == "complete":  # The row is written, but files of earlier attempts are still there.
        reports._delete_older_files = die
    Worker(on_progress=report).run_one()

for line in sys.stdin:
    child = os.fork()
    if not child:
        work(line.strip())
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
STEPS = ("claimed", "10", "99", "complete")
"""The job is claimed; it is being encoded; all files are stored; the row says complete."""


@pytest.mark.slow
@pytest.mark.acceptance(46)
@pytest.mark.needs("ffmpeg")
def test_job_completes_after_its_worker_was_killed_at_each_step(
    new_site: NewSite, clip: Path
) -> None:
    site = new_site()
    with (site.folder / "site_settings.py").open("a") as more:
        more.write('SHIFT_MEDIA |= {"TRANSCODE_ATTEMPTS": 9}\n')
    site.add_films(clip, 1)
    command, pipe = [sys.executable, "-c", WORK_AND_DIE], subprocess.PIPE
    with subprocess.Popen(
        command, cwd=ROOT, env=site.env, text=True, bufsize=1, stdin=pipe, stdout=pipe
    ) as workers:
        assert workers.stdin is not None
        assert workers.stdout is not None
        for step in STEPS:
            print(step, file=workers.stdin)
            assert int(workers.stdout.readline()) == -signal.SIGKILL, step
            end_lease(site)
            wait_until(lambda: children_in(site.scratch) == [], 5)
    assert site.jobs() == [{"state": "complete", "attempts": len(STEPS), "error": ""}]
    stored = site.keys()
    assert [key.rpartition("/")[2] for key in stored] == ["480p.mp4", "clip.mp4"]
    assert site.run("--wait") == "No job is due.\n"


def end_lease(site: Site) -> None:
    """Let the time pass for which the killed worker had claimed the job."""
    connection = sqlite3.connect(site.database["NAME"])
    with contextlib.closing(connection) as database, database:
        database.execute(
            "UPDATE shift_media_transcodejob SET lease_until = '2000-01-01 00:00:00'"
            " WHERE lease_until IS NOT NULL"
        )

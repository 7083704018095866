"""Videos whose rows are saved to another database than that of the jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deletion.test_sweep_safety import ARCHIVE
from tests.fields.test_concurrency import in_a_process

JOBS = """
import django
django.setup()

from django.core.management import call_command
from django.db import transaction
from shift_media.transcoding import services
from shift_media.transcoding.models import TranscodeJob
from tests.fields.material import upload
from tests.fields.test_transactions import MP4
from tests.testapp.models import Film
for alias in ("default", "archive"):
    call_command("migrate", run_syncdb=True, verbosity=0, database=alias)
jobs = TranscodeJob.objects
new = lambda: Film(video=upload(MP4, "a.mp4"))
film = new()
film.save(using="archive")
job = services.claim("a worker")
assert job is not None and job.original == film.video.name
assert job.is_wanted()                              # the row in the archive is found
with transaction.atomic(using="archive"):
    new().save(using="archive")
    assert services.claim("a worker") is None       # the row is not committed yet
    transaction.set_rollback(True, using="archive")
assert jobs.count() == 1
with transaction.atomic(using="archive"):
    film.video.transcode()                          # live already: the same job
    film = new()
    film.save(using="archive")
assert jobs.using("archive").count() == 0
assert jobs.get(original=film.video.name).pk == services.claim("a worker").pk
assert jobs.count() == 2
"""


@pytest.mark.slow
@pytest.mark.acceptance(65)
def test_worker_claims_jobs_of_rows_in_another_database(tmp_path: Path) -> None:
    in_a_process(JOBS, tmp_path, f"{{}}\nDATABASES['archive'] = {ARCHIVE}")

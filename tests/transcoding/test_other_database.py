"""Videos whose rows are saved to another database than that of the jobs."""

from __future__ import annotations

import pytest

from tests.deletion.test_sweep_safety import Run, in_two_databases

__all__ = ["in_two_databases"]  # a fixture

JOBS = """
import django
django.setup()

from django.db import transaction
from shift_media.transcoding import services
from shift_media.transcoding.models import TranscodeJob
from tests.fields.material import upload
from tests.fields.test_transactions import MP4
from tests.testapp.models import Film
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
def test_worker_claims_jobs_of_rows_in_another_database(in_two_databases: Run) -> None:
    in_two_databases(JOBS)

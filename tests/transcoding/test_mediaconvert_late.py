"""Jobs of MediaConvert whose original is gone: they are cancelled, and leave no files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection

from shift_media.storages import default_media_storage
from shift_media.transcoding import services
from shift_media.transcoding.base import State
from shift_media.transcoding.models import Rendition, TranscodeJob
from tests.testapp.models import Film
from tests.transcoding.conftest import work
from tests.transcoding.mediaconvert_site import MediaConvertSite, aws, film, the_job

__all__ = ["aws", "film"]

pytestmark = [
    pytest.mark.needs("ffmpeg"),
    pytest.mark.s3,
    pytest.mark.django_db(transaction=True),
]


def test_cancelled_job_is_cancelled_in_service(aws: MediaConvertSite, film: Film) -> None:
    work()
    assert services.cancel(the_job())
    assert aws.server.states() == ["CANCELED"]
    assert services.refresh(the_job()).state == State.CANCELED
    assert aws.stored() == [film.video.key]


def test_job_cancelled_in_service_is_cancelled(aws: MediaConvertSite, film: Film) -> None:
    work()
    (job,) = aws.server.jobs.values()
    job.answer["status"] = "CANCELED"
    assert services.refresh(the_job()).state == State.CANCELED
    assert film.video.transcode().state == State.PENDING


@pytest.mark.acceptance(44)
def test_deletion_of_video_cancels_its_job(aws: MediaConvertSite, film: Film) -> None:
    work()
    film.delete()
    assert aws.server.states() == ["CANCELED"]
    assert not TranscodeJob.objects.exists()
    assert aws.stored() == []


@pytest.mark.acceptance(44)
def test_replacement_of_video_cancels_its_job(
    aws: MediaConvertSite, film: Film, clip: Path
) -> None:
    work()
    row = Film.objects.get()
    row.video = ContentFile(clip.read_bytes(), "second.mp4")
    row.save()
    work()
    assert aws.server.states() == ["CANCELED", "SUBMITTED"]
    aws.finish()
    services.refresh(the_job())
    assert all(key.startswith(row.video.key.rpartition("/")[0]) for key in aws.stored())
    assert len(Film.objects.get().video.renditions) == 2


@pytest.mark.acceptance(44)
@pytest.mark.parametrize("ended", [True, False], ids=["complete", "under way"])
def test_late_job_of_replaced_video_removes_its_output(
    aws: MediaConvertSite, film: Film, ended: bool
) -> None:
    work()
    (id,) = aws.server.jobs
    aws.server.finish(id, late=not ended)
    assert len(aws.stored()) > 1
    Film.objects.update(video="")  # without any signal
    job = services.refresh(the_job())
    assert (job.state, job.error_code) == (State.CANCELED, "original_gone")
    assert aws.server.states() == ["COMPLETE" if ended else "CANCELED"]
    assert aws.stored() == [film.video.key]
    assert not default_media_storage.exists(f"{film.video.key.rpartition('/')[0]}/_poster.jpg")
    assert not Rendition.objects.filter(state=State.COMPLETE).exists()


@pytest.mark.acceptance(44)
def test_deletion_during_creation_leaves_no_job(aws: MediaConvertSite, film: Film) -> None:
    create = aws.server._create

    def delete_first(body: dict[str, Any]) -> Any:
        TranscodeJob.objects.all().delete()
        connection.close()  # the one of the server's thread
        return create(body)

    aws.server._create = delete_first  # type: ignore[method-assign]
    work()
    assert aws.server.states() == ["CANCELED"]

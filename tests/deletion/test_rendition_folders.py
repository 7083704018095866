"""``media_cleanup`` removes the files of transcoding attempts that nothing refers to."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from django.core.management import CommandError

from shift_media.core.keys import new_original_key, parse_original_key
from shift_media.deletion.references import databases
from shift_media.storages import default_media_storage
from shift_media.transcoding.base import State
from shift_media.transcoding.models import Rendition, TranscodeJob
from shift_media.transcoding.services import used_folders
from tests.deletion.test_sweep import age
from tests.deletion.test_sweep_safety import stored, sweep
from tests.testapp.models import Film, Photo

pytestmark = [pytest.mark.django_db, pytest.mark.acceptance(40), pytest.mark.usefixtures("media")]

COUNT = "Renditions of failed or replaced attempts: "


def put(key: str) -> str:
    default_media_storage.put(key, io.BytesIO(b"bytes"), content_type="video/mp4")  # type: ignore[attr-defined]
    return key


def new_video() -> str:
    key = put(str(new_original_key("clip", "mp4")))
    Film.objects.bulk_create([Film(video=key)])
    return key


def new_attempt(key: str, state: State, token: str = "0a1b2c3d", *, rows: bool = False) -> str:
    """Store a file of an attempt, the job's row, and the row of the rendition if it is wanted."""
    job = TranscodeJob.objects.create(
        original=key, profile="web", state=state, token=token, storage="media"
    )
    file = put(f"{parse_original_key(key).directory}/_web/{token}/hls/720p.ts")
    if rows:
        playlist = file.replace("hls/720p.ts", "hls.m3u8")
        Rendition.objects.create(job=job, original=key, key=playlist, kind="hls", state=state)
        put(playlist)
    return file


@pytest.mark.slow
def test_folders_without_rendition_and_live_job_are_removed(media_root: Path) -> None:
    key = new_video()
    kept = [
        key,
        new_attempt(key, State.COMPLETE, "aaaaaaaa", rows=True),
        new_attempt(new_video(), State.PROGRESSING, "bbbbbbbb"),
        new_attempt(new_video(), State.PENDING, "cccccccc"),
        put(f"{parse_original_key(key).directory}/_poster.jpg"),
        put(f"{parse_original_key(key).directory}/_web/without-an-attempt.mp4"),
        put(f"{parse_original_key(key).directory}/_web/uploaded/by-hand.mp4"),
    ]
    gone = [
        new_attempt(key, State.COMPLETE, "dddddddd"),
        new_attempt(key, State.ERROR, "eeeeeeee"),
        new_attempt(key, State.CANCELED, "0123abcd"),
        put(f"{parse_original_key(key).directory}/_old/0123abcd/720p.mp4"),
    ]
    age(media_root)
    assert f"{COUNT}4 (20 bytes) would be removed." in sweep("--dry-run")
    assert {*kept, *gone} <= stored()
    assert f"{COUNT}4 (20 bytes) removed." in sweep()
    assert not stored() & {*gone}
    assert {*kept} <= stored()
    assert f"{COUNT}0 (" in sweep()


@pytest.mark.slow
def test_folder_with_a_file_younger_than_the_grace_time_stays(media_root: Path) -> None:
    file = new_attempt(new_video(), State.ERROR)
    age(media_root)
    young = put(file.replace("720p", "480p"))
    sweep()
    assert {file, young} <= stored()
    os.utime(media_root / young, (0, 0))
    sweep()
    assert not {file, young} & stored()


@pytest.mark.slow
def test_rendition_that_a_row_of_a_switched_field_names_stays(media_root: Path) -> None:
    file = new_attempt(new_video(), State.ERROR)
    other = put(file.replace("720p", "480p"))
    Photo.objects.bulk_create([Photo(image=file)])
    age(media_root)
    assert f"{COUNT}1 (" in sweep()
    assert file in stored()
    assert other not in stored()


@pytest.mark.slow
def test_many_folders_are_removed_by_force_alone(media_root: Path) -> None:
    """The rows of jobs may have been deleted, or those of another site are not seen."""
    files = {new_attempt(new_video(), State.COMPLETE, rows=True) for _ in range(11)}
    Rendition.objects.all()._raw_delete("default")
    TranscodeJob.objects.all()._raw_delete("default")
    age(media_root)
    with pytest.raises(CommandError, match=r"11 of 11 folders of renditions \(100%\).*--force"):
        sweep()
    assert files <= stored()
    assert "would be refused" in sweep("--dry-run")
    sweep("--force")
    assert not files & stored()


def test_used_folders_are_found_among_more_than_a_query_takes() -> None:
    keys = [str(new_original_key("clip", "mp4")) for _ in range(1100)]
    TranscodeJob.objects.bulk_create(
        TranscodeJob(original=key, profile="web", token="0a1b2c3d") for key in keys[::2]
    )
    folders = [f"{parse_original_key(key).directory}/_web/0a1b2c3d/" for key in keys]
    assert used_folders(folders) == set(folders[::2])
    assert used_folders([]) == set()
    assert list(databases(TranscodeJob)) == ["default"]

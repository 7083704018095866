"""``manage.py media_transcode``, in processes of its own, as users and services run it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from shift_media.management.commands import media_transcode
from shift_media.storages import default_media_storage
from shift_media.transcoding import services
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob
from tests.parts import ROOT
from tests.servers import mariadb
from tests.servers.databases import DatabaseServer
from tests.servers.gallery import give_database
from tests.testapp.models import Film
from tests.transcoding import scripted
from tests.transcoding.conftest import H264, Draw, NewFilm, children_in, pattern
from tests.transcoding.scripted import Scripted
from tests.waiting import wait_until

pytestmark = pytest.mark.needs("ffmpeg")

PATIENCE = 600
"""Seconds to wait for a program that ends by itself."""

SETTINGS = """
from tests.settings import *
DATABASES["default"] |= {database}
SHIFT_MEDIA = {{
    "PROFILES": {{"web": {{"480p.mp4": {{"kind": "mp4", "preset": "{preset}", "crf": 1}}}}}},
    "TRANSCODE_LEASE": {lease},
}}
"""
NEW_FILMS = """
import sys, django
django.setup()
from django.core.files.base import ContentFile
from django.core.management import call_command
from tests.testapp.models import Film
from tests.transcoding import scripted
if "migrate" in sys.argv:
    call_command("migrate", run_syncdb=True, verbosity=0)
for _ in range(int(sys.argv[2])):
    Film.objects.create(video=ContentFile(open(sys.argv[1], "rb").read(), "clip.mp4"))
"""


class Site:
    """A site with its own settings and database, and processes that use it."""

    def __init__(self, folder: Path, database: dict[str, Any], preset: str, lease: int) -> None:
        self.folder = folder
        self.database = database
        self._values = {"database": database, "lease": lease}
        self.encode_with(preset)
        self.scratch = folder / "scratch"
        self.media = folder / "var" / "media"
        self.env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "site_settings",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}",
            "SHIFT_MEDIA_DEMO_DIR": str(folder / "var"),
            "TMPDIR": str(self.scratch),
        }
        self._running: list[subprocess.Popen[str]] = []

    def encode_with(self, preset: str) -> None:
        """Set the preset of the encoder for processes that are started from now on."""
        text = SETTINGS.format(preset=preset, **self._values)
        (self.folder / "site_settings.py").write_text(text)

    def python(self, code: str, *arguments: str) -> str:
        command = [sys.executable, "-c", code, *arguments]
        ran = subprocess.run(
            command, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=PATIENCE
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def start(self, *options: str) -> subprocess.Popen[str]:
        command = [sys.executable, "manage.py", "media_transcode", *options]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, cwd=ROOT, env=self.env, stdout=pipe, stderr=pipe, text=True
        )
        self._running.append(process)
        return process

    def run(self, *options: str) -> str:
        process = self.start(*options)
        out, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, errors
        return out

    def add_films(self, path: Path, count: int) -> None:
        """Save rows with this video."""
        is_empty = "HOST" in self.database
        self.python(NEW_FILMS, str(path), str(count), *(["migrate"] if is_empty else []))

    def jobs(self) -> list[dict[str, Any]]:
        """Read the jobs from the database, without Django."""
        columns = ("state", "attempts", "error")
        with contextlib.closing(self._connect()) as connection:
            cursor = connection.cursor()
            table = "shift_media_transcodejob"
            cursor.execute(f"SELECT {', '.join(columns)} FROM {table} ORDER BY id")
            return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]

    def _connect(self) -> Any:
        if "HOST" not in self.database:
            return sqlite3.connect(self.database["NAME"])
        if "mysql" in self.database["ENGINE"]:
            return mariadb.connect(self.database)
        import psycopg

        names = {"host": "HOST", "user": "USER", "dbname": "NAME"}
        return psycopg.connect(**{name: self.database[key] for name, key in names.items()})

    def keys(self) -> list[str]:
        files = (path for path in self.media.rglob("*") if path.is_file())
        found = (path.relative_to(self.media) for path in files)
        return sorted(str(path) for path in found if not path.parts[0].startswith("."))

    def close(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.kill()
            process.communicate()


NewSite = Callable[..., Site]


@pytest.fixture
def new_site(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewSite]:
    made = []

    def new(
        database: dict[str, Any] | None = None, preset: str = "veryfast", lease: int = 600
    ) -> Site:
        if database is None:
            path = give_database(tmp_path_factory, tmp_path, "tests.settings")
            database = {"NAME": str(path)}
        made.append(Site(tmp_path, database, preset, lease))
        return made[-1]

    yield new
    for site in made:
        site.close()


def run_two_at_once(site: Site, clip: Path) -> None:
    site.add_films(clip, 4)
    both = [site.start(), site.start()]
    outs = [process.communicate(timeout=PATIENCE) for process in both]
    assert [process.returncode for process in both] == [0, 0], outs
    done = [set(re.findall(r"#(\d+) .*: complete", out)) for out, _ in outs]
    assert done[0] | done[1] == {"1", "2", "3", "4"}, outs
    assert not done[0] & done[1]
    assert [(job["state"], job["attempts"]) for job in site.jobs()] == [("complete", 1)] * 4
    assert len(site.keys()) == 8


@pytest.mark.slow
@pytest.mark.acceptance(46)
def test_two_commands_at_once_never_run_the_same_job(new_site: NewSite, clip: Path) -> None:
    run_two_at_once(new_site(), clip)


@pytest.mark.acceptance(46)
def test_two_commands_at_once_never_run_the_same_job_on_a_server(
    new_site: NewSite, clip: Path, database_server: DatabaseServer
) -> None:
    run_two_at_once(new_site({"OPTIONS": {}, **database_server.settings}), clip)


@pytest.fixture(scope="session")
def slow_clip(draw: Draw) -> Path:
    """Draw a video that takes seconds to encode with a slow preset."""
    return draw("slow.mp4", *pattern("640x480", 8, 25), *H264)


@pytest.fixture(scope="session")
def small_clip(draw: Draw) -> Path:
    """Draw a video that takes a second to encode with a slow preset."""
    return draw("small.mp4", *pattern("320x240", 12, 25), *H264)


def wait_for_encoder(site: Site) -> None:
    wait_until(lambda: any("libx264" in command for command in children_in(site.scratch)))


@pytest.mark.slow
@pytest.mark.acceptance(46)
def test_killed_worker_ends_its_ffmpeg_and_the_next_run_completes_the_job(
    new_site: NewSite, slow_clip: Path
) -> None:
    site = new_site(preset="slower", lease=2)
    site.add_films(slow_clip, 1)
    worker = site.start()
    wait_for_encoder(site)
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    wait_until(lambda: children_in(site.scratch) == [], 1)  # long before it would have ended
    assert site.jobs()[0]["state"] in ("submitted", "progressing")
    assert len(site.keys()) == 1
    site.encode_with("ultrafast")
    out = site.run("--wait")
    assert ": complete" in out
    assert site.jobs()[0] == {"state": "complete", "attempts": 2, "error": ""}
    assert len(site.keys()) == 2


@pytest.mark.slow
@pytest.mark.acceptance(46)
def test_interrupted_job_is_pending_and_completed_by_the_next_run(
    new_site: NewSite, small_clip: Path
) -> None:
    site = new_site(preset="slower")
    site.add_films(small_clip, 1)
    worker = site.start()
    wait_for_encoder(site)
    worker.send_signal(signal.SIGINT)
    _, errors = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 130
    assert "stays pending" in errors
    assert "Traceback" not in errors
    assert site.jobs()[0] == {"state": "pending", "attempts": 0, "error": ""}
    assert children_in(site.scratch) == []
    assert len(site.keys()) == 1
    site.encode_with("ultrafast")
    assert ": complete" in site.run()


def command(*arguments: str, **options: Any) -> str:
    out = io.StringIO()
    call_command("media_transcode", *arguments, stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_model_field_and_pk_select_the_videos(new_film: NewFilm) -> None:
    first, second = new_film(), new_film()
    TranscodeJob.objects.all().delete()
    said = command("testapp.Film", dry_run=True)
    assert said.count("no job") == 2
    assert not TranscodeJob.objects.exists()
    assert ": complete" in command("testapp.Film.video", pk=[str(first.pk)])
    assert TranscodeJob.objects.get().original == first.video.key
    assert command("testapp.Film", limit=1).count(": complete") == 1
    assert TranscodeJob.objects.get(original=second.video.key).state == State.COMPLETE
    assert "--force makes them again" in command("testapp.Film")
    forced = command("testapp.Film", pk=[str(first.pk)], force=True)
    assert forced.count(": complete") == 1


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_options_cancel_a_job_and_retry_failed_ones(film: Film) -> None:
    job = TranscodeJob.objects.get()
    assert f"#{job.pk} is cancelled" in command(cancel=job.pk)
    with pytest.raises(CommandError, match="canceled already"):
        command(cancel=job.pk)
    TranscodeJob.objects.update(state=State.ERROR, error="broken", error_code="x")
    assert command() == "No job is due.\n"
    assert ": complete" in command(retry_failed=True, workers=2)
    with pytest.raises(CommandError, match="There is no job 99"):
        command(cancel=99)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_failed_job_exits_with_1(new_film: NewFilm, draw: Draw, tmp_path: Path) -> None:
    whole = draw("whole.mp4", *pattern(seconds=3), *H264, "-movflags", "+faststart", "-g", "5")
    half = tmp_path / "part.mp4"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    new_film(half)
    with pytest.raises(CommandError, match="1 failed") as caught:
        command()
    assert caught.value.returncode == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        (["testapp.Nothing"], {}),
        (["nonsense"], {}),
        (["testapp.Film.title"], {}),
        (["testapp.Album"], {}),
        ([], {"pk": ["1"]}),
        (["testapp.Film"], {"pk": ["x"]}),
        ([], {"force": True}),
        ([], {"workers": 0}),
        ([], {"limit": 0}),
    ],
)
def test_invalid_arguments_exit_with_2(arguments: list[str], options: dict[str, Any]) -> None:
    with pytest.raises(CommandError) as caught:
        command(*arguments, **options)
    assert caught.value.returncode == 2


@pytest.fixture
def scripted_jobs() -> Iterator[None]:
    """Complete jobs without work: the transcoder is a script."""
    Scripted.begin(State.PROGRESSING)
    with override_settings(SHIFT_MEDIA={"TRANSCODER": {"BACKEND": scripted.PATH}}):
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("scripted_jobs")
@pytest.mark.django_db(transaction=True)
def test_limit_counts_the_jobs_of_all_workers(new_film: NewFilm) -> None:
    for _ in range(6):
        new_film()
    command(limit=4, workers=4)
    assert TranscodeJob.objects.filter(state=State.SUBMITTED).count() == 4


@pytest.mark.slow
@pytest.mark.usefixtures("scripted_jobs")
@pytest.mark.django_db(transaction=True)
def test_limit_does_not_count_a_look_at_an_empty_queue(
    new_film: NewFilm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_transcode, "PAUSE_SECONDS", 0.02)
    new_film()
    Scripted.begin(State.PROGRESSING, State.COMPLETE)
    command(limit=2, wait=True)
    assert TranscodeJob.objects.get().state == State.COMPLETE


@pytest.mark.usefixtures("scripted_jobs")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("label", ["testapp.OldFilm", "testapp.OldFilm.video"])
def test_proxy_selects_the_rows_of_its_manager(new_film: NewFilm, label: str) -> None:
    old = new_film(title="old")
    new_film(title="new")
    TranscodeJob.objects.all().delete()
    command(label)
    assert TranscodeJob.objects.get().original == old.video.key


@pytest.mark.usefixtures("scripted_jobs")
@pytest.mark.django_db(transaction=True)
def test_primary_key_without_a_video_is_named_and_exits_with_1(new_film: NewFilm) -> None:
    film, empty = new_film(), Film.objects.create()
    errors = io.StringIO()
    with pytest.raises(CommandError, match="2 failed") as caught:
        call_command(
            "media_transcode",
            "testapp.Film",
            pk=[str(film.pk), str(empty.pk), "999"],
            stdout=io.StringIO(),
            stderr=errors,
        )
    assert caught.value.returncode == 1
    assert f"testapp.Film {empty.pk}: no such row with a video." in errors.getvalue()
    assert "testapp.Film 999: no such row with a video." in errors.getvalue()


@pytest.mark.usefixtures("scripted_jobs")
@pytest.mark.django_db(transaction=True)
def test_command_says_why_nothing_runs(new_film: NewFilm) -> None:
    assert command() == "No job is due.\n"
    new_film()
    TranscodeJob.objects.update(not_before=timezone.now() + timedelta(hours=1))
    assert command() == "No job is due: 1 job put off, or run elsewhere. --wait waits for them.\n"


@pytest.mark.usefixtures("scripted_jobs")
@pytest.mark.django_db(transaction=True)
def test_more_jobs_than_a_query_takes_parameters_are_chosen_from(new_film: NewFilm) -> None:
    new_film()
    job = TranscodeJob.objects.get()
    assert services.claim("one", range(job.pk + 1, job.pk + 400_000)) is None
    assert services.claim("one", range(400_000)) == job


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_failed_job_is_reported_on_standard_error_alone(film: Film) -> None:
    Path(default_media_storage.path(film.video.name)).write_bytes(b"broken")
    out, err = io.StringIO(), io.StringIO()
    with pytest.raises(CommandError):
        call_command("media_transcode", stdout=out, stderr=err, verbosity=0)
    assert ": error" in err.getvalue()
    assert out.getvalue() == ""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_verbose_command_prints_the_files_of_a_job(film: Film) -> None:
    assert "/480p.mp4\n" in command(verbosity=2)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_signal_releases_the_job_and_decides_the_exit_code(
    film: Film, number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    exit_code = 0
    advance = TranscodeJob.advance

    def interrupted(job: TranscodeJob, report: Any) -> bool:
        signal.raise_signal(number)
        monkeypatch.setattr(TranscodeJob, "advance", advance)
        return advance(job, report)

    monkeypatch.setattr(TranscodeJob, "advance", interrupted)
    try:
        command()
    except SystemExit as end:
        exit_code = int(str(end.code))
    assert exit_code == code
    assert TranscodeJob.objects.get().state == State.PENDING

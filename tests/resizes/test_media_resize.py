"""The command ``media_resize``, on real files."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from shift_media.resizes import batch, service
from shift_media.storages import default_media_storage
from shift_media.transcoding.models import TranscodeJob
from tests.imaging import images
from tests.parts import ROOT
from tests.resizes.conftest import picture
from tests.resizes.counting import CountingStorage
from tests.sandbox.pdf import pdf
from tests.servers.gallery import give_database
from tests.servers.sites import S3Site
from tests.testapp.models import Attachment, Film, Pair, Photo
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("lock_files")]

PRESETS = {"avatar": {"size": "48x48", "mode": "fill"}, "card": {"size": "320x", "format": "webp"}}


@pytest.fixture(autouse=True)
def storage(tmp_path: Path) -> Iterator[CountingStorage]:
    """Set a storage that counts its calls, and presets."""
    from django.conf import settings

    options = {"location": tmp_path / "media", "base_url": "/media/"}
    media = {"BACKEND": "tests.resizes.counting.CountingStorage", "OPTIONS": options}
    with override_settings(
        STORAGES={**settings.STORAGES, "media": media},
        SHIFT_MEDIA={"LOCK_DIR": tmp_path / "locks", "PRESETS": PRESETS},
    ):
        yield cast("CountingStorage", default_media_storage)


def photo(content: bytes | None = None, name: str = "photo.jpg") -> Photo:
    row = Photo()
    row.image.save(name, ContentFile(picture() if content is None else content))
    return row


def damage(row: Photo, content: bytes) -> None:
    """Replace an original in the storage."""
    storage: Any = default_media_storage
    storage.delete(row.image.name)
    storage.put(row.image.name, io.BytesIO(content), content_type="image/jpeg")


class Run:
    """The output and the exit code of one run of the command."""

    def __init__(self, *arguments: str, out: io.StringIO | None = None) -> None:
        stdout, stderr = out or io.StringIO(), io.StringIO()
        self.code: int | None = 0
        try:
            call_command("media_resize", *arguments, stdout=stdout, stderr=stderr)
        except CommandError as error:
            self.code = error.returncode
            stderr.write(str(error))
        self.out, self.errors = stdout.getvalue(), stderr.getvalue()


@pytest.mark.slow
def test_effort_fast_makes_what_a_visitor_would_get() -> None:
    rows = [photo(images.encoded(images.photograph(400, 300), "jpg")) for _ in range(3)]
    keys = [row.image.resize("200x", format="avif").key for row in rows]
    expected = service.deliver(keys[0]).content
    options = ("testapp.Photo", "--sizes", "200x", "--formats", "avif")
    assert Run(*options, "--pk", str(rows[1].pk), "--effort", "fast").code == 0
    assert service.deliver(keys[1]).content == expected
    ended = Run(*options, "--after", str(rows[1].pk), "--limit", "1", "--effort", "fast")
    assert "--effort fast" in ended.out
    assert service.deliver(keys[2]).content == expected


def test_first_run_makes_resizes_and_second_finds_them(storage: CountingStorage) -> None:
    rows = [photo(), photo(picture("PNG"), "drawing.png")]
    storage.calls.clear()
    run = Run("testapp.Photo.image", "--presets", "avatar,card", "--sizes", "100x", "200x100")
    assert run.code == 0
    assert "2 rows: 8 resizes made, 0 were there, 0 failed." in run.out
    assert storage.calls == {"entries": 2, "fetch": 2, "put": 8}
    for row in rows:
        assert not row.image.resize("avatar").ensure()
        assert not row.image.resize("card").ensure()
        assert not row.image.resize("200x100").ensure()
    storage.calls.clear()
    again = Run("testapp.Photo", "--presets", "avatar", "card", "--sizes", "100x,200x100")
    assert "2 rows: 0 resizes made, 8 were there, 0 failed." in again.out
    assert storage.calls == {"entries": 2}


def test_formats_multiply_resizes_and_override_presets() -> None:
    row = photo()
    Run("testapp.Photo", "--presets", "card", "--formats", "webp", "avif")
    made = {row.image.resize("card", format=format).ensure() for format in ("webp", "avif")}
    assert made == {False}
    Run("testapp.Photo", "--sizes", "64x64", "--mode", "fill", "--quality", "50")
    assert not row.image.resize("64x64", mode="fill", quality=50).ensure()


def test_stored_focal_point_is_used() -> None:
    row = photo()
    row.image.focal = (10, 90)
    row.save()
    Run("testapp.Photo", "--presets", "avatar")
    fresh = Photo.objects.get().image.resize("avatar")
    assert fresh.spec.focal == (10, 90)
    assert not fresh.ensure()


def test_model_selects_all_media_fields_and_field_only_itself(
    storage: CountingStorage,
) -> None:
    row = Pair()
    row.left.save("left.jpg", ContentFile(picture()), save=False)
    row.right.save("right.jpg", ContentFile(picture()))
    Pair.objects.create()
    run = Run("testapp.Pair.right", "--sizes", "30x")
    assert "1 row: 1 resize made" in run.out
    run = Run("testapp.Pair", "--sizes", "30x")
    assert "1 row: 1 resize made, 1 was there" in run.out


def test_dry_run_counts_missing_resizes_and_makes_nothing(storage: CountingStorage) -> None:
    photo().image.resize("card").ensure()
    storage.calls.clear()
    run = Run("testapp.Photo", "--presets", "avatar", "card", "--dry-run")
    assert "1 row: 1 resize to be made, 1 was there, 0 failed." in run.out
    assert storage.calls["put"] == storage.calls["fetch"] == 0


def test_rows_are_done_in_order_and_continued_after_a_key(storage: CountingStorage) -> None:
    rows = [photo() for _ in range(5)]
    run = Run("testapp.Photo", "--presets", "avatar", "--limit", "2")
    assert "2 rows: 2 resizes made" in run.out
    go_on = "To go on: manage.py media_resize testapp.Photo --presets avatar --limit 2 --after="
    assert f"{go_on}{rows[1].pk}\n" in run.out
    run = Run("testapp.Photo", "--presets", "avatar", f"--after={rows[1].pk}")
    assert "3 rows: 3 resizes made, 0 were there" in run.out
    run = Run("testapp.Photo", "--presets", "card", "--pk", str(rows[0].pk), str(rows[4].pk))
    assert "2 rows: 2 resizes made" in run.out


def test_rows_are_read_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        photo()
    monkeypatch.setattr(batch, "ROWS", 2)
    with CaptureQueriesContext(connection) as queries:
        run = Run("testapp.Photo", "--presets", "avatar", "--workers", "1")
    assert "5 rows: 5 resizes made" in run.out
    selects = [q["sql"] for q in queries if "COUNT" not in q["sql"]]
    assert len(selects) == 4
    assert all("LIMIT 2" in sql for sql in selects)


def test_failures_are_reported_with_codes_and_stop_nothing() -> None:
    corrupt, gone, good = photo(), photo(), photo()
    damage(corrupt, picture()[:2000])
    cast("CountingStorage", default_media_storage).delete(gone.image.name)
    run = Run("testapp.Photo", "--presets", "avatar", "card")
    assert run.code == 1
    assert "3 rows: 2 resizes made, 0 were there, 4 failed." in run.out
    lines = run.errors.splitlines()
    assert lines[0].startswith(f"testapp.Photo {corrupt.pk} image: undecodable: ")
    assert lines[0].endswith("(2 resizes)")
    assert lines[1].startswith(f"testapp.Photo {gone.pk} image: not_stored: ")
    assert not good.image.resize("card").ensure()


def test_only_first_failures_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "_MAX_FAILURES", 2)
    for _ in range(4):
        damage(photo(), b"\xff\xd8\xff\xe0nothing")
    run = Run("testapp.Photo", "--presets", "avatar")
    assert run.errors.count("testapp.Photo") == 2
    assert "and 2 more" in run.errors


def test_result_over_limits_is_reported_with_its_row() -> None:
    with override_settings(SHIFT_MEDIA={"MAX_OUTPUT": (2000, 100_000), "PRESETS": PRESETS}):
        row = photo()
        run = Run("testapp.Photo", "--sizes", "400x", "100x")
    assert run.code == 1
    assert f"testapp.Photo {row.pk} image: limit_exceeded: " in run.errors
    assert "1 row: 1 resize made, 0 were there, 1 failed." in run.out


def test_documents_and_videos_without_poster_are_skipped() -> None:
    attachment = Attachment()
    attachment.file.save("data.csv", ContentFile(b"a;b"))
    run = Run("testapp.Attachment", "--sizes", "100x")
    assert (run.code, run.errors) == (0, "")
    assert "Skipped: 1 no image or video." in run.out
    storage: Any = default_media_storage
    film = Film(video="3c72aedc/ba25/41e6/a569/406c8f413974/clip.mp4/clip.mp4")
    film.save()
    TranscodeJob.objects.all().delete()
    run = Run("testapp.Film", "--sizes", "100x", "200x")
    assert (run.code, run.errors) == (0, "")
    assert "Skipped: 1 videos without a poster yet." in run.out
    poster = "3c72aedc/ba25/41e6/a569/406c8f413974/clip.mp4/_poster.jpg"
    storage.put(poster, io.BytesIO(picture()), content_type="image/jpeg")
    run = Run("testapp.Film", "--sizes", "100x", "200x")
    assert "1 row: 2 resizes made" in run.out


@pytest.mark.slow
def test_pages_and_drawings_are_made_too() -> None:
    attachment = Attachment()
    attachment.file.save("paper.pdf", ContentFile(pdf()))
    run = Run("testapp.Attachment", "--sizes", "100x")
    assert (run.code, run.errors) == (0, "")
    assert "1 row: 1 resize made" in run.out


@pytest.mark.slow
def test_command_gives_up_after_20_rows_of_failing_storage(
    storage: CountingStorage, tmp_path: Path
) -> None:
    from django.conf import settings

    for _ in range(30):
        photo()
    failing = dict(settings.STORAGES)
    failing["media"] = {**failing["media"], "BACKEND": "tests.resizes.counting.FailingStorage"}
    with override_settings(STORAGES=failing):
        run = Run("testapp.Photo", "--presets", "avatar")
    assert run.code == 1
    assert "failed for 20 rows in a row" in run.errors
    assert "To go on: " in run.out
    assert "30 rows" not in run.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["testapp.Photo"], "Write --presets or --sizes"),
        (["testapp.Photo", "--presets", "avatars"], "did you mean avatar?"),
        (["testapp.Photo", "--sizes", "100"], "is not a size"),
        (["testapp.Photo", "--sizes", "100x", "--mode", "fill"], "needs both sides"),
        (["testapp.Photo", "--sizes", "100x", "--formats", "bmp"], "is not a format"),
        (["testapp.Nothing", "--sizes", "100x"], "testapp.Nothing: "),
        (["testapp", "--sizes", "100x"], "testapp: "),
        (["testapp.Photo.nothing", "--sizes", "100x"], "has no field"),
        (["testapp.Photo.title", "--sizes", "100x"], "has no media field"),
        (["testapp.Photo", "--sizes", "100x", "--pk", "x"], "--pk or --after: "),
        (["testapp.Photo", "--sizes", "100x", "--after", "x"], "--pk or --after: "),
        (["testapp.Photo", "--sizes", "100x", "--limit", "0"], "--limit is at least 1"),
        (["testapp.Photo", "--sizes", "100x", "--workers", "0"], "--workers 0: write 1 to"),
        (["testapp.Photo", "--sizes", "100x", "--workers", "99"], 'SHIFT_MEDIA["CONCURRENCY"]'),
    ],
)
def test_wrong_argument_exits_with_2_and_says_what_to_write(
    arguments: list[str], said: str
) -> None:
    run = Run(*arguments)
    assert run.code == 2
    assert said in run.errors


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_in_a_terminal_and_lines_in_a_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from shift_media.management import progress

    monkeypatch.setattr(progress, "_SECONDS_BETWEEN", {True: 0.0, False: 0.0})
    monkeypatch.setenv("COLUMNS", "70")
    for _ in range(2):
        photo()
    shown = Run("testapp.Photo", "--presets", "avatar", out=Terminal()).out
    assert f"\rResizes [{'#' * 12}{'.' * 12}] 50 %, 1 of 2 rows: 1 made" in shown
    assert all(len(line) < 80 for line in shown.split("\r"))
    plain = Run("testapp.Photo", "--presets", "avatar").out
    half = r"Resizes: 50 %, 1 of 2 rows: 0 made, 1 was there, 0 failed, 0:0\d:\d\d left\n"
    assert re.search(half, plain)
    assert "\x1b" not in plain


# In a separate process

SETTINGS = """
from tests.settings import *
DATABASES["default"] |= {database}
STORAGES["media"] = {{
    "BACKEND": "tests.resizes.counting.CountingStorage",
    "OPTIONS": {{"location": "{media}", "base_url": "/media/", "log_file": "{log}"}},
}}
SHIFT_MEDIA = {{"LOCK_DIR": "{locks}", "CONCURRENCY": 2}}
"""
NEW_PHOTOS = """
import sys, django
django.setup()
from django.core.files.base import ContentFile
from tests.testapp.models import Photo
for _ in range(int(sys.argv[2])):
    Photo.objects.create(image=ContentFile(open(sys.argv[1], "rb").read(), "photo.jpg"))
"""


class Site:
    """A project with settings, a database and files, for separate processes."""

    def __init__(self, folder: Path, database_file: Path) -> None:
        self.media, self.log = folder / "media", folder / "calls.log"
        database = {"NAME": str(database_file)}
        text = SETTINGS.format(
            database=database, media=self.media, log=self.log, locks=folder / "locks"
        )
        (folder / "site_settings.py").write_text(text)
        self.env = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "site_settings",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}",
            "SHIFT_MEDIA_DEMO_DIR": str(folder / "var"),
        }

    def start(self, *command: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [sys.executable, *command], cwd=ROOT, env=self.env, stdout=pipe, stderr=pipe, text=True
        )

    def calls(self, name: str) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [key for _, call, key in map(str.split, lines) if call == name]


@pytest.fixture
def own_site(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path, give_database(tmp_path_factory, tmp_path, "tests.settings"))


@pytest.mark.slow
def test_interrupted_run_prints_the_command_that_continues(own_site: Site, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(picture(size=(800, 600)))
    rows = 24  # so many that it is still running when a busy machine sends the signal
    filled = own_site.start("-c", NEW_PHOTOS, str(tmp_path / "photo.jpg"), str(rows))
    out, errors = filled.communicate(timeout=300)
    assert filled.returncode == 0, errors
    command = ["manage.py", "media_resize", "testapp.Photo", "--formats", "jpg", "webp",
               "--sizes", *(f"{width}x" for width in range(200, 500, 50))]  # fmt: skip
    first = own_site.start(*command)
    several = rows + 96  # Eight rows of resizes, so that the first row is done in any order.
    wait_until(lambda: first.poll() is not None or len(own_site.calls("put")) >= several)
    assert first.poll() is None, first.communicate()
    first.send_signal(signal.SIGINT)
    out, errors = first.communicate(timeout=300)
    assert first.returncode == 130, errors
    assert "Interrupted: what is stored stays" in errors
    assert "Traceback" not in errors
    (go_on,) = [line for line in out.splitlines() if line.startswith("To go on: ")]
    assert "--after=" in go_on
    assert len(own_site.calls("put")) < rows + rows * 12
    rest = own_site.start(*go_on.removeprefix("To go on: ").split())
    out, errors = rest.communicate(timeout=600)
    assert rest.returncode == 0, errors
    puts = own_site.calls("put")
    assert len(puts) == len(set(puts)) == rows + rows * 12  # each once, none missing
    assert not list((own_site.media / ".tmp").iterdir())


@pytest.fixture
def s3_photo(s3_site: S3Site) -> Photo:
    s3_site.configure(shift_media={"PRESETS": PRESETS, "LOCK_DIR": s3_site.locks})
    return photo()


def test_row_on_s3_costs_one_listing_one_get_and_its_puts(
    s3_site: S3Site, s3_photo: Photo
) -> None:
    s3_site.proxy.clear()
    arguments = ("testapp.Photo", "--presets", "avatar", "card", "--formats", "webp", "avif")
    run = Run(*arguments)
    assert (run.code, run.errors) == (0, "")
    assert s3_site.proxy.methods() == ["GET", "GET", *["PUT"] * 4]
    s3_site.proxy.clear()
    assert "0 resizes made, 4 were there" in Run(*arguments).out
    assert s3_site.proxy.methods() == ["GET"]

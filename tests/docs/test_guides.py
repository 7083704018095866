"""Each guide is executed as a whole, in a project that its own text makes.

The blocks of a guide are pasted in order into the project of the quickstart, each into the file
that its caption names. Commands and sessions run where they stand in the text.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import django
import pytest

from tests.docs.blocks import BLOCKS, Block, lines_of
from tests.docs.projects import (
    Call,
    Run,
    blocks_of,
    create_project,
    paste,
    paste_block,
    running,
)
from tests.parts import ROOT

BEFORE = {
    "how-to/htmx": ("how-to/ffmpeg-workers",),
    "how-to/notify-others": ("how-to/ffmpeg-workers",),
    "how-to/mediaconvert": ("how-to/s3-from-zero", "how-to/ffmpeg-workers"),
    "how-to/leave-elastic-transcoder": ("how-to/ffmpeg-workers",),
}
"""Guides that continue another one: its blocks are pasted first."""

ELSEWHERE = {"how-to/test-your-site"}
"""Pages with captions whose project a test below runs by itself."""

NEEDS_DJANGO_6 = {"how-to/celery-and-rq"}

GUIDES = sorted({block.page for block in BLOCKS if block.caption} - ELSEWHERE)

NOT_RUN = re.compile(
    r"check --deploy|media_copy|media_doctor|media_bucket (create|claim|plan|apply)|--distribution"
    r"|--origin website|--watch|--poll|--pk|--force|--cancel"
)
"""Commands that need a bucket, a served site or a certain job; other tests run them. A deployment
check fails for settings of a new project that are not of shift_media."""

POSTGRES = 'SHIFT_MEDIA["TENANTS"]'
"""A setting of which the example needs PostgreSQL. Commands behind it are not run."""

FACTORY_TESTS = """
import pytest

pytest.importorskip("factory"), pytest.importorskip("model_bakery")


def test_factories(db, media_storage):
    from model_bakery import baker

    from photos.factories import ClipFactory, PhotoFactory

    rows = PhotoFactory(), baker.make("photos.Photo", _create_files=True)
    assert [row.image.width for row in rows] == [640, 64]
    files = ClipFactory().video, baker.make("photos.Clip", _create_files=True).video
    assert {file.metadata.content_type for file in files} == {"video/mp4"}
"""

UPLOAD = """
from photos.models import Photo
from shift_media.testing import make_image

Photo.objects.create(image=make_image(1600, 1200, name="Lake.JPG"))
"""

VISIT = """
from django.core.checks import ERROR, run_checks
from django.test import Client
from photos.models import Photo

assert [one for one in run_checks() if one.level >= ERROR] == []
page = Client(raise_request_exception=True).get("/", headers={"host": "localhost"})
assert Photo.objects.first().image.resize("card").url in page.content.decode()
"""

VISITS = {
    "how-to/direct-upload": """
from django.contrib.auth.models import User
from django.test import Client
from photos.models import Photo
from shift_media.testing import make_image, upload_directly

client = Client(headers={"host": "localhost"})
client.force_login(User.objects.create_superuser("ada"))
for page in ("/add/", "/admin/photos/photo/add/"):
    before = Photo.objects.count()
    assert "data-" in client.get(page).content.decode()
    ticket = upload_directly(client, "photos.Photo.image", make_image())
    assert client.post(page, {"image-upload": ticket}).status_code == 302
    assert Photo.objects.count() == before + 1
""",
    "how-to/fetch-from-a-url": """
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from django.conf import settings
from django.test import Client, override_settings
from photos.models import Photo
from shift_media.testing import make_image

picture = make_image(100, 50).read()


class Pictures(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", len(picture))
        self.end_headers()
        self.wfile.write(picture)

    def log_message(self, *args):
        pass


client = Client(headers={"host": "localhost"})
with HTTPServer(("127.0.0.1", 0), Pictures) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = {"address": f"http://127.0.0.1:{server.server_port}/lake.jpg"}
    assert "No file can be fetched" in client.post("/fetch/", address).content.decode()
    allowed = {"REMOTE_NETWORKS": ["127.0.0.0/8"], "REMOTE_PORTS": [server.server_port]}
    with override_settings(SHIFT_MEDIA={**settings.SHIFT_MEDIA, **allowed}):
        assert client.post("/fetch/", address).status_code == 302
    server.shutdown()
assert Photo.objects.latest("pk").image.width == 100
""",
    "how-to/asgi": """
from asgiref.sync import async_to_sync
from django.core.files.base import ContentFile
from django.test import AsyncRequestFactory
from photos.views import photos
from shift_media.testing import make_image


def post(file):
    return async_to_sync(photos)(AsyncRequestFactory().post("/api/photos/", {"image": file}))


made = post(make_image(800, 600))
assert made.status_code == 201 and b".webp" in made.content
refused = post(ContentFile(b"x", "a.jpg"))
assert refused.status_code == 400 and b"Choose JPEG" in refused.content
""",
    "how-to/celery-and-rq": """
import shutil, tempfile
from pathlib import Path

from django.conf import settings
from django.test import override_settings
from photos.models import Photo
from photos.tasks import clean_up
from shift_media.resizes.tasks import make_resizes
from shift_media.testing import make_image

clean_up.delay()
assert settings.TASKS["default"]["BACKEND"].endswith("CeleryBackend")
program = shutil.which("redis-server")
if program:
    from redis import Redis as Client
    from rq import Queue, SimpleWorker
    from tests.servers.redis import Redis

    server = Redis(Path(program), Path(tempfile.mkdtemp())).start()
    card = Photo.objects.create(image=make_image()).image.resize("20x")
    rq = {"default": {"BACKEND": "photos.task_backends.RQBackend", "QUEUES": []}}
    with override_settings(TASKS=rq, RQ_URL=server.url):
        make_resizes.enqueue([card.key], "media", "photos.photo.image")
        connection = Client.from_url(server.url)
        assert SimpleWorker([Queue(connection=connection)], connection=connection).work(burst=True)
    server.stop()
    assert not card.ensure()
""",
    "how-to/django-ninja": """
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client, override_settings
from shift_media.testing import make_image, upload_directly

client = Client(headers={"host": "localhost"})
assert client.post("/api/photos", {"image": make_image()}).json()["image"]["width"] == 64
client.force_login(User.objects.create_superuser("ada"))
uploads = {"UPLOADS": {"photos.Photo.image": "shift_media.direct.may_add"}}
with override_settings(SHIFT_MEDIA={**settings.SHIFT_MEDIA, **uploads}):
    ticket = upload_directly(client, "photos.Photo.image", make_image())
    sent = client.post("/api/photos/uploaded", {"image": {"ticket": ticket}}, "application/json")
assert sent.status_code == 200, sent.content
""",
    "how-to/focal-point": """
from django.contrib.auth.models import User
from django.test import Client
from photos.forms import PhotoForm
from photos.models import Photo

photo = Photo.objects.first()
assert "focal" in str(PhotoForm(instance=photo)) + str(PhotoForm(instance=photo).media)
client = Client(headers={"host": "localhost"})
client.force_login(User.objects.create_superuser("ada"))
assert "focal" in client.get(f"/admin/photos/photo/{photo.pk}/change/").content.decode()
""",
    "how-to/collections": """
from django.contrib.auth.models import User
from django.test import Client
from photos.models import Trip
from shift_media.testing import make_image

client = Client(headers={"host": "localhost"})
client.force_login(User.objects.create_superuser("ada"))
for page, prefix in (("/trips/add/", "pictures"), ("/admin/photos/trip/add/", "pictures")):
    assert "collection.js" in client.get(page).content.decode()
    counts = {f"{prefix}-TOTAL_FORMS": 0, f"{prefix}-INITIAL_FORMS": 0}
    files = {f"{prefix}-new": [make_image(), make_image()], f"{prefix}-new-alt": ["a", "b"]}
    made = client.post(page, {"title": "Trip", **counts, **files})
    assert made.status_code == 302, made.content.decode()
    trip = Trip.objects.latest("pk")
    assert [item.alt for item in trip.pictures.all()] == ["a", "b"]
    shown = client.get(trip.get_absolute_url()).content.decode()
    assert shown.count("<img") == 2
""",
    "how-to/htmx": """
from django.core.management import call_command
from django.test import Client
from photos.models import Clip, Photo
from shift_media.testing import make_image, make_video

call_command("makemigrations", "photos", verbosity=0)
call_command("migrate", verbosity=0)
client = Client(headers={"host": "localhost", "hx-request": "true"})
added = client.post("/photos/add/", {"image": make_image()}).content.decode()
assert 'hx-swap-oob="afterbegin:#photos"' in added and "<img" in added
for _ in range(12):
    Photo.objects.create(image=Photo.objects.first().image)
assert "?page=2" in client.get("/photos/more/").content.decode()
assert "?page=" not in client.get("/photos/more/?page=2").content.decode()
clip = Clip.objects.create(video=make_video())
job = clip.video.transcode()
page = f"/clips/{clip.pk}/"
type(job).objects.update(state="progressing")
assert 'hx-trigger="every 2s"' in client.get(page).content.decode()
type(job).objects.update(state="error")
assert "could not be processed" in client.get(page).content.decode()
type(job).objects.update(state="complete")
assert "every" not in client.get(page).content.decode()
""",
    "how-to/notify-others": """
import hashlib, hmac, json, threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from django.conf import settings
from django.db import connection
from photos.models import Clip
from shift_media.transcoding.models import TranscodeJob
from shift_media.transcoding.services.reports import fail
from shift_media.core.errors import TranscodeError
from site1.celery import app

received, statuses = [], [503, 200]


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        received.append((self.headers["X-Signature"], body))
        self.send_response(statuses.pop(0))
        self.end_headers()

    def log_message(self, *args):
        pass


app.conf.task_always_eager = True
with HTTPServer(("127.0.0.1", 0), Receiver) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings.WEBHOOK_URL = f"http://127.0.0.1:{server.server_port}/"
    job = TranscodeJob.objects.create(
        original="a/a.mp4", profile="web", source="photos.Clip.video", state="submitted"
    )
    fail(job, TranscodeError("It cannot be read.", code="unreadable"))
    server.shutdown()
assert len(received) == 2, received  # The first one was refused.
for signature, body in received:
    digest = hmac.new(settings.WEBHOOK_SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert signature == f"sha256={digest}"
    event = json.loads(body)
    assert event == {
        "job": job.pk, "state": "error", "video": "a/a.mp4", "profile": "web",
        "error": "unreadable",
    }
""",
    "how-to/offer-downloads": """
import io, zipfile

from django.test import Client
from photos.models import Photo

client = Client(headers={"host": "localhost"})
page = client.get("/album.zip")
assert page.status_code == 200
with zipfile.ZipFile(io.BytesIO(b"".join(page.streaming_content))) as archive:
    assert set(archive.namelist()) >= {"Lake.jpg"}
saved = client.get(Photo.objects.first().image.download_url)
assert 'attachment; filename="lake.jpg"' in saved["Content-Disposition"]
""",
    "how-to/rest-framework": """
from django.test import Client
from shift_media.testing import assert_resized, make_image

client = Client(headers={"host": "localhost"})
made = client.post("/api/photos/", {"image": make_image()}).json()
assert set(made["image"]["resizes"]) == {"avatar", "800x"}, made
assert_resized(made["image"]["resizes"]["avatar"]["url"], client=client)
assert len(client.get("/api/photos/").json()) == 2
(listed, _) = client.get("/api/media/photos/?presets=avatar").json()
assert list(listed["image"]["resizes"]) == ["avatar"]
from photos.serializers import OldPhotoSerializer
from photos.models import Photo
assert OldPhotoSerializer(Photo.objects.first()).data["image"].startswith("/media/")
""",
    "how-to/mobile-apps": """
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from photos.models import Snapshot
from rest_framework.authtoken.models import Token
from shift_media.testing import make_image, upload_directly

call_command("migrate", verbosity=0)
token = Token.objects.create(user=User.objects.create_superuser("bob"))
app = Client(enforce_csrf_checks=True, headers={
    "host": "localhost", "authorization": f"Token {token}",
})
for number in range(2):
    ticket = upload_directly(app, "photos.Snapshot.image", make_image())
    sent = app.post("/api/snapshots/", {"image": {"ticket": ticket}}, "application/json")
    assert sent.status_code == 201, sent.content
    assert sent.json()["image"]["resizes"]["card"]
assert Snapshot.objects.get(pk=sent.json()["id"]).owner == token.user
assert not app.cookies
Snapshot.objects.update(image_meta={"size": 500_000_000})
try:
    upload_directly(app, "photos.Snapshot.image", make_image())
except AssertionError as error:
    assert "At most 1 GB" in str(error)
else:
    raise AssertionError("The quota has not been applied.")
""",
    "how-to/switch-from-imagefield": """
from django.test import Client
from photos.models import Picture
from shift_media.testing import assert_resized

assert not Picture.objects.get().image.is_legacy
client = Client(headers={"host": "localhost"})
assert_resized(Picture.objects.get().image.resize("20x"), client=client, width=20)
""",
    "how-to/scan-for-viruses": """
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.forms import modelform_factory
from photos.models import Letter
from shift_media.testing import make_image
from tests.servers.clamd import EICAR, clamd

picture = make_image().read()


def send(content, name="letter.jpg"):
    form = modelform_factory(Letter, fields=["file"])({}, {"file": ContentFile(content, name)})
    if form.is_valid():
        form.save()
    return [error.code for error in form.errors.as_data().get("file", [])]


assert send(picture) == ["not_scanned"]  # The daemon does not run.
folder = tempfile.TemporaryDirectory()
settings.CLAMD_SOCKET = f"{folder.name}/clamd.ctl"
with clamd(Path(settings.CLAMD_SOCKET)) as daemon:
    assert send(picture) == []
    assert daemon.scanned == 1
    assert send(b"%PDF-1.7 " + EICAR) == ["virus"]
    assert send(b"%PDF-1.7 " + b"x" * 3_000_000) == ["not_scanned"]
assert Letter.objects.count() == 1
""",
    "how-to/strip-metadata": """
from photos.models import Portrait
from shift_media.testing import make_image

assert Portrait.objects.create(image=make_image()).image.width == 64
""",
}
"""Python code that a user of a guide's project runs."""

PREPARE = {
    "how-to/switch-from-imagefield": """
from django.core.files.storage import default_storage
from photos.models import Picture
from shift_media.testing import make_image

name = default_storage.save("photos/2019/lake.jpg", make_image())
row = Picture.objects.create()
Picture.objects.filter(pk=row.pk).update(image=name)
assert Picture.objects.get().image.is_legacy
""",
}
"""State of a project before the sessions of a guide."""


@pytest.fixture(scope="session")
def run() -> Iterator[Run]:
    """Return a function that runs calls in a project."""
    with running(ROOT) as run:
        yield run


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory, run: Run) -> Path:
    """Return the folder of the quickstart's project, with one photo."""
    folder = tmp_path_factory.mktemp("guides")
    create_project(folder)
    commands = (["makemigrations", "photos", "-v0"], ["migrate", "-v0"])
    run(folder, [*(("manage", command) for command in commands)])
    run(folder, [("python", UPLOAD)])
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("page", GUIDES)
def test_guide_works_in_the_project_that_its_text_makes(
    page: str, run: Run, quickstart: Path, tmp_path: Path
) -> None:
    if page in NEEDS_DJANGO_6 and django.VERSION < (6, 0):
        pytest.skip("The guide needs Django 6.0.")
    project = tmp_path / "project"
    shutil.copytree(quickstart, project)
    for earlier in BEFORE.get(page, ()):
        paste(earlier, project)
    calls: list[Call] = []
    for block in blocks_of(page):
        if block.caption and calls:
            run(project, calls)  # with the files as they are at this place of the text
            calls.clear()
        paste_block(block, project)
        if POSTGRES not in (project / "site1/settings.py").read_text():
            calls += calls_of(block)
    models = "class " in "".join(
        b.text for b in blocks_of(page) if b.caption.endswith("models.py")
    )
    migrate = [("manage", ["makemigrations", "photos", "-v0"]), ("manage", ["migrate", "-v0"])]
    before = [*(migrate if models else ()), ("python", PREPARE.get(page, ""))]
    run(project, [*before, *calls, ("python", VISITS.get(page, VISIT))])


def calls_of(block: Block) -> Iterator[Call]:
    """Yield what a reader runs: a session of Python, or commands of ``manage.py``."""
    if block.language == "python" and block.text.startswith(">>>"):
        yield "session", block.text
    if block.language == "shell":
        for line in lines_of(block):
            words = shlex.split(line, comments=True)
            if words[:2] == ["python", "manage.py"] and not NOT_RUN.search(line):
                yield "manage", words[2:]


def test_each_block_of_a_guide_belongs_to_a_file_or_is_a_session() -> None:
    own = {"how-to/add-image-format", "how-to/write-a-storage", "how-to/write-a-transcoder"}
    loose = [
        str(block)
        for block in BLOCKS
        if block.language in ("python", "django")
        and block.page.startswith("how-to/")
        and block.page not in own
        and not (block.caption or block.text.startswith(">>>"))
    ]
    assert loose == [], "Add a :caption: with the file of the project that the block belongs to."


@pytest.mark.slow
def test_tests_of_the_guide_pass(tmp_path: Path) -> None:
    create_project(tmp_path)
    paste("how-to/test-your-site", tmp_path)
    (tmp_path / "photos/test_factories.py").write_text(FACTORY_TESTS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nomigrations"]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    summary = ran.stdout.splitlines()[-1]
    assert summary.startswith("10 passed" if find_spec("factory") else "9 passed, 1 skipped")
    assert not (tmp_path / "media").exists()

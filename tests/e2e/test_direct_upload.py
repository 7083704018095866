"""The input that uploads directly, in a browser: to a local disk and to a bucket."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import PATIENCE_MS, Console, _wait_for
from tests.fields.material import picture
from tests.parts import ROOT
from tests.servers.fixtures import allow_uploads, new_bucket, storage_options
from tests.servers.gallery import give_database

if TYPE_CHECKING:
    from tests.servers.seaweedfs import SeaweedFS

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium")]

CONTENT = picture(size=(640, 480))
LARGE = CONTENT + bytes(9_000_013)
"""More than two of the chunks in which the script reads."""
STATIC = ROOT / "shift_media/static/shift_media"

SETTINGS = """
import json
import os

from testproject.settings import *

ROOT_URLCONF = "direct_urls"
SHIFT_MEDIA = {
    "UPLOADS": {"gallery.Photo.image": "direct_urls.may_upload"},
    "UPLOAD_PART_BYTES": 5 << 20,
}
STORAGES["media"].update(json.loads(os.environ["DIRECT_MEDIA"]))
"""

URLS = """
from django import forms
from django.http import HttpResponse
from django.template import engines
from django.urls import include, path

from shift_media.direct import files
from shift_media.widgets import DirectInput, FocalInput
from testproject.gallery.models import Photo

ICON = '<link rel="icon" href="data:,">'
PAGE = (
    ICON + '<form method="post" enctype="multipart/form-data">{% csrf_token %}{{ form }}'
    "<button>Add</button></form>{{ form.media }}"
)


def may_upload(request, field):
    return "refused" not in request.headers["Referer"]


class PhotoInput(DirectInput, FocalInput):
    pass


class PhotoForm(forms.ModelForm):
    title = forms.CharField(required=False, validators=[forms.fields.validators.validate_slug])

    class Meta:
        model = Photo
        fields = ["title", "image"]
        widgets = {"image": PhotoInput}


def page(request):
    form = PhotoForm(request.POST or None, files(request) or None)
    if form.is_valid():
        saved = f"{len(request.FILES)} {form.save().image.metadata.sha256}"
        return HttpResponse(f"{ICON}<p id=saved>{saved}</p>")
    return HttpResponse(engines["django"].from_string(PAGE).render({"form": form}, request))


urlpatterns = [path("", page), path("", include("testproject.urls"))]
"""


Serve = Callable[[dict[str, Any]], str]


@pytest.fixture(scope="module")
def serve(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Iterator[Serve]:
    """Return a function that runs a site of one page with a media storage."""
    running = []

    def run(media: dict[str, Any]) -> str:
        folder = tmp_path_factory.mktemp("direct")
        (folder / "direct_settings.py").write_text(SETTINGS)
        (folder / "direct_urls.py").write_text(URLS)
        port = free_port()
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
            "DJANGO_SETTINGS_MODULE": "direct_settings",
            "SHIFT_MEDIA_DEMO_DIR": str(folder / "site"),
            "DIRECT_MEDIA": json.dumps(media),
        }
        give_database(tmp_path_factory, folder / "site")
        gunicorn = f"gunicorn -b 127.0.0.1:{port} --threads 2 testproject.wsgi"
        command = [sys.executable, "-m", *gunicorn.split()]
        log = (folder / "log").open("wb")
        running.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))
        log.close()
        _wait_for(f"http://127.0.0.1:{port}/")
        return f"http://127.0.0.1:{port}"

    yield run
    for server in running:
        server.terminate()
        server.wait(60)


@pytest.fixture(scope="module")
def local(serve: Serve) -> str:
    """Run the site on a local disk."""
    return serve({})


class Visit:
    """A page with the form, its requests, and the errors in the browser's console."""

    def __init__(self, page: Page, console: Console) -> None:
        self.page = page
        self.requests: list[tuple[str, str]] = []
        self.errors = console.errors
        console.watch(page)
        page.on("request", lambda request: self.requests.append((request.method, request.url)))
        self.row = page.locator(".shift-media-file")
        self.facts = page.locator(".shift-media-facts")

    def choose(self, content: bytes = CONTENT) -> None:
        """Choose a file, whose upload then starts."""
        file = {"name": "Lake.JPG", "mimeType": "image/jpeg", "buffer": content}
        self.page.set_input_files("[name=image]", file)  # type: ignore[arg-type]

    def add(self) -> None:
        """Submit the form."""
        self.page.click("button:has-text('Add')")

    @property
    def saved(self) -> str:
        """Wait until the form is saved; return the number of its files, and the SHA-256."""
        return self.page.inner_text("#saved")

    @property
    def uploads(self) -> list[tuple[str, str]]:
        """Return the method and URL of each request of an upload."""
        return [(how, url) for how, url in self.requests if how == "PUT" or "/upload/" in url]


Open = Callable[..., Visit]


@pytest.fixture
def visit(browser: Browser, console: Console) -> Iterator[Open]:
    """Return a function that opens the page of a site in a new browser context."""
    contexts = []

    def open_page(url: str) -> Visit:
        context = browser.new_context()
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        visit = Visit(context.new_page(), console)
        visit.page.goto(url)
        return visit

    yield open_page
    for context in contexts:
        context.close()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def md5(content: bytes) -> str:
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()


@pytest.mark.parametrize("content", [CONTENT, LARGE], ids=["small", "large"])
def test_form_submitted_during_upload_waits_and_carries_ticket(
    visit: Open, local: str, content: bytes
) -> None:
    form = visit(local)
    form.choose(content)
    form.add()
    assert form.saved == f"0 {sha256(content)}"
    assert form.uploads == [("POST", f"{local}/media/upload/"), ("PUT", f"{local}/media/upload/")]
    assert form.errors == []


@pytest.mark.acceptance(77)
def test_large_file_is_sent_in_parts_and_saved_by_the_form(visit: Open, local: str) -> None:
    form = visit(local)
    form.page.eval_on_selector("[data-upload-parts]", "root => { root.dataset.uploadParts = 6e6 }")
    form.choose(LARGE)
    form.add()
    assert form.saved == f"0 {sha256(LARGE)}"
    methods = [how for how, _ in form.uploads]
    assert (methods.count("POST"), methods.count("PUT")) == (4, 2)
    assert form.errors == []


def test_double_click_submits_form_once(visit: Open, local: str) -> None:
    form = visit(local)
    form.choose(LARGE)
    add = "document.querySelector('form > button').click();"
    form.page.evaluate(f"() => {{ {3 * add} }}")
    assert form.saved == f"0 {sha256(LARGE)}"
    assert form.requests.count(("POST", f"{local}/")) == 1


def test_upload_shows_progress(visit: Open, local: str) -> None:
    form = visit(local)
    expect(form.page.locator(".errorlist")).to_have_count(0)
    expect(form.row).to_have_count(0)
    form.choose(LARGE)
    expect(form.row.get_by_role("progressbar", name="Lake.JPG")).to_be_visible()
    expect(form.facts).to_have_text("9 MB · uploaded")
    expect(form.page.locator("[name=image]")).to_have_value("")
    form.add()
    assert form.saved == f"0 {sha256(LARGE)}"


def test_redisplayed_form_keeps_ticket(visit: Open, local: str) -> None:
    form = visit(local)
    form.page.fill("[name=title]", "no slug")
    form.choose()
    form.add()
    expect(form.page.locator(".errorlist")).to_contain_text("slug")
    expect(form.row).to_contain_text("Lake.JPG uploaded")
    form.page.fill("[name=title]", "slug")
    form.add()
    assert form.saved == f"0 {sha256(CONTENT)}"
    assert len(form.uploads) == 2


def test_second_file_replaces_first(visit: Open, local: str) -> None:
    form = visit(local)
    form.choose()
    expect(form.row).to_contain_text("uploaded")
    form.choose(LARGE)
    expect(form.row).to_have_count(1)
    form.add()
    assert form.saved == f"0 {sha256(LARGE)}"


def test_refused_direct_upload_is_sent_with_form(visit: Open, local: str) -> None:
    form = visit(f"{local}/?refused")
    form.choose()
    message = "You may not upload here. It will be sent with the form instead."
    expect(form.facts).to_contain_text(message)
    form.add()
    assert form.saved == f"1 {sha256(CONTENT)}"


def test_file_with_another_extension_is_uploaded_by_its_bytes(visit: Open, local: str) -> None:
    content = picture("WEBP")  # It is chosen as Lake.JPG.
    form = visit(local)
    form.choose(content)
    form.add()
    assert form.saved == f"0 {sha256(content)}"


def test_scripts_compute_sha256_and_md5_of_server(browser: Browser) -> None:
    """For all lengths around the blocks of both hashes."""
    contents = [bytes((i * 7 + n) % 256 for i in range(n)) for n in (*range(260), 100_003)]
    page = browser.new_page()
    try:
        for script in ("vendor/spark-md5.min.js", "direct-hashes.js"):
            page.add_script_tag(path=STATIC / script)
        seen = page.evaluate(
            """(lengths) => Promise.all(lengths.map((length) => {
              const bytes = Uint8Array.from({ length }, (_, i) => (i * 7 + length) % 256);
              const blob = new Blob([bytes]);
              return Promise.all([shiftMedia.sha256(blob), shiftMedia.md5(blob)]);
            }))""",
            [len(content) for content in contents],
        )
    finally:
        page.close()
    assert seen == [[sha256(content), md5(content)] for content in contents]


@pytest.mark.s3
def test_direct_upload_sends_bytes_to_bucket_and_ticket_to_app(
    visit: Open, serve: Serve, seaweedfs: SeaweedFS
) -> None:
    bucket = new_bucket(seaweedfs)
    options = storage_options(seaweedfs, bucket)
    url = serve({"BACKEND": "shift_media.storages.S3MediaStorage", "OPTIONS": options})
    allow_uploads(seaweedfs, bucket, url)
    form = visit(url)
    form.choose(LARGE)
    form.add()
    assert form.saved == f"0 {sha256(LARGE)}"
    puts = [where for how, where in form.uploads if how == "PUT"]
    assert [where.startswith(f"{seaweedfs.endpoint}/{bucket}/") for where in puts] == [True]
    assert form.errors == []

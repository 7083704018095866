"""The script of the guide for direct uploads, in a browser: to a local disk and to a bucket."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser

from tests.docs.blocks import DOCS, read_blocks
from tests.e2e.conftest import QUIET, Console, _wait_for
from tests.fields.material import picture
from tests.parts import ROOT
from tests.servers.fixtures import new_bucket, storage_options

if TYPE_CHECKING:
    from tests.servers.seaweedfs import SeaweedFS

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium")]

CONTENT = picture(size=(640, 480))

SETTINGS = """
import json
import os

from testproject.settings import *

ROOT_URLCONF = "direct_urls"
SHIFT_MEDIA = {"UPLOADS": {"gallery.Photo.image": "direct_urls.anybody"}}
STORAGES["media"].update(json.loads(os.environ["DIRECT_MEDIA"]))
"""

URLS = """
import os

from django.forms import modelform_factory
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.urls import include, path

from shift_media.direct import files
from testproject.gallery.models import Photo


ICON = '<link rel="icon" href="data:,">'


def anybody(request, field):
    return True


def page(request):
    form = modelform_factory(Photo, fields=["image"])(request.POST or None, files(request))
    if form.is_valid():
        return HttpResponse(ICON + form.save().image.metadata.sha256)
    return HttpResponse(
        f'{ICON}<form method="post">'
        f'<input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">'
        '<input type="hidden" name="image-upload"><input type="file" name="image"></form>'
        f"{form.errors}<script>{os.environ['DIRECT_SCRIPT']}</script>"
    )


urlpatterns = [path("", page), path("media/", include("shift_media.urls"))]
"""


def script() -> str:
    """Give the script of the guide."""
    blocks = read_blocks(DOCS / "how-to/direct-upload.rst")
    (text,) = (block.text for block in blocks if "async function upload" in block.text)
    return text


Serve = Callable[[dict[str, Any]], str]


@pytest.fixture
def serve(tmp_path: Path, free_port: Callable[[], int]) -> Iterator[Serve]:
    """Run a site of one page, with the media storage that is asked for."""
    running = []

    def run(media: dict[str, Any]) -> str:
        (tmp_path / "direct_settings.py").write_text(SETTINGS)
        (tmp_path / "direct_urls.py").write_text(URLS)
        port = free_port()
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)]),
            "DJANGO_SETTINGS_MODULE": "direct_settings",
            "SHIFT_MEDIA_DEMO_DIR": str(tmp_path / "site"),
            "DIRECT_MEDIA": json.dumps(media),
            "DIRECT_SCRIPT": script(),
        }
        migrate = [sys.executable, "-m", "django", "migrate", "--verbosity=0"]
        subprocess.run(migrate, env=env, check=True)
        gunicorn = f"gunicorn -b 127.0.0.1:{port} --threads 2 testproject.wsgi"
        command = [sys.executable, "-m", *gunicorn.split()]
        log = (tmp_path / "log").open("wb")
        running.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))
        log.close()
        _wait_for(f"http://127.0.0.1:{port}/")
        return f"http://127.0.0.1:{port}"

    yield run
    for server in running:
        server.terminate()
        server.wait(20)


def upload(browser: Browser, url: str, console: Console) -> tuple[str, list[tuple[str, str]]]:
    """Choose a file and send the form; give what the page says, and who was sent what."""
    context = browser.new_context(base_url=url)
    context.set_default_timeout(20_000)
    page = context.new_page()
    console.watch(page)
    asked: list[tuple[str, str]] = []
    page.on("request", lambda request: asked.append((request.method, request.url)))
    try:
        page.goto("/")
        file = {"name": "Lake.JPG", "mimeType": "image/jpeg", "buffer": CONTENT}
        page.set_input_files("[name=image]", file)  # type: ignore[arg-type]
        page.evaluate(
            """async () => {
              const form = document.forms[0];
              await upload(form.elements.image, form.elements.csrfmiddlewaretoken.value);
              form.submit();
            }"""
        )
        page.wait_for_function("document.forms.length === 0")
        return page.inner_text("body"), asked
    finally:
        context.close()


def test_on_a_local_disk_the_app_gets_the_bytes(
    browser: Browser, serve: Serve, console: Console
) -> None:
    url = serve({})
    said, asked = upload(browser, url, console)
    assert said == hashlib.sha256(CONTENT).hexdigest()
    assert [("POST", f"{url}/media/upload/"), ("PUT", f"{url}/media/upload/")] == asked[1:3]
    assert console.errors == []


@pytest.fixture
def lenient(browser: Browser, needs: Callable[[str], Path]) -> Iterator[Browser]:
    """Start a Chromium that asks no bucket for leave.

    SeaweedFS 4.48 and Ceph 16 answer a preflight for a PUT so that no browser goes on; AWS does
    not. What the browser sends then is the same.
    """
    arguments = [*QUIET, "--disable-web-security"]
    chromium = str(needs("chromium"))
    lenient = browser.browser_type.launch(executable_path=chromium, args=arguments)
    yield lenient
    lenient.close()


@pytest.mark.s3
def test_the_bucket_gets_the_bytes_and_the_app_a_ticket(
    lenient: Browser, serve: Serve, console: Console, seaweedfs: SeaweedFS
) -> None:
    bucket = new_bucket(seaweedfs)
    options = storage_options(seaweedfs, bucket)
    url = serve({"BACKEND": "shift_media.storages.S3MediaStorage", "OPTIONS": options})
    said, asked = upload(lenient, url, console)
    assert said == hashlib.sha256(CONTENT).hexdigest()
    puts = [where for method, where in asked if method == "PUT"]
    assert [where.startswith(f"{seaweedfs.endpoint}/{bucket}/") for where in puts] == [True]
    assert console.errors == []

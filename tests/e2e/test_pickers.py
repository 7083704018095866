"""Uppy and FilePond, as their guide uses them: real packages, a browser, a bucket."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.docs.projects import create_project, paste
from tests.e2e.conftest import PATIENCE_MS, Console
from tests.e2e.guides import serving_project
from tests.fields.material import HTML, picture
from tests.servers.fixtures import new_bucket, storage_options

if TYPE_CHECKING:
    from tests.servers.seaweedfs import SeaweedFS

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.s3,
    pytest.mark.needs("chromium", "filepond", "uppy"),
    pytest.mark.acceptance(77, 78),
]

PART = 5 << 20
CONTENT = picture(size=(640, 480))
LARGE = CONTENT + bytes(11_000_013)
"""Three of the smallest parts."""

SETTINGS = """
STORAGES["media"] = {{
    "BACKEND": "shift_media.storages.S3MediaStorage", "OPTIONS": {options},
}}
SHIFT_MEDIA["UPLOAD_PART_BYTES"] = {part}
SHIFT_MEDIA["UPLOAD_ORIGINS"] = ["{origin}"]
"""

PREPARE = """
quiet = {"stdout": io.StringIO()}
call_command("media_bucket", "apply", "--skip", "website", "--yes", "--widen", **quiet)
"""


@dataclass
class GuideSite:
    """The project of the guide, which stores in a bucket."""

    url: str
    folder: Path
    session: str
    bucket_url: str

    def stored(self) -> list[str]:
        """Return the SHA-256 of each photo, oldest first."""
        with closing(sqlite3.connect(self.folder / "db.sqlite3")) as database:
            rows = database.execute("SELECT image_meta FROM photos_photo ORDER BY id")
            return [json.loads(meta)["sha256"] for (meta,) in rows]


@pytest.fixture(scope="module")
def guide(
    tmp_path_factory: pytest.TempPathFactory,
    free_port: Callable[[], int],
    needs: Callable[[str], Path],
    seaweedfs: SeaweedFS,
) -> Iterator[GuideSite]:
    """Run the project of the guide with Django's own server, which serves static files too."""
    folder, port = tmp_path_factory.mktemp("pickers"), free_port()
    create_project(folder)
    paste("how-to/uppy-and-filepond", folder)
    template = folder / "photos/templates/uppy.html"
    template.write_text(template.read_text().replace("field: ", f"partSize: {PART}, field: "))
    template = folder / "photos/templates/filepond_parts.html"
    template.write_text(template.read_text().replace("field: ", f"partsAbove: {PART}, field: "))
    vendor = folder / "static/vendor"
    vendor.mkdir(parents=True)
    for script in map(needs, ("filepond", "uppy")):
        shutil.copy(script, vendor)
        shutil.copy(script.with_suffix(".css"), vendor)
    bucket = new_bucket(seaweedfs)
    with (folder / "site1/settings.py").open("a") as settings:
        options = storage_options(seaweedfs, bucket)
        origin = f"http://127.0.0.1:{port}"
        settings.write(SETTINGS.format(options=options, part=PART, origin=origin))
    bucket_url = f"{seaweedfs.endpoint}/{bucket}/"
    with serving_project(folder, port, PREPARE) as (url, session):
        yield GuideSite(url, folder, session, bucket_url)


class Picker:
    """A page with a picker, and what it sends."""

    def __init__(self, page: Page, site: GuideSite) -> None:
        self.page, self.site = page, site
        self.sent: list[tuple[str, str]] = []
        self.console = Console()
        self.console.watch(page)
        page.on("request", lambda request: self.sent.append((request.method, request.url)))

    @property
    def to_bucket(self) -> list[tuple[str, str]]:
        """Return the requests that have gone to the bucket."""
        return [one for one in self.sent if one[1].startswith(self.site.bucket_url)]

    def choose(self, content: bytes, name: str = "Lake.JPG") -> None:
        """Choose a file."""
        file = self.site.folder / name
        file.write_bytes(content)
        self.page.locator("input[type=file]").first.set_input_files(file)

    def upload(self) -> None:
        """Let Uppy send the file, and wait until it has a ticket."""
        self.page.click(".uppy-StatusBar-actionBtn--upload")
        expect(self.page.locator("[name=image-upload]")).not_to_have_value("")

    def add(self) -> None:
        """Send the form, by the keyboard, because FilePond moves what is below it for a while."""
        errors = [one for one in self.console.errors if "favicon" not in one]
        assert errors == []
        self.page.locator("form button:text-is('Add')").press("Enter")
        self.page.wait_for_url(re.compile("/"), wait_until="commit")
        shown = self.page.content()
        assert self.page.url == f"{self.site.url}/", shown


@pytest.fixture
def picker(browser: Browser, guide: GuideSite) -> Iterator[Callable[[str], Picker]]:
    """Return a function that opens a page of the guide, as a user who may upload."""
    context = browser.new_context()
    context.set_default_timeout(PATIENCE_MS)
    cookie = {"name": "sessionid", "value": guide.session, "url": guide.url}
    context.add_cookies([cookie])  # type: ignore[list-item]

    def opened(path: str) -> Picker:
        picker = Picker(context.new_page(), guide)
        picker.page.goto(f"{guide.url}{path}")
        return picker

    yield opened
    context.close()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(("content", "parts"), [(CONTENT, 1), (LARGE, 3)], ids=["small", "large"])
def test_uppy_sends_parts_to_the_bucket_by_signed_requests(
    picker: Callable[[str], Picker], guide: GuideSite, content: bytes, parts: int
) -> None:
    page = picker("/uppy/")
    page.choose(content)
    page.upload()
    page.add()
    assert [method for method, _ in page.to_bucket] == ["PUT"] * parts
    assert guide.stored()[-1] == sha256(content)


def test_uppy_shows_why_a_file_is_refused(picker: Callable[[str], Picker]) -> None:
    page = picker("/uppy/")
    page.choose(HTML, "page.jpg")
    page.page.click(".uppy-StatusBar-actionBtn--upload")
    expect(page.page.locator(".uppy-Informer [aria-label*='Choose JPEG']").first).to_be_attached()
    assert page.to_bucket == []


def test_uppy_goes_on_after_a_pause_with_the_parts_that_are_missing(
    picker: Callable[[str], Picker], guide: GuideSite
) -> None:
    page = picker("/uppy/")
    page.page.evaluate(
        """() => uppy.once("s3-multipart:part-uploaded", () => {
          uppy.pauseAll();
          window.paused = true;
        })"""
    )
    page.choose(LARGE)
    page.page.click(".uppy-StatusBar-actionBtn--upload")
    page.page.wait_for_function("window.paused")
    page.page.evaluate("uppy.resumeAll()")
    expect(page.page.locator("[name=image-upload]")).not_to_have_value("")
    page.add()
    listed = [url for method, url in page.sent if method == "GET" and "/upload/s3/" in url]
    assert len(listed) == 1
    assert guide.stored()[-1] == sha256(LARGE)


def test_uppy_sends_a_form_to_the_site_by_xhr(
    picker: Callable[[str], Picker], guide: GuideSite
) -> None:
    page = picker("/uppy-xhr/")
    page.choose(CONTENT)
    page.upload()
    page.add()
    assert page.to_bucket == []
    assert guide.stored()[-1] == sha256(CONTENT)


def test_uppy_shows_the_message_of_a_refused_form(picker: Callable[[str], Picker]) -> None:
    page = picker("/uppy-xhr/")
    page.choose(HTML, "page.jpg")
    page.page.click(".uppy-StatusBar-actionBtn--upload")
    expect(page.page.locator(".uppy-Informer [aria-label*='Choose JPEG']").first).to_be_attached()


def test_filepond_processes_reverts_and_sends_its_form(
    picker: Callable[[str], Picker], guide: GuideSite
) -> None:
    page = picker("/filepond/")
    done = page.page.locator(".filepond--item[data-filepond-item-state='processing-complete']")
    page.choose(CONTENT)
    expect(done).to_have_count(1)
    with page.page.expect_response(lambda response: response.request.method == "DELETE") as gone:
        page.page.click(".filepond--action-revert-item-processing")
    assert gone.value.status == 204
    page.choose(CONTENT)
    expect(done).to_have_count(1)
    page.add()
    assert guide.stored()[-1] == sha256(CONTENT)


def test_filepond_sends_parts_to_the_bucket_by_the_function_of_the_guide(
    picker: Callable[[str], Picker], guide: GuideSite
) -> None:
    page = picker("/filepond-parts/")
    page.choose(LARGE)
    done = page.page.locator(".filepond--item[data-filepond-item-state='processing-complete']")
    expect(done).to_have_count(1)
    page.add()
    assert [method for method, _ in page.to_bucket] == ["PUT"] * 3
    assert guide.stored()[-1] == sha256(LARGE)


def test_filepond_shows_the_message_of_a_refused_file(picker: Callable[[str], Picker]) -> None:
    page = picker("/filepond/")
    page.choose(HTML, "page.jpg")
    expect(page.page.locator(".filepond--file-status-main")).to_contain_text("Choose JPEG")

"""The transport of large files in a browser: parts, pauses, losses of the network, reloads."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Response, Route

from tests.docs.blocks import BLOCKS
from tests.e2e.conftest import PATIENCE_MS, Console, Site, _wait_for
from tests.parts import ROOT
from tests.servers.fixtures import (
    S3Server,
    allow_uploads,
    client_of,
    new_bucket,
    storage_options,
)

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium"), pytest.mark.acceptance(77)]

STATIC = ROOT / "shift_media/static/shift_media"
SCRIPTS = ("vendor/spark-md5.min.js", "direct-hashes.js", "direct-parts.js", "direct-transport.js")
GUIDE = "direct-upload.rst"
PART = 5 << 20
SIZE = 3 * PART + 1000
PARTS = 4
HEAD = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"
CONTENT = HEAD + bytes(i * i % 251 for i in range(251)) * (SIZE // 251 + 1)
SHA256 = hashlib.sha256(CONTENT[:SIZE]).hexdigest()

SETTINGS = f"""
import json
import os

from testproject.settings import *

MIDDLEWARE = [name for name in MIDDLEWARE if "csrf" not in name.lower()]
SHIFT_MEDIA = {{
    "UPLOADS": {{"gallery.Clip.video": "parts_settings.may_upload"}},
    "UPLOAD_PART_BYTES": {PART},
}}
STORAGES["media"].update(json.loads(os.environ["PARTS_MEDIA"]))


def may_upload(request, field):
    return True
"""

SETUP = """
([head, size]) => {
  const pattern = Uint8Array.from({ length: 251 }, (_, i) => i * i % 251);
  const bytes = new Uint8Array(size);
  for (let at = head.length; at < size; at += 251) {
    bytes.set(pattern.subarray(0, Math.min(251, size - at)), at);
  }
  bytes.set(head);
  window.file = new File([bytes], "clip.mp4", { type: "video/mp4", lastModified: 1e12 });
  window.events = [];
  window.begin = () => {
    window.controller = new AbortController();
    window.run = shiftMedia.upload(window.file, {
      endpoint: "/media/upload/", field: "gallery.Clip.video", partsAbove: 1e6,
      onprogress: (event) => window.events.push(event), signal: window.controller.signal,
    });
    window.result = window.run.then((ticket) => ({ ticket }), (error) => ({
      name: error.name, code: error.code, message: error.message,
    }));
  };
}
"""


FETCH = """
(url) => fetch(url, { method: "PUT", headers: { "Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg==" } })
  .then(({ status }) => status, () => "refused")
"""
"""A part, as a page sends it; a browser sends it only if the bucket has a rule for the page."""


@pytest.fixture(scope="module")
def serve(
    tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]
) -> Iterator[Callable[[dict[str, Any]], Site]]:
    """Return a function that runs a gallery with small parts and a media storage."""
    running: list[subprocess.Popen[bytes]] = []

    def run(media: dict[str, Any]) -> Site:
        folder, port = tmp_path_factory.mktemp("parts"), free_port()
        (folder / "parts_settings.py").write_text(SETTINGS)
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
            "DJANGO_SETTINGS_MODULE": "parts_settings",
            "SHIFT_MEDIA_DEMO_DIR": str(folder),
            "PARTS_MEDIA": json.dumps(media),
        }
        migrate = [sys.executable, "-m", "django", "migrate", "--verbosity=0"]
        subprocess.run(migrate, env=env, check=True)
        gunicorn = f"gunicorn -b 127.0.0.1:{port} -k gthread --threads 6 testproject.wsgi"
        with (folder / "log").open("wb") as log:
            command = [sys.executable, "-m", *gunicorn.split()]
            running.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))
        site = Site(f"http://127.0.0.1:{port}", folder)
        _wait_for(site.url)
        return site

    yield run
    for server in running:
        server.terminate()
        server.wait(60)


@pytest.fixture(scope="module")
def parts_site(serve: Callable[[dict[str, Any]], Site]) -> Site:
    """Run a gallery on a local disk."""
    return serve({})


class Visit:
    """A page with the scripts of the transport, and the requests that it sends."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.actions: list[str] = []
        self.sent: list[str] = []
        page.on("request", lambda request: self._note(request.method, request))
        self.load()

    def _note(self, method: str, request: Any) -> None:
        if method == "PUT":
            self.sent.append(request.headers.get("x-upload-part", request.url))
        elif method == "POST":
            content = request.post_data_json
            self.actions.append(content.get("action", "ticket"))

    def load(self) -> None:
        """Load the page, or load it again."""
        self.page.goto(self.url)
        for script in SCRIPTS:
            self.page.add_script_tag(path=STATIC / script)
        self.page.evaluate(SETUP, [list(HEAD), SIZE])

    def begin(self) -> None:
        """Begin to upload, or go on, as the choice of a file does."""
        self.page.evaluate("window.begin()")

    def result(self) -> dict[str, Any]:
        """Wait until the upload ends."""
        found: dict[str, Any] = self.page.evaluate("window.result")
        return found

    def wait_for(self, condition: str) -> None:
        """Wait until an expression of the page is true."""
        self.page.wait_for_function(f"() => {condition}", timeout=PATIENCE_MS)

    @property
    def kept(self) -> int:
        """The number of tickets that the browser keeps."""
        return int(self.page.evaluate("localStorage.length"))


@pytest.fixture
def visit(browser: Browser, parts_site: Site) -> Iterator[Visit]:
    context = browser.new_context()
    yield Visit(context.new_page(), parts_site.url)
    context.close()


def digests(site: Site) -> set[str]:
    """Return the digests of the complete files, and remove them."""
    found = set()
    for path in site.files():
        if ".tmp" not in path.parts:
            found.add(hashlib.sha256(path.read_bytes()).hexdigest())
            path.unlink()
    return found


def test_large_file_is_sent_in_parts_with_progress(visit: Visit, parts_site: Site) -> None:
    visit.begin()
    assert set(visit.result()) == {"ticket"}
    assert sorted(visit.sent) == [str(number) for number in range(1, PARTS + 1)]
    assert visit.actions == ["ticket", *["sign"] * PARTS, "complete"]
    assert digests(parts_site) == {SHA256}
    events = visit.page.evaluate("window.events")
    assert [event["phase"] for event in events][-2:] == ["completing", "done"]
    assert events[-1] == {"phase": "done", "loaded": SIZE, "total": SIZE}
    assert visit.kept == 0


def test_part_that_fails_is_sent_again(visit: Visit, parts_site: Site) -> None:
    failing = iter([503, 400])

    def fail(route: Route) -> None:
        status = next(failing, 0) if route.request.method == "PUT" else 0
        route.fulfill(status=status) if status else route.continue_()

    visit.page.route("**/upload/", fail)
    visit.begin()
    assert set(visit.result()) == {"ticket"}
    assert len(visit.sent) == PARTS + 2
    assert digests(parts_site) == {SHA256}


def test_upload_goes_on_after_a_loss_of_the_network(visit: Visit, parts_site: Site) -> None:
    visit.page.route("**/upload/", _hold_part("4"))
    visit.begin()
    visit.wait_for(f"window.events.some((event) => event.loaded >= {3 * PART})")
    visit.page.context.set_offline(True)
    visit.page.unroute("**/upload/")
    visit.wait_for("window.events.at(-1).phase === 'waiting'")
    visit.page.context.set_offline(False)
    assert set(visit.result()) == {"ticket"}
    assert sorted(set(visit.sent)) == ["1", "2", "3", "4"]
    assert [visit.sent.count(part) for part in "123"] == [1, 1, 1]
    assert digests(parts_site) == {SHA256}


def _hold_part(number: str) -> Callable[[Route], None]:
    """Return a handler that never answers a PUT of one part."""

    def handle(route: Route) -> None:
        if route.request.headers.get("x-upload-part") != number:
            route.continue_()

    return handle


def test_upload_goes_on_after_a_reload_and_the_same_choice(visit: Visit, parts_site: Site) -> None:
    visit.page.route("**/upload/", _hold_part("3"))
    visit.begin()
    visit.wait_for(f"window.events.some((event) => event.loaded >= {2 * PART + 1000})")
    assert visit.kept == 1
    visit.load()
    visit.page.unroute("**/upload/")
    visit.sent.clear()
    visit.actions.clear()
    visit.begin()
    assert set(visit.result()) == {"ticket"}
    assert visit.sent == ["3"]
    assert visit.actions == ["list", "sign", "complete"]
    assert digests(parts_site) == {SHA256}
    assert visit.kept == 0


def test_ticket_that_is_refused_after_a_reload_is_replaced(visit: Visit, parts_site: Site) -> None:
    visit.page.route("**/upload/", _hold_part("3"))
    visit.begin()
    visit.wait_for(f"window.events.some((event) => event.loaded >= {2 * PART})")
    visit.load()
    visit.page.unroute("**/upload/")
    visit.page.evaluate("localStorage.setItem(localStorage.key(0), 'of.another')")
    visit.begin()
    assert set(visit.result()) == {"ticket"}
    assert digests(parts_site) == {SHA256}


def test_paused_upload_sends_nothing_until_it_is_resumed(visit: Visit, parts_site: Site) -> None:
    visit.page.route("**/upload/", _hold_part("2"))
    visit.begin()
    visit.wait_for(f"window.events.some((event) => event.loaded >= {2 * PART})")
    visit.page.evaluate("window.run.pause()")
    visit.wait_for("window.events.at(-1).phase === 'paused'")
    visit.page.unroute("**/upload/")
    before = len(visit.sent)
    visit.page.wait_for_timeout(300)
    assert len(visit.sent) == before
    visit.page.evaluate("window.run.resume()")
    assert set(visit.result()) == {"ticket"}
    assert digests(parts_site) == {SHA256}


def test_canceled_upload_is_aborted_on_the_server(visit: Visit, parts_site: Site) -> None:
    visit.page.route("**/upload/", _hold_part("2"))
    visit.begin()
    visit.wait_for(f"window.events.some((event) => event.loaded >= {2 * PART + 1000})")
    with visit.page.expect_response(_answers_post) as aborted:
        visit.page.evaluate("window.controller.abort()")
        assert visit.result()["name"] == "AbortError"
    assert aborted.value.request.post_data_json["action"] == "abort"
    assert aborted.value.status == 204
    assert visit.kept == 0
    assert digests(parts_site) == set()


def test_script_of_the_guide_uploads_a_file(visit: Visit, parts_site: Site) -> None:
    (block,) = [one for one in BLOCKS if one.language == "js" and one.file.name == GUIDE]
    code = block.text.replace("photos.Photo.image", "gallery.Clip.video")
    shown = """const token = "", controller = new AbortController(), shown = [];
      const show = (phase, share) => shown.push([phase, share]);"""
    script = f"async () => {{ const file = window.file; {shown} {code} return [ticket, shown]; }}"
    ticket, events = visit.page.evaluate(script)
    assert ticket
    assert events[-1] == ["done", 1]
    assert digests(parts_site) == {SHA256}


def _answers_post(response: Response) -> bool:
    return response.request.method == "POST"


def test_upload_that_is_refused_ends_at_once(visit: Visit) -> None:
    visit.page.evaluate(
        "window.file = new File([window.file.slice(30)], 'clip.mp4', { type: 'video/mp4' })"
    )
    visit.begin()
    assert visit.result()["code"] == "unknown_type"
    assert visit.actions == ["ticket"]


def test_parts_go_from_the_browser_to_the_bucket_by_the_cors_rule_of_uploads(
    browser: Browser,
    serve: Callable[[dict[str, Any]], Site],
    s3_server: S3Server,
    console: Console,
) -> None:
    bucket = new_bucket(s3_server)
    options = storage_options(s3_server, bucket)
    site = serve({"BACKEND": "shift_media.storages.S3MediaStorage", "OPTIONS": options})
    context = browser.new_context()
    visit = Visit(context.new_page(), site.url)
    allow_uploads(s3_server, bucket, "https://other.example")
    assert visit.page.evaluate(FETCH, f"{s3_server.endpoint}/{bucket}/a") == "refused"
    allow_uploads(s3_server, bucket, site.url)
    console.watch(visit.page)
    visit.sent.clear()
    visit.begin()
    assert set(visit.result()) == {"ticket"}
    assert all(url.startswith(f"{s3_server.endpoint}/{bucket}/") for url in visit.sent)
    assert len(visit.sent) == PARTS
    context.close()
    client = client_of(s3_server)
    (found,) = client.list_objects_v2(Bucket=bucket)["Contents"]
    stored = client.get_object(Bucket=bucket, Key=found["Key"])
    assert hashlib.sha256(stored["Body"].read()).hexdigest() == SHA256
    assert stored["ContentType"] == "video/mp4"
    assert console.errors == []

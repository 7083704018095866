"""Drawings in a browser: no script of theirs runs, and nothing outside is fetched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser

from shift_media.core.keys import new_original_key
from shift_media.sandbox.svg_worker import sanitize
from tests.e2e.conftest import Site
from tests.parts import package
from tests.sandbox.test_svg_worker import ACTIVE, OPEN, OUTSIDE

package("py_svg_hush", "svg")

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium"), pytest.mark.acceptance(74)]


@pytest.fixture
def outside() -> Iterator[tuple[str, list[str]]]:
    """Run a server on another port; return its host, and the list of what was requested."""
    requested: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requested.append(self.path)
            self.send_error(404)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{server.server_port}", requested
        server.shutdown()
        thread.join()


def add(site: Site, content: bytes) -> str:
    """Write a drawing beside the app, as one that was stored before, and return its URL."""
    key = new_original_key("drawing.svg", "svg")
    path = site.folder / "media" / str(key)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return f"{site.url}/media/{key}"


@pytest.mark.parametrize("is_sanitized", [False, True], ids=["as it was", "sanitized"])
def test_browser_runs_no_script_of_a_drawing_and_fetches_nothing(
    site: Site, browser: Browser, outside: tuple[str, list[str]], is_sanitized: bool
) -> None:
    host, requested = outside
    hostile = "".join(ACTIVE + OUTSIDE).replace("evil.example", host)
    running = f"new Image().src='http://{host}/ran'; document.documentElement.id = 'ran'"
    content = (
        f'{OPEN} viewBox="0 0 40 20" onload="{running}"><script>{running}</script>'
        f'<rect id="shown" width="40" height="20" fill="#06c"/>{hostile}</svg>'
    ).encode()
    url = add(site, sanitize(content)[0] if is_sanitized else content)
    page = browser.new_page()
    answer = page.goto(url)
    assert answer is not None
    assert answer.headers["content-type"] == "image/svg+xml"
    page.wait_for_load_state("networkidle")
    assert page.locator("#shown").count() == 1
    assert page.locator("#ran").count() == 0
    page.goto(f"{site.url}/photos/")
    width = page.evaluate(
        """async (url) => {
            const image = new Image();
            image.src = url;
            await image.decode();
            return image.naturalWidth / image.naturalHeight;
        }""",
        url,
    )
    assert width == 2
    assert requested == []
    page.close()

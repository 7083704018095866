"""A gallery under gunicorn, and a browser whose console errors are collected."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright

from tests.parts import ROOT, locate, package
from tests.servers.gallery import give_database

START_SECONDS = 60
QUIET = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE_MS = 12_000
"""Most milliseconds until a page shows what is expected, also on a busy machine."""

expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Site:
    """A running gallery."""

    url: str
    folder: Path

    def environment(self, settings: str = "testproject.settings") -> dict[str, str]:
        """Return the variables for another process of the site."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": settings,
            "SHIFT_MEDIA_DEMO_DIR": str(self.folder),
            "SHIFT_MEDIA_DEMO_DEBUG": "0",
            "SHIFT_MEDIA_DEMO_HLS_JS": str(locate("hls.js") or "none"),
        }

    def files(self) -> list[Path]:
        """Return the files in its media folder."""
        return sorted(path for path in (self.folder / "media").rglob("*") if path.is_file())


@dataclass
class Console:
    """The errors in the browser's console."""

    errors: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        """Collect the errors of a page."""
        page.on("pageerror", lambda error: self.errors.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda message: (
                self.errors.append(f"{message.location.get('url')}: {message.text}")
                if message.type in ("error", "warning")
                else None
            ),
        )


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[Site]:
    """Run an empty gallery with two processes of gunicorn."""
    with serving("testproject.settings", tmp_path_factory, free_port()) as site:
        yield site


@contextmanager
def serving(
    settings: str, factory: pytest.TempPathFactory, port: int, *, processes: int = 2
) -> Iterator[Site]:
    """Run the gallery with other settings by gunicorn, in a new folder."""
    folder = factory.mktemp("site")
    site = Site(f"http://127.0.0.1:{port}", folder)
    env = site.environment(settings)
    give_database(factory, folder)
    gunicorn = f"gunicorn -b 127.0.0.1:{port} -w {processes} --preload -k gthread --threads 4"
    command = [sys.executable, "-m", *gunicorn.split(), "--log-level=warning", "testproject.wsgi"]
    with (folder / "gunicorn.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=log, stderr=log)
        try:
            _wait_for(site.url)
            yield site
        finally:
            server.terminate()
            server.wait(60)


def _wait_for(url: str) -> None:
    deadline = monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=START_SECONDS).close()
            return
        except OSError:
            if monotonic() > deadline:
                pytest.fail(f"{url} did not answer within {START_SECONDS} seconds.")
            sleep(0.1)


_LAST = pytest.StashKey[bool]()
_running = ExitStack()
_browsers: list[Browser] = []


@pytest.fixture
def browser(needs: Callable[[str], Path]) -> Browser:
    """Return the Chromium of this machine, without a window; start it if it does not run."""
    chromium = str(needs("chromium"))
    if not _browsers:
        playwright = _running.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        _running.callback(_browsers.clear)
        _running.callback(browser.close)
        _browsers.append(browser)
    return _browsers[0]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Remember whether the next test needs the browser too."""
    item.stash[_LAST] = nextitem is None or nextitem.get_closest_marker("e2e") is None


@pytest.fixture(autouse=True)
def _browser_stopped_in_time(request: pytest.FixtureRequest) -> Iterator[None]:
    """Stop Playwright before a test of another kind, because Django refuses SQL in its loop."""
    yield
    if request.node.stash[_LAST]:
        _running.close()


@pytest.fixture
def context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    """Open a browser context with an empty cache and the width of a desktop."""
    context = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def console() -> Console:
    """Collect the errors of the test's page."""
    return Console()


@pytest.fixture
def page(context: BrowserContext, console: Console) -> Page:
    """Open a page whose errors are collected."""
    page = context.new_page()
    console.watch(page)
    return page


@pytest.fixture
def shot(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Page, str], Path]:
    """Return a function that takes a screenshot of a whole page and returns its path."""
    named = os.environ.get("SHIFT_MEDIA_SCREENSHOTS")
    folder = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> Path:
        path = folder / f"{name}.png"
        page.screenshot(path=path, full_page=True)
        return path

    return take


STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "media-src 'self' blob:; connect-src 'self'; form-action 'self'; base-uri 'none'"
)
"""A policy without ``unsafe-inline``; ``data:`` is for placeholders, ``blob:`` for previews."""


def enforce_policy(page: Page) -> None:
    """Let the documents of a page have a strict policy, which its console reports breaches of."""

    def answer(route: Route) -> None:
        if route.request.resource_type != "document" or route.request.method != "GET":
            route.continue_()
            return
        response = route.fetch()
        headers = {**response.headers, "content-security-policy": STRICT}
        route.fulfill(response=response, headers=headers)

    page.route("**/*", answer)


def violations(page: Page) -> list[str]:
    """Return the rules of accessibility that a page breaks, and where, as axe finds them."""
    axe = package("axe_playwright_python.sync_playwright", "dev").Axe()
    found = axe.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{rule['id']}: {node['html'][:200]}" for rule in found for node in rule["nodes"]]

"""The redirect with real parts: a browser, a bucket with website rules, and gunicorn."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect

from testproject.gallery.pictures import PICTURES
from tests import parts
from tests.e2e.conftest import PATIENCE_MS
from tests.servers.fixtures import client_of
from tests.servers.gallery import LoggedRequest, S3Gallery, give_database
from tests.servers.rgw import RGW
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.e2e.conftest import Console

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.rgw,
    pytest.mark.needs("chromium", "rgw"),
    pytest.mark.acceptance(12, 13),
]

FILL = "#modes .card:has(h3:text('fill')) img"
Shot = Callable[[Page, str], Path]
Hop = tuple[str, int]


@dataclass
class Trip:
    """The gallery, and the bucket whose website serves its pictures."""

    gallery: S3Gallery
    server: RGW
    bucket: str

    @property
    def website(self) -> str:
        return f"{self.server.website(self.bucket)}/"

    def key(self, url: str) -> str:
        assert url.startswith(self.website)
        return url.removeprefix(self.website)

    def stored(self, key: str) -> bool:
        found = client_of(self.server).list_objects_v2(Bucket=self.bucket, Prefix=key)
        return bool(found["KeyCount"])


@pytest.fixture(scope="module")
def trip(rgw: RGW, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trip]:
    """Configure a bucket with `media_bucket`, and serve the gallery on it."""
    bucket = f"trip-{uuid.uuid4().hex[:12]}"
    folder = tmp_path_factory.mktemp("trip")
    gallery = S3Gallery(folder, rgw, bucket, public_url=rgw.website(bucket))
    give_database(tmp_path_factory, folder)
    gallery.set_bucket_up()
    try:
        yield Trip(gallery.start(), rgw, bucket)
    finally:
        gallery.stop()


@pytest.fixture(scope="module")
def photograph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a photograph of the corpus, or a drawn image without it."""
    corpus = parts.locate("corpus")
    if corpus is not None:
        return corpus / "photos" / "china.jpg"
    drawn = tmp_path_factory.mktemp("photo") / "drawn.jpg"
    drawn.write_bytes(next(one for one in PICTURES if one.file_name.endswith(".jpg")).draw())
    return drawn


@pytest.fixture
def open_browser(browser: Browser, trip: Trip) -> Iterator[Callable[[], Watched]]:
    """Return a function that opens a browser with an empty cache."""
    contexts: list[BrowserContext] = []

    def open() -> Watched:
        context = browser.new_context(
            base_url=trip.gallery.url, viewport={"width": 1280, "height": 900}
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        return Watched(context.new_page())

    yield open
    for context in contexts:
        context.close()


class Watched:
    """A page with its requests."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.finished: list[Request] = []
        page.on("requestfinished", self.collect)

    def collect(self, request: Request) -> None:
        self.finished.append(request)

    def chain(self, url: str) -> list[Hop]:
        """Return the hosts and statuses of a picture's request and its redirects."""
        end = monotonic() + 60
        while True:  # The browser may report the last response after it has drawn the picture.
            steps = max(
                (c for c in map(redirect_chain, self.finished) if c[0].url == url), key=len
            )
            hops = [(urlsplit(step.url).netloc, status(step)) for step in steps]
            if hops[-1][1] not in (302, 307) or monotonic() > end:
                return hops
            self.page.wait_for_timeout(50)


def status(request: Request) -> int:
    response = request.response()
    return response.status if response else 0


def redirect_chain(request: Request) -> list[Request]:
    """Return the requests that redirected here, and this one."""
    before = request.redirected_from
    return [*(redirect_chain(before) if before else []), request]


def upload(page: Page, photograph: Path) -> None:
    page.goto("/")
    before = page.locator(".tile").count()
    page.set_input_files("#files", photograph)
    expect(page.locator(".tile")).to_have_count(before + 1)


def open_picture(watched: Watched) -> str:
    """Open the page of the newest picture, wait for its pictures, and return the URL of one."""
    page = watched.page
    page.goto("/")
    page.locator(".tile a").first.click()
    draw_all(page)
    url = page.locator(FILL).get_attribute("src")
    assert url is not None
    return url


def draw_all(page: Page) -> None:
    """Assert that all pictures of the page are drawn, each as wide as its resize."""
    fill = page.locator(FILL)
    expect(fill).to_have_count(1)  # The page of the link is here, and not the one before it.
    for image in page.locator("main img[src^=http]").all():
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("complete", True)
        seen = image.evaluate("async (i) => { await i.decode(); return i.naturalWidth; }")
        assert seen > 0
    assert fill.evaluate("(i) => [i.naturalWidth, i.naturalHeight]") == [320, 320]


def test_missing_resize_is_made_by_app_then_served_by_bucket(
    trip: Trip, open_browser: Callable[[], Watched], photograph: Path, shot: Shot
) -> None:
    bucket, app = urlsplit(trip.website).netloc, urlsplit(trip.gallery.url).netloc
    trip.gallery.forget()
    first = open_browser()
    upload(first.page, photograph)
    url = open_picture(first)
    key = trip.key(url)
    shot(first.page, "round-trip")

    assert first.chain(url) == [(bucket, 307), (app, 302), (bucket, 200)]
    settle(trip)
    wait_until(lambda: len(trip.server.statuses(f"/{key}")) >= 2)
    assert trip.server.statuses(f"/{key}") == [307, 200]
    assert trip.gallery.requests(key) == [LoggedRequest("GET", f"/media/{key}", 302)]
    print_log("first view", trip, key)

    trip.gallery.forget()
    second = open_browser()
    assert open_picture(second) == url
    assert second.chain(url) == [(bucket, 200)]
    wait_until(lambda: len(trip.server.statuses(f"/{key}")) >= 3)
    assert trip.server.statuses(f"/{key}") == [307, 200, 200]
    assert trip.gallery.requests() == []
    print_log("second view", trip, key)


def test_resize_deleted_from_bucket_is_made_again_without_loop(
    trip: Trip, open_browser: Callable[[], Watched], photograph: Path, shot: Shot
) -> None:
    bucket, app = urlsplit(trip.website).netloc, urlsplit(trip.gallery.url).netloc
    trip.gallery.forget()
    watched = open_browser()
    upload(watched.page, photograph)
    url = open_picture(watched)
    key = trip.key(url)
    settle(trip)
    client_of(trip.server).delete_object(Bucket=trip.bucket, Key=key)
    trip.gallery.forget()

    watched.page.reload()  # with the browser's cache on
    draw_all(watched.page)
    shot(watched.page, "round-trip-reloaded")
    assert len(trip.gallery.requests()) <= 1

    client_of(trip.server).delete_object(Bucket=trip.bucket, Key=key)
    other = open_browser()  # whose cache is empty
    assert open_picture(other) == url
    # A resize that was made less than a minute ago and is missing: the app answers with the bytes,
    # and stores it again.
    assert other.chain(url) == [(bucket, 307), (app, 200)]
    assert trip.stored(key)
    print_log("deleted and loaded again", trip, key)


SLOW_LOG = """
const quick = window.fetch;
const wait = (response) => new Promise((done) => setTimeout(done, 900, response));
window.fetch = (url, options) =>
  quick(url, options).then((r) => (String(url).includes("?after=") ? wait(r) : r));
"""
"""Lets the polls of the timer and of the buttons overlap, as on a busy server."""


def test_photo_page_shows_requests_to_bucket_and_app(
    trip: Trip, open_browser: Callable[[], Watched], photograph: Path, console: Console, shot: Shot
) -> None:
    watched = open_browser()
    console.watch(watched.page)
    watched.page.add_init_script(SLOW_LOG)
    upload(watched.page, photograph)
    open_picture(watched)
    panel = watched.page.locator("#traffic")
    panel.locator(".pick", has_text="fill").click()
    panel.get_by_role("button", name="Delete from the bucket").click()
    expect(panel.locator(".meaning").first).to_contain_text("Deleted from the bucket.")
    panel.get_by_role("button", name="Load").click()
    expect(panel.locator(".visit").first.locator("li.app .status")).to_have_text("302")
    panel.scroll_into_view_if_needed()
    shot(watched.page, "round-trip-panel")
    assert console.errors == []


def settle(trip: Trip) -> None:
    """Wait until the app's log stops growing, because it is written after the responses."""
    seen = -1
    while seen != (seen := len(trip.gallery.requests())):
        sleep(1)


def print_log(what: str, trip: Trip, key: str) -> None:
    """Show what each server logged: ``pytest -s``."""
    print(f"\n{what}: {key}")  # noqa: T201
    print(f"   bucket {trip.server.statuses(f'/{key}')}")  # noqa: T201
    for seen in trip.gallery.requests(key):
        print(f"   app    {seen.method} {seen.path} {seen.status}")  # noqa: T201

"""The documentation in a browser: its search, by its own script and index, and a phone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.docs.blocks import DOCS, PAGES
from tests.docs.built import build_pages

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.needs("chromium")]

WANTED = {
    "ImageField": "how-to/switch-from-imagefield",
    "pytest": "how-to/test-your-site",
    "celery": "how-to/celery-and-rq",
    "docker": "how-to/docker",
    "HEIC": "how-to/accept-iphone-photos",
    "thumbnail": "reference/tags",
    "unused files": "how-to/clean-up",
    "CloudFront": "how-to/cloudfront",
    "MinIO": "how-to/minio",
    "R2": "how-to/cloudflare-r2",
    "resize images": "reference/tags",
    "EXIF": "how-to/strip-metadata",
    "404": "how-to/troubleshooting",
}
"""What people type, and the page that they look for."""

FIRST = 3
"""The page that is looked for is one of so many pages at the top."""

SEARCH = "words => Search._performSearch(...Search._parseQuery(words)).map(found => found[0])"
"""What the search page shows, without its animation; the best result is the last."""


@pytest.fixture
def search(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Open the search page with its index."""
    page = browser.new_page()
    page.goto((build_pages(tmp_path_factory) / "search.html").as_uri() + "?q=webhook")
    expect(page.locator("ul.search li").first).to_contain_text("Notify others")
    return page


def first_pages(page: Page, words: str) -> list[str]:
    found = dict.fromkeys(reversed(page.evaluate(SEARCH, words)))
    return list(found)[:FIRST]


def test_search_finds_the_page_that_people_look_for(search: Page) -> None:
    missed = {
        words: first_pages(search, words)
        for words, page in WANTED.items()
        if page not in first_pages(search, words)
    }
    assert missed == {}, "Add the word to the `index` of the page that explains it."


def index_of(page: Path) -> list[str]:
    lines = re.findall(r"^\.\. index:: (.+)$", page.read_text(), re.MULTILINE)
    words = [word for line in lines for word in line.split(", ")]
    return [word.removeprefix("! ") for word in words if word.startswith("! ")]


def test_search_finds_each_page_by_the_words_of_its_index(search: Page) -> None:
    missed = [
        (word, str(page.relative_to(DOCS)))
        for page in PAGES
        for word in index_of(page)
        if str(page.relative_to(DOCS).with_suffix("")) not in first_pages(search, word)[:1]
    ]
    assert missed == []


def test_each_guide_has_words_by_which_it_is_found() -> None:
    assert [
        page.stem for page in PAGES if page.parent.name == "how-to" and not index_of(page)
    ] == []


PHONE = {"width": 360, "height": 740}
WIDE = ("index", "quickstart", "explanation/comparison", "reference/tags", "reference/commands")
"""Pages with the widest tables, pictures and lines of code."""


@pytest.mark.parametrize("name", WIDE)
def test_page_is_no_wider_than_a_phone(
    name: str, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    page = browser.new_page(viewport=PHONE)
    page.goto((build_pages(tmp_path_factory) / f"{name}.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

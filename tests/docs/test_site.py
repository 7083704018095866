"""The first page and the pictures of the documentation."""

from __future__ import annotations

import re

from tests.docs.blocks import DOCS, PAGES
from tests.docs.projects import blocks_of
from tests.parts import ROOT

MOST_BYTES = 150_000
SCREENSHOTS = DOCS / "_static" / "screenshots"
IMAGES = re.compile(r"^( *)\.\. (?:image|figure):: (\S+)\n((?:\1 +\S.*\n)*)", re.MULTILINE)


def test_first_page_shows_the_result_and_five_lines_of_code() -> None:
    text = (DOCS / "index.rst").read_text()
    lines = "".join(block.text for block in blocks_of("index")).splitlines()
    assert len(lines) == 5
    for part in ("gallery.webp", "**What it costs**", "**What it replaces**"):
        assert text.index(part) < text.index(".. toctree::")


def test_each_picture_of_a_page_exists_and_is_described() -> None:
    for page in PAGES:
        for _, target, options in IMAGES.findall(page.read_text()):
            assert (page.parent / target).is_file(), f"{page}: {target} does not exist."
            assert ":alt:" in options, f"{page}: say in :alt: what {target} shows."


def test_make_screenshots_takes_the_screenshots_that_pages_show() -> None:
    script = (DOCS / "screenshots.py").read_text()
    taken = set(re.findall(r"^def (\w+)\(demo: Demo\) -> bytes:", script, re.MULTILINE))
    pages = "\n".join(page.read_text() for page in PAGES)
    assert taken == set(re.findall(r"_static/screenshots/(\w+)\.webp", pages))
    assert taken == {file.stem for file in SCREENSHOTS.iterdir()}
    recipe = (ROOT / "Makefile").read_text().partition("\nscreenshots:")[2].partition("\n\n")[0]
    assert "docs/screenshots.py" in recipe


def test_screenshots_are_small() -> None:
    for file in SCREENSHOTS.iterdir():
        assert file.stat().st_size < MOST_BYTES, f"{file.name}: show less, or in fewer pixels."


def first_column(page: str, table: str) -> list[str]:
    text = (DOCS / f"{page}.rst").read_text()
    rows = text.partition(f":name: {table}\n")[2].partition("\n\n   * -")[2]
    lines = ("   * -" + rows).partition("\n\n")[0].splitlines()
    return [line.removeprefix("   * - ") for line in lines if line.startswith("   * - ")][1:]


def test_comparison_says_what_was_read_of_each_package() -> None:
    compared = first_column("explanation/comparison", "peers")
    read = first_column("explanation/comparison", "peers-read")
    assert len(compared) > 5
    assert set(compared) - {"shift_media"} <= set(read)
    measured = (ROOT / "benchmarks/requirements.txt").read_text().split()
    packages = {name for name in measured if "image" in name or "thumb" in name}
    assert packages <= set(compared), "A package that `make bench` measures is compared, too."

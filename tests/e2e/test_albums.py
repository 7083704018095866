"""An album in a real browser: pictures are dropped, described, moved by mouse and keyboard."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.e2e.conftest import Console

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium")]

DROP = """([root, files]) => {
  const transfer = new DataTransfer();
  for (const [name, bytes] of files) {
    transfer.items.add(new File([new Uint8Array(bytes)], name, {type: "image/png"}));
  }
  const options = {bubbles: true, cancelable: true, dataTransfer: transfer};
  root.dispatchEvent(new DragEvent("drop", options));
}"""


def picture(color: str) -> list[int]:
    file = io.BytesIO()
    Image.new("RGB", (320, 200), color).save(file, "PNG")
    return list(file.getvalue())


def descriptions(page: Page) -> list[str | None]:
    return [each.get_attribute("alt") for each in page.locator(".tile img").all()]


def places(page: Page) -> list[str]:
    shown = page.locator(".media-collection-item input[name$='-alt']").all()
    return [each.input_value() for each in shown]


def test_pictures_are_dropped_described_moved_and_downloaded(
    page: Page, console: Console, shot: Callable[[Page, str], Path]
) -> None:
    page.goto("/albums/add/")
    page.fill("#id_title", "Colours")
    root: Any = page.locator(".media-collection-new .shift-media-zone").element_handle()
    files = [[f"{name}.png", picture(name)] for name in ("red", "green", "blue", "grey")]
    page.evaluate(DROP, [root, files])
    chosen = page.locator(".media-collection-new .shift-media-files")
    chosen.get_by_label("Description").nth(0).fill("Red")
    chosen.get_by_label("Description").nth(2).fill("Blue")
    chosen.get_by_role("button", name="Remove: grey.png").click()
    expect(chosen.locator("li")).to_have_count(3)
    expect(chosen.get_by_label("Description").nth(2)).to_have_value("Blue")
    chosen.get_by_label("Description").nth(1).fill("Green")
    shot(page, "album-new")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Colours")).to_be_visible()
    assert descriptions(page) == ["Red", "Green", "Blue"]
    shot(page, "album")

    page.get_by_role("link", name="Edit").click()
    page.get_by_role("button", name="Move down").nth(0).press("Enter")
    assert places(page) == ["Green", "Red", "Blue"]
    expect(page.locator(".media-collection-status")).to_have_text("Moved to place 2.")
    items = page.locator(".media-collection-item")
    grip = items.nth(2).locator(".media-collection-grip")
    grip.drag_to(items.nth(0), target_position={"x": 30, "y": 4})
    assert places(page) == ["Blue", "Green", "Red"]
    shot(page, "album-edit")
    for width in (360, 768):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shot(page, f"album-edit-{width}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Colours")).to_be_visible()
    assert descriptions(page) == ["Blue", "Green", "Red"]

    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download all").click()
    assert waiting.value.suggested_filename == "Colours.zip"
    with zipfile.ZipFile(waiting.value.path()) as archive:
        assert archive.namelist() == ["blue.png", "green.png", "red.png"]
    assert console.errors == []


def test_missing_description_stops_the_form_before_anything_is_sent(page: Page) -> None:
    page.goto("/albums/add/")
    page.fill("#id_title", "Nothing")
    root: Any = page.locator(".media-collection-new .shift-media-zone").element_handle()
    page.evaluate(DROP, [root, [["red.png", picture("red")]]])
    page.get_by_role("button", name="Save").click()
    missing = page.locator(".media-collection-new .shift-media-files input:invalid")
    expect(missing).to_be_focused()
    assert re.search(r"/albums/add/$", page.url)

"""The gallery in a real browser, on a real server, with real photographs."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image, ImageStat
from playwright.sync_api import Browser, Page, expect

if TYPE_CHECKING:
    from tests.e2e.conftest import Console, Site

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium")]

Shot = Callable[[Page, str], Path]

DRAWN = """async () => {
  const images = [...document.images];
  for (const image of images) {
    image.scrollIntoView();
    if (!image.complete) await new Promise((done) => { image.onload = image.onerror = done; });
    await image.decode().catch(() => {});
  }
  scrollTo(0, 0);
  return images.map((i) => [i.currentSrc || i.src, i.complete, i.naturalWidth]);
}"""

DROP = """([files, target]) => {
  const carried = new DataTransfer();
  for (const [name, type, content] of files) {
    const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
    carried.items.add(new File([bytes], name, { type }));
  }
  for (const kind of ["dragenter", "dragover", "drop"]) {
    const event = new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true });
    document.querySelector(target).dispatchEvent(event);
  }
}"""


def assert_all_drawn(page: Page, least: int) -> list[str]:
    """Scroll to every picture of the page, and assert that it is drawn."""
    page.wait_for_load_state("load")  # A click on a link returns before the page has its pictures.
    images = page.evaluate(DRAWN)
    assert len(images) >= least
    assert [src for src, complete, width in images if not complete or not width] == []
    return [src for src, _, _ in images]


def upload(page: Page, *files: Path) -> None:
    """Choose files as a user does, and wait for their tiles."""
    page.goto("/")
    before = page.locator(".tile").count()
    page.set_input_files("#files", list(files))
    expect(page.locator(".tile")).to_have_count(before + len(files))


def open_first(page: Page) -> None:
    page.locator(".tile a").first.click()
    expect(page.locator("#modes-title")).to_be_visible()
    page.wait_for_load_state()  # Until then a click may come before the script of the page.


def on_picture(page: Page, x: float, y: float) -> tuple[float, float]:
    """Return the position on the screen of a point, given in shares of the picture's sides."""
    box = page.locator("#picture").bounding_box()
    assert box is not None
    return box["x"] + box["width"] * x, box["y"] + box["height"] * y


def write_picture(path: Path, tone: str = "#27ae60") -> Path:
    Image.new("RGB", (900, 600), tone).save(path)
    return path


def pixels(page: Page, url: str) -> Image.Image:
    answer = page.request.get(url)
    assert answer.ok
    return Image.open(io.BytesIO(answer.body())).convert("RGB")


@pytest.mark.needs("corpus")
def test_uploaded_photograph_is_shown_as_resizes(
    page: Page, corpus: Path, console: Console, shot: Shot
) -> None:
    upload(
        page, *(corpus / "photos" / n for n in ("seeding_16mp_base.jpg", "sunset_12mp_prog.jpg"))
    )
    assert_all_drawn(page, 3)
    shot(page, "list-desktop")
    open_first(page)
    sources = assert_all_drawn(page, 10)
    made = [source for source in sources if "-noupscale-" in source]
    assert {source.rpartition(".")[2] for source in made} == {"jpg", "webp", "avif", "png"}
    for mode in ("fit", "fill", "pad", "stretch"):
        assert any(f"-{mode}-" in source for source in made)
    shot(page, "photo-desktop")
    assert console.errors == []


def test_dropped_files_are_uploaded_and_refused_one_is_explained(
    page: Page, tmp_path: Path, console: Console, shot: Shot
) -> None:
    page.goto("/")
    before = page.locator(".tile").count()
    good = write_picture(tmp_path / "green.png").read_bytes()
    other = write_picture(tmp_path / "red.jpg", "#c0392b").read_bytes()
    files = [
        ("green.png", "image/png", good),
        ("page.jpg", "image/jpeg", b"<!doctype html><title>no picture</title>"),
        ("red.jpg", "image/jpeg", other),
    ]
    carried = [[name, kind, base64.b64encode(content).decode()] for name, kind, content in files]
    page.evaluate(DROP, [carried, "main"])
    expect(page.locator(".tile")).to_have_count(before + 2)
    expect(page.locator("#count")).to_have_text(f"{before + 2} pictures")
    refused = page.locator(".progress li")
    expect(refused).to_have_count(1)
    expect(refused.locator("b")).to_have_text("page.jpg")
    assert len(refused.locator("span").inner_text().split()) > 3
    assert_all_drawn(page, 3)
    shot(page, "refused-desktop")
    # A browser logs each 4xx response as an error: that of the refused file, and nothing else.
    assert [e for e in console.errors if "/upload/: Failed to load resource" not in e] == []
    assert len(console.errors) == 1


def test_upload_form_works_without_javascript(
    browser: Browser, site: Site, tmp_path: Path
) -> None:
    context = browser.new_context(base_url=site.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    page.set_input_files("#files", write_picture(tmp_path / "plain.jpg"))
    page.get_by_role("button", name="Upload").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("plain.jpg")
    page.get_by_label("Left, %").fill("5")
    page.locator("#focal").get_by_role("button", name="Save").click()
    expect(page.locator("#modes input[value*='-f5.50-']")).to_have_count(1)
    page.get_by_label("Size", exact=True).fill("100x100")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#result h3")).to_contain_text("100 × 67")
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".message")).to_contain_text("were deleted")
    context.close()


def test_click_sets_focal_point_and_changes_fill(
    page: Page, tmp_path: Path, console: Console, shot: Shot
) -> None:
    halves = Image.new("RGB", (1200, 400), "#c0392b")
    halves.paste("#2980b9", (600, 0, 1200, 400))
    halves.save(tmp_path / "halves.png")
    upload(page, tmp_path / "halves.png")
    open_first(page)
    fill = page.locator("#modes .card", has=page.get_by_role("heading", name="fill"))
    source = fill.locator("img")
    for share, tone in ((0.02, "red"), (0.98, "blue")):
        before = source.get_attribute("src")
        page.mouse.click(*on_picture(page, share, 0.5))
        expect(source).not_to_have_attribute("src", before or "")
        made = pixels(page, source.get_attribute("src") or "")
        red, _, blue = ImageStat.Stat(made).mean
        assert (red > blue) == (tone == "red")
    expect(page.get_by_label("Left, %")).to_have_value("98")
    assert_all_drawn(page, 10)
    shot(page, "focal-desktop")
    page.reload()
    expect(page.get_by_label("Left, %")).to_have_value("98")
    assert console.errors == []


def test_drag_sets_crop_and_shows_resize(
    page: Page, tmp_path: Path, console: Console, shot: Shot
) -> None:
    upload(page, write_picture(tmp_path / "green.jpg"))
    open_first(page)
    page.get_by_label("Drag to crop").check()
    page.mouse.move(*on_picture(page, 0.25, 0.25))
    page.mouse.down()
    page.mouse.move(*on_picture(page, 0.5, 0.5))
    page.mouse.move(*on_picture(page, 0.75, 0.5))
    page.mouse.up()
    result = page.locator("#result img")
    expect(result).to_be_visible()
    crop = [
        int(number) for number in page.get_by_label("Crop", exact=True).input_value().split(",")
    ]
    for number, wanted in zip(crop, (225, 150, 450, 150), strict=True):
        assert abs(number - wanted) <= 3
    assert "crop=" in page.url
    assert f"-c{'.'.join(map(str, crop))}-" in (result.get_attribute("src") or "")
    expect(result).to_be_in_viewport()
    assert_all_drawn(page, 11)
    shot(page, "crop-desktop")
    assert console.errors == []


def test_copy_button_copies_url(page: Page, tmp_path: Path) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    upload(page, write_picture(tmp_path / "green.jpg"))
    open_first(page)
    page.wait_for_load_state()  # The script handles the click only once it has run.
    page.evaluate("window.setTimeout = () => 0")  # A busy browser may miss "Copied" of 1.5 s.
    page.get_by_role("button", name="Copy the URL of pad").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("http")
    assert "-pad-" in copied
    assert page.request.get(copied).ok


def test_delete_button_confirms_then_removes_picture(
    page: Page, tmp_path: Path, site: Site, console: Console, shot: Shot
) -> None:
    def doomed() -> list[Path]:
        return [path for path in site.files() if "doomed.jpg" in path.parts]

    before = site.files()
    upload(page, write_picture(tmp_path / "doomed.jpg"))
    tiles = page.locator(".tile").count()
    open_first(page)
    assert_all_drawn(page, 10)
    assert len(doomed()) > 8
    page.get_by_role("link", name="Delete").click()
    assert_all_drawn(page, 2)
    shot(page, "delete-desktop")
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".message")).to_contain_text("were deleted")
    expect(page.locator(".tile")).to_have_count(tiles - 1)
    assert doomed() == []
    # The list may have had more resizes of the other pictures made.
    assert set(before) <= set(site.files())
    assert console.errors == []


@pytest.mark.needs("corpus")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone(
    browser: Browser, site: Site, corpus: Path, console: Console, shot: Shot, scheme: str
) -> None:
    context = browser.new_context(
        base_url=site.url,
        viewport={"width": 390, "height": 844},
        device_scale_factor=2,
        has_touch=True,
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page = context.new_page()
    console.watch(page)
    upload(page, *(corpus / "photos" / n for n in ("china.jpg", "flower.jpg")))
    paths = ["/", page.locator(".tile a").first.get_attribute("href") or ""]
    for path, name in zip(paths, ("list", "photo"), strict=True):
        page.goto(f"{path}?size=300x200&mode=pad" if name == "photo" else path)
        assert_all_drawn(page, 3)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        shot(page, f"{name}-phone-{scheme}")
    assert console.errors == []
    context.close()

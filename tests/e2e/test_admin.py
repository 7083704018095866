"""Crops, focal point, dropped files, actions and jobs in the admin, in a real browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import violations
from tests.parts import ROOT

if TYPE_CHECKING:
    from tests.e2e.conftest import Console, Site

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium")]

NAME, PASSWORD = "keeper", "of-the-gallery-4711"
ADD = "/admin/gallery/photo/add/"

SETUP = f"""
from django.contrib.auth.models import User
from shift_media.testing import make_video
from shift_media.transcoding.models import TranscodeJob
from testproject.gallery.models import Clip
User.objects.create_superuser({NAME!r}, password={PASSWORD!r})
clip = Clip.objects.create(video=make_video(), title="A clip")
TranscodeJob.objects.update(state="error", error_code="no_video", error="It has no picture.")
print(clip.pk)
"""


@pytest.fixture(scope="module")
def clip(site: Site) -> int:
    """Add an administrator, and a clip whose job has failed; return its primary key."""
    command = [sys.executable, "manage.py", "shell", "-v0", "-c", SETUP]
    done = subprocess.run(
        command, cwd=ROOT, env=site.environment(), check=True, capture_output=True, text=True
    )
    return int(done.stdout)


BY_HLS_JS = "document.querySelector('.shift-media-jobs video').currentSrc.startsWith('blob:')"
READY = "document.querySelector('.shift-media-jobs video').readyState >= 2"
SEEK = "(video, moment) => { video.currentTime = moment; }"
SOUGHT = """moment => {
  const video = document.querySelector(".shift-media-jobs video");
  return !video.seeking && video.readyState >= 2 && Math.abs(video.currentTime - moment) < 0.01;
}"""


_state: dict[str, str] = {}


@pytest.fixture
def admin(
    site: Site, browser: Browser, clip: int, console: Console, request: pytest.FixtureRequest
) -> Iterator[Page]:
    """Open a page of an administrator, who has logged in once for all tests; or on a phone."""
    phone = getattr(request, "param", "") == "phone"
    size = {"width": 390, "height": 844} if phone else {"width": 1280, "height": 900}
    context = browser.new_context(base_url=site.url, viewport=size, has_touch=phone)  # type: ignore[arg-type]
    context.set_default_timeout(60_000)
    page = context.new_page()
    console.watch(page)
    if site.url in _state:
        context.add_cookies([{"name": "sessionid", "value": _state[site.url], "url": site.url}])
    else:
        page.goto("/admin/login/?next=/admin/")
        page.fill("#id_username", NAME)
        page.fill("#id_password", PASSWORD)
        with page.expect_navigation():
            page.click("[type=submit]")
        _state[site.url] = next(
            cookie["value"] for cookie in context.cookies() if cookie["name"] == "sessionid"
        )
    yield page
    context.close()


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    """Return a picture of 600 × 300 pixels."""
    path = tmp_path / "wide.png"
    Image.linear_gradient("L").resize((600, 300)).convert("RGB").save(path)
    return path


def save(page: Page) -> None:
    with page.expect_navigation():  # The page before has the same heading.
        page.click("[name=_continue]")
    expect(page.locator(".messagelist .success")).to_be_visible()


def box_of(locator: Locator) -> dict[str, float]:
    locator.scroll_into_view_if_needed()
    found = locator.bounding_box()
    assert found is not None
    return dict(found)


def values(page: Page, *names: str) -> list[float]:
    return [float(page.locator(f"[name=image-{name}]").input_value()) for name in names]


SQUARE = ("1x1-left", "1x1-top", "1x1-width")


def test_focal_point_is_set_by_mouse_and_arrow_keys_before_the_file_is_sent(
    admin: Page, console: Console, wide: Path
) -> None:
    admin.goto(ADD)
    admin.set_input_files("#id_image", wide)
    canvas = admin.locator(".shift-media-frame-stage canvas")
    expect(canvas).to_be_visible()
    box = box_of(canvas)
    canvas.click(position={"x": box["width"] * 0.25, "y": box["height"] * 0.75})
    assert values(admin, "across", "down") == [25, 75]
    mark = admin.locator(".shift-media-frame-mark")
    mark.press("ArrowRight")
    mark.press("Shift+ArrowUp")
    assert values(admin, "across", "down") == [26, 65]
    save(admin)
    assert values(admin, "across", "down") == [26, 65]
    shown, at = box_of(admin.locator(".shift-media-frame-stage img")), box_of(mark)
    assert abs(at["x"] + at["width"] / 2 - shown["x"] - 0.26 * shown["width"]) < 2
    admin.get_by_role("button", name="Centre").click()
    save(admin)
    assert admin.locator("[name=image-across]").input_value() == ""
    assert console.errors == []


def test_box_is_dragged_and_sized_by_mouse_and_by_keys(
    admin: Page, console: Console, wide: Path
) -> None:
    admin.goto(ADD)
    admin.set_input_files("#id_image", wide)
    admin.get_by_role("button", name="1:1").click()
    frame = admin.locator(".shift-media-frame-box")
    start = box_of(frame)
    expect(admin.locator("[name=image-1x1-left]")).to_have_value("")  # It follows the point.
    drag(admin, frame, 0.5, 0.5, by=(-start["width"], 0))
    assert values(admin, *SQUARE) == [0, 0, 50]
    drag(admin, frame.locator("[data-corner='1 1']"), 0.5, 0.5, by=(-start["width"] / 2, 0))
    left, top, width = values(admin, *SQUARE)
    assert (left, top) == (0, 0)
    assert abs(width - 25) < 1
    frame.press("Shift+ArrowRight")
    frame.press("ArrowDown")
    frame.press("+")
    assert values(admin, *SQUARE)[2] == pytest.approx(width + 2)
    assert admin.locator(".shift-media-frame-status").text_content() != ""
    save(admin)
    stored = values(admin, *SQUARE)
    assert stored == pytest.approx([9, 0, width + 2], abs=0.5)
    picture = admin.locator(".shift-media-frame-stage img")
    admin.get_by_role("button", name="1:1").click()
    shown, frame_box = box_of(picture), box_of(frame)
    assert frame_box["width"] == pytest.approx(frame_box["height"], abs=2)
    assert frame_box["width"] == pytest.approx(shown["width"] * (width + 2) / 100, abs=3)
    assert console.errors == []


def drag(page: Page, what: Locator, x: float, y: float, *, by: tuple[float, float]) -> None:
    box = box_of(what)
    at = (box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.mouse.move(*at)
    page.mouse.down()
    page.mouse.move(at[0] + by[0] / 2, at[1] + by[1] / 2)
    page.mouse.move(at[0] + by[0], at[1] + by[1])
    page.mouse.up()


@pytest.mark.parametrize("admin", ["phone"], indirect=True)
def test_box_and_point_are_moved_by_a_finger_on_a_phone(
    admin: Page, console: Console, wide: Path
) -> None:
    admin.goto(ADD)
    admin.set_input_files("#id_image", wide)
    canvas = admin.locator(".shift-media-frame-stage canvas")
    box = box_of(canvas)
    assert box["width"] <= 390
    admin.touchscreen.tap(box["x"] + 0.2 * box["width"], box["y"] + 0.5 * box["height"])
    assert values(admin, "across", "down") == [20, 50]
    admin.get_by_role("button", name="1:1").tap()
    frame = box_of(admin.locator(".shift-media-frame-box"))
    start = (frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)
    session = admin.context.new_cdp_session(admin)
    for kind, x in (("touchStart", 0.0), ("touchMove", 20.0), ("touchMove", 400.0)):
        points = [{"x": start[0] + x, "y": start[1]}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert values(admin, *SQUARE) == [50, 0, 50]
    assert admin.evaluate("document.documentElement.scrollWidth") <= 390
    assert console.errors == []


def test_removed_choice_brings_the_stored_picture_and_numbers_back(
    admin: Page, wide: Path
) -> None:
    admin.goto(ADD)
    admin.set_input_files("#id_image", wide)
    admin.fill("[name=image-across]", "10")
    admin.fill("[name=image-down]", "20")
    save(admin)
    admin.set_input_files("#id_image", wide)
    expect(admin.locator("[name=image-across]")).to_have_value("")
    admin.get_by_role("button", name="Remove: wide.png").click()
    expect(admin.locator("[name=image-across]")).to_have_value("10")
    expect(admin.locator(".shift-media-frame-stage img")).to_be_visible()


def test_dropped_files_become_rows_and_an_action_shows_its_progress(
    admin: Page, console: Console, wide: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "page.jpg"
    broken.write_text("<!doctype html>")
    admin.goto("/admin/gallery/photo/")
    admin.set_input_files(".shift-media-drop [type=file]", [wide, broken])
    rows = admin.locator(".shift-media-dropped > li")
    expect(rows.filter(has_text="wide.png").locator("a")).to_be_visible()
    expect(rows.filter(has_text="page.jpg").locator(".shift-media-job-error")).to_be_visible()
    admin.get_by_role("link", name="Show them in the list").click()
    admin.locator("#action-toggle").check()
    admin.select_option("[name=action]", "strip_metadata")
    admin.get_by_role("button", name="Run").or_(admin.get_by_role("button", name="Go")).click()
    with admin.expect_response(lambda answer: answer.request.method == "POST"):
        admin.get_by_role("button", name="Yes, I’m sure").click()
    expect(admin.locator(".shift-media-progress [role=status]")).to_contain_text("before: ")
    expect(admin.locator(".shift-media-stop")).to_be_hidden()
    expected = "400 (Bad Request)"  # the answer to the file that was refused
    assert [error for error in console.errors if expected not in error] == []


@pytest.mark.needs("ffmpeg", "hls.js")
def test_job_is_retried_and_followed_until_its_playlist_plays_without_leaving_the_form(
    admin: Page, console: Console, clip: int, site: Site, shot: Callable[[Page, str], Path]
) -> None:
    admin.goto(f"/admin/gallery/clip/{clip}/change/")
    admin.fill("#id_title", "Not saved yet")
    jobs = admin.locator(".shift-media-jobs")
    expect(jobs).to_contain_text("no_video: It has no picture.")
    jobs.get_by_role("button", name="Try again").click()
    expect(jobs).to_contain_text("The job will run again.")
    expect(jobs.get_by_role("progressbar")).to_be_visible()
    jobs.get_by_role("button", name="Cancel").click()
    expect(jobs).to_contain_text("The job was cancelled.")
    expect(admin.locator("#id_title")).to_have_value("Not saved yet")
    jobs.get_by_role("button", name="Try again").click()
    expect(jobs.get_by_role("progressbar")).to_be_visible()
    subprocess.run(
        [sys.executable, "manage.py", "media_transcode", "-v0"],
        cwd=ROOT, env=site.environment(), check=True,
    )  # fmt: skip
    # The page was not reloaded. The original is shown until the panel is followed the next time.
    video = jobs.locator("video:has(source)")
    video.scroll_into_view_if_needed()
    admin.wait_for_function(BY_HLS_JS)
    admin.wait_for_function(READY)
    video.evaluate(SEEK, 0.55)
    admin.wait_for_function(SOUGHT, arg=0.55)
    shot(admin, "admin-video")
    jobs.get_by_role("button", name="Take this frame as poster").click()
    expect(jobs).to_contain_text("A new poster is being made.")
    expect(admin.locator("#id_title")).to_have_value("Not saved yet")
    assert console.errors == []


@pytest.mark.parametrize("admin", ["desk", "phone"], indirect=True)
def test_own_parts_of_the_pages_break_no_rule_of_accessibility(
    admin: Page, wide: Path, clip: int
) -> None:
    broken = []
    admin.goto(ADD)
    admin.set_input_files("#id_image", wide)
    admin.fill("#id_title", "A gradient")
    save(admin)
    paths = {
        "form": admin.url,
        "clip": f"/admin/gallery/clip/{clip}/change/",
        "list": "/admin/gallery/photo/",
        "library": "/admin/shift_media/libraryfile/",
    }
    for name, path in paths.items():
        admin.goto(path)
        if name == "form":
            admin.get_by_role("button", name="1:1").click()
        broken += [f"{name}: {each}" for each in violations(admin) if "shift-media" in each]
        width = admin.viewport_size["width"] if admin.viewport_size else 0
        assert admin.evaluate("document.documentElement.scrollWidth") <= width, name
    assert broken == []

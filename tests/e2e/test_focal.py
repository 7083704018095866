"""The focal point in the admin, by mouse and by keyboard, in a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

if TYPE_CHECKING:
    from tests.e2e.conftest import Console, Site

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium")]

ROOT = Path(__file__).resolve().parents[2]
NAME, PASSWORD = "keeper", "of-the-gallery-4711"


@pytest.fixture
def admin(site: Site, page: Page, tmp_path: Path) -> Page:
    """Upload a picture, log in as an administrator, and open its page in the admin."""
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "testproject.settings",
        "SHIFT_MEDIA_DEMO_DIR": str(site.folder),
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
    }
    create = ["createsuperuser", "--noinput", f"--username={NAME}", "--email=keeper@example.com"]
    subprocess.run([sys.executable, "manage.py", *create], cwd=ROOT, env=env, check=True)
    picture = tmp_path / "wide.png"
    Image.linear_gradient("L").resize((600, 300)).convert("RGB").save(picture)
    page.goto("/admin/gallery/photo/add/")
    page.fill("#id_username", NAME)
    page.fill("#id_password", PASSWORD)
    page.click("[type=submit]")
    page.set_input_files("#id_image", picture)
    page.click("[name=_continue]")
    return page


def save(page: Page) -> None:
    with page.expect_navigation():  # The page before has the same heading.
        page.click("[name=_continue]")
    expect(page.locator(".messagelist .success")).to_be_visible()


def test_click_and_arrow_keys_move_focal_point(admin: Page, console: Console) -> None:
    across, down = admin.locator("[name=image-across]"), admin.locator("[name=image-down]")
    mark = admin.locator(".shift-media-frame-mark")
    expect(across).to_have_value("")
    expect(mark).to_be_visible()
    preview = admin.locator(".shift-media-frame-stage img")
    preview.scroll_into_view_if_needed()
    box = preview.bounding_box()
    assert box is not None
    preview.click(position={"x": box["width"] * 0.25, "y": box["height"] * 0.75})
    expect(across).to_have_value("25")
    expect(down).to_have_value("75")
    mark.press("ArrowRight")
    mark.press("Shift+ArrowUp")
    expect(across).to_have_value("26")
    expect(down).to_have_value("65")
    save(admin)
    expect(across).to_have_value("26")
    expect(down).to_have_value("65")
    at = mark.bounding_box()
    box = preview.bounding_box()
    assert at is not None
    assert box is not None
    assert abs(at["x"] + at["width"] / 2 - box["x"] - 0.26 * box["width"]) < 2
    assert abs(at["y"] + at["height"] / 2 - box["y"] - 0.65 * box["height"]) < 2
    across.fill("")
    down.fill("")
    save(admin)
    expect(across).to_have_value("")
    assert console.errors == []

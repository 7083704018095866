"""The pages of the gallery as axe sees them, without any violation."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PIL import Image
from playwright.sync_api import Browser

from tests.e2e.conftest import Console, enforce_policy, violations
from tests.parts import ROOT

if TYPE_CHECKING:
    from tests.e2e.conftest import Site

pytestmark = [pytest.mark.e2e, pytest.mark.needs("chromium")]

CREATE = """
from pathlib import Path
from django.core.files import File
from testproject.gallery.models import Album, AlbumPicture, Photo
path = Path({path!r})
photo = Photo(title="A lake", alt="A lake between hills")
photo.image.save("lake.jpg", File(path.open("rb")))
album = Album.objects.create(title="Lakes")
AlbumPicture.of(album).add([photo.image], alt="A lake between hills")
print(photo.pk, album.pk)
"""


@pytest.fixture(scope="module")
def pages(site: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the paths of pages, with a picture and an album on them."""
    path = tmp_path_factory.mktemp("lake") / "lake.jpg"
    Image.new("RGB", (900, 600), "#27ae60").save(path)
    command = [
        sys.executable,
        "manage.py",
        "shell",
        "-v",
        "0",
        "-c",
        CREATE.format(path=str(path)),
    ]
    printed = subprocess.run(
        command, cwd=ROOT, env=site.environment(), capture_output=True, text=True, check=True
    ).stdout
    photo, album = printed.split()
    return {
        "list": "/",
        "photo": f"/photos/{photo}/?size=300x200&mode=pad",
        "delete": f"/photos/{photo}/delete/",
        "videos": "/videos/",
        "albums": "/albums/",
        "album": f"/albums/{album}/",
        "album-edit": f"/albums/{album}/edit/",
        "album-add": "/albums/add/",
    }


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_pages_break_no_rule_of_accessibility(
    browser: Browser, site: Site, pages: dict[str, str], console: Console, scheme: str, width: int
) -> None:
    """Under a strict policy for content, too."""
    size = {"width": width, "height": 900}
    context = browser.new_context(
        base_url=site.url, viewport=size, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    console.watch(page)
    enforce_policy(page)
    broken = []
    for name, path in pages.items():
        page.goto(path)
        broken += [f"{name}: {each}" for each in violations(page)]
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
    page.goto("/")
    shape = "getComputedStyle(document.querySelector('.tile')).aspectRatio"
    assert page.evaluate(shape) == "900 / 600"
    context.close()
    assert broken == []
    assert console.errors == []

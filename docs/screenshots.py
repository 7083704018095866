"""Take the pictures of the documentation from the demo: ``make screenshots``.

The demo draws its pictures itself, so nothing of others is shown. Each screenshot is a WebP in
``docs/_static/screenshots``.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from testproject.servers.processes import Processes, free_ports, is_responding  # noqa: E402
from tests.parts import locate, missing  # noqa: E402

FOLDER = ROOT / "docs" / "_static" / "screenshots"
QUALITY = 78
START_SECONDS = 120
WIDTH = 1200
MARGIN = 20
PASSWORD = re.compile(r"Administrator: admin, password (\S+)")


class Demo:
    """The demo on a free port, with its pages in a browser."""

    def __init__(self, url: str, folder: Path, browser: Browser) -> None:
        self.url = url
        self._folder = folder
        self._browser = browser

    def open(self, path: str, width: int = WIDTH, height: int = 900) -> Page:
        """Return a page after all of its pictures are shown."""
        page = self._browser.new_page(viewport={"width": width, "height": height})
        page.goto(self.url + path)
        page.wait_for_load_state("networkidle")
        return page

    def log_in(self, path: str) -> Page:
        """Return a page of the admin."""
        found = PASSWORD.search((self._folder / "demo.log").read_text())
        if found is None:
            raise RuntimeError("The demo has not printed the password of its administrator.")
        page = self.open(f"/admin/login/?next={path}", width=1000, height=1200)
        page.fill("#id_username", "admin")
        page.fill("#id_password", found[1])
        page.click("[type=submit]")
        page.wait_for_load_state("networkidle")
        return page

    def originals(self, *names: str) -> list[Path]:
        """Return the files of uploads."""
        media = self._folder / "media"
        return [next(media.glob(f"*/*/*/*/*/{name}/{name}")) for name in names]


@contextmanager
def running() -> Iterator[Demo]:
    """Run the demo in a temporary folder, and yield it."""
    chromium = locate("chromium")
    if chromium is None:
        raise SystemExit(missing("chromium"))
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        processes = Processes(folder / "demo.log")
        (port,) = free_ports(1)
        environment = {**os.environ, "SHIFT_MEDIA_DEMO_DIR": name, "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "manage.py", "demo", f"127.0.0.1:{port}"]
        processes.start(command, cwd=ROOT, env=environment)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            url = f"http://localhost:{port}"
            processes.wait(lambda: is_responding(url), "the demo", START_SECONDS)
            yield Demo(url, folder, browser)
        finally:
            browser.close()
            processes.stop()


def framed(page: Page, selector: str) -> bytes:
    """Return the picture of an element with a margin around it."""
    box = page.locator(selector).bounding_box()
    if box is None:
        raise RuntimeError(f"{page.url} shows no {selector}.")
    left, top = max(0, box["x"] - MARGIN), max(0, box["y"] - MARGIN)
    width, height = box["width"] + 2 * MARGIN, box["height"] + 2 * MARGIN
    return page.screenshot(clip={"x": left, "y": top, "width": width, "height": height})


def gallery(demo: Demo) -> bytes:
    """Show the first rows of the gallery."""
    return demo.open("/", height=640).screenshot()


def admin(demo: Demo) -> bytes:
    """Show the form of a photo with its focal point and crop boxes."""
    page = demo.log_in("/admin/gallery/photo/1/change/")
    return framed(page, "#content-main")


def picker(demo: Demo) -> bytes:
    """Show files that were chosen for an album, before they are sent."""
    page = demo.open("/albums/add/", width=900, height=700)
    page.fill("[name=title]", "A week at the sea")
    files = demo.originals("evening-sea.jpg", "balloons.jpg", "dunes.jpg")
    page.set_input_files("input[type=file]", files)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)  # The bars of the progress move.
    return framed(page, "main")


def modes(demo: Demo) -> bytes:
    """Show one picture in the four modes."""
    page = demo.open("/photos/12/", height=2400)
    return framed(page, "#modes")


SCREENSHOTS: dict[str, Callable[[Demo], bytes]] = {
    taken.__name__: taken for taken in (gallery, admin, picker, modes)
}


def main() -> None:
    """Take all screenshots, or those that the arguments name."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with running() as demo:
        for name in sys.argv[1:] or SCREENSHOTS:
            file = FOLDER / f"{name}.webp"
            Image.open(io.BytesIO(SCREENSHOTS[name](demo))).save(
                file, "WEBP", quality=QUALITY, method=6
            )
            print(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes")  # noqa: T201


if __name__ == "__main__":
    main()

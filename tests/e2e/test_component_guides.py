"""htmx and React, as their guides use them: real packages, in a browser."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.docs.projects import create_project, paste
from tests.e2e.conftest import PATIENCE_MS, Console
from tests.e2e.guides import serving_project
from tests.fields.material import picture

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.needs("chromium", "htmx", "react", "react-dom", "scheduler", "typescript"),
    pytest.mark.acceptance(78),
]

CONTENT = picture(size=(1600, 1200))
GUIDES = ("ffmpeg-workers", "htmx", "rest-framework", "react")

SETTINGS = """
SHIFT_MEDIA["UPLOADS"] = {"photos.Photo.image": "shift_media.direct.may_add"}
MIDDLEWARE += ["shift_media.direct.middleware.DirectUploadMiddleware"]
STATICFILES_DIRS = [BASE_DIR / "static"]
"""

URLS = """
from django.shortcuts import render
from photos.views import PhotoForm


def show(request, template):
    return render(request, template, {"form": PhotoForm()})


urlpatterns += [
    path("pages/<template>", show),
]
"""

HTMX_PAGE = """{% load static %}<!doctype html>
<html lang="en"><head><link rel="icon" href="data:,"><title>htmx</title>
<script src="{% static "vendor/htmx.min.js" %}"></script>{{ form.media }}</head>
<body>
  <div id="clip" hx-get="/clips/1/" hx-trigger="load"></div>
  <div hx-get="/photos/add/" hx-trigger="load" hx-swap="outerHTML"></div>
  <div id="photos"></div>
  <div id="all"><div hx-get="/photos/more/" hx-trigger="revealed" hx-swap="outerHTML"></div></div>
</body></html>
"""

REACT_PAGE = """{% load static %}<!doctype html>
<html lang="en"><head><link rel="icon" href="data:,"><title>React</title></head>
<body><main id="root"></main>{% include "react.html" %}
<script src="{% static "vendor/bundle.js" %}"></script></body></html>
"""

APP = """
const { createElement, useState } = require("react");
const { createRoot } = require("react-dom/client");
const { PhotoUpload } = require("./upload");
const { Picture } = require("./picture");

const App = () => {
  const [images, setImages] = useState([]);
  const onAdded = (image) => setImages((others) => [image, ...others]);
  const shown = images.map((image) => createElement(Picture, { key: image.url, image, alt: "A" }));
  return createElement("div", null, createElement(PhotoUpload, { onAdded }), shown);
};
createRoot(document.getElementById("root")).render(createElement(App));
"""

REQUIRE = """
const loaded = {};
const require = (name) => {
  if (!(name in loaded)) {
    const module = { exports: {} };
    defined[name](require, module, module.exports);
    loaded[name] = module.exports;
  }
  return loaded[name];
};
"""
"""Modules in the browser, instead of the bundler of a site."""

PREPARE = """
from photos.models import Clip, Photo
from shift_media.testing import make_image, make_video

first = Photo.objects.create(image=make_image(400, 300))
for number in range(13):
    Photo.objects.create(image=first.image)
job = Clip.objects.create(video=make_video()).video.transcode()
type(job).objects.update(state="progressing", progress=40)
"""


@dataclass
class ComponentSite:
    """The project of the guides."""

    url: str
    session: str
    folder: Path

    def count(self) -> int:
        """Return the number of photos."""
        with closing(sqlite3.connect(self.folder / "db.sqlite3")) as database:
            (number,) = database.execute("SELECT count(*) FROM photos_photo").fetchone()
        return int(number)

    def fail_job(self) -> None:
        """Let the job of the video have failed."""
        with closing(sqlite3.connect(self.folder / "db.sqlite3")) as database, database:
            database.execute("UPDATE shift_media_transcodejob SET state = 'error'")


@pytest.fixture(scope="module")
def project(
    tmp_path_factory: pytest.TempPathFactory,
    free_port: Callable[[], int],
    needs: Callable[[str], Path],
) -> Iterator[ComponentSite]:
    """Run the project of the guides, on a local disk."""
    folder = tmp_path_factory.mktemp("components")
    create_project(folder)
    for guide in GUIDES:
        paste(f"how-to/{guide}", folder)
    for name, text in (("settings", SETTINGS), ("urls", URLS)):
        with (folder / f"site1/{name}.py").open("a") as file:
            file.write(text)
    templates = folder / "photos/templates"
    (templates / "htmx-page.html").write_text(HTMX_PAGE)
    (templates / "react-page.html").write_text(REACT_PAGE)
    vendor = folder / "static/vendor"
    vendor.mkdir(parents=True)
    shutil.copy(needs("htmx"), vendor / "htmx.min.js")
    (vendor / "bundle.js").write_text(bundle(folder, needs))
    with serving_project(folder, free_port(), PREPARE) as (url, session):
        yield ComponentSite(url, session, folder)


def bundle(folder: Path, needs: Callable[[str], Path]) -> str:
    """Compile the components of the guide, and return a script with all that they import."""
    options = ["--noCheck", "--jsx", "react-jsx", "--module", "commonjs", "--target", "es2022"]
    (folder / "media.d.ts").touch()
    command = ["node", str(needs("typescript")), *options, "upload.tsx", "picture.tsx"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
    react, dom = needs("react"), needs("react-dom")
    modules = {
        "react": react,
        "react/jsx-runtime": react.with_name("react-jsx-runtime.production.js"),
        "react-dom": dom.with_name("react-dom.production.js"),
        "react-dom/client": dom,
        "scheduler": needs("scheduler"),
        "./upload": folder / "upload.js",
        "./picture": folder / "picture.js",
    }
    defined = ",\n".join(
        f"{json.dumps(name)}: (require, module, exports) => {{\n{path.read_text()}\n}}"
        for name, path in modules.items()
    )
    return f"(() => {{\nconst defined = {{\n{defined}\n}};\n{REQUIRE}{APP}}})();\n"


@pytest.fixture
def page(browser: Browser, project: ComponentSite, console: Console) -> Iterator[Page]:
    """Open a page as a user who may upload."""
    context: BrowserContext = browser.new_context(base_url=project.url)
    context.set_default_timeout(PATIENCE_MS)
    cookie = {"name": "sessionid", "value": project.session, "url": project.url}
    context.add_cookies([cookie])  # type: ignore[list-item]
    page = context.new_page()
    console.watch(page)
    yield page
    context.close()


FILE = {"name": "Lake.JPG", "mimeType": "image/jpeg", "buffer": CONTENT}


def test_htmx_adds_a_picture_scrolls_and_waits_for_a_video(
    page: Page, project: ComponentSite, console: Console
) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method + request.url))
    page.goto("/pages/htmx-page.html")
    before = project.count()
    expect(page.locator("#all img")).to_have_count(12)
    page.locator("#all > div").scroll_into_view_if_needed()
    expect(page.locator("#all img")).to_have_count(before)
    page.set_input_files("[name=image]", FILE)  # type: ignore[arg-type]
    expect(page.locator(".shift-media-facts")).to_contain_text("uploaded")
    page.click("button:text-is('Add')")
    expect(page.locator("#photos img")).to_have_count(1)
    expect(page.locator(".shift-media-file")).to_have_count(0)  # The form is empty again.
    assert project.count() == before + 1
    assert f"POST{project.url}/media/upload/" in sent
    expect(page.locator("#clip progress")).to_have_attribute("value", "40")
    project.fail_job()
    expect(page.locator("#clip")).to_contain_text("could not be processed")
    assert console.errors == []


def test_react_uploads_and_shows_a_picture(
    page: Page, project: ComponentSite, console: Console
) -> None:
    page.goto("/pages/react-page.html")
    before = project.count()
    page.get_by_label("Photo").set_input_files(FILE)  # type: ignore[arg-type]
    shown = page.get_by_role("img", name="A", exact=True)
    expect(shown).to_have_attribute("width", "1600")
    shown.evaluate("image => image.decode()")
    assert shown.evaluate("image => image.currentSrc").endswith(".jpg")
    assert project.count() == before + 1
    broken = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"<html>" * 100}
    page.get_by_label("Photo").set_input_files(broken)  # type: ignore[arg-type]
    expect(page.get_by_role("alert")).to_contain_text("Choose JPEG")
    assert [error for error in console.errors if "400" not in error] == []

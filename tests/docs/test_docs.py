"""The documentation builds, its quickstart works, and its reference is complete."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
import time
from io import BytesIO
from pathlib import Path
from urllib.error import URLError
from urllib.request import HTTPCookieProcessor, OpenerDirector, Request, build_opener

import pytest
from PIL import Image

from tests.docs.blocks import DOCS
from tests.docs.built import build_pages
from tests.docs.projects import QUICKSTART, write_quickstart
from tests.parts import ROOT


@pytest.fixture(scope="session")
def html(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the built pages."""
    return build_pages(tmp_path_factory)


@pytest.mark.slow
def test_documentation_builds_without_warnings(html: Path) -> None:
    assert (html / "index.html").stat().st_size > 1000


@pytest.mark.slow
def test_links_that_lead_out_of_the_documentation_have_a_host(html: Path) -> None:
    """`make links` opens them; this needs no network."""
    pages = "\n".join(page.read_text() for page in html.rglob("*.html"))
    links = set(re.findall(r'class="reference external" href="([^"]+)"', pages))
    assert {link for link in links if not re.match(r"https://[\w-]+(\.[\w-]+)+/", link)} <= {
        "http://127.0.0.1:8000/"
    }
    assert {link for link in links if "example.com" in link} == set()


def test_make_docs_treats_warnings_as_errors() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\ndocs:")[2].partition("\n\n")[0]
    assert "-m sphinx -W" in recipe


def test_every_command_is_in_the_reference() -> None:
    commands = {path.stem for path in (ROOT / "shift_media/management/commands").glob("media_*")}
    text = (DOCS / "reference/commands.rst").read_text()
    assert set(re.findall(r"^\.\. media-command:: (\w+)$", text, re.MULTILINE)) == commands


@pytest.fixture
def quickstart(tmp_path: Path, unpacked_wheel: Path) -> tuple[Path, dict[str, str]]:
    """Write the project of the quickstart; return its folder and environment."""
    environment = {**os.environ, "PYTHONPATH": str(unpacked_wheel)}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    for line in QUICKSTART["quickstart-start"].splitlines():
        run(tmp_path, environment, *shlex.split(line))
    write_quickstart(tmp_path)
    return tmp_path, environment


def run(folder: Path, environment: dict[str, str], *words: str) -> None:
    assert words[0] == "python"
    command = [sys.executable, *words[1:]]
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.slow
def test_quickstart_project_shows_an_uploaded_picture(
    quickstart: tuple[Path, dict[str, str]],
) -> None:
    folder, environment = quickstart
    *setting_up, serving = QUICKSTART["quickstart-run"].splitlines()
    for line in setting_up:
        run(folder, environment, *shlex.split(line))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    server = subprocess.Popen(
        [sys.executable, *shlex.split(serving)[1:], "--noreload", address],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert_picture_is_shown(f"http://{address}")
    finally:
        server.terminate()
        server.wait(60)


def assert_picture_is_shown(site: str) -> None:
    browser = build_opener(HTTPCookieProcessor())
    page = first_page(browser, site)
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    page = browser.open(upload(site, token[1])).read().decode()
    source = re.search(r'<img [^>]*\bsrc="([^"]+)"', page)
    assert source, page
    made = Image.open(BytesIO(browser.open(site + source[1]).read()))
    assert (made.format, made.size) == ("WEBP", (400, 300))


def first_page(browser: OpenerDirector, site: str) -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            page: bytes = browser.open(f"{site}/").read()
        except URLError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return page.decode()


def upload(site: str, token: str) -> Request:
    file = BytesIO()
    Image.linear_gradient("L").resize((1600, 1200)).convert("RGB").save(file, "JPEG")
    parts = [
        b'Content-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n' + token.encode(),
        b'Content-Disposition: form-data; name="image"; filename="Lake.JPG"\r\n'
        b"Content-Type: image/jpeg\r\n\r\n" + file.getvalue(),
    ]
    body = b"".join(b"--border\r\n" + part + b"\r\n" for part in parts) + b"--border--\r\n"
    kind = "multipart/form-data; boundary=border"
    return Request(f"{site}/", body, {"Content-Type": kind, "Referer": f"{site}/"})

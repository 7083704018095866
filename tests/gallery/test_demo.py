"""The commands `seed` and `demo`, and the pictures that they draw."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from testproject.gallery.pictures import ORIENTATION, PICTURES

ROOT = Path(__file__).resolve().parents[2]


Demo = tuple[Path, str]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-u", "manage.py", "demo", *arguments]


def environment(folder: Path) -> dict[str, str]:
    settings = "testproject.settings"  # not those of the tests
    return {**os.environ, "DJANGO_SETTINGS_MODULE": settings, "SHIFT_MEDIA_DEMO_DIR": str(folder)}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Create the demo once in a folder of its own; return the folder and the output."""
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        command("--no-serve"),
        cwd=ROOT,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def drawn(demo: Demo) -> dict[str, bytes]:
    """Return the pictures that the demo stored, by name."""
    files = (demo[0] / "media").rglob("*.*")
    originals = [file for file in files if file.is_file() and file.parent.name == file.name]
    return {file.name: file.read_bytes() for file in originals if file.suffix != ".mp4"}


@pytest.mark.slow
def test_demo_pictures_vary_in_size_format_and_alpha(drawn: dict[str, bytes]) -> None:
    images = {name: Image.open(io.BytesIO(content)) for name, content in drawn.items()}
    assert len(images) >= 8
    assert {image.format for image in images.values()} == {"JPEG", "PNG", "GIF", "WEBP"}
    assert any("A" in image.getbands() for image in images.values())
    assert any(getattr(image, "n_frames", 1) > 1 for image in images.values())
    pixels = [
        w * h * getattr(image, "n_frames", 1) for image in images.values() for w, h in [image.size]
    ]
    assert min(pixels) >= 4_000_000
    assert max(pixels) < 50_000_000
    for image in images.values():
        image.close()


@pytest.mark.slow
def test_one_demo_picture_is_rotated_by_exif(drawn: dict[str, bytes]) -> None:
    turned = []
    for name, content in drawn.items():
        with Image.open(io.BytesIO(content)) as image:
            if image.getexif().get(ORIENTATION, 1) != 1:
                turned.append(name)
                upright = ImageOps.exif_transpose(image)
                assert upright.height > upright.width > 0
                assert image.width > image.height
    assert turned == ["balloons.jpg"]


@pytest.mark.slow
def test_demo_pictures_are_deterministic(drawn: dict[str, bytes]) -> None:
    for picture in PICTURES[-3:]:
        assert picture.draw() == drawn[picture.file_name]


@pytest.mark.slow
def test_demo_prints_password_and_progress(demo: Demo) -> None:
    _, output = demo
    assert re.search(r"admin, password [\w-]{10,}\n", output)
    assert f"12 of {len(PICTURES)}" in output
    assert "5 of them" in output
    assert "evening-sea.mp4" in output


@pytest.mark.slow
def test_album_of_the_demo_shares_the_files_of_its_pictures(
    demo: Demo, drawn: dict[str, bytes]
) -> None:
    names = [path.name for path in (demo[0] / "media").rglob("*.jpg") if path.is_file()]
    assert names.count("dunes.jpg") == 1


@pytest.mark.slow
def test_demo_serves_pictures_on_next_free_port(demo: Demo, free_port: Callable[[], int]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", free_port()))
        taken.listen()
        port = taken.getsockname()[1]
        server = subprocess.Popen(
            command("--port", str(port)),
            cwd=ROOT,
            env=environment(demo[0]),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            output = _until_ready(server)
            assert f"Port {port} is taken" in output
            assert "has pictures already" in output
            found = re.search(r"Gallery\s+(http://\S+)", output)
            assert found is not None
            _check_page(found[1])
        finally:
            server.terminate()
            server.communicate(timeout=60)


def _check_page(url: str) -> None:
    sources = re.findall(r'src="(/media/[^"]+)"', _get(url).decode())
    assert len(sources) == len(PICTURES)
    with Image.open(io.BytesIO(_get(url.rstrip("/") + sources[0]))) as first:
        assert first.width == 1080


def _until_ready(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    output = ""
    for line in server.stdout:
        output += line
        if "stops it" in line:
            break
    return output


def _get(url: str) -> bytes:
    for _ in range(600):
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                content: bytes = answer.read()
                return content
        except urllib.error.URLError:
            time.sleep(0.1)
    pytest.fail(f"{url} does not answer")

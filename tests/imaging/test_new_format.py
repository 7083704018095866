"""The guide that adds an image format: its three steps, applied to a copy of the package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shift_media.core.formats import FORMATS, RESIZE_FORMATS
from shift_media.core.spec import MAYBE_ANIMATED
from shift_media.imaging.engine import animation, encode
from shift_media.imaging.formats import IMAGE_FORMATS
from tests.docs.blocks import BLOCKS
from tests.parts import PACKAGE, ROOT

STEPS = {block.name: block.text for block in BLOCKS if block.name.startswith("format-")}

USE = """
from io import BytesIO

import django
from django.conf import settings
from PIL import Image

settings.configure(SECRET_KEY="x" * 50, INSTALLED_APPS=["shift_media"])
django.setup()

from shift_media import resizes
from shift_media.core import formats
from shift_media.core.errors import Undecodable, UnsupportedType
from shift_media.core.keys import new_original_key
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.probe import probe
from shift_media.imaging.strip import can_strip, strip
from shift_media.storages import LocalMediaStorage
from shift_media.validators import InvalidMedia, MediaValidator

picture = Image.new("RGB", (30, 20), "red")
picture.paste("blue", (0, 0, 15, 20))
file = BytesIO()
picture.save(file, "SGI", name=b"secret")
sgi = file.getvalue()


def refused(function, *arguments):
    try:
        function(*arguments)
    except (Undecodable, UnsupportedType, InvalidMedia):
        return True
    return False


facts = probe(BytesIO(sgi))
assert (facts.format.name, facts.width, facts.height) == ("SGI", 30, 20)
assert refused(probe, BytesIO(sgi[:20]))
assert refused(probe, BytesIO(sgi[:6] + bytes(2) + sgi[8:]))

assert can_strip(facts.format)
stripped = strip(BytesIO(sgi + b"behind")).read()
assert len(stripped) == len(sgi)
assert b"secret" not in stripped

MediaValidator(accept=["image/sgi"])(BytesIO(sgi))
assert refused(MediaValidator(accept=["image/*"]), BytesIO(sgi))

key = str(new_original_key("drawing.sgi", "sgi"))
resize = resizes.build(key, "15x10", storage=LocalMediaStorage(location="m", base_url="/m/"))
assert resize.key.endswith(".jpg"), resize.key

made = engine.make(BytesIO(sgi), resize.spec)
image = Image.open(BytesIO(made.content)).convert("RGB")
assert image.size == (15, 10)
assert image.getpixel((2, 5))[2] > 200 and image.getpixel((12, 5))[0] > 200
assert [r.width for r in engine.make_many(BytesIO(sgi), [resize.spec, resize.spec])] == [15, 15]
assert engine.preview(BytesIO(sgi)).placeholder.startswith("data:image/webp")
print("done")
"""
"""Everything that a site does with an original of the new format."""


def replace_once(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new))


def indented(text: str) -> str:
    return "".join(f"    {line}" for line in text.splitlines(keepends=True))


@pytest.fixture
def extended(tmp_path: Path) -> Path:
    """Copy the package, follow the three steps of the guide, and return the folder of the copy."""
    package = tmp_path / "shift_media"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "locale"))
    first_video = '    Format("MP4", "mp4"'
    row = indented(STEPS["format-row"])
    replace_once(package / "core/formats.py", first_video, row + first_video)
    (package / "imaging/formats/sgi.py").write_text(STEPS["format-module"])
    registry = package / "imaging/formats/__init__.py"
    registration, table = STEPS["format-registration"].split("\n\n", 1)
    import_before = "from shift_media.imaging.formats.tiff import TIFF\n"
    replace_once(registry, import_before, f"{registration}\n{import_before}")
    start = registry.read_text().index("IMAGE_FORMATS: Final")
    end = registry.read_text().index("}\n", start) + 2
    replace_once(registry, registry.read_text()[start:end], table)
    return tmp_path


def changed_files(copy: Path) -> set[str]:
    return {
        str(path.relative_to(copy / "shift_media"))
        for path in (copy / "shift_media").rglob("*.py")
        if not (original := PACKAGE.parent / path.relative_to(copy)).exists()
        or original.read_bytes() != path.read_bytes()
    }


@pytest.mark.slow
def test_format_of_the_guide_works_after_changes_to_three_files(extended: Path) -> None:
    assert changed_files(extended) == {
        "core/formats.py",
        "imaging/formats/sgi.py",
        "imaging/formats/__init__.py",
    }
    ran = subprocess.run(
        [sys.executable, "-c", USE],
        cwd=extended,
        env={**os.environ, "PYTHONPATH": str(extended), "DJANGO_SETTINGS_MODULE": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "done\n"), ran.stderr


def test_code_of_the_guide_passes_the_linter(extended: Path) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    if not ruff.exists():
        pytest.skip("ruff is not installed")
    files = ["core/formats.py", "imaging/formats/sgi.py", "imaging/formats/__init__.py"]
    paths = [str(extended / "shift_media" / file) for file in files]
    for command in (["check", "-q"], ["format", "--check", "-q"]):
        ran = subprocess.run(
            [str(ruff), *command, "--config", str(ROOT / "pyproject.toml"), *paths],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout


def test_each_row_of_an_image_has_a_module_and_each_module_a_row() -> None:
    images = {row.extension for row in FORMATS if row.kind == "image"}
    assert set(IMAGE_FORMATS) == images
    assert all(each.format in FORMATS for each in IMAGE_FORMATS.values())


def test_each_row_says_what_its_resizes_need() -> None:
    for row in FORMATS:
        if row.resize:
            assert row.pillow
            assert row.quality is None or 1 <= row.quality <= 99
        assert row.resized_as is None or row.resized_as in RESIZE_FORMATS
        assert row.resized_as is not None or row.kind not in ("image", "video")


def test_each_animated_format_has_an_encoder_of_animations() -> None:
    animated = {row.extension for row in RESIZE_FORMATS.values() if row.animation}
    assert set(animation._ENCODERS) == animated | MAYBE_ANIMATED


def test_each_format_of_resizes_has_an_encoder_of_its_own() -> None:
    assert set(encode._ENCODERS) == set(RESIZE_FORMATS)

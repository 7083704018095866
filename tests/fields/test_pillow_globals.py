"""Globals of Pillow that another app of the process has changed."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, cast

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from PIL import AvifImagePlugin, GifImagePlugin, Image, ImageColor, ImageFile, PngImagePlugin

from shift_media.doctor import pillow
from shift_media.doctor.findings import Severity
from shift_media.doctor.probe import ProbeImage
from shift_media.imaging import engine
from shift_media.validators import InvalidMedia
from tests.imaging import images
from tests.parts import ROOT
from tests.testapp.models import Photo

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

PICTURE = images.photograph(160, 120)
FRAMES = [images.photograph(80, 60, seed) for seed in range(3)]
ORIGINALS = {
    "jpg": images.encoded(PICTURE, "jpg"),
    "progressive": images.encoded(PICTURE, "jpg", progressive=True),
    "png": images.encoded(PICTURE, "png"),
    "gif": images.animated("gif", [frame.quantize(32) for frame in FRAMES], [50] * 3),
    "webp": images.animated("webp", FRAMES, [50] * 3),
    "avif": images.encoded(PICTURE, "avif"),
}
OUTPUTS = ("jpg", "png", "gif", "webp", "avif")


def refuse(*arguments: Any, **options: Any) -> Any:
    raise ValueError("another package's codec was called")


def replace_plugins(patch: pytest.MonkeyPatch) -> None:
    """Register a function that fails under the names of Pillow's own codecs."""
    for registry in ("OPEN", "SAVE", "SAVE_ALL", "MIME"):
        names = ("JPEG", "PNG", "GIF", "WEBP", "AVIF")
        patch.setattr(Image, registry, dict.fromkeys(names, refuse))
    patch.setattr(Image, "ID", [])
    patch.setattr(Image, "DECODERS", dict.fromkeys(("jpeg", "zip", "gif", "raw"), refuse))


@pytest.mark.slow
@pytest.mark.acceptance(66)
def test_registered_plugins_are_not_called_for_pictures_that_are_not_resizes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replace_plugins(monkeypatch)
    assert {each.severity for each in pillow.check_pillow()} == {Severity.OK}
    assert ProbeImage(cast("Any", storages["media"])).draw().startswith(b"\xff\xd8")
    for format in OUTPUTS:
        assert engine.save_picture(PICTURE.quantize(9).convert("RGB"), format)


@pytest.mark.slow
def test_only_the_engine_saves_and_opens_pictures_by_the_registry_of_pillow() -> None:
    """Files for a site's own tests are the exception: they are made in its test process alone.

    The scripts of the sandbox run in processes of their own, which no other app changes.
    """
    calls = re.compile(r"\bImage\.open\(|\.save\([^)]*(\"[A-Z]{3,}\"|\.pillow)")
    found = {
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in (ROOT / "shift_media").rglob("*.py")
        if path.parent.name not in ("testing", "engine", "sandbox")
        for line in path.read_text().splitlines()
        if calls.search(line)
    }
    assert found == set(), "Use engine.save_picture and engine.open_picture."


def set_globals(*changes: tuple[object, str, object]) -> Callable[[pytest.MonkeyPatch], None]:
    def change(patch: pytest.MonkeyPatch) -> None:
        for module, name, value in changes:
            patch.setattr(module, name, value)

    return change


CHANGES = {
    "truncated files": set_globals((ImageFile, "LOAD_TRUNCATED_IMAGES", True)),
    "few pixels": set_globals((Image, "MAX_IMAGE_PIXELS", 100)),
    "no limit of pixels": set_globals((Image, "MAX_IMAGE_PIXELS", None)),
    "blocks": set_globals((ImageFile, "MAXBLOCK", 1 << 20), (ImageFile, "SAFEBLOCK", 100)),
    "errors": set_globals((ImageFile, "ERRORS", {})),
    "text": set_globals(
        (PngImagePlugin, "MAX_TEXT_CHUNK", 1), (PngImagePlugin, "MAX_TEXT_MEMORY", 1)
    ),
    "frames": set_globals(
        (GifImagePlugin, "LOADING_STRATEGY", GifImagePlugin.LoadingStrategy.RGB_ALWAYS)
    ),
    "avif codec": set_globals((AvifImagePlugin, "DECODE_CODEC_CHOICE", "svt")),
    "colours": set_globals((ImageColor, "colormap", {"#ffffff": "#000000"})),
    "plugins": replace_plugins,
}


def made(name: str) -> list[object]:
    """Save an original, make a resize of it in every format, and return what all of it gave."""
    photo = Photo()
    photo.image.save("x.jpg", ContentFile(ORIGINALS[name]))
    resizes = [photo.image.resize("60x60", mode="pad", format=format) for format in OUTPUTS]
    contents = []
    for resize in resizes:
        assert resize.ensure()
        with photo.image.storage.open(resize.key) as file:
            contents.append(file.read())
    return [photo.image.metadata, *contents]


@cache
def made_without_changes() -> dict[str, list[object]]:
    return {name: made(name) for name in ORIGINALS}


@pytest.mark.slow
@pytest.mark.acceptance(66)
@pytest.mark.parametrize("change", CHANGES)
def test_changed_pillow_global_changes_no_resize(
    change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = made_without_changes()
    CHANGES[change](monkeypatch)
    assert {name: made(name) for name in ORIGINALS} == expected


@pytest.mark.acceptance(66)
@pytest.mark.parametrize("change", ["truncated files", "no limit of pixels"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_changed_pillow_global_lets_no_cut_file_in(
    change: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    CHANGES[change](monkeypatch)
    for name, content in ORIGINALS.items():
        with pytest.raises(InvalidMedia):
            Photo().image.save(f"{name}.jpg", ContentFile(content[: int(share * len(content))]))


@pytest.mark.acceptance(66)
def test_damaged_palette_transparency_is_refused_whatever_pillow_tolerates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = images.encoded(PICTURE.quantize(16), "png")
    at = content.index(b"IDAT") - 4
    broken = images.png_chunk(b"tRNS", b"\0\x80")[:-1] + b"\0"
    for tolerant in (False, True):
        monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", tolerant)
        with pytest.raises(InvalidMedia):
            Photo().image.save("x.png", ContentFile(content[:at] + broken + content[at:]))

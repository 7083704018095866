"""The photographs that are measured: the user's own, those of the test corpus, or drawn images.

Their names stand in the tables and say which of the three they are.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

_ROOT = Path(__file__).resolve().parent.parent

DRAWN_SIZE = (5312, 2988)
LARGE, LARGE_AREA = "20 MP baseline q90", 20e6
PNG, PNG_AREA = "15 MP RGBA PNG", 15e6
WEBP, WEBP_AREA = "17 MP WebP", 16.9e6
OPAQUE, AVIF, OPAQUE_AREA = "12 MP PNG", "12 MP AVIF", 12e6
"""The images that are made of a photograph: their names, and their areas in pixels."""

MIN_SIDE = 1600
"""Least pixels of the longer side: the largest resize that is measured must not enlarge."""


def _load_test_images() -> Any:
    """Load the tests' module of images by its path, because peers install a package ``tests``."""
    spec = importlib.util.spec_from_file_location("images", _ROOT / "tests/imaging/images.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


images = _load_test_images()


@dataclass(frozen=True)
class Photograph:
    """A JPEG of several megapixels.

    Attributes:
        name: Its name in the tables.
        content: The file.
        is_progressive: True if its scans refine each other, so that few bytes give a small image.
        is_reference: True for the baseline that the highest target is defined for.
    """

    name: str
    content: bytes
    is_progressive: bool = False
    is_reference: bool = False


@dataclass(frozen=True)
class Collection:
    """The photographs of one run.

    Attributes:
        kind: ``"photographs"`` or ``"drawn images"``.
        source: Where they come from, for the head of the report.
        label: The start of the names of other images that are made of them.
        photographs: All of them.
        large: The one of 20 megapixels, baseline, quality 90.
    """

    kind: str
    source: str
    label: str
    photographs: tuple[Photograph, ...]
    large: Photograph

    def pngs_and_webps(self) -> dict[str, bytes]:
        """Return a large PNG and a large WebP by name; their decoders in Pillow cannot shrink."""
        image = Image.open(BytesIO(self.large.content)).convert("RGB")
        transparent = _resample(image, PNG_AREA).convert("RGBA")
        transparent.putalpha(Image.linear_gradient("L").resize(transparent.size))
        opaque = _resample(image, WEBP_AREA)
        return {
            f"{self.label}{PNG}": images.encoded(transparent, "png", compress_level=1),
            f"{self.label}{WEBP}": images.encoded(opaque, "webp", quality=85, method=0),
        }

    def other_kinds(self) -> dict[str, tuple[str, bytes]]:
        """Return a large original of each other format, with its kind, by name."""
        image = Image.open(BytesIO(self.large.content)).convert("RGB")
        opaque = _resample(image, OPAQUE_AREA)
        png = images.encoded(opaque, "png", compress_level=1)
        avif = images.encoded(opaque, "avif", quality=70, subsampling="4:2:0")
        made = {f"{self.label}{OPAQUE}": ("PNG", png), f"{self.label}{AVIF}": ("AVIF", avif)}
        others = self.pngs_and_webps().items()
        return made | {name: (name.split()[-1], content) for name, content in others}

    def __str__(self) -> str:
        return f"{self.kind} {self.source}"


def collect(folder: Path | None = None) -> Collection:
    """Return the photographs in a folder, else those of the corpus, else drawn images."""
    if folder is not None:
        return _own(folder)
    corpus = Path(os.environ.get("SHIFT_MEDIA_CORPUS", _ROOT.parent / "shared" / "corpus"))
    if (corpus / "photos").is_dir():
        return _of_corpus(corpus / "photos")
    return _drawn(*DRAWN_SIZE)


def _own(folder: Path) -> Collection:
    found = dict(_photographs_in(folder))
    if not found:
        sys.exit(
            f"Nothing to measure in {folder}: put JPEG files with a side of at least {MIN_SIDE} "
            "pixels there, in RGB or grey."
        )
    file_name, first = next(iter(found.items()))
    large = Photograph(f"{file_name} as {LARGE}", _large(first.content))
    photographs = tuple(found.values())
    return Collection("photographs", f"in {folder}", f"{file_name} as ", photographs, large)


def _photographs_in(folder: Path) -> Iterator[tuple[str, Photograph]]:
    paths = (p for p in folder.glob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    for path in sorted(paths):
        try:
            content = without_metadata(path.read_bytes())
            image = Image.open(BytesIO(content))
        except (OSError, ValueError) as error:
            print(f"{path.name} is left out: {error}", file=sys.stderr)
            continue
        if image.mode not in ("RGB", "L") or max(image.size) < MIN_SIDE:
            size = f"{image.width} × {image.height} pixels, {image.mode}"
            print(f"{path.name} is left out, because it has {size}.", file=sys.stderr)
            continue
        is_progressive = bool(image.info.get("progressive"))
        kind = "progressive" if is_progressive else "baseline"
        megapixels = image.width * image.height / 1e6
        name = f"{path.name}, {megapixels:.0f} MP {kind}"
        yield path.name, Photograph(name, content, is_progressive)


def without_metadata(content: bytes) -> bytes:
    """Return a JPEG without the segments APP1 to APP13: EXIF, colour profile, XMP.

    Engines differ in what they make of an orientation or a profile, and would be compared on
    different pixels. Raises `ValueError` for a file that is not a JPEG.
    """
    if content[:2] != b"\xff\xd8":
        raise ValueError("it is not a JPEG")
    kept, at = bytearray(content[:2]), 2
    while at + 4 <= len(content) and content[at] == 0xFF and content[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
        if not 0xE1 <= content[at + 1] <= 0xED:
            kept += content[at:end]
        at = end
    return bytes(kept + content[at:])


def _of_corpus(photos: Path) -> Collection:
    sunset = (photos / "sunset_12mp_prog.jpg").read_bytes()
    baseline = (photos / "seeding_16mp_base.jpg").read_bytes()
    progressive = (photos / "seeding_16mp_prog.jpg").read_bytes()
    large = Photograph(LARGE, _large(sunset))
    photographs = (
        Photograph("seeding 16 MP baseline", baseline, is_reference=True),
        large,
        Photograph("seeding 16 MP progressive", progressive, is_progressive=True),
        Photograph("sunset 12 MP progressive", sunset, is_progressive=True),
    )
    return Collection("photographs", "of the test corpus", "", photographs, large)


def _drawn(width: int, height: int) -> Collection:
    def encoded(image: Image.Image, *, progressive: bool = False) -> bytes:
        content: bytes = images.encoded(
            image, "jpg", quality=90, subsampling="4:2:0", progressive=progressive
        )
        return content

    one = images.photograph(width, height)
    other = images.photograph(width * 3 // 4, height, seed=8)
    size, other_size = (f"{image.width * image.height / 1e6:.0f} MP" for image in (one, other))
    large = Photograph(f"drawn {LARGE}", _large(encoded(other)))
    photographs = (
        Photograph(f"drawn {size} baseline", encoded(one), is_reference=True),
        large,
        Photograph(f"drawn {size} progressive", encoded(one, progressive=True), True),
        Photograph(f"drawn {other_size} progressive", encoded(other, progressive=True), True),
    )
    hint = "because the test corpus is missing (PHOTOS=folder measures photographs of yours)"
    return Collection("drawn images", hint, "drawn ", photographs, large)


def _large(content: bytes) -> bytes:
    """Return a baseline JPEG of 20 megapixels, quality 90, of another photograph."""
    image = _resample(Image.open(BytesIO(content)).convert("RGB"), LARGE_AREA)
    encoded: bytes = images.encoded(image, "jpg", quality=90, subsampling="4:2:0")
    return encoded


def _resample(image: Image.Image, area: float) -> Image.Image:
    scale = (area / (image.width * image.height)) ** 0.5
    size = (round(image.width * scale), round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)

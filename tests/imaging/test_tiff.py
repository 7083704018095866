"""TIFF: scans and exports of cameras, decoded by Pillow's libtiff."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from shift_media.core.errors import (
    MediaError,
    NotStrippable,
    TooManyPixels,
    Undecodable,
    UnsupportedType,
)
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.engine import decoders
from shift_media.imaging.probe import probe
from shift_media.imaging.strip import strip
from tests.imaging import images
from tests.parts import package

UPRIGHT = images.quadrants(64, 48)
PNG = Spec.make("64x64", format="png")


def made(content: bytes, spec: Spec = PNG) -> Image.Image:
    return images.opened(engine.make(BytesIO(content), spec).content)


def saved(image: Image.Image = UPRIGHT, **options: Any) -> bytes:
    output = BytesIO()
    image.save(output, "TIFF", **options)
    return output.getvalue()


def by_vips(image: Image.Image = UPRIGHT, **options: Any) -> bytes:
    """Encode by libvips, which writes tiles, BigTIFF and 16 bits."""
    pyvips = package("pyvips", "vips")
    pixels = pyvips.Image.new_from_array(np.asarray(image))
    if options.pop("deep", False):
        pixels = pixels.cast("ushort").linear(257, 0).cast("ushort")
        pixels = pixels.copy(interpretation="grey16" if pixels.bands == 1 else "rgb16")
    content: bytes = pixels.tiffsave_buffer(**options)
    return content


def written(
    tags: dict[int, tuple[int, list[int]]],
    strips: list[bytes],
    *,
    order: str = "<",
    next_at: int | None = None,
    offsets: list[int] | None = None,
    lengths: list[int] | None = None,
) -> bytes:
    """Write a TIFF by hand."""
    codes = {1: "B", 3: "H", 4: "I", 16: "Q"}
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
    lengths = [len(strip) for strip in strips] if lengths is None else lengths
    tags = {**tags, 279: (4, lengths), 273: (4, [0] * len(lengths))}
    start = 8 + 2 + 12 * len(tags) + 4
    sizes = [struct.calcsize(codes[type]) * len(values) for type, values in tags.values()]
    extra = sum(size for size in sizes if size > 4)
    at, places = start + extra, []
    for strip_ in strips:
        places.append(at)
        at += len(strip_)
    tags[273] = (4, places if offsets is None else offsets)
    entries, values_ = b"", b""
    for tag, (type, values) in sorted(tags.items()):
        content = struct.pack(f"{order}{len(values)}{codes[type]}", *values)
        entries += struct.pack(f"{order}HHI", tag, type, len(values))
        if len(content) > 4:
            entries += struct.pack(f"{order}I", start + len(values_))
            values_ += content
        else:
            entries += content.ljust(4, b"\0")
    count = struct.pack(f"{order}H", len(tags))
    next_ = struct.pack(f"{order}I", next_at or 0)
    return head + count + entries + next_ + values_ + b"".join(strips)


PIXELS = UPRIGHT.tobytes()
RGB = {256: (4, [64]), 257: (4, [48]), 258: (3, [8, 8, 8]), 262: (3, [2]), 277: (3, [3])}
GREY16 = {256: (4, [64]), 257: (4, [48]), 258: (3, [16]), 262: (3, [1])}


def grey16(order: str) -> bytes:
    pixels = np.asarray(UPRIGHT.convert("L")).astype(order + "u2") * 257
    return written(GREY16, [pixels.astype(order + "u2").tobytes()], order=order)


FILES: dict[str, Callable[[], bytes]] = {
    "plain": saved,
    "big endian": lambda: written(RGB, [PIXELS], order=">"),
    "LZW": lambda: saved(compression="tiff_lzw"),
    "deflate": lambda: saved(compression="tiff_adobe_deflate"),
    "PackBits": lambda: saved(compression="packbits"),
    "JPEG": lambda: saved(compression="jpeg", quality=95),
    "strips": lambda: saved(images.quadrants(300, 600), strip_size=20_000),
    "palette": lambda: saved(UPRIGHT.quantize(16)),
    "CMYK": lambda: saved(UPRIGHT.convert("CMYK")),
    "tiles": lambda: by_vips(tile=True, tile_width=32, tile_height=16),
    "tiles with predictor": lambda: by_vips(tile=True, compression="lzw", predictor="horizontal"),
    "BigTIFF": lambda: by_vips(bigtiff=True),
    "16 bits": lambda: by_vips(deep=True, compression="deflate"),
    "YCbCr": lambda: by_vips(compression="jpeg", Q=95),
}


@pytest.mark.acceptance(33)
@pytest.mark.parametrize("name", FILES)
def test_tiff_is_resized_in_its_colours(name: str) -> None:
    content = FILES[name]()
    facts = probe(BytesIO(content))
    assert (facts.format.name, facts.has_alpha, facts.frames) == ("TIFF", False, 1)
    assert (facts.width, facts.height) == images.opened(content).size
    for size in ("64x48", "16x12"):
        image = made(content, Spec.make(size, format="png"))
        assert image.mode == "RGB"
        for seen, color in zip(images.corners(image), images.CORNERS, strict=True):
            assert images.near(seen, color, 6), name


GREYS: dict[str, Callable[[], bytes]] = {
    "grey": lambda: saved(UPRIGHT.convert("L")),
    "16 bits": lambda: grey16("<"),
    "16 bits, big endian": lambda: grey16(">"),
    "16 bits, LZW": lambda: by_vips(UPRIGHT.convert("L"), deep=True, compression="lzw"),
}


@pytest.mark.acceptance(33)
@pytest.mark.parametrize("name", GREYS)
def test_grey_tiff_is_resized_in_its_greys(name: str) -> None:
    image = made(GREYS[name]())
    expected = images.corners(UPRIGHT.convert("L"))
    for seen, color in zip(images.corners(image), expected, strict=True):
        assert images.near(seen, color, 3)


def test_fax_is_resized() -> None:
    page = Image.new("1", (64, 48), 1)
    page.paste(0, (0, 0, 32, 48))
    for compression in ("group3", "group4", "raw"):
        image = made(saved(page, compression=None if compression == "raw" else compression))
        assert [color[0] for color in images.corners(image)] == [0, 255, 0, 255]


@pytest.mark.acceptance(33)
def test_transparency_is_kept() -> None:
    picture = UPRIGHT.convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 32, 24))
    for content in (saved(picture), saved(picture, compression="tiff_lzw"), by_vips(picture)):
        assert probe(BytesIO(content)).has_alpha
        image = made(content)
        assert image.mode == "RGBA"
        assert image.getchannel("A").getextrema() == (0, 255)


@pytest.mark.acceptance(32, 72)
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_orientation_is_applied_once(orientation: int, compression: str | None) -> None:
    pixels = images.stored(UPRIGHT, orientation)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[274] = orientation
    content = saved(pixels, tiffinfo=tags, compression=compression)
    facts = probe(BytesIO(content))
    assert (facts.width, facts.height, facts.orientation) == (64, 48, orientation)
    for source in (content, strip(BytesIO(content)).read()):
        image = made(source)
        assert image.size == (64, 48)
        for seen, color in zip(images.corners(image), images.CORNERS, strict=True):
            assert images.near(seen, color, 3)


@pytest.mark.acceptance(36)
def test_stripped_tiff_has_its_picture_and_its_profile_alone() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[270], tags[315], tags[700] = "at home", "Ada", b"<x:xmpmeta/>"
    tags[34853] = {1: "N", 2: (52.5, 0.0, 0.0)}
    profile = images.srgb_profile()
    for compression in (None, "tiff_lzw"):
        if compression:
            del tags[34853]  # libtiff writes no position
        content = saved(tiffinfo=tags, icc_profile=profile, compression=compression) + b"Ada"
        stripped = strip(BytesIO(content)).read()
        for secret in (b"at home", b"Ada", b"xmpmeta"):
            assert secret in content
            assert secret not in stripped
        opened = images.opened(stripped)
        assert opened.tobytes() == UPRIGHT.tobytes()
        assert opened.info["icc_profile"] == profile
        assert engine.make(BytesIO(stripped), PNG) == engine.make(BytesIO(content), PNG)
        assert strip(BytesIO(stripped)).read() == stripped


def test_profile_that_is_shorter_than_its_header_is_removed() -> None:
    """Up to four bytes would stand in the entry of the directory, and not behind it."""
    content = saved(icc_profile=b"ab")
    stripped = strip(BytesIO(content)).read()
    assert strip(BytesIO(stripped)).read() == stripped
    assert "icc_profile" not in images.opened(stripped).info


def test_file_of_several_pages_is_not_stripped() -> None:
    output = BytesIO()
    UPRIGHT.save(output, "TIFF", save_all=True, append_images=[UPRIGHT])
    assert made(output.getvalue()).size == (64, 48)
    with pytest.raises(NotStrippable, match="pages"):
        strip(output)


# Files that are broken, lying or hostile


def big(tag: int, type: int, number: int, value: int = 0) -> bytes:
    """Write a BigTIFF of RGB with one more tag."""
    tags = {**RGB, 279: (4, [len(PIXELS)]), 273: (4, [0])}
    del tags[258]  # Three of them would need a place of their own.
    start = 16 + 8 + 20 * (len(tags) + 2) + 8
    tags[273] = (4, [start])
    entries = {
        each: struct.pack("<HHQQ", each, kind, 1, values[0])
        for each, (kind, values) in tags.items()
    }
    entries[258] = struct.pack("<HHQHHHH", 258, 3, 3, 8, 8, 8, 0)
    entries[tag] = struct.pack("<HHQQ", tag, type, number, value)
    head = b"II\x2b\0\x08\0\0\0" + struct.pack("<QQ", 16, len(entries))
    return head + b"".join(entries[each] for each in sorted(entries)) + bytes(8) + PIXELS


def test_rows_of_a_strip_may_be_more_than_32_bits() -> None:
    content = big(278, 16, 1, 2**40)
    assert images.near(images.corners(made(content))[0], images.RED)


def loop() -> bytes:
    return written({**RGB, 278: (4, [48])}, [PIXELS], next_at=8)


@pytest.mark.acceptance(73)
def test_circle_of_directories_is_not_followed() -> None:
    assert made(loop()).size == (64, 48)
    with pytest.raises(MediaError):
        strip(BytesIO(loop()))


HOSTILE: dict[str, tuple[Callable[[], bytes], type[MediaError]]] = {
    "strip of 4 GB": (lambda: written(RGB, [b"x"], lengths=[2**32 - 1]), Undecodable),
    "strip behind the end": (
        lambda: written(RGB, [PIXELS], offsets=[2**32 - 9999]),
        Undecodable,
    ),
    "strip that is too short": (lambda: written(RGB, [PIXELS[:-1]]), Undecodable),
    "no strips": (lambda: written(RGB, []), Undecodable),
    "4,294,967,295 a side": (
        lambda: written({**RGB, 256: (4, [2**32 - 1]), 257: (4, [2**32 - 1])}, [b"x"]),
        TooManyPixels,
    ),
    "65,535 a side": (
        lambda: written({**RGB, 256: (3, [65_535]), 257: (3, [65_535]), 259: (3, [5])}, [b"x"]),
        TooManyPixels,
    ),
    "no width": (lambda: written({**RGB, 256: (4, [0])}, [b"x"]), Undecodable),
    "huge tile": (
        lambda: written(
            {**RGB, 322: (4, [65_536]), 323: (4, [65_536]), 324: (4, [8]), 325: (4, [9])}, []
        ),
        Undecodable,
    ),
    "raw photo": (lambda: written({**RGB, 50706: (1, [1, 4, 0, 0])}, [PIXELS]), UnsupportedType),
    "thumbnail first": (lambda: written({**RGB, 254: (4, [1])}, [PIXELS]), UnsupportedType),
    "old JPEG": (lambda: written({**RGB, 259: (3, [6])}, [b"\xff\xd8"]), UnsupportedType),
    "floats": (
        lambda: written({**GREY16, 258: (3, [32]), 339: (3, [3])}, [bytes(64 * 48 * 4)]),
        UnsupportedType,
    ),
    "200 samples": (
        lambda: written({**RGB, 277: (3, [200]), 258: (3, [8] * 200)}, [bytes(99)]),
        UnsupportedType,
    ),
    "broken LZW": (lambda: written({**RGB, 259: (3, [5])}, [b"\x80\xff" * 50]), Undecodable),
    "broken deflate": (lambda: written({**RGB, 259: (3, [8])}, [b"\x78\x9c" * 50]), Undecodable),
    "no entries": (lambda: b"II*\0\x08\0\0\0\0\0\0\0\0\0", Undecodable),
    "directory behind the end": (lambda: b"II*\0\xff\xff\xff\x7f", Undecodable),
    "65,535 entries": (lambda: b"II*\0\x08\0\0\0\xff\xff" + bytes(99), Undecodable),
    "no bits": (lambda: written({**RGB, 258: (3, [])}, [PIXELS]), UnsupportedType),
    "BigTIFF of a tag with 2 ** 40 values of an unknown type": (
        lambda: big(266, 99, 2**40),
        Undecodable,
    ),
    "BigTIFF of 2 ** 64 entries": (
        lambda: b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**64 - 1),
        Undecodable,
    ),
}


@pytest.mark.acceptance(25, 29, 30, 73)
@pytest.mark.parametrize("name", HOSTILE)
def test_lying_tiff_is_refused(name: str) -> None:
    write, error = HOSTILE[name]
    with pytest.raises(error):
        engine.preview(BytesIO(write()))


@pytest.mark.acceptance(25, 73)
def test_size_is_refused_before_the_decoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "load", None)
    for name, (write, error) in HOSTILE.items():
        if not name.startswith("broken"):
            with pytest.raises(error):
                engine.preview(BytesIO(write()))


@pytest.mark.acceptance(71)
@pytest.mark.parametrize("name", ["plain", "LZW", "deflate", "JPEG", "strips", "tiles"])
def test_cut_tiff_is_refused_or_can_be_made(name: str) -> None:
    content = FILES[name]()
    for percent in range(1, 100, 3):
        cut = content[: len(content) * percent // 100]
        try:
            engine.preview(BytesIO(cut))
        except MediaError:
            continue
        assert made(cut, Spec.make("64x48", format="jpg")).size


@pytest.mark.acceptance(66)
def test_globals_of_pillow_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = [engine.make(BytesIO(FILES[name]()), PNG) for name in ("plain", "LZW")]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    monkeypatch.setattr(TiffImagePlugin, "READ_LIBTIFF", True)
    assert [engine.make(BytesIO(FILES[name]()), PNG) for name in ("plain", "LZW")] == before


@pytest.mark.acceptance(29, 30)
def test_hostile_files_of_the_corpus_are_made_or_raise_a_media_error(corpus: Path) -> None:
    found = [*(corpus / "hostile").rglob("*.tif"), *(corpus / "hostile").rglob("*.dng")]
    assert len(found) > 5
    for path in found:
        with contextlib.suppress(MediaError):
            made(path.read_bytes())

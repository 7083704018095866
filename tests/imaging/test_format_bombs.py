"""Bombs in formats that browsers do not show, and the largest originals within the limits."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from shift_media.core.errors import Undecodable
from shift_media.imaging.probe import probe
from tests.imaging import heics, images, test_bmp_ico, test_heic, test_jp2, test_tiff
from tests.imaging.conftest import Measured
from tests.imaging.heics import box
from tests.imaging.limits import CPU_SECONDS, HEADER, LARGEST
from tests.kept import kept

CELL = Image.new("RGB", (64, 64), images.RED)

BOMBS: dict[str, Callable[[], bytes]] = {
    "HEIC of 60,000 a side": lambda: heics.grid_of_one((60_000, 60_000), 40, heics.coded(CELL)),
    "HEVC of 65,535 a side": lambda: test_heic.declaring(65_535, 65_535),
    "HEVC of 65,535 a side among its units": lambda: test_heic.declaring(
        65_535, 65_535, inside=True
    ),
    "TIFF with a strip of 4 GB": test_tiff.HOSTILE["strip of 4 GB"][0],
    "TIFF of 4,294,967,295 a side": test_tiff.HOSTILE["4,294,967,295 a side"][0],
    "TIFF with huge tiles": test_tiff.HOSTILE["huge tile"][0],
    "BMP of 65,535 a side": lambda: test_bmp_ico.bmp((65_535, 65_535), bytes(99)),
    "ICO with a PNG of 60,000 a side": lambda: test_bmp_ico.icon(
        (64, 32, images.png(60_000, 60_000))
    ),
    **{
        f"JPEG 2000: {name}": lambda name=name: test_jp2.HOSTILE[name][0]
        for name in ("60,000 a side", "tiles of a pixel", "small precincts", "65,535 layers")
    },
}


@pytest.mark.slow
@pytest.mark.acceptance(25, 73)
@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_from_its_header(name: str, measured: Measured) -> None:
    megabytes, seconds, outcome = measured(BOMBS[name](), most=1)
    assert set(outcome) <= {"TooManyPixels", "UnsupportedType", "Undecodable"}
    assert megabytes <= HEADER
    assert seconds < 1


@pytest.mark.slow
@pytest.mark.acceptance(73)
def test_circle_of_directories_costs_little(measured: Measured) -> None:
    megabytes, seconds, outcome = measured(test_tiff.loop(), most=1)
    assert outcome == ["made"] * 2
    assert megabytes <= HEADER
    assert seconds < 1


def tiff_of_deep_colours() -> bytes:
    """Write a TIFF of 50 megapixels with 16 bits and transparency, all zeros, deflated."""
    tags = {
        256: (4, [8000]),
        257: (4, [6250]),
        258: (3, [16] * 4),
        259: (3, [8]),
        262: (3, [2]),
        277: (3, [4]),
        338: (3, [2]),
        278: (4, [250]),
    }
    return test_tiff.written(tags, [zlib.compress(bytes(8000 * 250 * 8))] * 25)


def bmp_of_50_megapixels() -> bytes:
    return test_bmp_ico.bmp((8000, 6250), bytes(8000 * 6250), bits=8, palette=bytes(1024))


ADMITTED: dict[str, Callable[[], bytes]] = {
    "HEIC of 48 megapixels in tiles of 512": lambda: heics.grid_of_one(
        (8064, 6048), 16, heics.coded(images.quadrants(512, 512))
    ),
    "HEIC of 1,936 tiles": lambda: heics.grid_of_one((2816, 2816), 44, heics.coded(CELL)),
    "HEIC of 25 megapixels in one image of 10 bits": lambda: heics.heic(
        Image.new("RGB", (4992, 4992), images.RED), depth=10
    ),
    "TIFF of 50 megapixels": tiff_of_deep_colours,
    "BMP of 50 megapixels": bmp_of_50_megapixels,
    "JPEG 2000 of 17 megapixels": lambda: test_jp2.saved(
        Image.new("RGBA", (4800, 3600), (*images.RED, 99))
    ),
}


@pytest.mark.slow
@pytest.mark.acceptance(26, 73)
@pytest.mark.parametrize("name", ADMITTED)
def test_largest_original_stays_within_the_bound(name: str, measured: Measured) -> None:
    content = kept(name, ADMITTED[name], __file__)
    megabytes, seconds, outcome = measured(content, "3000x3000", most=2 * CPU_SECONDS)
    assert outcome == ["made"] * 2
    assert megabytes <= LARGEST
    assert seconds <= 2 * CPU_SECONDS  # a resize and a preview


def of_empty_boxes(outer: bytes, inner: bytes) -> bytes:
    """Return an AVIF with as many boxes as one box may have in each of some boxes."""
    content = images.encoded(images.quadrants(), "avif")
    empty = box(b"free") * 9_999
    return content + box(outer, *(box(inner, empty) for _ in range(8)))


@pytest.mark.acceptance(25)
@pytest.mark.parametrize(("outer", "inner"), [(b"moov", b"trak"), (b"moof", b"stbl")])
def test_boxes_of_a_file_are_limited_in_all(outer: bytes, inner: bytes) -> None:
    """Twenty megabytes of empty boxes took ten seconds."""
    with pytest.raises(Undecodable, match="50000 boxes"):
        probe(BytesIO(of_empty_boxes(outer, inner)))


def test_boxes_of_properties_are_limited_in_all() -> None:
    content = images.encoded(images.quadrants(), "avif")
    at = content.index(b"iprp") - 4
    length = int.from_bytes(content[at : at + 4], "big")
    longer = box(b"iprp", content[at + 8 : at + length], *[box(b"ipco", box(b"free") * 9_999)] * 8)
    start = content.index(b"meta") - 4
    size = int.from_bytes(content[start : start + 4], "big") + len(longer) - length
    changed = content[:start] + size.to_bytes(4, "big") + content[start + 4 : at]
    with pytest.raises(Undecodable, match="50000 boxes"):
        probe(BytesIO(changed + longer + content[at + length :]))

"""Progressive JPEG: only visible scans are read, and all of them if that is uncertain."""

from __future__ import annotations

import functools
import re
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from shift_media.core.errors import MediaError, Undecodable
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.formats import jpeg_scans
from shift_media.imaging.formats.base import ByteReader
from shift_media.imaging.probe import read_header
from tests.imaging import images

PICTURE = images.photograph(1600, 1200)
DEFAULT = images.encoded(PICTURE, "jpg", progressive=True, subsampling="4:2:0", quality=88)
SMALL = Spec.make("160x120", format="png")
"""A tenth: one pixel of a block is decoded."""

SPECTRAL = "0,1,2: 0-0, 0, 0; 0: 1-5, 0, 0; 1: 1-63, 0, 0; 2: 1-63, 0, 0; 0: 6-63, 0, 0;"
APPROXIMATING = (
    "0,1,2: 0-0, 0, 3; 0: 1-63, 0, 1; 1: 1-63, 0, 1; 2: 1-63, 0, 1; "
    "0,1,2: 0-0, 3, 2; 0,1,2: 0-0, 2, 1;"
    "0,1,2: 0-0, 1, 0; 0: 1-63, 1, 0; 1: 1-63, 1, 0; 2: 1-63, 1, 0;"
)
BY_COMPONENT = (  # like mozjpeg: all of luma before any chroma
    "0: 0-0, 0, 0; 0: 1-8, 0, 2; 0: 9-63, 0, 2; 0: 1-63, 2, 1; 0: 1-63, 1, 0;"
    "1: 0-0, 0, 0; 1: 1-8, 0, 0; 1: 9-63, 0, 0; 2: 0-0, 0, 0; 2: 1-8, 0, 0; 2: 9-63, 0, 0;"
)
CHROMA_TOGETHER = (
    "0: 0-0, 0, 0; 1,2: 0-0, 0, 0; 0: 1-2, 0, 1; 0: 3-63, 0, 1; 0: 1-63, 1, 0;"
    "1: 1-63, 0, 0; 2: 1-63, 0, 0;"
)
SCRIPTS = [SPECTRAL, APPROXIMATING, BY_COMPONENT, CHROMA_TOGETHER]

Rewrite = Callable[..., bytes]


@pytest.fixture
def rewritten(needs: Callable[[str], Path], tmp_path: Path) -> Rewrite:
    """Write the same coefficients in other scans."""

    def rewrite(content: bytes, script: str, *options: str) -> bytes:
        (tmp_path / "scans").write_text(script.replace(";", ";\n"))
        command = [str(needs("jpegtran")), *options, "-scans", str(tmp_path / "scans")]
        return subprocess.run(command, input=content, capture_output=True, check=True).stdout

    return rewrite


class FurthestRead(BytesIO):
    """A file that records how far it was read."""

    furthest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self.furthest = max(self.furthest, self.tell())
        return content


def select_scans(content: bytes, scale: float) -> jpeg_scans.ScanSelection | None:
    source = BytesIO(content)
    return jpeg_scans.select_scans(ByteReader(source), read_header(source), (scale, scale))


def made(content: bytes, spec: Spec = SMALL) -> Image.Image:
    return images.opened(engine.make(BytesIO(content), spec).content)


def starts(content: bytes) -> list[int]:
    return [match.start() for match in re.finditer(rb"\xff\xda\x00[\x08\x0a\x0c]", content)]


@functools.lru_cache(maxsize=16)
def decoded(content: bytes) -> Image.Image:
    """Decode a picture in full, once for all sizes."""
    return images.opened(content).convert("RGB")


def loss(content: bytes, size: str) -> float:
    """Return the SSIM that a JPEG resize loses beside one by a full decode."""
    resize = made(content, Spec.make(size, format="jpg", quality=80))
    best = decoded(content).resize(resize.size, Image.Resampling.LANCZOS)
    full = images.opened(images.encoded(best, "jpg", quality=80, subsampling="4:2:0"))
    return images.ssim(full, best) - images.ssim(resize, best)


@pytest.mark.parametrize(
    ("scale", "most"), [(0.04, 0.5), (0.15, 0.5), (0.25, 0.5), (0.5, 1), (1, 1)]
)
def test_smaller_resize_needs_fewer_bytes(scale: float, most: float) -> None:
    found = select_scans(DEFAULT, scale)
    assert (len(DEFAULT) if found is None else found.end) <= most * len(DEFAULT)
    assert found is None or scale <= jpeg_scans.MAX_SCALE


@functools.cache
def progressive(subsampling: str, quality: int) -> bytes:
    """Encode the picture, once for all sizes."""
    return images.encoded(
        PICTURE, "jpg", progressive=True, subsampling=subsampling, quality=quality
    )


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [40, 60, 80, 95])
@pytest.mark.parametrize("size", ["160x120", "320x240", "480x360"])
def test_dropped_scans_make_no_visible_difference(
    subsampling: str, quality: int, size: str
) -> None:
    content = progressive(subsampling, quality)
    assert loss(content, size) < 0.002


@pytest.mark.slow
@pytest.mark.needs("jpegtran")
@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("size", ["60x45", "160x120", "400x300"])
def test_every_scan_script_gives_the_same_picture(
    rewritten: Rewrite, script: str, size: str
) -> None:
    spec = Spec.make(size, format="png")
    content = rewritten(DEFAULT, script)
    assert loss(content, size) < 0.002
    source = FurthestRead(content)
    engine.make(source, spec)
    enough = engine.needed_bytes(BytesIO(content), spec)
    assert source.furthest <= max(enough + 70_000, 0)
    colors = (images.mean(made(content, spec)), images.mean(PICTURE))
    assert images.near(*colors, 3)


@pytest.mark.slow
@pytest.mark.needs("jpegtran")
def test_number_of_selected_scans_follows_from_the_script(rewritten: Rewrite) -> None:
    def kept(script: str, scale: float) -> int:
        content = rewritten(DEFAULT, script)
        found = select_scans(content, scale)
        if found is None:
            return len(starts(content))
        return sum(start < found.end - 2 for start in starts(content))

    assert kept(SPECTRAL, 0.05) == 1
    assert kept(SPECTRAL, 0.125) == 4  # chroma has half the blocks, so more of each is visible
    assert kept(SPECTRAL, 0.25) == 4
    assert kept(SPECTRAL, 0.4) == 5
    assert kept(APPROXIMATING, 0.05) == 5  # three missing bits of a mean would be visible
    assert kept(BY_COMPONENT, 0.05) == 9
    assert kept(CHROMA_TOGETHER, 0.05) == 2


@pytest.mark.needs("jpegtran")
def test_invisible_scans_before_visible_ones_are_dropped(
    rewritten: Rewrite,
) -> None:
    content = rewritten(DEFAULT, BY_COMPONENT)
    found = select_scans(content, 0.05)
    assert found is not None
    read = sum(len(part) if isinstance(part, bytes) else part.length for part in found.parts)
    assert read < 0.4 * found.end


@pytest.mark.slow
@pytest.mark.needs("jpegtran")
def test_restart_markers_and_grey_are_supported(rewritten: Rewrite) -> None:
    assert loss(rewritten(DEFAULT, SPECTRAL, "-restart", "3B"), "160x120") < 0.002
    grey = rewritten(DEFAULT, "0: 0-0, 0, 0; 0: 1-5, 0, 1; 0: 6-63, 0, 1;", "-grayscale")
    assert select_scans(grey, 0.1) is not None
    assert loss(grey, "160x120") < 0.002


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_scans_of_grey_and_cmyk_are_selected_by_the_same_rules(mode: str) -> None:
    content = images.encoded(PICTURE.convert(mode), "jpg", progressive=True)
    assert select_scans(content, 0.1) is not None
    near = made(images.encoded(PICTURE.convert(mode), "jpg"))
    assert images.ssim(made(content), near) > 0.995


def test_selected_scans_suffice_with_orientation_crop_and_fill() -> None:
    turned = images.encoded(
        images.stored(PICTURE, 6), "jpg", progressive=True, exif=images.exif(6), quality=88
    )
    for options in ({"mode": "fill", "focal": (20, 30)}, {"crop": (400, 300, 1100, 825)}):
        spec = Spec.make("80x60", format="png", **options)
        assert images.ssim(made(turned, spec), made(images.encoded(PICTURE, "jpg"), spec)) > 0.98


def test_baseline_jpeg_and_coarse_tables_need_more_of_the_file() -> None:
    baseline = images.encoded(PICTURE, "jpg")
    assert select_scans(baseline, 0.05) is None
    assert engine.needed_bytes(BytesIO(baseline), SMALL) == len(baseline)
    coarse = images.encoded(PICTURE, "jpg", progressive=True, quality=5)
    found = select_scans(coarse, 0.05)
    assert found is not None
    assert found.end > starts(coarse)[-4]  # one bit of a mean is visible with such tables


def test_file_truncated_after_the_needed_bytes_is_made_and_before_is_refused() -> None:
    enough = engine.needed_bytes(BytesIO(DEFAULT), SMALL)
    assert enough < len(DEFAULT) / 2
    assert made(DEFAULT[: enough + 2]) == made(DEFAULT)
    for short in (enough - 1, enough - 300, starts(DEFAULT)[1], starts(DEFAULT)[0] + 20):
        with pytest.raises(Undecodable):
            made(DEFAULT[:short])


def test_scans_out_of_order_need_the_whole_file() -> None:
    first, second, third, *_ = starts(DEFAULT)
    swapped = DEFAULT[:first] + DEFAULT[second:third] + DEFAULT[first:second] + DEFAULT[third:]
    twice = DEFAULT[:second] + DEFAULT[first:second] + DEFAULT[second:]
    assert select_scans(swapped, 0.1) is None
    assert select_scans(twice, 0.1) is None


@pytest.mark.parametrize(
    "header", ["0102000000", "0100000001", "010100003f", "01013f0100", "0101014000"]
)
def test_invalid_scan_header_needs_the_whole_file(header: str) -> None:
    at = starts(DEFAULT)[1]
    body = bytes.fromhex(header)
    content = DEFAULT[:at] + b"\xff\xda\x00\x08\x01" + body + DEFAULT[at + 10 :]
    assert select_scans(content, 0.1) is None
    with pytest.raises(Undecodable):
        made(content[: starts(DEFAULT)[2]])


@pytest.mark.slow
@pytest.mark.acceptance(30)
@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(2, 30_000), st.integers(0, 255)), min_size=1, max_size=6),
    st.none() | st.integers(200, 40_000),
)
def test_broken_file_is_made_or_raises_a_media_error(
    changes: list[tuple[int, int]], end: int | None
) -> None:
    content = bytearray(DEFAULT[:end])
    for at, value in changes:
        if at < len(content):
            content[at] = value
    source = BytesIO(bytes(content))
    try:
        assert engine.needed_bytes(source, SMALL) <= len(content)
        result = engine.make(source, SMALL)
    except MediaError:
        return
    assert np.asarray(images.opened(result.content)).size > 0


@pytest.mark.slow
def test_preview_reads_all_scans() -> None:
    source = FurthestRead(DEFAULT)
    look = engine.preview(source)
    assert source.furthest == len(DEFAULT)
    color = bytes.fromhex(look.color.removeprefix("#"))
    assert images.near(color, images.mean(PICTURE), 4)


@pytest.mark.slow
@pytest.mark.needs("corpus")
@pytest.mark.parametrize("name", ["seeding_16mp_prog.jpg", "sunset_12mp_prog.jpg"])
def test_two_fifths_of_a_large_photograph_are_enough(corpus: Path, name: str) -> None:
    content = (corpus / "photos" / name).read_bytes()
    spec = Spec.make("400x400", format="jpg")
    assert engine.needed_bytes(BytesIO(content), spec) <= 0.4 * len(content)
    image = made(content, spec)
    full = images.opened(content).resize(image.size, Image.Resampling.LANCZOS)
    best = images.opened(images.encoded(full, "jpg", quality=80, subsampling="4:2:0"))
    assert images.ssim(best, full) - images.ssim(image, full) < 0.002

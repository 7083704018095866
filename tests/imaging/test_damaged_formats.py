"""Files of formats that browsers do not show, with bytes changed anywhere."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shift_media.core.errors import InvalidSpec, SourceError
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.probe import SourceLimits, probe
from shift_media.imaging.strip import strip
from tests.imaging import test_bmp_ico, test_heic, test_jp2, test_tiff

LIMITS = SourceLimits(pixels=4_000_000)
FILES: dict[str, Callable[[], bytes]] = {
    **{f"HEIC, {name}": test_heic.FILES[name] for name in ("one image", "grid", "with metadata")},
    **{
        f"TIFF, {name}": test_tiff.FILES[name] for name in ("plain", "deflate", "tiles", "BigTIFF")
    },
    **{f"BMP, {name}": write for name, write in test_bmp_ico.BMPS.items()},
    "BMP, runs": test_bmp_ico.run_lengths,
    "ICO": lambda: test_bmp_ico.icon((32, 24, test_bmp_ico.masked(24))),
    **{f"JPEG 2000, {name}": test_jp2.FILES[name] for name in ("lossless", "tiles")},
}
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4)
HEAD = 700
"""Bytes that most changes are made in, because they are the header."""


def changed(content: bytes, changes: list[tuple[float, int]], *, anywhere: bool) -> bytes:
    damaged = bytearray(content)
    length = len(content) if anywhere else min(len(content), HEAD)
    for place, value in changes:
        damaged[int(place * (length - 1))] = value
    return bytes(damaged)


@pytest.mark.slow
@pytest.mark.acceptance(30, 71)
@settings(max_examples=150)
@given(st.sampled_from(sorted(FILES)), CHANGES, st.booleans())
def test_damaged_file_is_refused_or_made_at_its_full_size(
    name: str, changes: list[tuple[float, int]], anywhere: bool
) -> None:
    content = changed(FILES[name](), changes, anywhere=anywhere)
    try:
        engine.preview(BytesIO(content), limits=LIMITS)
    except SourceError:
        return
    facts = probe(BytesIO(content), LIMITS)
    try:
        spec = Spec.make(f"{facts.width}x{facts.height}", format="png")
        made = engine.make(BytesIO(content), spec, limits=LIMITS)
    except InvalidSpec:
        return  # longer than a side of a resize can be
    assert (made.width, made.height) == (facts.width, facts.height)


@pytest.mark.slow
@pytest.mark.acceptance(30, 36)
@settings(max_examples=150)
@given(st.sampled_from(sorted(FILES)), CHANGES, st.booleans())
def test_damaged_file_is_stripped_to_the_same_pixels_or_refused(
    name: str, changes: list[tuple[float, int]], anywhere: bool
) -> None:
    content = changed(FILES[name](), changes, anywhere=anywhere)
    try:
        before = engine.open_picture(BytesIO(content), limits=LIMITS)
        stripped = strip(BytesIO(content), LIMITS).read()
    except SourceError:
        return
    after = engine.open_picture(BytesIO(stripped), limits=LIMITS)
    assert after.tobytes() == before.tobytes()

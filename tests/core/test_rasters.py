"""The sizes of pictures that are drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shift_media.core.metadata import Metadata
from shift_media.core.rasters import RASTER_SIDE, raster_side, scaled_size

SIDE = st.integers(1, 100_000)


@given(SIDE, SIDE, st.integers(1, RASTER_SIDE))
def test_scaled_size_has_its_longer_side_and_the_ratio(width: int, height: int, side: int) -> None:
    scaled = scaled_size((width, height), side)
    assert max(scaled) == side
    assert abs(scaled[0] * height - scaled[1] * width) <= max(width, height)


@pytest.mark.parametrize(
    ("sides", "side"),
    [
        ((400, 400), 448),
        ((400, None), 640),
        ((None, 10), 256),
        ((9999, 1), RASTER_SIDE),
        ((None, None), 256),
    ],
)
def test_picture_to_draw_is_a_little_larger_than_the_resize(
    sides: tuple[int | None, int | None], side: int
) -> None:
    assert raster_side(*sides) == side


def test_size_for_resizes_is_the_largest_picture_of_what_has_no_pixels() -> None:
    photo = Metadata(content_type="image/png", size=1, width=40, height=20)
    drawing = Metadata(content_type="image/svg+xml", size=1, width=40, height=20)
    paper = Metadata(content_type="application/octet-stream", size=1, width=2, height=4, pages=1)
    assert photo.resizable_size == (40, 20)
    assert drawing.resizable_size == (RASTER_SIDE, RASTER_SIDE // 2)
    assert paper.resizable_size == (RASTER_SIDE // 2, RASTER_SIDE)
    assert Metadata(content_type="image/svg+xml", size=1).resizable_size is None

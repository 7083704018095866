"""Crop boxes by ratio: their names, their choice for a resize, and their turn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shift_media.core.crops import (
    check_crops,
    crop_from_percent,
    crop_to_percent,
    find_crop,
    ratio_name,
    ratio_names,
)
from shift_media.core.errors import InvalidSpec
from shift_media.core.geometry import turned_crop
from shift_media.core.spec import Crop, Spec

BOX = Crop(10, 20, 400, 300)


def spec(size: str, **options: object) -> Spec:
    return Spec.make(size, format="jpg", mode="fill", **options)  # type: ignore[arg-type]


def test_ratio_has_one_name() -> None:
    assert [ratio_name(text) for text in ("4:3", "400x300", "8x6")] == ["4x3"] * 3
    assert ratio_names(["400x300", "200x150", "96x96", "640x", "x3"]) == ["4x3", "1x1"]


@pytest.mark.parametrize("text", ["", "4", "4/3", "0x3", "4x3x2", "640x", "four:three"])
def test_text_that_is_no_ratio_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(InvalidSpec, match='write "4:3"'):
        ratio_name(text)


@pytest.mark.parametrize(
    ("size", "found"), [("400x300", BOX), ("333x250", BOX), ("400x280", None), ("96x96", None)]
)
def test_box_is_used_for_sizes_whose_ratio_differs_by_rounding_only(
    size: str, found: Crop | None
) -> None:
    assert find_crop({"4x3": BOX}, spec(size), 1000, 800) == found


def test_box_of_the_nearest_ratio_is_used() -> None:
    other = Crop(0, 0, 401, 300)
    assert find_crop({"401x300": other, "4x3": BOX}, spec("802x600"), 1000, 800) == other


def test_box_of_a_turned_picture_shows_the_same_pixels() -> None:
    turned = find_crop({"4x3": BOX}, spec("300x400", rotate=90), 1000, 800)
    assert turned == Crop(800 - 20 - 300, 10, 300, 400)
    flipped = find_crop({"4x3": BOX}, spec("400x300", flip="h"), 1000, 800)
    assert flipped == Crop(1000 - 10 - 400, 20, 400, 300)


@given(st.sampled_from([0, 90, 180, 270]), st.sampled_from([None, "h"]))
def test_turned_box_stays_inside_the_turned_picture(turn: int, flip: str | None) -> None:
    x, y, width, height = turned_crop(spec("9x9", rotate=turn, flip=flip), BOX, 500, 400)
    whole = (500, 400) if turn in (0, 180) else (400, 500)
    assert x >= 0
    assert y >= 0
    assert x + width <= whole[0]
    assert y + height <= whole[1]


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ((0, 0, 400), "is not a crop"),
        ((700, 0, 400, 300), "inside the picture"),
        ((0, 0.5, 400, 300), "whole numbers"),
        ((-1, 0, 400, 300), "inside the picture"),
        ((0, 0, 400, 200), "must have the ratio 4x3"),
        ((0, 0, 0, 0), "must have the ratio 4x3"),
    ],
)
def test_wrong_box_is_refused(box: tuple[int, ...], message: str) -> None:
    with pytest.raises(InvalidSpec, match=message):
        check_crops({"4:3": box}, 1000, 800)


SIDE = st.integers(1, 9999)
PERCENT = st.floats(0, 100).map(lambda value: round(value, 2))


@given(st.sampled_from(["4x3", "16x9", "1x1", "2x3"]), PERCENT, PERCENT, PERCENT, SIDE, SIDE)
def test_any_percent_gives_a_box_inside_the_picture_of_its_ratio(
    ratio: str, left: float, top: float, cut: float, width: int, height: int
) -> None:
    crop = crop_from_percent(ratio, (left, top, cut), (width, height))
    assert min(crop.x, crop.y) >= 0
    assert crop.x + crop.width <= width
    assert crop.y + crop.height <= height
    again = crop_from_percent(ratio, crop_to_percent(crop, width, height), (width, height), crop)
    assert again == crop
    if min(crop.width, crop.height) > 1:
        check_crops({ratio: tuple(crop)}, width, height)

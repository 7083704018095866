from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import partial
from math import floor
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shift_media.core.errors import EmptyCrop
from shift_media.core.geometry import (
    ResizePlan,
    clip_crop,
    focal_in_crop,
    output_size,
    plan,
    turned_focal,
)
from shift_media.core.spec import CENTRE, Crop, Focal, Spec
from tests import strategies
from tests.strategies import crops, image_sides, near_crops

specs = partial(
    strategies.specs, crops=st.none() | near_crops, turns=st.just(0), digests=st.none()
)
"""Draws specs that turn nothing, for what is the same whether or not a picture is turned."""

HALF = Fraction(1, 2)


def spec(size: str, mode: str, **options: Any) -> Spec:
    return Spec.make(size, mode=mode, format="webp", **options)


def rounded(value: Fraction) -> int:
    """Round to the nearest integer, halves up, at least 1."""
    return max(1, floor(value + HALF))


def seen(spec: Spec, width: int, height: int) -> Crop:
    return clip_crop(spec.crop, width, height)


def planned(spec: Spec, width: int, height: int) -> ResizePlan:
    try:
        return plan(spec, width, height)
    except EmptyCrop:
        assume(False)
        raise


# What holds for every mode


@pytest.mark.slow
@given(specs(), image_sides, image_sides)
@example(spec("1x1", "fit"), 20_000, 1)
@example(spec("1x9999", "fill"), 20_000, 1)
def test_sides_are_at_least_1_and_within_the_box(s: Spec, width: int, height: int) -> None:
    made = planned(s, width, height)
    for sides in (made.size, made.canvas):
        assert 1 <= sides[0] <= (s.width or sides[0])
        assert 1 <= sides[1] <= (s.height or sides[1])
    assert output_size(s, width, height) == made.canvas


@pytest.mark.slow
@given(specs(), image_sides, image_sides)
def test_nothing_is_enlarged_without_upscale(s: Spec, width: int, height: int) -> None:
    assume(not s.upscale)
    made = planned(s, width, height)
    part = seen(s, width, height)
    assert made.size[0] <= part.width
    assert made.size[1] <= part.height


@pytest.mark.slow
@given(specs(), image_sides, image_sides)
@example(spec("381x170", "fill", crop=(613, 1131, 9999, 9999), focal=(100, 100)), 1279, 1225)
@example(spec("461x359", "fill", crop=(3, 367, 9999, 9999), focal=(100, 100)), 5, 509)
def test_shown_box_lies_inside_the_image_and_the_crop(s: Spec, width: int, height: int) -> None:
    made = planned(s, width, height)
    part = seen(s, width, height)
    left, top, right, bottom = made.box
    assert all(type(edge) is float for edge in made.box)
    assert 0 <= part.x <= left < right <= part.x + part.width <= width
    assert 0 <= part.y <= top < bottom <= part.y + part.height <= height


@pytest.mark.slow
@given(specs(), image_sides, image_sides)
def test_resized_box_lies_in_the_middle_of_the_canvas(s: Spec, width: int, height: int) -> None:
    made = planned(s, width, height)
    for offset, size, canvas in zip(made.offset, made.size, made.canvas, strict=True):
        before, after = offset, canvas - offset - size
        assert 0 <= before <= after <= before + 1
    if s.mode != "pad":
        assert made.canvas == made.size


@pytest.mark.slow
@given(specs(crops=near_crops), image_sides, image_sides)
def test_crop_gives_the_size_that_its_part_alone_gives(s: Spec, width: int, height: int) -> None:
    made = planned(s, width, height)
    part = seen(s, width, height)
    alone = Spec(**{**{name: getattr(s, name) for name in Spec.__slots__}, "crop": None})
    assert made.canvas == output_size(alone, part.width, part.height)


# fit


@pytest.mark.slow
@given(specs(modes=st.just("fit"), crops=st.none()), image_sides, image_sides)
def test_fit_is_the_largest_size_in_the_box_with_the_ratio(
    s: Spec, width: int, height: int
) -> None:
    scales = []
    if s.width is not None:
        scales.append(Fraction(s.width, width))
    if s.height is not None:
        scales.append(Fraction(s.height, height))
    scale = min(scales) if s.upscale else min(*scales, Fraction(1))
    assert plan(s, width, height).size == (rounded(width * scale), rounded(height * scale))


@pytest.mark.slow
@given(specs(modes=st.just("fit"), crops=st.none()), image_sides, image_sides)
def test_fit_keeps_the_ratio_within_half_a_pixel(s: Spec, width: int, height: int) -> None:
    made_width, made_height = plan(s, width, height).size
    exact_width = Fraction(made_height * width, height)
    exact_height = Fraction(made_width * height, width)
    close = abs(made_width - exact_width) <= HALF or abs(made_height - exact_height) <= HALF
    assert close or 1 in (made_width, made_height)


@pytest.mark.acceptance(34)
@pytest.mark.parametrize(
    ("size", "image", "made"),
    [
        ("400x300", (4000, 3000), (400, 300)),
        ("400x300", (3000, 4000), (225, 300)),
        ("400x", (4000, 3000), (400, 300)),
        ("x300", (4000, 3000), (400, 300)),
        ("320x320", (39, 39), (39, 39)),
        ("100x100", (1, 2), (1, 2)),
        ("100x100", (940, 2), (100, 1)),
        ("1x1", (4000, 3000), (1, 1)),
        ("10x10", (20, 3), (10, 2)),  # 1.5 is rounded up
        ("10x10", (1000, 149), (10, 1)),
        ("10x10", (1000, 150), (10, 2)),
        ("x10", (5, 1), (5, 1)),
    ],
)
def test_fit_gives_the_size_without_enlarging(
    size: str, image: tuple[int, int], made: tuple[int, int]
) -> None:
    assert output_size(spec(size, "fit"), *image) == made


@pytest.mark.acceptance(34)
@pytest.mark.parametrize(
    ("size", "image", "made"),
    [
        ("320x320", (39, 39), (320, 320)),
        ("100x100", (940, 2), (100, 1)),
        ("100x100", (1, 2), (50, 100)),
        ("x10", (5, 1), (50, 10)),
        ("9999x", (1, 1), (9999, 9999)),
    ],
)
def test_fit_with_upscale_enlarges_to_the_box(
    size: str, image: tuple[int, int], made: tuple[int, int]
) -> None:
    assert output_size(spec(size, "fit", upscale=True), *image) == made


# fill


@pytest.mark.slow
@given(specs(modes=st.just("fill")), image_sides, image_sides)
def test_fill_covers_the_box_of_a_large_enough_original(s: Spec, width: int, height: int) -> None:
    made = planned(s, width, height)
    part = seen(s, width, height)
    large_enough = part.width >= (s.width or 0) and part.height >= (s.height or 0)
    if s.upscale or large_enough:
        assert made.canvas == (s.width, s.height)


@pytest.mark.slow
@given(specs(modes=st.just("fill")), image_sides, image_sides)
def test_fill_of_a_smaller_original_is_the_largest_of_the_ratio(
    s: Spec, width: int, height: int
) -> None:
    made = planned(s, width, height)
    part = seen(s, width, height)
    assert s.width is not None
    assert s.height is not None
    scale = min(Fraction(part.width, s.width), Fraction(part.height, s.height))
    assume(not s.upscale and scale < 1)
    assert made.canvas == (rounded(s.width * scale), rounded(s.height * scale))


@pytest.mark.slow
@given(specs(modes=st.just("fill")), image_sides, image_sides)
def test_fill_shows_a_part_of_the_box_ratio_that_touches_two_edges(
    s: Spec, width: int, height: int
) -> None:
    made = planned(s, width, height)
    part = seen(s, width, height)
    assert s.width is not None
    assert s.height is not None
    ratio = Fraction(s.width, s.height)
    exact_width = min(Fraction(part.width), part.height * ratio)
    exact_height = min(Fraction(part.height), part.width / ratio)
    left, top, right, bottom = made.box
    assert right - left == pytest.approx(float(exact_width), abs=1e-6)
    assert bottom - top == pytest.approx(float(exact_height), abs=1e-6)


@pytest.mark.slow
@given(specs(modes=st.just("fill")), image_sides, image_sides)
def test_fill_keeps_the_focal_point_in_view_and_in_the_middle_if_it_can(
    s: Spec, width: int, height: int
) -> None:
    made = planned(s, width, height)
    part = seen(s, width, height)
    left, top, right, bottom = made.box
    focal = s.focal or CENTRE
    for percent, start, end, first, length in (
        (focal.x, left, right, part.x, part.width),
        (focal.y, top, bottom, part.y, part.height),
    ):
        point = first + length * percent / 100
        assert start - 1e-6 <= point <= end + 1e-6
        middle = (start + end) / 2
        inside = start > first + 1e-6 and end < first + length - 1e-6
        if inside:
            assert middle == pytest.approx(point, abs=1e-6)


@pytest.mark.parametrize(
    ("focal", "box"),
    [
        ((50, 50), (150, 0, 450, 300)),
        ((0, 0), (0, 0, 300, 300)),
        ((100, 100), (300, 0, 600, 300)),
        ((25, 99), (0, 0, 300, 300)),
        ((40, 10), (90, 0, 390, 300)),
    ],
)
def test_fill_cuts_around_the_focal_point(
    focal: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    assert plan(spec("100x100", "fill", focal=focal), 600, 300).box == box


@pytest.mark.acceptance(34)
@pytest.mark.parametrize(
    ("image", "made"),
    [
        ((100, 100), (100, 100)),
        ((1, 1), (1, 1)),
        ((1, 2), (1, 1)),
        ((940, 2), (2, 2)),
        ((39, 39), (39, 39)),
        ((101, 99), (99, 99)),
    ],
)
def test_fill_of_small_originals_enlarges_only_with_upscale(
    image: tuple[int, int], made: tuple[int, int]
) -> None:
    assert output_size(spec("100x100", "fill"), *image) == made
    assert output_size(spec("100x100", "fill", upscale=True), *image) == (100, 100)


# pad and stretch


@pytest.mark.slow
@given(specs(modes=st.just("pad")), image_sides, image_sides)
def test_pad_is_fit_on_a_canvas_of_exactly_the_box(s: Spec, width: int, height: int) -> None:
    made = planned(s, width, height)
    fit = Spec(s.width, s.height, "fit", s.quality, s.upscale, s.format, crop=s.crop)
    assert made.canvas == (s.width, s.height)
    assert made.size == plan(fit, width, height).size


@pytest.mark.slow
@given(specs(modes=st.just("stretch")), image_sides, image_sides)
def test_stretch_is_the_box_and_each_side_at_most_the_original(
    s: Spec, width: int, height: int
) -> None:
    made = planned(s, width, height)
    part = seen(s, width, height)
    assert s.width is not None
    assert s.height is not None
    if s.upscale:
        assert made.canvas == (s.width, s.height)
    else:
        assert made.canvas == (min(s.width, part.width), min(s.height, part.height))


# Crop and focal point


@given(crops, image_sides, image_sides)
def test_crop_is_clipped_to_the_image_or_refused(crop: Crop, width: int, height: int) -> None:
    outside = crop.x >= width or crop.y >= height
    if outside:
        with pytest.raises(EmptyCrop, match="outside the image"):
            clip_crop(crop, width, height)
        return
    x, y, cut_width, cut_height = clip_crop(crop, width, height)
    assert (x, y) == (crop.x, crop.y)
    assert cut_width == min(crop.width, width - x) >= 1
    assert cut_height == min(crop.height, height - y) >= 1


def test_missing_crop_shows_the_whole_image() -> None:
    assert clip_crop(None, 40, 30) == (0, 0, 40, 30)


@pytest.mark.slow
@given(
    st.builds(Focal, strategies.percents, strategies.percents),
    near_crops,
    image_sides,
    image_sides,
)
def test_focal_point_of_the_image_is_clamped_to_the_crop(
    focal: Focal, crop: Crop, width: int, height: int
) -> None:
    assume(crop.x < width and crop.y < height)
    part = clip_crop(crop, width, height)
    cut = Spec.make("9x9", format="png", crop=crop)
    for percent, got, whole, start, length in (
        (focal.x, focal_in_crop(focal, cut, width, height).x, width, part.x, part.width),
        (focal.y, focal_in_crop(focal, cut, width, height).y, height, part.y, part.height),
    ):
        exact = (Fraction(whole * percent, 100) - start) / length * 100
        assert got == floor(min(max(exact, Fraction(0)), Fraction(100)) + HALF)


def test_focal_point_without_a_crop_stays() -> None:
    assert focal_in_crop(Focal(10, 90), Spec.make("9x9", format="png"), 400, 300) == (10, 90)


def turned(rotate: int, flip: str | None = None, **options: Any) -> Spec:
    return Spec.make("60x60", format="png", rotate=rotate, flip=flip, **options)


@pytest.mark.slow
@given(strategies.specs(), image_sides, image_sides)
def test_size_of_a_turned_picture_is_that_of_a_picture_of_turned_sides(
    spec: Spec, width: int, height: int
) -> None:
    plain = replace(spec, rotate=0, flip=None)
    sides = (width, height) if spec.rotate % 180 == 0 else (height, width)
    try:
        expected = plan(plain, *sides)
    except EmptyCrop:
        with pytest.raises(EmptyCrop):
            plan(spec, width, height)
    else:
        assert plan(spec, width, height) == expected


@pytest.mark.parametrize(
    ("rotate", "flip", "point"),
    [
        (0, None, (10, 30)),
        (90, None, (70, 10)),
        (180, None, (90, 70)),
        (270, None, (30, 90)),
        (0, "h", (90, 30)),
        (90, "h", (30, 10)),
        (0, "v", (10, 70)),
    ],
)
def test_focal_point_goes_with_the_turned_picture(
    rotate: int, flip: str | None, point: tuple[int, int]
) -> None:
    assert turned_focal(turned(rotate, flip), Focal(10, 30)) == point


def test_crop_refers_to_the_turned_picture() -> None:
    spec = turned(90, crop=(0, 0, 300, 400))
    assert plan(spec, 400, 300).box == (0, 0, 300, 400)
    with pytest.raises(EmptyCrop):
        plan(turned(90, crop=(350, 0, 10, 10)), 400, 300)

"""Sizes of renditions: properties of every source."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from shift_media.video.facts import build_ladder, choose_tiles, display_size, fit_short_side

SIDES = st.integers(2, 8192)
HEIGHTS = st.integers(2, 4320)


@given(SIDES, SIDES, HEIGHTS)
def test_fitted_size_is_even_not_enlarged_and_keeps_ratio(
    width: int, height: int, short: int
) -> None:
    made = fit_short_side(width, height, short)
    assert all(side % 2 == 0 and side >= 2 for side in made)
    assert made[0] <= width
    assert made[1] <= height
    assert min(made) <= short + 1
    scale = Fraction(min(short, width, height), min(width, height))
    for side, source in zip(made, (width, height), strict=True):
        assert side == 2 or abs(side - source * scale) < 2


@given(SIDES, SIDES, HEIGHTS)
def test_portrait_and_landscape_are_fitted_alike(width: int, height: int, short: int) -> None:
    assert fit_short_side(width, height, short) == fit_short_side(height, width, short)[::-1]


@given(SIDES, SIDES, st.lists(HEIGHTS, min_size=1, max_size=6))
def test_ladder_has_at_least_one_rung_and_no_two_equal(
    width: int, height: int, heights: list[int]
) -> None:
    rungs = build_ladder(width, height, heights)
    sizes = [size for _, *size in rungs]
    assert sizes
    assert len({tuple(size) for size in sizes}) == len(sizes)
    assert sizes == sorted(sizes, reverse=True)
    assert {asked for asked, *_ in rungs} <= set(heights)
    biggest = fit_short_side(width, height, max(heights))
    assert tuple(sizes[0]) == biggest


def test_common_sources_give_known_sizes() -> None:
    assert build_ladder(1920, 1080, [720, 480]) == [(720, 1280, 720), (480, 854, 480)]
    assert build_ladder(1080, 1920, [480, 720]) == [(720, 720, 1280), (480, 480, 854)]
    assert build_ladder(640, 272, [720, 480]) == [(480, 640, 272)]
    assert fit_short_side(161, 121, 720) == (160, 120)
    assert fit_short_side(1, 1, 720) == (2, 2)


@given(SIDES, SIDES, st.sampled_from([0, 90, 180, 270, -90]))
def test_quarter_turn_swaps_sides(width: int, height: int, rotation: int) -> None:
    turned = display_size(width, height, rotation=rotation)
    assert turned == ((height, width) if rotation % 180 else (width, height))


def test_display_size_has_square_pixels_and_loses_none() -> None:
    assert display_size(720, 576, pixel_ratio=Fraction(64, 45)) == (1024, 576)
    assert display_size(720, 480, pixel_ratio=Fraction(8, 9)) == (720, 540)
    assert display_size(720, 576, rotation=90, pixel_ratio=Fraction(64, 45)) == (576, 1024)
    assert display_size(720, 576, pixel_ratio=Fraction(0)) == (720, 576)


@given(st.floats(0.01, 20_000), st.integers(1, 200), st.integers(1, 60))
def test_tiles_of_sprite_cover_duration(duration: float, most: int, least: int) -> None:
    number, seconds = choose_tiles(duration, most, least)
    assert 1 <= number <= most
    assert seconds >= least
    assert (number - 1) * seconds < duration + 1e-6
    assert number * seconds >= duration * (1 - 1e-5)

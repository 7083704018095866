"""Elastic Transcoder's sizing policies: its own examples, and properties of all sizes."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shift_media.video.sizing import (
    PADDINGS,
    POLICIES,
    FrameSize,
    Sides,
    cap_frame_rate,
    compute_frame,
    compute_pixel_ratio,
    parse_frame_rate,
)

SHRINKING = "Keep", "ShrinkToFit", "ShrinkToFill"
CROPPING = "Fill", "Keep", "ShrinkToFill"

sources = st.tuples(st.integers(16, 5000), st.integers(16, 5000))
boxes = st.tuples(st.integers(64, 2048), st.integers(48, 1536)).map(
    lambda box: (box[0] * 2, box[1] * 2)
)
policies = st.sampled_from(POLICIES)
paddings = st.sampled_from(PADDINGS)


@pytest.mark.parametrize(
    ("policy", "padding", "source", "box", "made"),
    [
        ("Fit", "NoPad", (200, 200), (300, 400), (300, 300)),
        ("Fit", "Pad", (200, 200), (300, 400), (300, 400)),
        ("Fill", "NoPad", (200, 200), (300, 400), (300, 400)),
        ("Keep", "NoPad", (400, 200), (300, 300), (300, 200)),
        ("Keep", "Pad", (400, 200), (300, 300), (300, 300)),
        ("ShrinkToFill", "NoPad", (400, 200), (200, 300), (200, 200)),
        ("ShrinkToFill", "Pad", (400, 200), (200, 300), (200, 300)),
        ("ShrinkToFit", "NoPad", (400, 400), (200, 300), (200, 200)),
        ("ShrinkToFit", "Pad", (400, 400), (200, 300), (200, 300)),
        ("Stretch", "NoPad", (400, 200), (300, 300), (300, 300)),
    ],
)
def test_frame_is_as_in_examples_of_developer_guide(
    policy: Any, padding: Any, source: Sides, box: Sides, made: Sides
) -> None:
    assert compute_frame(policy, padding, source, box).sides == made


@pytest.mark.parametrize(
    ("box", "made"),
    [
        ((640, 432), (640, 360)),
        ((480, 320), (480, 270)),
        ((1024, 768), (1024, 576)),
        ((426, 240), (426, 240)),
        ((854, 480), (854, 480)),
    ],
)
def test_frame_of_16_to_9_source_is_as_service_made_it(box: Sides, made: Sides) -> None:
    assert compute_frame("ShrinkToFit", "NoPad", (1920, 1080), box).sides == made


@given(policies, paddings, sources, boxes)
def test_frame_is_even_within_box_and_contains_cropped_picture(
    policy: Any, padding: Any, source: Sides, box: Sides
) -> None:
    made = compute_frame(policy, padding, source, box)
    for axis in (0, 1):
        assert made.sides[axis] % 2 == 0
        assert 2 <= made.cropped[axis] <= made.sides[axis] <= box[axis]
        assert made.cropped[axis] <= made.scaled[axis]
        assert 0 <= made.crop_offset[axis] <= made.scaled[axis] - made.cropped[axis]
        assert 0 <= made.pad_offset[axis] <= made.sides[axis] - made.cropped[axis]
        assert made.crop_offset[axis] % 2 == made.pad_offset[axis] % 2 == 0


@given(policies, sources, boxes)
def test_padding_extends_frame_to_box_and_keeps_picture(
    policy: Any, source: Sides, box: Sides
) -> None:
    bare, padded = (
        compute_frame(policy, "NoPad", source, box),
        compute_frame(policy, "Pad", source, box),
    )
    assert padded.sides == box
    assert (padded.scaled, padded.cropped) == (bare.scaled, bare.cropped)
    assert bare.sides == bare.cropped


@given(st.sampled_from(SHRINKING), paddings, sources, boxes)
def test_shrinking_policy_never_enlarges(
    policy: Any, padding: Any, source: Sides, box: Sides
) -> None:
    made = compute_frame(policy, padding, source, box)
    assert made.scaled[0] <= source[0]
    assert made.scaled[1] <= source[1]


@given(st.sampled_from(["Fit", "ShrinkToFit"]), sources, boxes)
def test_fitting_policy_crops_nothing_and_touches_box_or_source(
    policy: Any, source: Sides, box: Sides
) -> None:
    made = compute_frame(policy, "NoPad", source, box)
    assert made.scaled == made.cropped
    touches = made.cropped[0] == box[0] or made.cropped[1] == box[1]
    whole = source[0] - made.cropped[0] < 2 and source[1] - made.cropped[1] < 2
    assert touches or (policy == "ShrinkToFit" and whole)


@pytest.mark.slow
@given(sources, boxes)
def test_fill_covers_box_and_stretch_equals_box(source: Sides, box: Sides) -> None:
    assert compute_frame("Fill", "NoPad", source, box).cropped == box
    made = compute_frame("Fill", "NoPad", source, box)
    assert made.scaled[0] == box[0] or made.scaled[1] == box[1]
    assert compute_frame("Stretch", "NoPad", source, box) == FrameSize(box, box, box)


@given(policies, sources, boxes)
def test_policies_but_stretch_keep_ratio_to_within_a_pixel(
    policy: Any, source: Sides, box: Sides
) -> None:
    if policy == "Stretch":
        return
    made = compute_frame(policy, "NoPad", source, box)
    scale = Fraction(made.scaled[0], source[0])
    slack = 2 + 2 * max(Fraction(1), Fraction(source[1], source[0]))
    assert abs(made.scaled[1] - source[1] * scale) <= slack


@given(sources, boxes)
def test_box_with_display_ratio_shows_picture_undistorted(source: Sides, box: Sides) -> None:
    ratio = compute_pixel_ratio(box, Fraction(16, 9))
    made = compute_frame("Fit", "NoPad", source, box, ratio)
    if min(made.cropped) < 100:
        return
    cropped = Fraction(made.cropped[0]) * ratio / made.cropped[1]
    assert abs(cropped / Fraction(*source) - 1) < Fraction(1, 20)


@pytest.mark.parametrize(
    ("source", "most", "made"),
    [(25, 30, None), (30, 30, None), (50, 30, 25), (60, 30, 30), (120, 30, 30), (100, 60, 50)],
)
def test_frame_rate_above_maximum_is_divided_evenly(
    source: int, most: int, made: int | None
) -> None:
    assert cap_frame_rate(Fraction(source), Fraction(most)) == made


@pytest.mark.slow
@given(st.fractions(1, 1000), st.fractions(1, 120))
def test_capped_frame_rate_is_highest_divisor_of_source_rate(
    source: Fraction, most: Fraction
) -> None:
    made = cap_frame_rate(source, most)
    if made is None:
        assert source <= most
        return
    parts = source / made
    assert made <= most
    assert parts.denominator == 1
    assert source / (parts - 1) > most


@pytest.mark.parametrize(
    ("text", "rate"),
    [("29.97", Fraction(30000, 1001)), ("23.97", Fraction(24000, 1001)), ("15", Fraction(15))],
)
def test_decimal_frame_rate_is_parsed_as_broadcast_rate(text: str, rate: Fraction) -> None:
    assert parse_frame_rate(text) == rate

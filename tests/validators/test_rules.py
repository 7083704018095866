"""Rules for the facts of a file, on metadata alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from shift_media.core.formats import BY_EXTENSION
from shift_media.core.metadata import Metadata
from shift_media.validators import FileRules, InvalidMedia
from shift_media.validators.rules import parse_ratio

SIDE = st.integers(1, 9999)


def check(extension: str, facts: dict[str, Any], **rules: Any) -> None:
    format = BY_EXTENSION[extension]
    metadata = Metadata(**{"content_type": format.content_type, "size": 1000, **facts})
    FileRules.take(rules).check(format, metadata)


def refusal(extension: str, facts: dict[str, Any], **rules: Any) -> tuple[Any, str]:
    with translation.override("en"), pytest.raises(InvalidMedia) as caught:
        check(extension, facts, **rules)
    return caught.value.code, caught.value.sentence


@pytest.mark.parametrize(
    ("extension", "facts", "rules", "code", "sentence"),
    [
        ("bin", {}, {"min_bytes": 1001}, "too_small",
         "The file is 1,000 bytes; at least 1,001 bytes are needed."),
        ("bin", {}, {"min_bytes": 2500}, "too_small",
         "The file is 1 kB; at least 2.5 kB are needed."),
        ("jpg", {"width": 799, "height": 600}, {"min_size": (800, 600)}, "picture_too_small",
         "The picture is 799 × 600 pixels. Choose one of at least 800 × 600 pixels."),
        ("mp4", {"width": 800, "height": 599}, {"min_size": [None, 600]}, "picture_too_small",
         "The picture is 800 × 599 pixels. Choose one of at least 600 pixels in height."),
        ("png", {"width": 801, "height": 1}, {"max_size": (800, None)}, "picture_too_large",
         "The picture is 801 × 1 pixels. Choose one of at most 800 pixels in width."),
        ("png", {"width": 4, "height": 3}, {"ratio": "16:9"}, "wrong_ratio",
         "The picture is 4 × 3 pixels. Choose one with the ratio 16:9."),
        ("png", {"width": 4, "height": 3}, {"ratio": (1.5, 0)}, "wrong_ratio",
         "The picture is 4 × 3 pixels. Choose one with the ratio 1.5:1."),
        ("mp4", {"duration": 4.999}, {"min_duration": 5}, "too_short",
         "The file lasts 4.99 seconds; at least 5 seconds are needed."),
        ("mp3", {"duration": 90.001}, {"max_duration": 90}, "too_long",
         "The file lasts 90.01 seconds; at most 90 seconds are allowed."),
        ("mp4", {"channels": 0}, {"with_audio": True}, "no_audio",
         "The video has no sound. Choose one with sound."),
        ("mp4", {"channels": 2}, {"with_audio": False}, "has_audio",
         "The video has sound. Choose one without."),
        ("pdf", {"pages": 21}, {"pages": 20}, "too_many_pages",
         "The document has 21 pages; at most 20 are allowed."),
        ("pdf", {"pages": 1}, {"pages": (2, 20)}, "too_few_pages",
         "The document has 1 pages; at least 2 are needed."),
        ("mp4", {}, {"max_duration": 5}, "unknown_fact",
         "The duration of this file cannot be read. Choose another file."),
        ("mp4", {}, {"with_audio": True}, "unknown_fact",
         "The sound of this file cannot be read. Choose another file."),
        ("mp4", {}, {"min_size": (1, 1)}, "unknown_fact",
         "The size in pixels of this file cannot be read. Choose another file."),
        ("pdf", {}, {"pages": 5}, "unknown_fact",
         "The number of pages of this file cannot be read. Choose another file."),
    ],
)  # fmt: skip
def test_broken_rule_is_refused_with_its_code_and_sentence(
    extension: str, facts: dict[str, Any], rules: dict[str, Any], code: str, sentence: str
) -> None:
    assert refusal(extension, facts, **rules) == (code, sentence)


@pytest.mark.parametrize(
    ("extension", "facts", "rules"),
    [
        ("jpg", {"width": 800, "height": 600}, {"min_size": (800, 600), "max_size": (800, 600)}),
        ("jpg", {"width": 854, "height": 480}, {"ratio": "16:9"}),
        ("jpg", {"width": 854, "height": 480}, {"ratio": 1.78}),
        ("jpg", {"width": 1, "height": 1}, {"min_duration": 5, "with_audio": True, "pages": 2}),
        ("mp3", {"duration": 5.0}, {"min_duration": 5, "max_duration": 5, "with_audio": False}),
        ("csv", {}, {"min_size": (5, 5), "ratio": "1:1", "max_duration": 1, "pages": 1}),
        ("pdf", {"pages": 20}, {"pages": (20, 20), "min_size": (9, 9)}),
        ("jpg", {}, {}),
    ],
)
def test_rule_holds_for_files_that_can_have_the_fact(
    extension: str, facts: dict[str, Any], rules: dict[str, Any]
) -> None:
    check(extension, facts, **rules)


@pytest.mark.parametrize(
    "rules",
    [
        {"min_bytes": 0}, {"min_bytes": "9"}, {"min_bytes": True}, {"min_size": 800},
        {"min_size": (800,)}, {"min_size": (0, 1)}, {"min_size": (None, None)},
        {"max_size": ("9", 9)}, {"ratio": "wide"}, {"ratio": "16:0"}, {"ratio": 0},
        {"ratio": -1.5}, {"ratio": (1.5, 2)}, {"ratio": (1.5, 0.1, 0.1)}, {"ratio": True},
        {"ratio": "nan"}, {"ratio": float("inf")}, {"min_duration": 0}, {"min_duration": "5"},
        {"max_duration": float("nan")}, {"with_audio": "yes"}, {"with_audio": 1}, {"pages": 0},
        {"pages": (5, 2)}, {"pages": (1, 2, 3)}, {"pages": "5"},
        {"min_duration": 9, "max_duration": 5}, {"min_size": (9, 9), "max_size": (9, 8)},
    ],
)  # fmt: skip
def test_wrong_value_is_a_problem_that_names_the_rule(rules: dict[str, Any]) -> None:
    made = FileRules.take(dict(rules))
    assert [name for name, _ in made.problems()] == [next(iter(rules))]
    with pytest.raises(ValueError, match=next(iter(rules))):
        made.check_values()


@given(SIDE, SIDE, st.floats(0, 0.99))
def test_ratio_of_a_picture_holds_for_it_and_all_its_sizes(
    width: int, height: int, tolerance: float
) -> None:
    ratio = (f"{width}:{height}", tolerance)
    assert list(FileRules(ratio=ratio).problems()) == []  # type: ignore[arg-type]
    assert parse_ratio(ratio) == (width / height, tolerance)  # type: ignore[arg-type]
    for factor in (1, 3):
        facts = {"width": width * factor, "height": height * factor}
        check("jpg", facts, ratio=ratio)


@given(SIDE, SIDE, SIDE, SIDE)
def test_picture_is_refused_exactly_if_a_side_is_out_of_bounds(
    width: int, height: int, least: int, most: int
) -> None:
    least, most = sorted((least, most))
    facts = {"width": width, "height": height}
    rules = {"min_size": (least, None), "max_size": (None, most)}
    if width >= least and height <= most:
        check("jpg", facts, **rules)
    else:
        code = "picture_too_small" if width < least else "picture_too_large"
        assert refusal("jpg", facts, **rules)[0] == code

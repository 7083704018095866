from __future__ import annotations

import inspect
import math
import pickle
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shift_media.core.errors import InvalidSpec, LimitExceeded, MediaError
from shift_media.core.spec import DEFAULT_QUALITY, Crop, Focal, Limits, Spec
from shift_media.core.spec_arguments import Effects
from shift_media.core.spec_options import OPTION_NAMES, SPELLED
from tests import strategies

HUGE = 10**5000
"""An integer that Python itself refuses to convert to text."""

FOREIGN_NUMBERS = [
    "٤٠٠", "４００", "²", "4²0", "+10", "1_0", "010", "00", "0", "-1", " 1", "1 ", "1.0", "1e3",
    "0x10", "10000", "9" * 5000, "x", "a", "1\n", "",
]  # fmt: skip


def make(size: Any = "400x300", **options: Any) -> Spec:
    return Spec.make(size, **{"format": "webp", **options})


def refused(text: str, extension: str = "webp") -> bool:
    try:
        Spec.parse(text, extension)
    except InvalidSpec:
        return True
    return False


# One spelling


@pytest.mark.slow
@given(strategies.specs())
def test_built_spec_parses_to_itself(spec: Spec) -> None:
    assert Spec.parse(str(spec), spec.format) == spec


@pytest.mark.slow
@given(
    st.text()
    | st.text("0123456789x-.fbcilpadstrehognu", max_size=60)
    | strategies.nearly(strategies.specs().map(str)),
    strategies.formats | st.text(max_size=5),
)
@example("400x300-fill-80-noupscale", "")
@example("\ud800", "jpg")
def test_any_text_is_refused_or_rebuilds_to_itself(text: str, extension: str) -> None:
    try:
        spec = Spec.parse(text, extension)
    except InvalidSpec:
        return
    assert str(spec) == text
    assert spec.format == extension


@pytest.mark.slow
@given(strategies.specs(), strategies.formats)
def test_quality_of_another_format_is_refused(spec: Spec, format: str) -> None:
    lossless = format in ("png", "gif")
    if lossless and spec.quality != 99:
        assert refused(str(spec), format)


@pytest.mark.parametrize(
    ("text", "extension"),
    [
        ("400x300-fit-80-noupscale", "jpg"),
        ("400x-fit-80-noupscale", "jpg"),
        ("x300-fit-1-upscale", "avif"),
        ("9999x9999-stretch-99-upscale", "png"),
        ("400x300-pad-80-noupscale-bffffff", "webp"),
        ("400x300-pad-80-noupscale-b000000", "jpg"),
        ("400x300-fit-80-noupscale-bff8800", "jpg"),
        ("400x300-fill-80-noupscale-c0.0.1.1-f0.100", "webp"),
        ("400x300-fill-80-noupscale-bff8800-c99999.99999.99999.99999-f100.0", "jpg"),
        ("400x300-fill-80-noupscale-f50.49", "jpg"),
        ("4x3-fit-80-noupscale-a", "avif"),
        ("4x3-fit-99-noupscale-l", "webp"),
        ("4x3-fit-80-noupscale-c0.0.1.1-d0123abcd-g", "jpg"),
        ("4x3-fit-80-noupscale-g-h-r180-s100-u1", "jpg"),
        ("4x3-pad-80-noupscale-a-b000000-c0.0.1.1-g-h-n2-r90-s1-u100", "avif"),
        ("4x3-fill-99-noupscale-c0.0.1.1-f0.0-g-h-l-n99999-r270-s1-u100", "webp"),
    ],
)
def test_canonical_text_is_rebuilt_from_its_spec(text: str, extension: str) -> None:
    assert str(Spec.parse(text, extension)) == text


@pytest.mark.acceptance(1, 3, 4)
@pytest.mark.parametrize(
    "text",
    [
        "", "x", "400x300", "400x300-fill", "400x300-fill-80", "400x300-fill-80-",
        "x-fit-80-noupscale", "-fit-80-noupscale", "400-fit-80-noupscale",
        "400x-fill-80-noupscale", "x300-pad-80-noupscale", "400x-stretch-80-noupscale",
        "400x300-Fill-80-noupscale", "400x300-fill-80-Noupscale", "400X300-fill-80-noupscale",
        "400x300-crop-80-noupscale", "400x300--80-noupscale", "400x300-fill-80-no",
        "400x300-fill-80-noupscale-", "400x300-fill-80-noupscale-b", "400x300 -fill-80-noupscale",
        "400x300-fill-80-noupscale\n", "\n400x300-fill-80-noupscale",
        "400x300-fill-80-noupscale\0",
        "400x300-fill-80-noupscale-noupscale", "400x300-400x300-fill-80-noupscale",
        "400x300-fill-80-noupscale-80", "400x300-fill-0-noupscale", "400x300-fill-00-noupscale",
        "400x300-fill-080-noupscale", "400x300-fill-100-noupscale", "400x300-fill-8.0-noupscale",
        "400x300-fill--80-noupscale", "400x300-fill-+80-noupscale", "400×300-fill-80-noupscale",
    ],
)  # fmt: skip
def test_malformed_spec_is_refused(text: str) -> None:
    assert refused(text)


@pytest.mark.acceptance(1)
@pytest.mark.parametrize(
    ("options", "extension"),
    [
        ("-bfffff", "jpg"), ("-bfffffff", "jpg"), ("-bFF8800", "jpg"), ("-b#ff8800", "jpg"),
        ("-bgggggg", "jpg"), ("-b٣٣٣٣٣٣", "jpg"), ("-bffffff", "jpg"), ("-bff8800", "webp"),
        ("-bff8800", "png"), ("-b000000-b000000", "jpg"), ("-f10.10-b000000", "jpg"),
        ("-c1.1.1.1-b000000", "jpg"), ("-f10.10-c1.1.1.1", "webp"), ("-c1.1.1.1-c1.1.1.1", "webp"),
        ("-f1.1-f1.1", "webp"), ("-f50.50", "webp"), ("-f101.0", "webp"), ("-f0.101", "webp"),
        ("-f-1.0", "webp"), ("-f010.0", "webp"), ("-f0.00", "webp"), ("-f1", "webp"),
        ("-f1.1.1", "webp"), ("-f1,1", "webp"), ("-f1x1", "webp"), ("-f.5", "webp"),
        ("-c1.1.0.1", "webp"), ("-c1.1.1.0", "webp"), ("-c01.1.1.1", "webp"), ("-c1.1.1", "webp"),
        ("-c1.1.1.1.1", "webp"), ("-c-1.1.1.1", "webp"), ("-c100000.1.1.1", "webp"),
        ("-c1.1.1.100000", "webp"), ("-c1x1x1x1", "webp"), ("-c1.1.1.²", "webp"), ("-z", "webp"),
        ("-a", "webp"), ("-a", "jpg"), ("-a-a", "avif"), ("-a1", "avif"), ("-l", "webp"),
        ("-l", "png"), ("-l", "jpg"), ("-l", "avif"), ("-g0", "jpg"), ("-g-g", "jpg"),
        ("-h-g", "jpg"), ("-hh", "jpg"), ("-v", "jpg"), ("-n1", "jpg"), ("-n0", "jpg"),
        ("-n02", "jpg"), ("-n100000", "jpg"), ("-r0", "jpg"), ("-r45", "jpg"), ("-r360", "jpg"),
        ("-r-90", "jpg"), ("-r90-h", "jpg"), ("-r90-r90", "jpg"), ("-s0", "jpg"),
        ("-s101", "jpg"), ("-s05", "jpg"), ("-u0", "jpg"), ("-u101", "jpg"), ("-u1-s1", "jpg"),
        ("-d0123abc", "jpg"), ("-d0123ABCD", "jpg"), ("-d0123abcde", "jpg"),
        ("-d00000000-c1.1.1.1", "jpg"), ("-u1.5", "jpg"), ("-u٣", "jpg"), ("-G", "jpg"),
    ],
)  # fmt: skip
def test_option_out_of_order_repeated_default_or_malformed_is_refused(
    options: str, extension: str
) -> None:
    quality = 99 if extension == "png" else 80
    assert not refused(f"400x300-fill-{quality}-noupscale", extension)
    assert refused(f"400x300-fill-{quality}-noupscale{options}", extension)


@pytest.mark.parametrize("mode", ["fit", "pad", "stretch"])
def test_focal_point_without_fill_is_refused(mode: str) -> None:
    assert refused(f"400x300-{mode}-80-noupscale-f10.10")


@pytest.mark.acceptance(8)
@pytest.mark.parametrize(
    "extension", ["", "jpeg", "JPG", "tiff", "svg", "mp4", "bin", "jpg\n", "ｊｐｇ"]
)
def test_unknown_format_is_refused(extension: str) -> None:
    assert refused("400x300-fill-80-noupscale", extension)
    with pytest.raises(InvalidSpec):
        make(format=extension)


@pytest.mark.acceptance(6)
@pytest.mark.parametrize("number", FOREIGN_NUMBERS, ids=lambda text: text[:9])
@pytest.mark.parametrize(
    "template",
    [
        "{}x300-fill-80-noupscale",
        "400x{}-fill-80-noupscale",
        "400x300-fill-{}-noupscale",
        "400x300-fill-80-noupscale-c{}.1.1.x",
        "400x300-fill-80-noupscale-c1.1.{}.x",
        "400x300-fill-80-noupscale-f{}.x",
    ],
)
def test_number_that_is_not_plain_ascii_is_not_parsed(template: str, number: str) -> None:
    assert refused(template.format(number))


@pytest.mark.acceptance(6)
@pytest.mark.parametrize("number", FOREIGN_NUMBERS[:-1], ids=lambda text: text[:9])
def test_size_that_is_not_plain_ascii_is_not_built(number: str) -> None:
    for size in (f"{number}x300", f"400x{number}", f"{number}x", f"x{number}", number):
        with pytest.raises(InvalidSpec) as caught:
            make(size)
        assert len(str(caught.value)) < 400


@pytest.mark.acceptance(6)
@pytest.mark.parametrize(
    "size",
    [
        "", "x", "0x0", "-1x1", "1x-1", "400", "400x300x200", "400 x 300", "400x300\n", "400×300",
        "400X300", "400*300", None, 400, (400, 300), b"400x300", 4.5,
        pytest.param(HUGE, id="huge"), pytest.param("9" * 5000 + "x", id="5000 digits"),
    ],
)  # fmt: skip
def test_malformed_size_raises_invalid_spec(size: object) -> None:
    with pytest.raises(InvalidSpec, match=r"is not a size|at least one side"):
        make(size)


@pytest.mark.acceptance(6, 8)
@pytest.mark.parametrize(
    "options",
    [
        {"mode": "crop"}, {"mode": "FIT"}, {"mode": ""}, {"mode": 7},
        {"quality": 0}, {"quality": 100}, {"quality": -1}, {"quality": HUGE}, {"quality": 80.0},
        {"quality": "80"}, {"quality": True}, {"quality": math.nan},
        {"background": "white"}, {"background": "#fff"}, {"background": ""}, {"background": HUGE},
        {"background": "٣٣٣٣٣٣"}, {"background": "ff8800"}, {"background": "ff8800\n"},
        {"crop": (0, 0, 0, 1)}, {"crop": (-1, 0, 1, 1)}, {"crop": (0, 0, 1)}, {"crop": 5},
        {"crop": (0, 0, 1, 100_000)}, {"crop": (0.0, 0, 1, 1)}, {"crop": (True, 0, 1, 1)},
        {"crop": ("0", "0", "1", "1")}, {"crop": (0, 0, 1, HUGE)}, {"crop": "abcd"}, {"crop": ()},
        {"mode": "fill", "focal": (101, 0)}, {"mode": "fill", "focal": (0, -1)},
        {"mode": "fill", "focal": (0, -1.2)}, {"mode": "fill", "focal": (100.5, 0)},
        {"mode": "fill", "focal": (math.nan, 0)}, {"mode": "fill", "focal": (math.inf, 0)},
        {"mode": "fill", "focal": (0, HUGE)}, {"mode": "fill", "focal": (1,)},
        {"mode": "fill", "focal": 5}, {"mode": "fill", "focal": ("1", "1")},
        {"mode": "fit", "focal": (10, 10)}, {"mode": "pad", "focal": (50, 50)},
    ],
    ids=lambda options: str({k: "huge" if HUGE in (v, *(v if isinstance(v, tuple) else ())) else v
                             for k, v in options.items()}),
)  # fmt: skip
def test_invalid_option_raises_invalid_spec(options: dict[str, object]) -> None:
    with pytest.raises(InvalidSpec) as caught:
        make("400x300", **options)
    assert len(str(caught.value)) < 400


@pytest.mark.acceptance(6)
@pytest.mark.parametrize("side", [0, -1, 10_000, pytest.param(HUGE, id="huge"), 4.5, True, "4"])
def test_invalid_side_is_refused_by_the_class_itself(side: Any) -> None:
    with pytest.raises(InvalidSpec):
        Spec(side, 300, "fit", 80, False, "jpg")


# Specs from the arguments of developers


@pytest.mark.slow
@given(strategies.specs())
def test_made_spec_equals_parsed_spec(spec: Spec) -> None:
    made = Spec.make(
        f"{spec.width or ''}x{spec.height or ''}",
        mode=spec.mode,
        quality=spec.quality,
        upscale=spec.upscale,
        format=spec.format,
        **{name: getattr(spec, name) for name in SPELLED if name != "poster"},
    )
    assert replace(made, poster=spec.poster) == spec  # No argument names an attempt.


@given(
    st.text(max_size=20),
    st.none() | st.text(max_size=8) | strategies.modes,
    st.none() | st.integers(),
    st.none() | st.text(max_size=8),
    st.none() | st.tuples(*[st.integers()] * 4),
    st.none() | st.tuples(*[st.floats() | st.integers()] * 2),
)
def test_arbitrary_options_give_a_canonical_spec_or_invalid_spec(
    size: str, mode: Any, quality: Any, background: Any, crop: Any, focal: Any
) -> None:
    options = {"mode": mode, "quality": quality, "crop": crop, "focal": focal}
    try:
        spec = make(size, background=background, **options)
    except MediaError:
        return
    assert Spec.parse(str(spec), "webp") == spec


def test_default_spec_has_fit_the_quality_of_the_format_and_no_upscale() -> None:
    for format, quality in [*DEFAULT_QUALITY.items(), ("png", 99), ("gif", 99)]:
        assert str(make("400x", format=format)) == f"400x-fit-{quality}-noupscale"


def test_quality_of_the_site_is_used_if_none_is_given() -> None:
    assert make(qualities={"webp": 60}).quality == 60
    assert make(qualities={"jpg": 60}).quality == DEFAULT_QUALITY["webp"]
    assert make(qualities={"webp": 60}, quality=70).quality == 70
    assert make(format="png", qualities={"png": 60}, quality=70).quality == 99


def test_default_options_are_left_out() -> None:
    assert str(make(mode="fill", focal=(50, 50))) == "400x300-fill-79-noupscale"
    assert str(make(mode="fill", focal=(50.4, 49.5))) == "400x300-fill-79-noupscale"
    assert make(format="jpg", background="#FFFFFF").background is None
    assert make(format="jpg", background="#FF8800").background == "ff8800"
    assert make(mode="pad", background="FFFFFF").background == "ffffff"


@given(st.floats(0, 100), st.floats(0, 100))
def test_focal_point_is_rounded_to_whole_percent_halves_up(x: float, y: float) -> None:
    focal = make(mode="fill", focal=(x, y)).focal or Focal(50, 50)
    assert focal == (math.floor(x + 0.5), math.floor(y + 0.5))


# Limits


@pytest.mark.acceptance(8)
@pytest.mark.parametrize(
    ("size", "allowed"),
    [
        ((5000, 1), True), ((5001, 1), False), ((1, 5001), False), ((4000, 4000), True),
        ((4000, 4001), False), ((5000, None), True), ((None, 5001), False), ((None, None), True),
    ],
)  # fmt: skip
def test_limits_hold_for_each_side_and_for_the_area(
    size: tuple[int | None, int | None], allowed: bool
) -> None:
    if allowed:
        Limits().check(*size)
        return
    with pytest.raises(LimitExceeded, match="MAX_OUTPUT"):
        Limits().check(*size)


@pytest.mark.slow
@given(strategies.specs())
def test_equal_specs_have_equal_hashes(spec: Spec) -> None:
    other = replace(spec, upscale=not spec.upscale)
    assert hash(replace(other, upscale=spec.upscale)) == hash(spec)
    assert other != spec
    assume(spec.crop is not None)
    assert replace(spec, crop=Crop(*(spec.crop or ()))) == spec


# Turns, effects and what a format may have


TURNED = {
    (0, None): "", (90, None): "-r90", (180, None): "-r180", (270, None): "-r270",
    (0, "h"): "-h", (90, "h"): "-h-r90", (180, "h"): "-h-r180", (270, "h"): "-h-r270",
    (0, "v"): "-h-r180", (90, "v"): "-h-r270", (180, "v"): "-h", (270, "v"): "-h-r90",
}  # fmt: skip


@pytest.mark.parametrize(("turn", "options"), TURNED.items())
def test_eight_turned_pictures_have_eight_spellings(
    turn: tuple[int, str | None], options: str
) -> None:
    rotate, flip = turn
    assert str(make(rotate=rotate, flip=flip)) == f"400x300-fit-79-noupscale{options}"


def test_defaults_of_options_are_left_out() -> None:
    plain = make()
    assert make(rotate=0, gray=False, blur=0, sharpen=0, lossless=False, page=1) == plain
    assert make(animated=True) == plain  # A WebP stays animated anyway.
    assert make(format="png", lossless=True) == make(format="png")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"gray": True}, "400x300-fit-79-noupscale-g"),
        ({"blur": 20, "sharpen": 50}, "400x300-fit-79-noupscale-s50-u20"),
        ({"lossless": True}, "400x300-fit-99-noupscale-l"),
        ({"format": "avif", "animated": True}, "400x300-fit-63-noupscale-a"),
        ({"page": 2}, "400x300-fit-79-noupscale-n2"),
        ({"mode": "fill", "focal": "northwest"}, "400x300-fill-79-noupscale-f0.0"),
        ({"mode": "fill", "focal": "center"}, "400x300-fill-79-noupscale"),
    ],
)
def test_option_of_a_developer_has_its_letter(options: dict[str, Any], text: str) -> None:
    options = {"quality": 63, **options} if options.get("format") == "avif" else options
    assert str(make(**options)) == text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rotate": 45}, "90, 180 or 270"),
        ({"rotate": 90.0}, "90, 180 or 270"),
        ({"rotate": True}, "90, 180 or 270"),
        ({"rotate": "90"}, "90, 180 or 270"),
        ({"rotate": 45, "flip": "v"}, "90, 180 or 270"),
        ({"flip": "x"}, '"h" or "v"'),
        ({"flip": True}, '"h" or "v"'),
        ({"gray": "yes"}, "True or False"),
        ({"blur": 101}, "1 to 100"),
        ({"blur": 1.5}, "1 to 100"),
        ({"sharpen": -1}, "1 to 100"),
        ({"sharpen": True}, "1 to 100"),
        ({"lossless": True, "format": "jpg"}, "lossless goes with webp"),
        ({"lossless": True, "format": "avif"}, "lossless goes with webp"),
        ({"lossless": True, "quality": 80}, "no quality"),
        ({"lossless": "no"}, "True or False"),
        ({"animated": "no"}, "True or False"),
        ({"page": 0}, "from 1"),
        ({"page": "2"}, "from 1"),
        ({"mode": "fill", "focal": "top"}, "northwest, north"),
        ({"blur": HUGE}, "1 to 100"),
    ],
)
def test_wrong_value_of_an_option_is_named_with_the_right_ones(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidSpec, match=said):
        make(**options)


def test_pickle_from_before_an_option_was_added_has_its_default() -> None:
    spec = object.__new__(Spec)
    spec.__setstate__([400, 300, "fit", 79, False, "webp", None, None, None])  # type: ignore[attr-defined]
    assert spec == make()
    assert pickle.loads(pickle.dumps(make(blur=3))) == make(blur=3)


def test_every_option_of_the_table_is_an_argument_and_a_field() -> None:
    names = {field.name for field in fields(Spec)}
    arguments = inspect.signature(Spec.make).parameters.keys()
    assert names - {"width", "height", "digest", "poster"} == set(OPTION_NAMES)
    own = arguments - {"size", "qualities", "effects", "digest"}
    assert own | set(Effects._fields) == set(OPTION_NAMES)
    letters = [option.letter for option in SPELLED.values()]
    assert letters == sorted(set(letters))

"""URLs of private files: how long they are valid, and what their signatures open."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from shift_media.core.keys import RenditionKey, parse_key
from shift_media.core.private_urls import (
    FILE,
    FOLDER,
    HOUR,
    LONGEST,
    find_expiry,
    find_folder,
    make_permit,
    names_others,
    read_query,
    read_token,
)
from shift_media.core.signing import Signer
from tests import strategies

pytestmark = [pytest.mark.acceptance(79)]

CLIP = "3c72aedc/ba25/41e6/a569/406c8f413974/clip.mp4"
SIGNER = Signer(["k" * 40], FILE)
times = st.floats(0, 10**11)
seconds = st.floats(0, LONGEST)
subjects = st.text("abc0123456789-_./?=&é")


@pytest.mark.slow
@given(times, seconds)
@example(7200, 0)
@example(7199.999, 0)
def test_url_is_valid_for_one_to_two_hours_and_the_time_of_the_video(
    now: float, seconds: float
) -> None:
    expires = find_expiry(now, seconds)
    assert expires % HOUR == 0
    assert HOUR + seconds <= expires - now <= 3 * HOUR + seconds


@given(times)
def test_url_without_a_video_is_valid_for_two_hours_at_most(now: float) -> None:
    assert HOUR < find_expiry(now) - now <= 2 * HOUR


@given(st.integers(0, 10**7), st.floats(0, HOUR, exclude_max=True), seconds)
def test_urls_that_are_made_within_one_hour_are_the_same(
    hour: int, later: float, seconds: float
) -> None:
    assume(hour * HOUR + later < (hour + 1) * HOUR)
    assert find_expiry(hour * HOUR + later, seconds) == find_expiry(hour * HOUR, seconds)


@pytest.mark.parametrize("seconds", [float("inf"), 1e300, LONGEST + 1])
def test_video_of_impossible_length_gets_the_longest_expiry(seconds: float) -> None:
    assert find_expiry(0, seconds) == 2 * HOUR + LONGEST <= 7 * 24 * HOUR


def test_video_of_negative_length_gets_the_usual_expiry() -> None:
    assert find_expiry(0, -1) == 2 * HOUR


@given(subjects, st.integers(1, 10**12 - 1))
def test_permit_is_read_from_its_query_and_its_token(subject: str, expires: int) -> None:
    permit = make_permit(subject, expires, SIGNER)
    query = dict(pair.split("=") for pair in permit.query.removeprefix("?").split("&"))
    assert read_query(query) == read_token(permit.token) == permit
    assert permit.holds(subject, SIGNER, expires - 1)
    assert not permit.holds(subject, SIGNER, expires)


@settings(max_examples=30)
@given(subjects, subjects, st.integers(1, 10**12 - 2))
def test_permit_holds_for_no_other_subject_expiry_key_or_purpose(
    subject: str, other: str, expires: int
) -> None:
    assume(subject != other)
    permit = make_permit(subject, expires, SIGNER)
    later = type(permit)(expires + 1, permit.signature)
    for wrong, about, signer in (
        (permit, other, SIGNER),
        (later, subject, SIGNER),
        (permit, subject, Signer(["o" * 40], FILE)),
        (permit, subject, Signer(["k" * 40], FOLDER)),
    ):
        assert not wrong.holds(about, signer, 0)


@settings(max_examples=30)
@given(strategies.nearly(st.just(make_permit(CLIP, 1764252000, SIGNER).token)))
def test_nearly_a_token_is_none_or_another_permit(text: str) -> None:
    right = make_permit(CLIP, 1764252000, SIGNER)
    permit = read_token(text)
    assert permit is None or permit.token == text
    assert permit == right or permit is None or not permit.holds(CLIP, SIGNER, 0)


@pytest.mark.parametrize(
    "expires", ["", "0", "01764252000", "+1", "1.5", "1e9", "-1", "٣", "9" * 13]
)
def test_expiry_in_another_spelling_is_not_read(expires: str) -> None:
    assert read_query({"expires": expires, "signature": "0" * 32}) is None
    assert read_token(f"{expires}-{'0' * 32}") is None


def test_query_without_a_signature_holds_for_nothing() -> None:
    permit = read_query({"expires": "99999999999"})
    assert permit is not None
    assert not permit.holds(CLIP, SIGNER, 0)


@pytest.mark.slow
@settings(max_examples=30)
@given(strategies.rendition_keys)
def test_folder_is_the_beginning_of_its_key_and_of_no_other_profile(key: object) -> None:
    folder = find_folder(key)  # type: ignore[arg-type]
    if folder is None:
        assert not isinstance(key, RenditionKey) or not key.profile
    else:
        assert str(key).startswith(folder)
        assert folder.endswith("/")
        assert folder.count("/") == 7


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        ("_web/hls.m3u8", True),
        ("_web/hls-240p/index.m3u8", True),
        ("_web/hls.mpd", True),
        ("_web/preview.vtt", True),
        ("_web/720p.mp4", False),
        ("_web/hls-240p/s00001.m4s", False),
        ("_poster.jpg", False),
    ],
)
def test_playlists_manifests_and_cues_name_others(leaf: str, expected: bool) -> None:
    assert names_others(parse_key(f"{CLIP}/{leaf}")) is expected

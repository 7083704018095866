from __future__ import annotations

import inspect
import pickle

import pytest

from shift_media.core import errors
from shift_media.core.errors import MediaError, MissingExtra

FAMILY = [
    item
    for item in vars(errors).values()
    if inspect.isclass(item) and issubclass(item, MediaError)
]


@pytest.mark.parametrize("error", FAMILY)
def test_each_error_has_a_code_of_its_own_and_a_public_sentence(error: type[MediaError]) -> None:
    assert error.code.isidentifier()
    assert error.code == error.code.lower()
    assert error.public[0].isupper()
    assert error.public.endswith(".")
    assert error.__doc__


def test_no_two_errors_share_a_code() -> None:
    codes = [error.code for error in FAMILY]
    assert sorted(set(codes)) == sorted(codes)


@pytest.mark.parametrize("error", [error for error in FAMILY if error is not MissingExtra])
def test_detail_is_in_the_log_and_not_in_the_public_sentence(error: type[MediaError]) -> None:
    raised = error("key 3c72aedc of bucket x")
    assert str(raised) == raised.detail == "key 3c72aedc of bucket x"
    assert "3c72aedc" not in raised.public
    assert str(error()) == error.public


def test_given_code_replaces_the_code_of_the_class() -> None:
    assert MediaError("x", code="other").code == "other"
    assert MediaError("x").code == "media_error"


def test_errors_are_subclasses_of_what_callers_catch() -> None:
    for error in (errors.InvalidKey, errors.InvalidSpec, errors.BadSignature):
        assert issubclass(error, ValueError)
    assert issubclass(MissingExtra, ImportError)


def test_missing_extra_names_the_command_that_installs_it() -> None:
    error = MissingExtra("nosuchpackage", "video")
    assert 'pip install "django-shift-media[video]"' in str(error)


def test_pickled_error_keeps_detail_and_code() -> None:
    sent = errors.TooManyPixels("99 megapixels", code="too_many")
    got = pickle.loads(pickle.dumps(sent))
    assert (str(got), got.code, got.public) == ("99 megapixels", "too_many", sent.public)

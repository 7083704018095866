"""Verification of messages: exactly what was signed is accepted."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shift_media.transcoding.webhooks import sns
from shift_media.transcoding.webhooks.sns import Malformed, Unverified
from tests.servers.sns import TOPIC, certify, envelope, new_key, sign

KEY = new_key()
SIGNING = certify("sns", key=KEY)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner),
    max_leaves=20,
)


def verify(message: dict[str, Any]) -> None:
    sns.verify(sns.parse(message), [TOPIC], lambda url: SIGNING.pem)


@pytest.mark.slow
@pytest.mark.acceptance(53)
@given(text=texts, subject=st.none() | texts, version=st.sampled_from(["1", "2"]))
def test_any_text_is_accepted_only_as_it_was_signed(text: str, subject: Any, version: str) -> None:
    message = sign(envelope(text, Subject=subject, SignatureVersion=version), KEY)
    verify(json.loads(json.dumps(message)))
    with pytest.raises(Unverified):
        verify(message | {"Message": f"{text}x"})
    with pytest.raises(Unverified):
        verify(message | {"Subject": f"{subject or ''}x"})


@pytest.mark.slow
@pytest.mark.acceptance(53, 56)
@given(name=st.sampled_from(sorted(envelope(Type="SubscriptionConfirmation"))), value=json_values)
def test_any_other_value_is_refused(name: str, value: Any) -> None:
    message = sign(envelope(Type="SubscriptionConfirmation"), KEY)
    if name == "UnsubscribeURL" or message[name] == value:
        return
    with pytest.raises(Unverified):
        verify(message | {name: value})


@pytest.mark.slow
@pytest.mark.acceptance(56)
@given(value=json_values)
def test_json_other_than_an_object_is_refused(value: Any) -> None:
    text = json.dumps(value)
    if isinstance(value, dict):
        assert json.dumps(sns.load_object(text)) == text
    else:
        with pytest.raises(Malformed):
            sns.load_object(text)


@pytest.mark.acceptance(56)
@given(text=st.text('[]{}":\\,a1', max_size=60))
def test_any_text_is_parsed_as_an_object_or_refused(text: str) -> None:
    with contextlib.suppress(Malformed):
        assert isinstance(sns.load_object(text), dict)


@pytest.mark.acceptance(56)
def test_brackets_in_strings_do_not_count_as_nesting() -> None:
    text = "[{" * 5000 + '\\"' + "\\" * 7
    assert sns.load_object(json.dumps({"Message": text})) == {"Message": text}
    with pytest.raises(Malformed, match="nested"):
        sns.load_object('{"a":' * 41 + "1" + "}" * 41)


def test_expired_certificate_is_refused_though_it_is_cached() -> None:
    message = sns.parse(sign(envelope(), KEY))
    later = datetime.now(UTC) + timedelta(days=2)
    with pytest.raises(Unverified, match="valid from"):
        sns.verify(message, [TOPIC], lambda url: SIGNING.pem, later)


def test_modules_load_neither_django_nor_cryptography() -> None:
    room = "shift_media.transcoding"
    code = f"import sys, {room}.webhooks.sns, {room}.events; "
    code += "assert not {'django', 'cryptography', 'boto3'} & set(sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr

from __future__ import annotations

import hashlib
import hmac
import inspect

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shift_media.core.errors import InvalidSigningKey
from shift_media.core.signing import RESIZE, Signer
from tests import strategies

PAYLOAD = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/400x300-fill-80-noupscale.webp"
# Computed by hand, with OpenSSL 3.0:
#   K=$(printf 'shift_media/resize/1/key' | openssl dgst -sha256 -hmac secret -r | cut -c-64)
#   printf 'shift_media/resize/1\0%s' "$PAYLOAD" |
#     openssl dgst -sha256 -mac HMAC -macopt hexkey:$K -r | cut -c-32
KNOWN_ANSWER = "ef64aef7a2e690b8379128787410169f"


def reference(key: bytes, purpose: str, payload: str) -> str:
    """Return the signature that the hmac module computes."""
    derived = hmac.new(key, f"shift_media/{purpose}/key".encode(), hashlib.sha256).digest()
    message = f"shift_media/{purpose}\0{payload}".encode()
    return hmac.new(derived, message, hashlib.sha256).hexdigest()[:32]


@pytest.mark.acceptance(48)
def test_signature_is_the_one_that_openssl_computes() -> None:
    assert Signer(["secret"]).sign(PAYLOAD) == KNOWN_ANSWER


@given(strategies.signing_keys, st.text(st.characters(codec="utf-8")))
@example("k" * 64, "")
@example("k" * 65, "a")
@example("k" * 200, "ä")
def test_signature_is_the_one_of_the_hmac_module(key: str, payload: str) -> None:
    assert Signer([key]).sign(payload) == reference(key.encode(), RESIZE, payload)


@given(st.binary(min_size=1, max_size=200).filter(lambda key: bool(key.strip())))
def test_signing_key_of_bytes_signs_like_the_hmac_module(key: bytes) -> None:
    assert Signer([key]).sign(PAYLOAD) == reference(key, RESIZE, PAYLOAD)


@given(strategies.signing_keys)
def test_signature_is_32_lower_case_hex_digits_and_verifies(key: str) -> None:
    signer = Signer([key])
    signature = signer.sign(PAYLOAD)
    assert len(signature) == 32
    assert set(signature) <= set(strategies.HEX)
    assert signer.verify(PAYLOAD, signature)


def test_signing_twice_gives_the_same_signature() -> None:
    signer = Signer(["secret"])
    assert [signer.sign(PAYLOAD) for _ in range(3)] == [KNOWN_ANSWER] * 3


@pytest.mark.acceptance(1)
def test_signature_with_a_changed_digit_does_not_verify() -> None:
    signer = Signer(["secret", "older"])
    for at in range(32):
        for digit in strategies.HEX:
            changed = KNOWN_ANSWER[:at] + digit + KNOWN_ANSWER[at + 1 :]
            assert signer.verify(PAYLOAD, changed) == (changed == KNOWN_ANSWER)


@pytest.mark.slow
@pytest.mark.acceptance(1, 3)
@given(st.data())
def test_payload_changed_by_one_character_does_not_verify(data: st.DataObject) -> None:
    changed = data.draw(strategies.nearly(st.just(PAYLOAD)))
    assume(changed != PAYLOAD)
    assert not Signer(["secret"]).verify(changed, KNOWN_ANSWER)


@pytest.mark.acceptance(2)
@given(st.text())
@example("")
@example(KNOWN_ANSWER.upper())
@example(KNOWN_ANSWER * 2)
@example(KNOWN_ANSWER[:31])
@example(KNOWN_ANSWER + "\n")
@example("é" * 32)
@example("٣" * 32)
@example("\ud800" * 32)
@example("a" * 10_000)
@example("\0" * 32)
def test_arbitrary_signature_does_not_verify_and_raises_nothing(signature: str) -> None:
    assume(signature != KNOWN_ANSWER)
    assert Signer(["secret"]).verify(PAYLOAD, signature) is False


@given(st.text())
@example("\ud800")
def test_arbitrary_payload_raises_nothing(payload: str) -> None:
    assume(payload != PAYLOAD)
    assert Signer(["secret"]).verify(payload, KNOWN_ANSWER) is False


@pytest.mark.acceptance(48)
def test_first_key_signs_and_all_keys_verify() -> None:
    old, new, rotated = Signer(["old"]), Signer(["new"]), Signer(["new", "old"])
    assert rotated.sign(PAYLOAD) == new.sign(PAYLOAD)
    assert rotated.verify(PAYLOAD, old.sign(PAYLOAD))
    assert rotated.verify(PAYLOAD, new.sign(PAYLOAD))
    assert not new.verify(PAYLOAD, old.sign(PAYLOAD))
    assert not rotated.verify(PAYLOAD, Signer(["third"]).sign(PAYLOAD))


@pytest.mark.acceptance(48)
@pytest.mark.parametrize(
    "keys", [[], (), [""], ["  "], [b""], ["secret", ""], "secret", b"secret"]
)
def test_missing_or_empty_key_is_refused(keys: list[str]) -> None:
    with pytest.raises(InvalidSigningKey) as caught:
        Signer(keys)
    assert "SIGNING_KEYS" in str(caught.value)


@given(strategies.signing_keys, st.sampled_from(["resize/2", "original/1", "upload/1"]))
def test_signature_for_one_purpose_does_not_verify_for_another(key: str, purpose: str) -> None:
    signature = Signer([key], purpose).sign(PAYLOAD)
    assert signature == reference(key.encode(), purpose, PAYLOAD)
    assert not Signer([key], RESIZE).verify(PAYLOAD, signature)


def test_characters_moved_from_purpose_to_payload_change_the_signature() -> None:
    assert Signer(["k"], "a").sign("b\0c") != Signer(["k"], "a\0b").sign("c")


def test_derived_key_differs_from_the_signing_key() -> None:
    plain = hmac.new(b"secret", f"shift_media/{RESIZE}\0{PAYLOAD}".encode(), hashlib.sha256)
    assert Signer(["secret"]).sign(PAYLOAD) != plain.hexdigest()[:32]


@pytest.mark.acceptance(2)
def test_signature_is_compared_in_constant_time() -> None:
    """Timing is too noisy to measure, so the test reads which comparison the code uses."""
    source = inspect.getsource(Signer.verify)
    assert "hmac.compare_digest(" in source
    assert "==" not in source

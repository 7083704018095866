"""Signatures of resize keys: HMAC-SHA-256 (RFC 2104, FIPS 180-4), cut to 128 bits, in hex.

The message begins with its purpose, and each purpose has its own key derived from the signing key,
so that a signature made for one thing never verifies another.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from shift_media.core.errors import InvalidSigningKey

RESIZE = "resize/1"

MIN_LENGTH, MIN_DIFFERENT = 32, 12
"""Least characters of a strong key, and least different ones: 32 hex digits just pass."""

_PLACEHOLDERS = ("random string", "replace this", "change me", "changeme")
"""Texts that stand in examples in place of a key."""

_BLOCK = 64
_SIGNATURE_BYTES = 16
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_ERRORS = "surrogatepass"
"""Any text that a client sends can be encoded with it; different texts stay different."""


class Signer:
    """A signer that signs with the first key and verifies with all of them.

    Args:
        keys: signing keys, newest first; none may be empty.
        purpose: the kind of what is signed, so that signatures cannot be used for another kind.

    Raises `InvalidSigningKey`.
    """

    __slots__ = ("_pairs",)

    def __init__(self, keys: Sequence[str | bytes], purpose: str = RESIZE) -> None:
        if isinstance(keys, str | bytes) or not keys:
            raise InvalidSigningKey(
                "Signing needs a list of at least one key. Set SECRET_KEY, or "
                'SHIFT_MEDIA["SIGNING_KEYS"] = ["…"].'
            )
        self._pairs = [_keyed(_derive(key, purpose), purpose) for key in keys]

    def sign(self, payload: str) -> str:
        """Return the signature of a payload: 32 lower-case hex digits."""
        return _digest(self._pairs[0], payload.encode(errors=_ERRORS))

    def verify(self, payload: str, signature: str) -> bool:
        """Return True if any key made this signature, in constant time."""
        message, claimed = payload.encode(errors=_ERRORS), signature.encode(errors=_ERRORS)
        verified = False
        for pair in self._pairs:
            verified |= hmac.compare_digest(_digest(pair, message).encode(), claimed)
        return verified


def is_weak(key: str | bytes) -> bool:
    """Return True if a key is short, repetitive or called insecure."""
    text = _as_text(key)
    is_short = len(text) < MIN_LENGTH or len(set(text)) < MIN_DIFFERENT
    return is_short or "insecure" in text.lower()


def is_placeholder(key: str | bytes) -> bool:
    """Return True if a key is copied from an example, so that everybody can read it."""
    return any(words in _as_text(key).lower() for words in _PLACEHOLDERS)


def _as_text(key: str | bytes) -> str:
    return key.decode("latin-1") if isinstance(key, bytes) else key


_Pair = tuple["hashlib._Hash", "hashlib._Hash"]


def _derive(key: str | bytes, purpose: str) -> bytes:
    raw = key.encode() if isinstance(key, str) else key
    if not raw.strip():
        raise InvalidSigningKey(
            "A signing key is empty. Set SECRET_KEY, or fill "
            'SHIFT_MEDIA["SIGNING_KEYS"] with long random keys only.'
        )
    return hmac.digest(raw, f"shift_media/{purpose}/key".encode(), "sha256")


def _keyed(key: bytes, purpose: str) -> _Pair:
    """Hash both padded keys once: each signature starts from copies, twice as fast as `hmac`."""
    block = key.ljust(_BLOCK, b"\0")
    inner = hashlib.sha256(block.translate(_INNER))
    inner.update(f"shift_media/{purpose}\0".encode())
    return inner, hashlib.sha256(block.translate(_OUTER))


def _digest(pair: _Pair, message: bytes) -> str:
    inner, outer = pair[0].copy(), pair[1].copy()
    inner.update(message)
    outer.update(inner.digest())
    return outer.hexdigest()[: 2 * _SIGNATURE_BYTES]

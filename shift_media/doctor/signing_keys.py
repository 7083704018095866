"""The signing keys: of their own, and strong."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings as django_settings

from shift_media.conf import settings
from shift_media.doctor.findings import Finding, error, ok, warning

LEAST_LENGTH, LEAST_DIFFERENT = 32, 12
"""Characters, and different ones among them: 32 hex digits, 128 bits, just pass."""

_MEND = (
    'Set SHIFT_MEDIA["SIGNING_KEYS"] to a list whose first key is what this prints; the older '
    "keys follow it, so that their URLs stay right."
)
_RUN = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"


def check_keys() -> Iterator[Finding]:
    """Look at the keys that sign resizes, and tell of them no more than their length."""
    keys = settings.SIGNING_KEYS
    own = (getattr(django_settings, "SHIFT_MEDIA", None) or {}).get("SIGNING_KEYS") is not None
    name = 'SHIFT_MEDIA["SIGNING_KEYS"]' if own else "SECRET_KEY"
    counted = f"{len(keys)} key{'s' if len(keys) > 1 else ''}, the first of {len(keys[0])}"
    seen = f"{name}: {counted} characters"
    weak = [number for number, key in enumerate(keys, 1) if is_weak(key)]
    if 1 in weak:
        yield error("signing-keys", f"{seen}, which can be guessed.", _MEND, _RUN)
    elif weak:
        yield warning("signing-keys", f"{seen}; key {weak[0]} can be guessed.", _MEND_OLD, _RESIGN)
    elif not own:
        yield warning("signing-keys", f"{seen}: when it is rotated, all URLs change.", _MEND, _RUN)
    else:
        yield ok("signing-keys", f"{seen}.")


_MEND_OLD = (
    "Drop the weak key as soon as pages with its URLs are gone: until then it verifies. This "
    "keeps what was stored under it:"
)
_RESIGN = "python manage.py media_cleanup --resign"


def is_weak(key: str | bytes) -> bool:
    """Tell whether a key is short, repeats itself or calls itself insecure."""
    text = key.decode("latin-1") if isinstance(key, bytes) else key
    short = len(text) < LEAST_LENGTH or len(set(text)) < LEAST_DIFFERENT
    return short or "insecure" in text.lower()

"""The signing keys: whether they are separate from ``SECRET_KEY``, and strong."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings as django_settings

from shift_media.conf import settings
from shift_media.core.signing import is_placeholder, is_weak
from shift_media.doctor.findings import Finding, error, ok, warning

_FIX = (
    'Set SHIFT_MEDIA["SIGNING_KEYS"] to a list. Its first key is the output of this command; the '
    "older keys follow it, so that their URLs stay valid."
)
_RUN = "python -c 'import secrets; print(secrets.token_urlsafe(48))'"

_FIX_OLD = (
    "Remove the weak key as soon as no page has URLs that were signed with it, because until then "
    "it verifies. This command keeps the resizes that are stored under such URLs:"
)
_RUN_OLD = "python manage.py media_cleanup --resign"


def check_keys() -> Iterator[Finding]:
    """Check the keys that sign resizes; findings show no more of them than their length."""
    keys = settings.SIGNING_KEYS
    own = (getattr(django_settings, "SHIFT_MEDIA", None) or {}).get("SIGNING_KEYS") is not None
    name = 'SHIFT_MEDIA["SIGNING_KEYS"]' if own else "SECRET_KEY"
    count = f"{len(keys)} key{'s' if len(keys) > 1 else ''}, the first of {len(keys[0])}"
    seen = f"{name}: {count} characters"
    weak = [number for number, key in enumerate(keys, 1) if is_weak(key)]
    if 1 in weak:
        yield error("signing-keys", f"{seen}, which can be guessed.", _FIX, _RUN)
    elif any(map(is_placeholder, keys)):
        # No error, so that a site that followed an earlier README can still be deployed.
        yield warning("signing-keys", f"{seen}, and one is copied from an example.", _FIX, _RUN)
    elif weak:
        seen = f"{seen}; key {weak[0]} can be guessed."
        yield warning("signing-keys", seen, _FIX_OLD, _RUN_OLD)
    elif not own:
        yield warning("signing-keys", f"{seen}: when it is rotated, all URLs change.", _FIX, _RUN)
    else:
        yield ok("signing-keys", f"{seen}.")

"""Signed paths of private resizes and renditions; see `shift_media.core.private_urls`."""

from __future__ import annotations

import time
from collections.abc import Mapping

from shift_media.conf import settings
from shift_media.core.keys import Key, parse_key
from shift_media.core.private_urls import (
    FILE,
    FOLDER,
    Permit,
    find_expiry,
    find_folder,
    make_permit,
    names_others,
    read_query,
    read_token,
)


def sign_path(key: str, seconds: float = 0) -> str:
    """Return what follows the public URL of a private file: its key with a permit.

    A file that names others has a token in front, which is signed for its folder.
    """
    expires = find_expiry(time.time(), seconds)
    folder = _find_list_folder(key)
    if folder is None:
        return f"{key}{make_permit(key, expires, settings.signer(FILE)).query}"
    return f"{make_permit(folder, expires, settings.signer(FOLDER)).token}/{key}"


def find_permit(key: Key, query: Mapping[str, str], token: str) -> Permit | None:
    """Return the permit by which a request may read a private file; None if it may not."""
    if token:
        permit, subject, purpose = read_token(token), find_folder(key), FOLDER
    else:
        permit, subject, purpose = read_query(query), str(key), FILE
    if permit is None or subject is None:
        return None
    return permit if permit.holds(subject, settings.signer(purpose), time.time()) else None


def _find_list_folder(key: str) -> str | None:
    if "/_" not in key:  # A resize, as most keys are.
        return None
    parsed = parse_key(key)
    return find_folder(parsed) if names_others(parsed) else None

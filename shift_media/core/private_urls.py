"""URLs of private files: until when they are valid, and what their signature covers.

The URL of one file ends in ``?expires=1764252000&signature=…``. A file that names others relative
to itself, such as a playlist, has a token in the path before its key, ``1764252000-…/``. Browsers
repeat it for the names in the file, so it is signed for the folder of the profile, and opens
nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from shift_media.core.keys import Key, RenditionKey
from shift_media.core.signing import Signer

FILE, FOLDER = "private-file/1", "private-folder/1"
"""The purposes in the signatures of the two kinds of URLs."""

HOUR: Final = 3600

LONGEST: Final = 5 * 24 * HOUR
"""The longest time, in seconds, by which a URL of a long video outlives others.

With the two hours of all URLs it is below the seven days of a presigned URL of S3.
"""

_EXPIRES = r"[1-9][0-9]{0,11}"
TOKEN_PATTERN = rf"{_EXPIRES}-[0-9a-f]{{32}}"
"""Matches the token in a path: an expiry, a dash and a signature."""

LISTS: Final = frozenset(("m3u8", "mpd", "vtt"))
"""The extensions of renditions that name other files relative to themselves."""


@dataclass(frozen=True, slots=True)
class Permit:
    """The expiry and the signature in a URL, which may be forged.

    Attributes:
        expires: in seconds since 1970.
        signature: of a subject and the expiry.
    """

    expires: int
    signature: str

    def holds(self, subject: str, signer: Signer, now: float) -> bool:
        """Return True if the permit was signed for a key or folder and has not expired."""
        genuine = signer.verify(_signed_text(subject, self.expires), self.signature)
        return genuine and now < self.expires

    @property
    def query(self) -> str:
        """The query of a URL, with its question mark."""
        return f"?expires={self.expires}&signature={self.signature}"

    @property
    def token(self) -> str:
        """The segment of a path."""
        return f"{self.expires}-{self.signature}"


def make_permit(subject: str, expires: int, signer: Signer) -> Permit:
    """Return the permit of a URL that is made for a key or a folder."""
    return Permit(expires, signer.sign(_signed_text(subject, expires)))


def read_query(query: Mapping[str, str]) -> Permit | None:
    """Return the permit in the query of a URL; None without one in its one spelling."""
    expires = query.get("expires", "")
    if not re.fullmatch(_EXPIRES, expires):
        return None
    return Permit(int(expires), query.get("signature", ""))


def read_token(token: str) -> Permit | None:
    """Return the permit in the path of a URL; None for a text that is no token."""
    if not re.fullmatch(TOKEN_PATTERN, token):
        return None
    expires, _, signature = token.partition("-")
    return Permit(int(expires), signature)


def find_expiry(now: float, seconds: float = 0) -> int:
    """Return when a URL that is made now expires: at the next full hour and one more.

    All URLs of one file that are made within an hour are the same, so that browsers cache it.
    Each is valid for one to two hours.

    Args:
        now: in seconds since 1970.
        seconds: by which the URL is valid for longer, as that of a video must be until its end;
            rounded up to hours, and at most `LONGEST`.
    """
    hours = math.ceil(min(max(seconds, 0), LONGEST) / HOUR)
    return (int(now // HOUR) + 2 + hours) * HOUR


def find_folder(key: Key) -> str | None:
    """Return the folder for which the URL of a key is signed; None if it is the key alone.

    It ends in a slash, so that it is the beginning of no other folder's name.
    """
    if not isinstance(key, RenditionKey) or not key.profile:
        return None
    return f"{key.original.prefix}_{key.profile}/"


def names_others(key: Key) -> bool:
    """Return True for a rendition that names other files relative to itself."""
    return find_folder(key) is not None and str(key).rpartition(".")[2] in LISTS


def _signed_text(subject: str, expires: int) -> str:
    return f"{subject}?expires={expires}"

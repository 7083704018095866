"""URLs of private originals that the app itself signs and serves."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping

from django.utils.encoding import filepath_to_uri

from shift_media.conf import settings
from shift_media.core.signing import Signer
from shift_media.storages.base import MediaStorage

ORIGINAL_PURPOSE = "original/1"
"""The purpose in the signatures of private originals' URLs."""

_EXPIRES = re.compile(r"[1-9][0-9]{0,11}")


class SignedOriginals(MediaStorage):
    """A media storage whose private originals the app serves, by URLs with an expiry."""

    def may_read(self, key: str, query: Mapping[str, str]) -> bool:
        """Return True if the original is public, or the query has a valid, unexpired signature."""
        if self.originals == "public":
            return True
        expires = query.get("expires", "")
        if not _EXPIRES.fullmatch(expires):
            return False
        genuine = _signer().verify(_signed_text(key, expires), query.get("signature", ""))
        return genuine and time.time() <= int(expires)

    def _private_url(self, key: str) -> str:
        expires = str(int(time.time()) + self.url_expire)
        signature = _signer().sign(_signed_text(key, expires))
        return f"{self.derived_url(filepath_to_uri(key))}?expires={expires}&signature={signature}"


def _signed_text(key: str, expires: str) -> str:
    return f"{key}?expires={expires}"


def _signer() -> Signer:
    return settings.signer(ORIGINAL_PURPOSE)

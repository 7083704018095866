"""URLs of originals that the app itself signs and answers: private ones, and downloads."""

from __future__ import annotations

import time
from collections.abc import Mapping
from urllib.parse import urlencode

from django.utils.encoding import filepath_to_uri

from shift_media.conf import settings
from shift_media.core.private_urls import make_permit, read_query
from shift_media.core.signing import Signer
from shift_media.storages.base import MediaStorage

ORIGINAL_PURPOSE = "original/1"
"""The purpose in the signatures of private originals' URLs."""

DOWNLOAD_PURPOSE = "download/1"
"""The purpose in the signatures of downloads' names."""


class SignedOriginals(MediaStorage):
    """A media storage whose private originals the app answers, at URLs with an expiry."""

    def may_read(self, key: str, query: Mapping[str, str]) -> bool:
        """Return True if the original is public, or the query has a valid, unexpired signature."""
        if self.originals == "public":
            return True
        permit = read_query(query)
        return permit is not None and permit.holds(key, _signer(), time.time())

    def download_url(self, key: str, name: str) -> str:
        """Return the URL of an original as an attachment; its name is signed, too."""
        url = self.url(key)
        token = _download_signer().sign(_download_text(key, name))
        return f"{url}{'&' if '?' in url else '?'}{urlencode({'download': name, 'token': token})}"

    def may_download(self, key: str, query: Mapping[str, str]) -> bool:
        """Return True if the name of a download in the query is that of `download_url`."""
        text = _download_text(key, query.get("download", ""))
        return _download_signer().verify(text, query.get("token", ""))

    def _private_url(self, key: str) -> str:
        permit = make_permit(key, int(time.time()) + self.url_expire, _signer())
        return f"{self.plain_url(filepath_to_uri(key))}{permit.query}"


def _download_text(key: str, name: str) -> str:
    return f"{key}?download={name}"


def _download_signer() -> Signer:
    return settings.signer(DOWNLOAD_PURPOSE)


def _signer() -> Signer:
    return settings.signer(ORIGINAL_PURPOSE)

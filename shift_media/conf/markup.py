"""The settings of templates: absolute URLs, breakpoints, and pictures in place of missing ones."""

from __future__ import annotations

import re
from functools import cached_property
from urllib.parse import urlsplit

from shift_media.conf.reader import SettingsReader, wrong_value

_INTEGRITY = re.compile(r"sha(?:256|384|512)-[A-Za-z0-9+/]{43,86}={0,2}")
_BREAKPOINTS = {"sm": 640, "md": 768, "lg": 1024, "xl": 1280, "2xl": 1536}


class MarkupSettings(SettingsReader):
    """The part of `Settings` that template tags read."""

    @cached_property
    def BREAKPOINTS(self) -> dict[str, int]:
        """Widths of the page in pixels, by name, for ``sizes="100vw lg:33vw"`` in tags.

        Default: ``{"sm": 640, "md": 768, "lg": 1024, "xl": 1280, "2xl": 1536}``.
        """
        expected = 'a dict from names to pixels, such as {"lg": 1024}'
        given = self._typed("BREAKPOINTS", _BREAKPOINTS, dict, expected)
        if not all(isinstance(n, str) and type(w) is int and w > 0 for n, w in given.items()):
            raise wrong_value("BREAKPOINTS", given, expected)
        return given

    @cached_property
    def DEV_PLACEHOLDERS(self) -> bool:
        """True if missing pictures are drawn in development. Default: False.

        For a copy of production's database without its media: in place of a missing original,
        poster or resize the app answers with a picture of the right size, which is not stored.
        Without Django's ``DEBUG`` it has no effect.
        """
        return self._typed("DEV_PLACEHOLDERS", False, bool, "True or False")

    @cached_property
    def FALLBACK(self) -> str | None:
        """Static file or URL of the picture that tags show for an empty field. Default: None.

        ``"img/no-photo.svg"``: ``resize_url``, ``resize_img`` and ``resize_picture`` show it, in
        production for a file that fails, too. Without it they render nothing.
        """
        picture = self._raw.get("FALLBACK")
        if picture is not None and (not isinstance(picture, str) or not picture):
            raise wrong_value("FALLBACK", picture, 'None or a path such as "img/no-photo.svg"')
        return picture

    @cached_property
    def HLS_JS(self) -> dict[str, str] | None:
        """Where ``media_player`` finds ``hls.js``, by which browsers play HLS. Default: None.

        ``{"src": "vendor/hls.min.js", "integrity": "sha384-…"}``: a static file or a URL, and the
        digest of the file (SRI), which a URL of another host must have. Without the setting, a
        browser that does not play HLS by itself plays the MP4s.
        """
        given = self._raw.get("HLS_JS")
        if given is None:
            return None
        expected = 'None or a dict such as {"src": "vendor/hls.min.js", "integrity": "sha384-…"}'
        is_dict = isinstance(given, dict) and {"src"} <= set(given) <= {"src", "integrity"}
        if not is_dict or not all(isinstance(text, str) and text for text in given.values()):
            raise wrong_value("HLS_JS", given, expected)
        integrity = given.get("integrity")
        if integrity is None and urlsplit(given["src"]).netloc:
            raise wrong_value("HLS_JS", given, "an integrity too, because it is on another host")
        if integrity is not None and not _INTEGRITY.fullmatch(integrity):
            raise wrong_value("HLS_JS", given, expected)
        return dict(given)

    @cached_property
    def SITE_URL(self) -> str | None:
        """Address of the site, such as ``"https://www.example.com"``, or None. Default: None.

        Absolute URLs begin with it, for e-mail and ``og:image``, unless the storage has an
        absolute ``public_url``. The host of a request is never used, because clients choose it.
        """
        url = self._raw.get("SITE_URL")
        parts = urlsplit(url) if isinstance(url, str) else None
        if url is not None and not (
            parts and parts.scheme in ("http", "https") and parts.hostname and not parts.path
        ):
            expected = 'None or a URL without a path, such as "https://www.example.com"'
            raise wrong_value("SITE_URL", url, expected)
        return None if url is None else str(url)

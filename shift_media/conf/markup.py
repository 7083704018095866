"""The settings of templates: absolute URLs, breakpoints, and pictures in place of missing ones."""

from __future__ import annotations

from functools import cached_property
from urllib.parse import urlsplit

from shift_media.conf.reader import SettingsReader, wrong_value

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

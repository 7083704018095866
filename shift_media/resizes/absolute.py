"""URLs for readers outside the site: in e-mail, feeds and ``og:image``."""

from __future__ import annotations

from urllib.parse import urlsplit

from shift_media.conf import ConfigurationError, settings


def make_absolute(url: str) -> str:
    """Return a URL with scheme and host: itself, or behind ``SHIFT_MEDIA["SITE_URL"]``.

    Raises `ConfigurationError` if the storage's URLs are paths and there is no ``SITE_URL``.
    """
    if urlsplit(url).netloc:
        return url
    if settings.SITE_URL is None:
        raise ConfigurationError(
            f"{url!r} cannot be made absolute, because the address of the site is not known. Set "
            'SHIFT_MEDIA["SITE_URL"] = "https://www.example.com".',
            key="SITE_URL",
        )
    return f"{settings.SITE_URL}{url}"

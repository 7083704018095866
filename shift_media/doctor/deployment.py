"""What is looked at: a storage, the addresses of its public URL and of the site, and a probe."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin, urlsplit

from django.urls import NoReverseMatch, reverse

from shift_media.doctor.bucket import Website, as_bucket, endpoint, website_of
from shift_media.doctor.client import Client, origin
from shift_media.doctor.probe import ProbeImage
from shift_media.storages import LocalMediaStorage, MediaStorage

NO_SITE = "The site's address is not known: give --site https://www.example.com."


@dataclass
class Deployment:
    """One storage as it is set up.

    Args:
        alias: its alias in ``STORAGES``, empty for the site's media storage.
        storage: the storage.
        probe: what is stored in it to look.
        site: the site's address, ``"https://www.example.com"``, with the path of the include
            where that is another than this site's URLs say; empty where it is not known.
        client: asks over HTTP.
    """

    alias: str
    storage: MediaStorage
    probe: ProbeImage
    site: str
    client: Client

    def __post_init__(self) -> None:
        if self.app_url and origin(self.app_url) == origin(self.public_url):
            self.client.allow(self.app_url, "the site")
        self.client.allow(self.app_url, "the app")
        self.client.allow(self.public_url, "the public URL")
        if bucket := as_bucket(self.storage):
            self.client.allow(endpoint(bucket), "the bucket's API")

    @cached_property
    def website(self) -> Website | None:
        """The bucket's website configuration; None where the storage is no bucket."""
        bucket = as_bucket(self.storage)
        return None if bucket is None else website_of(bucket)

    @cached_property
    def app_url(self) -> str:
        """Where the site includes ``shift_media.urls``, ending in a slash; empty if not known."""
        return self._app[0]

    @property
    def app_known_from(self) -> str:
        """Who told where the app is."""
        return self._app[1]

    @cached_property
    def _app(self) -> tuple[str, str]:
        if self.site:
            path = urlsplit(self.site).path
            whole = self.site if path.strip("/") else urljoin(self.site, include_of(self))
            return f"{whole.rstrip('/')}/", "--site"
        if isinstance(self.storage, LocalMediaStorage) and _is_absolute(self.storage.public_url):
            return self.storage.public_url, "public_url"
        if self.website and self.website.app_url:
            return f"{self.website.app_url.rstrip('/')}/", "the bucket's rule"
        return "", ""

    @property
    def public_url(self) -> str:
        """What keys are appended to in public; empty where it is a path of a site not known."""
        url = self.storage.public_url
        if _is_absolute(url):
            return url
        return urljoin(self.app_url, url) if self.app_url else ""

    def public(self, url: str) -> str:
        """Make a URL of the storage's absolute."""
        return url if _is_absolute(url) else urljoin(self.public_url, url)

    def answers_itself(self, url: str) -> bool:
        """Tell whether a URL is one of the app's."""
        return bool(self.app_url) and origin(url) == origin(self.app_url)

    def command(self, name: str, *options: str) -> str:
        """Write a command of ``manage.py`` for this storage."""
        words = ["python manage.py", name, *options]
        return " ".join([*words, "--storage", self.alias] if self.alias else words)

    def apply(self, *parts: str) -> str:
        """Write the command that applies parts of the set-up to the bucket."""
        told = list(parts)
        if "--website" in parts:
            told += ["--app-url", self.app_url or "https://www.example.com/media/"]
        return self.command("media_bucket apply", *told)

    def apply_policy(self) -> str:
        """Write the command that lets anybody read; AWS alone knows Block Public Access."""
        bucket = as_bucket(self.storage)
        host = urlsplit(endpoint(bucket)).hostname if bucket else ""
        on_aws = (host or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))
        return self.apply(*(["--public-access-block"] if on_aws else []), "--policy")


def include_of(setup: Deployment) -> str:
    """Find the path under which this site includes the view of a storage: ``/media/``."""
    if isinstance(setup.storage, LocalMediaStorage):
        return urlsplit(setup.storage.base_url or "/").path
    named = {"key": "x", "storage": setup.alias}
    for arguments in (named, {"key": "x"}):
        try:
            return reverse("shift_media:resize", kwargs=arguments).removesuffix("x")
        except NoReverseMatch:
            continue
    return "/media/"


def _is_absolute(url: str) -> bool:
    return urlsplit(url).scheme in ("http", "https")

"""A deployment: a storage, its public URL, the app behind it, and the probe that is stored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin, urlsplit

from django.urls import NoReverseMatch, reverse

from shift_media.doctor.bucket import BucketWebsite, as_bucket, bucket_url, read_website
from shift_media.doctor.client import HttpClient, origin
from shift_media.doctor.probe import ProbeImage
from shift_media.storages import LocalMediaStorage, MediaStorage

SITE_UNKNOWN = "The site's address is not known. Add --site https://www.example.com."


@dataclass
class Deployment:
    """One storage with the servers that lead to it.

    Args:
        alias: The storage's alias in ``STORAGES``; empty for the site's media storage.
        storage: The storage.
        probe: The image that the checks store in it.
        site: The site's address, ``"https://www.example.com"``. A path in it is that of the
            include, and replaces the one in this project's URLs. Empty if it is not known.
        client: The client for requests over HTTP.
    """

    alias: str
    storage: MediaStorage
    probe: ProbeImage
    site: str
    client: HttpClient

    def __post_init__(self) -> None:
        if self.app_url and origin(self.app_url) == origin(self.public_url):
            self.client.allow(self.app_url, "the site")
        self.client.allow(self.app_url, "the app")
        self.client.allow(self.public_url, "the public URL")
        if bucket := as_bucket(self.storage):
            self.client.allow(bucket_url(bucket), "the bucket's API")

    @cached_property
    def website(self) -> BucketWebsite | None:
        """The bucket's website configuration; None if the storage is not a bucket."""
        bucket = as_bucket(self.storage)
        return None if bucket is None else read_website(bucket)

    @cached_property
    def app_url(self) -> str:
        """The URL of the include of ``shift_media.urls``, ending in a slash; empty if unknown."""
        return self._app[0]

    @property
    def app_url_source(self) -> str:
        """The option or setting that `app_url` comes from."""
        return self._app[1]

    @cached_property
    def _app(self) -> tuple[str, str]:
        if self.site:
            path = urlsplit(self.site).path
            url = self.site if path.strip("/") else urljoin(self.site, self.include_path)
            return f"{url.rstrip('/')}/", "--site"
        is_app = isinstance(self.storage, LocalMediaStorage) or self.storage.derived == "private"
        if is_app and _is_absolute(self.storage.public_url):
            return self.storage.public_url, "public_url"
        if self.website and self.website.app_url:
            return f"{self.website.app_url.rstrip('/')}/", "the bucket's rule"
        return "", ""

    @property
    def include_path(self) -> str:
        """The path under which this project includes the view of the storage: ``/media/``."""
        if isinstance(self.storage, LocalMediaStorage):
            return urlsplit(self.storage.base_url or "/").path
        for arguments in ({"storage": self.alias}, {}):
            try:
                return reverse("shift_media:upload", kwargs=arguments).removesuffix("upload/")
            except NoReverseMatch:
                continue
        return "/media/"

    @property
    def public_url(self) -> str:
        """The URL that keys are appended to; empty if it is a path and the site is unknown."""
        url = self.storage.public_url
        if _is_absolute(url):
            return url
        return urljoin(self.app_url, url) if self.app_url else ""

    def absolute_url(self, url: str) -> str:
        """Return a URL that the storage built, with a scheme and a host."""
        return url if _is_absolute(url) else urljoin(self.public_url, url)

    def is_app_url(self, url: str) -> bool:
        """Return True if a URL leads to the app's server."""
        return bool(self.app_url) and origin(url) == origin(self.app_url)

    def command(self, name: str, *options: str) -> str:
        """Return a command line of ``manage.py`` for this storage."""
        words = ["python manage.py", name, *options]
        return " ".join([*words, "--storage", self.alias] if self.alias else words)

    def apply_command(self, *parts: str) -> str:
        """Return the command line that applies parts of the configuration to the bucket."""
        options = list(parts)
        if "--website" in parts:
            options += ["--app-url", self.app_url or "https://www.example.com/media/"]
        return self.command("media_bucket apply", *options)

    def apply_policy_command(self) -> str:
        """Return the command line that lets everybody read the bucket.

        Only AWS has Block Public Access, which must be lifted first.
        """
        bucket = as_bucket(self.storage)
        host = urlsplit(bucket_url(bucket)).hostname if bucket else ""
        on_aws = (host or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))
        return self.apply_command(*(["--public-access-block"] if on_aws else []), "--policy")


def _is_absolute(url: str) -> bool:
    return urlsplit(url).scheme in ("http", "https")

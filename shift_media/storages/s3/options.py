"""The options of django-storages' `S3Storage`: what each does here, or why it is refused.

The reference page and the errors are made from `OPTIONS`, and a test compares it with `S3Storage`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.config import Config
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables

from shift_media.conf.reader import suggest
from shift_media.storages.s3.client import is_aws


@dataclass(frozen=True, slots=True)
class Option:
    """The effect of one option, or the reason for which it is refused.

    Attributes:
        effect: a sentence for the reference page.
        refused: why a value is not accepted; ``""`` if it is.
        harmless: whether the value is no secret and may be written into migrations.
    """

    effect: str = ""
    refused: str = ""
    harmless: bool = False


_LONGEST_LOCATION = 200
"""Characters of a location; a key of S3 has at most 1,024 bytes, one of ours some 300."""

_SEGMENT = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_LOCATION = re.compile(rf"(?=.{{1,{_LONGEST_LOCATION}}}\Z){_SEGMENT}(/{_SEGMENT})*")

_NO_ACL = "buckets made since 2023 refuse ACLs; a bucket policy says who reads what"
_ACLS = ("public-read", "private")
_SINGLE = (
    "uploads are conditional, which boto's transfer manager cannot do; parts of 32 MB are sent "
    "one after another"
)
_CLOUDFRONT = "Signs URLs of private originals for the CloudFront distribution at `public_url`."

OPTIONS: Mapping[str, Option] = {
    "access_key": Option("As in django-storages."),
    "secret_key": Option("As in django-storages."),
    "security_token": Option("As in django-storages."),
    "session_profile": Option("As in django-storages."),
    "bucket_name": Option("The bucket; required.", harmless=True),
    "region_name": Option("As in django-storages.", harmless=True),
    "endpoint_url": Option("As in django-storages.", harmless=True),
    "use_ssl": Option("As in django-storages.", harmless=True),
    "verify": Option("As in django-storages."),
    "proxies": Option("As in django-storages, also beside `client_config`."),
    "addressing_style": Option(
        "As in django-storages, also beside `client_config`. On AWS the default is `virtual`.",
        harmless=True,
    ),
    "signature_version": Option("The default is `s3v4`.", harmless=True),
    "client_config": Option(
        "A `botocore.config.Config`, merged over the timeouts, attempts and connections of "
        "shift_media: dual-stack, acceleration, payload signing."
    ),
    "custom_domain": Option("The default of `public_url`.", harmless=True),
    "url_protocol": Option("The protocol of `custom_domain`.", harmless=True),
    "querystring_expire": Option("The default of `url_expire`.", harmless=True),
    "cloudfront_key_id": Option(f"{_CLOUDFRONT} Needs `cloudfront_key`."),
    "cloudfront_key": Option(f"{_CLOUDFRONT} Needs `cloudfront_key_id`."),
    "cloudfront_signer": Option(_CLOUDFRONT),
    "object_parameters": Option(
        "Sent with each upload; shift_media sets `ContentType` and the SHA-256 in `Metadata`. "
        "`RequestPayer`, `ExpectedBucketOwner` and `SSECustomerKey` are sent with every request, "
        "storage class and encryption with copies too. Browsers cannot send an `SSECustomerKey`: "
        "a CDN must add it."
    ),
    "file_overwrite": Option("Holds for names that are no keys; keys are never overwritten."),
    "max_memory_size": Option(
        "Bytes of an opened file that are held in memory; more are in a temporary file. The "
        "default is 2 MB."
    ),
    "file_name_charset": Option("Unused, as in django-storages."),
    "location": Option(
        "What stands before every key in the bucket, with a slash: a site of its own in a shared "
        "bucket. It is added to `public_url`, and is no part of names in the database.",
        harmless=True,
    ),
    "default_acl": Option(
        "`public-read` or `private`: sent with each upload, but not with private originals. Only "
        f"for other servers than Amazon's, because {_NO_ACL}.",
        harmless=True,
    ),
    "querystring_auth": Option(refused='write originals="private" for signed URLs of originals'),
    "gzip": Option(refused="images and videos are compressed already"),
    "gzip_content_types": Option(refused="images and videos are compressed already"),
    "use_threads": Option(refused=_SINGLE),
    "transfer_config": Option(refused=_SINGLE),
}

_OWN = (
    "checksum_header cloudfront_distribution conditional_put delivery derived max_pool_connections"
    " mezzanine originals public_url url_expire".split()
)
_HARMLESS = frozenset((*_OWN, *(name for name, option in OPTIONS.items() if option.harmless)))


def are_harmless(options: Mapping[str, Any]) -> bool:
    """Return True if no option is a secret, nor a URL with a password in it."""
    return options.keys() <= _HARMLESS and not any("@" in str(v) for v in options.values())


@sensitive_variables()
def check_options(options: Mapping[str, Any], own: Iterable[str] = ()) -> None:
    """Raise `ImproperlyConfigured` for an unknown option, or one that cannot be honoured."""
    known = [*OPTIONS, *_OWN, *own]
    for name, value in options.items():
        if name not in known:
            raise ImproperlyConfigured(
                f"Invalid setting {name!r} for S3MediaStorage{suggest(name, known)}"
            )
        if value and name in OPTIONS and OPTIONS[name].refused:
            raise ImproperlyConfigured(
                f"S3MediaStorage does not accept {name}: {OPTIONS[name].refused}."
            )
    _check_values(options)


def _check_values(options: Mapping[str, Any]) -> None:
    if "ACL" in (options.get("object_parameters") or {}):
        raise ImproperlyConfigured(f"S3MediaStorage sends no ACL: {_NO_ACL}.")
    config = options.get("client_config")
    if config is not None and not isinstance(config, Config):
        raise ImproperlyConfigured(
            f"The option client_config is a {type(config).__name__}: write a "
            "botocore.config.Config(…)."
        )
    signed = [name for name in options if name.startswith("cloudfront_key") and options[name]]
    if options.get("cloudfront_signer"):
        signed.append("cloudfront_signer")
    if signed and options.get("originals", "public") == "public":
        raise ImproperlyConfigured(
            f"S3MediaStorage has the option {signed[0]}, but public originals, whose URLs need no "
            'signature. Write "originals": "private", or leave it out.'
        )


def check_acl(acl: Any, endpoint_url: str | None) -> str:
    """Return the ACL to send; ``""`` for none. Raises `ImproperlyConfigured` if it is refused."""
    if not acl:
        return ""
    if endpoint_url is None or is_aws(endpoint_url):
        raise ImproperlyConfigured(f"S3MediaStorage does not accept default_acl: {_NO_ACL}.")
    if acl not in _ACLS:
        raise ImproperlyConfigured(
            f"The option default_acl is {acl!r}: write {' or '.join(map(repr, _ACLS))}."
        )
    return str(acl)


def without_acl(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters without the ACL that ``AWS_S3_OBJECT_PARAMETERS`` may hold."""
    return {name: value for name, value in parameters.items() if name != "ACL"}


def check_bucket(bucket_name: str | None) -> None:
    """Raise `ImproperlyConfigured` without a bucket."""
    if not bucket_name:
        raise ImproperlyConfigured('S3MediaStorage needs the option bucket_name: "my-bucket".')


def check_location(location: Any) -> str:
    """Return a location without a slash at its end; raises `ImproperlyConfigured` for others.

    It stands in URLs, policies and rules, so it has only characters that mean themselves there.
    "upscale" and a segment that begins with "_" would match the policies of resizes and
    renditions of a site at the root of the bucket.
    """
    plain = str(location).rstrip("/")
    if plain and (not _LOCATION.fullmatch(plain) or "upscale" in plain or ".." in plain):
        raise ImproperlyConfigured(
            f"S3MediaStorage has the location {location!r}: write a path of letters, digits, "
            'dots, dashes and underscores, such as "shop" or "sites/shop", in which no segment '
            f'begins with another character than a letter or digit. "upscale" must not be in it, '
            f"and at most {_LONGEST_LOCATION} characters."
        )
    return plain


def check_endpoint(url: str | None) -> None:
    """Raise `ImproperlyConfigured` for an endpoint that is not an absolute URL."""
    if url is None or re.match(r"https?://[^/]", url):
        return
    shown = url.rpartition("@")[2]  # without a password
    raise ImproperlyConfigured(
        f"The option endpoint_url is {shown!r}: write a URL with its scheme, such as "
        '"https://s3.example.com", or leave it out for AWS.'
    )


def public_url_error(bucket_name: str) -> ImproperlyConfigured:
    """Return the error for a storage without a public URL."""
    return ImproperlyConfigured(
        "S3MediaStorage needs the option public_url: the website endpoint of the bucket, "
        f'"http://{bucket_name}.s3-website.REGION.amazonaws.com/", or the CDN before it.'
    )

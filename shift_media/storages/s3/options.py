"""Options of django-storages that a media storage refuses, and those that it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables

_NO_ACL = "buckets made since 2023 refuse ACLs; a bucket policy says who reads what"
_REFUSED = {
    "default_acl": _NO_ACL,
    "gzip": "images and videos are compressed already",
    "querystring_auth": 'write originals="private" for signed URLs of originals',
}

_HARMLESS = frozenset(
    "addressing_style bucket_name cloudfront_distribution custom_domain delivery endpoint_url"
    " location max_pool_connections mezzanine originals public_url querystring_expire region_name"
    " signature_version url_expire url_protocol use_ssl".split()
)


def are_harmless(options: Mapping[str, Any]) -> bool:
    """Return True if no option is a secret, nor a URL with a password in it."""
    return options.keys() <= _HARMLESS and not any("@" in str(v) for v in options.values())


@sensitive_variables()
def refuse_options(options: Mapping[str, Any]) -> None:
    """Raise `ImproperlyConfigured` for an option that a media storage cannot honour."""
    for option, reason in _REFUSED.items():
        if options.get(option):
            raise ImproperlyConfigured(f"S3MediaStorage does not accept {option}: {reason}.")
    if "ACL" in options.get("object_parameters", {}):
        raise ImproperlyConfigured(f"S3MediaStorage sends no ACL: {_NO_ACL}.")


def without_acl(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters without the ACL that ``AWS_S3_OBJECT_PARAMETERS`` may hold."""
    return {name: value for name, value in parameters.items() if name != "ACL"}


def check_bucket(bucket_name: str | None, location: str) -> None:
    """Raise `ImproperlyConfigured` without a bucket, or with a location below its root."""
    if not bucket_name:
        raise ImproperlyConfigured('S3MediaStorage needs the option bucket_name: "my-bucket".')
    if location:
        raise ImproperlyConfigured(
            f"S3MediaStorage has the location {location!r}: keys begin at the bucket's root, "
            'where the website rules look for them. Write "location": "" in OPTIONS.'
        )


def public_url_error(bucket_name: str) -> ImproperlyConfigured:
    """Return the error for a storage without a public URL."""
    return ImproperlyConfigured(
        "S3MediaStorage needs the option public_url: the website endpoint of the bucket, "
        f'"http://{bucket_name}.s3-website.REGION.amazonaws.com/", or the CDN before it.'
    )

"""CloudFront in front of the bucket, in two ways. Each document is the input of one API call.

(a) `origin_group_distribution` reads the private bucket, and fails over to the app on 403 or 404.
There is no redirect, so the app must answer with the bytes (``delivery="content"``).

(b) `website_distribution` reads the bucket's website endpoint and never caches its redirects. The
app redirects back (``delivery="redirect"``).

Sources: Amazon CloudFront Developer Guide, "Optimize high availability with CloudFront origin
failover", "Manage how long content stays in the cache (expiration)", "Restrict access to an Amazon
S3 origin"; API reference, CreateDistribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shift_media.aws.distributions import CloudFrontIds, CustomDomains
from shift_media.aws.prefixes import label
from shift_media.aws.website import split_app_url, website_host

DAY, YEAR = 86_400, 31_536_000  # seconds

FAILOVER_CODES = (403, 404)
"""S3 answers 403 for a missing key to callers who may not list the bucket, and 404 to others.

5xx is not among them: while S3 is down the app cannot read originals either, and failing over
would send it every request.
"""
BUSY_STATUS = 503
BUSY_SECONDS = 1
"""Seconds for which CloudFront caches a 503 of the app; its default is 10.

CloudFront ignores the app's no-store on errors.
"""

BUCKET, APP, GROUP, WEBSITE = "bucket", "app", "bucket-then-app", "website"
"""Ids of the origins within a distribution."""

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Content-Range, ETag, Retry-After",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
"""The app sends these with every response. S3 cannot, so CloudFront adds them to its responses."""


def origin_access_control(bucket: str) -> dict[str, Any]:
    """Build the input of CreateOriginAccessControl: CloudFront signs its requests to S3."""
    return {
        "OriginAccessControlConfig": {
            "Name": f"shift-media-{bucket}"[:64],
            "Description": "CloudFront reads the private bucket.",
            "SigningProtocol": "sigv4",
            "SigningBehavior": "always",
            "OriginAccessControlOriginType": "s3",
        }
    }


def caching_policy(bucket: str) -> dict[str, Any]:
    """Build the input of CreateCachePolicy for (a): stored media are cached for up to a year.

    ``MinTTL`` is 0, so that no-store in responses of the app takes effect. Renditions that a
    service wrote without Cache-Control are cached for a day. The cache key is the path alone.
    """
    return _cache_policy(f"shift-media-{bucket}", "Media.", default_ttl=DAY)


def redirecting_policy(bucket: str) -> dict[str, Any]:
    """Build the input of CreateCachePolicy for (b): without Cache-Control nothing is cached.

    The redirects of a website endpoint carry no Cache-Control. With CloudFront's default of a day
    a browser that follows one is sent back to the cached redirect, and loops. With ``DefaultTTL``
    0 redirects are not cached, and the ``max-age`` of stored media still applies.
    """
    name = f"shift-media-{bucket}-website"
    return _cache_policy(name, "Media; redirects are not cached.", default_ttl=0)


def _cache_policy(name: str, comment: str, default_ttl: int) -> dict[str, Any]:
    return {
        "CachePolicyConfig": {
            "Name": name[:128],
            "Comment": comment,
            "MinTTL": 0,
            "DefaultTTL": default_ttl,
            "MaxTTL": YEAR,
            "ParametersInCacheKeyAndForwardedToOrigin": {
                "EnableAcceptEncodingGzip": False,
                "EnableAcceptEncodingBrotli": False,
                "HeadersConfig": {"HeaderBehavior": "none"},
                "CookiesConfig": {"CookieBehavior": "none"},
                "QueryStringsConfig": {"QueryStringBehavior": "none"},
            },
        }
    }


def response_headers_policy(bucket: str) -> dict[str, Any]:
    """Build the input of CreateResponseHeadersPolicy: `HEADERS` on every response."""
    resource_policy = "Cross-Origin-Resource-Policy"
    return {
        "ResponseHeadersPolicyConfig": {
            "Name": f"shift-media-{bucket}"[:128],
            "Comment": "Media are media: no script, no sniffing, usable on other origins.",
            "CorsConfig": {
                "AccessControlAllowOrigins": _listed([HEADERS["Access-Control-Allow-Origin"]]),
                "AccessControlAllowHeaders": _listed(["range"]),
                "AccessControlAllowMethods": _listed(["GET", "HEAD"]),
                "AccessControlAllowCredentials": False,
                "AccessControlExposeHeaders": _listed(
                    HEADERS["Access-Control-Expose-Headers"].split(", ")
                ),
                "OriginOverride": True,
            },
            "SecurityHeadersConfig": {
                "ContentTypeOptions": {"Override": True},
                "ContentSecurityPolicy": {
                    "Override": True,
                    "ContentSecurityPolicy": HEADERS["Content-Security-Policy"],
                },
            },
            "CustomHeadersConfig": _listed(
                [{"Header": resource_policy, "Value": HEADERS[resource_policy], "Override": True}]
            ),
        }
    }


def origin_group_distribution(
    bucket: str,
    region: str,
    app_url: str,
    ids: CloudFrontIds | None = None,
    domains: CustomDomains | None = None,
    key_prefix: str = "",
) -> dict[str, Any]:
    """Build the input of CreateDistribution for (a).

    Args:
        bucket: The private bucket, read at its REST endpoint with Origin Access Control.
        region: The bucket's region.
        app_url: Where ``shift_media.urls`` is included. Its path becomes the ``OriginPath`` of
            the app, because CloudFront requests the same path from both origins. It must end in
            the ``key_prefix``, which is left out of the ``OriginPath``.
        ids: The ids of the resources that the other three documents create.
        domains: Host names of the site's own, with their certificate.
        key_prefix: What stands before every key, ``"shop/"``, where sites share the bucket.

    Raises `ValueError` for an ``app_url`` without scheme and host, or without the prefix.
    """
    ids = ids or CloudFrontIds()
    app = split_app_url(app_url)
    app_path = _origin_path(app_url, key_prefix)
    origins = [
        _bucket_origin(bucket, region, ids),
        _custom_origin(APP, app.hostname or "", app.scheme, app.port, app_path),
    ]
    group = {
        "Id": GROUP,
        "FailoverCriteria": {"StatusCodes": _listed(list(FAILOVER_CODES))},
        "Members": _listed([{"OriginId": BUCKET}, {"OriginId": APP}]),
    }
    name = label(bucket, key_prefix)
    config = _distribution(name, origins, GROUP, ids, domains or CustomDomains())
    return {"DistributionConfig": {**config, "OriginGroups": _listed([group])}}


def website_distribution(
    bucket: str,
    region: str,
    ids: CloudFrontIds | None = None,
    domains: CustomDomains | None = None,
    key_prefix: str = "",
) -> dict[str, Any]:
    """Build the input of CreateDistribution for (b), with `redirecting_policy`."""
    origin = _custom_origin(WEBSITE, website_host(bucket, region), "http", None, "")
    name = label(bucket, key_prefix)
    config = _distribution(
        name, [origin], WEBSITE, ids or CloudFrontIds(), domains or CustomDomains()
    )
    return {"DistributionConfig": config}


def _origin_path(app_url: str, key_prefix: str) -> str:
    path = split_app_url(app_url).path.rstrip("/")
    if not key_prefix:
        return path
    if not f"{path}/".endswith(f"/{key_prefix}"):
        raise ValueError(
            f"CloudFront requests the same path from the bucket and from the app, and all keys "
            f"begin with {key_prefix}, but the app is at {app_url}. Include shift_media.urls "
            f'under a path that ends so, path("media/{key_prefix}", …), and name it in --app-url.'
        )
    return f"{path}/".removesuffix(f"/{key_prefix}")


def _bucket_origin(bucket: str, region: str, ids: CloudFrontIds) -> dict[str, Any]:
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return {
        "Id": BUCKET,
        "DomainName": f"{bucket}.s3.{region}.{suffix}",
        "OriginPath": "",
        "CustomHeaders": {"Quantity": 0},
        # Empty, because Origin Access Control replaces it, but required by the API.
        "S3OriginConfig": {"OriginAccessIdentity": ""},
        "OriginAccessControlId": ids.origin_access_control,
    }


def _custom_origin(id: str, host: str, scheme: str, port: int | None, path: str) -> dict[str, Any]:
    ports = {"http": 80, "https": 443} | ({scheme: port} if port else {})
    return {
        "Id": id,
        "DomainName": host,
        "OriginPath": path,
        "CustomHeaders": {"Quantity": 0},
        "CustomOriginConfig": {
            "HTTPPort": ports["http"],
            "HTTPSPort": ports["https"],
            "OriginProtocolPolicy": f"{scheme}-only",
            "OriginSslProtocols": _listed(["TLSv1.2"]),
            "OriginReadTimeout": 60,
            "OriginKeepaliveTimeout": 5,
        },
    }


def _distribution(
    bucket: str,
    origins: list[dict[str, Any]],
    target: str,
    ids: CloudFrontIds,
    domains: CustomDomains,
) -> dict[str, Any]:
    busy = {"ErrorCode": BUSY_STATUS, "ErrorCachingMinTTL": BUSY_SECONDS}
    return {
        # The same reference for the same bucket, so that a repeated call creates only one.
        "CallerReference": f"shift-media-{bucket}-{target}",
        "Comment": f"Media of {bucket}"[:128],
        "Enabled": True,
        "HttpVersion": "http2and3",
        "IsIPV6Enabled": True,
        "PriceClass": "PriceClass_All",
        "Aliases": _listed(list(domains.aliases)),
        "ViewerCertificate": _certificate(domains.certificate_arn),
        "Origins": _listed(origins),
        "DefaultCacheBehavior": {
            "TargetOriginId": target,
            "ViewerProtocolPolicy": "redirect-to-https",
            "AllowedMethods": {
                **_listed(["GET", "HEAD", "OPTIONS"]),
                "CachedMethods": _listed(["GET", "HEAD"]),
            },
            "Compress": False,
            "CachePolicyId": ids.cache_policy,
            "ResponseHeadersPolicyId": ids.response_headers_policy,
        },
        "CustomErrorResponses": _listed([busy]),
    }


def _certificate(arn: str) -> dict[str, Any]:
    if not arn:
        return {"CloudFrontDefaultCertificate": True}
    return {
        "ACMCertificateArn": arn,
        "SSLSupportMethod": "sni-only",
        "MinimumProtocolVersion": "TLSv1.2_2021",
    }


def _listed(items: Sequence[Any]) -> dict[str, Any]:
    """Return a list in CloudFront's form: with its length, and without ``Items`` if empty."""
    return {"Quantity": len(items), **({"Items": list(items)} if items else {})}

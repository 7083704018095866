"""CloudFront before the bucket, in two ways; each document is the input of one call of its API.

(a) `origin_group_distribution`: the private bucket first, the app where that says 403 or 404. No
redirect at all; the app must answer with the bytes (``delivery="content"``).

(b) `website_distribution`: the bucket's website endpoint, whose redirects are never kept, for
those who have it. The app redirects back (``delivery="redirect"``).

Source: Amazon CloudFront Developer Guide, "Optimize high availability with CloudFront origin
failover", "Manage how long content stays in the cache (expiration)", "Restrict access to an Amazon
S3 origin"; API reference, CreateDistribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shift_media.aws.arns import check_arn, region_of
from shift_media.aws.website import app_parts, website_host

DAY, YEAR = 86_400, 31_536_000  # seconds

FAILOVER_CODES = (403, 404)
"""What S3 says of a missing key to a caller who may not list the bucket, or who may.

Not 5xx: while S3 is down the app could not make anything either, and would be asked for all.
"""
BUSY = 503
BUSY_SECONDS = 1
"""How long CloudFront keeps a 503 of the app, which says so with no-store in vain; 10 s else."""

BUCKET, APP, GROUP, WEBSITE = "bucket", "app", "bucket-then-app", "website"
"""Names of the origins within a distribution."""

CERTIFICATE_REGION = "us-east-1"
"""The one region where CloudFront looks for the certificate of an alias."""
_CERTIFICATE = (
    "arn:aws:acm:us-east-1:123456789012:certificate/01234567-89ab-cdef-0123-456789abcdef"
)

HEADERS = {
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
}
"""What the app sends with every answer, and CloudFront with those of S3, which cannot."""


@dataclass(frozen=True, slots=True)
class DistributionParts:
    """The ids that CloudFront gave to what a distribution refers to."""

    origin_access_control: str = "your-origin-access-control-id"
    cache_policy: str = "your-cache-policy-id"
    response_headers_policy: str = "your-response-headers-policy-id"


@dataclass(frozen=True, slots=True)
class Names:
    """The host names that a distribution answers to, and their certificate.

    Raises `ValueError` for names without a certificate, or one of another region than us-east-1.
    """

    aliases: Sequence[str] = ()
    certificate_arn: str = ""

    def __post_init__(self) -> None:
        if bool(self.aliases) != bool(self.certificate_arn):
            raise ValueError(
                "A name of one's own needs a certificate, and a certificate a name: give both, or "
                "neither for the name that CloudFront itself makes."
            )
        if self.certificate_arn:
            check_arn(self.certificate_arn, "acm", _CERTIFICATE)
            if (region := region_of(self.certificate_arn)) != CERTIFICATE_REGION:
                raise ValueError(
                    f"The certificate lies in {region}: CloudFront looks for it in "
                    f"{CERTIFICATE_REGION} alone. Request one for the same name there."
                )


def origin_access_control(bucket: str) -> dict[str, Any]:
    """Build the input of CreateOriginAccessControl: CloudFront signs what it asks of S3."""
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
    """Build the input of CreateCachePolicy for (a): what is stored is kept for up to a year.

    ``MinTTL`` is 0, so that a no-store of the app is heeded; renditions that a service wrote
    without Cache-Control are kept for a day. Nothing but the path tells media apart.
    """
    return _cache_policy(f"shift-media-{bucket}", "Media.", default_ttl=DAY)


def redirecting_policy(bucket: str) -> dict[str, Any]:
    """Build the input of CreateCachePolicy for (b): what says nothing of caching is not kept.

    The redirects of a website endpoint carry no Cache-Control. With CloudFront's default of a day
    everybody who follows one comes back to it, and loops; with ``DefaultTTL`` 0 none is kept, and
    the media's own ``max-age`` counts as before.
    """
    name = f"shift-media-{bucket}-website"
    return _cache_policy(name, "Media; redirects are not kept.", default_ttl=0)


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
    """Build the input of CreateResponseHeadersPolicy: `HEADERS` on whatever is answered."""
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
    parts: DistributionParts | None = None,
    names: Names | None = None,
) -> dict[str, Any]:
    """Build the input of CreateDistribution for (a).

    Args:
        bucket: the private bucket, read at its REST endpoint with Origin Access Control.
        region: where it lies.
        app_url: where ``shift_media.urls`` is included. Its path is the app's ``OriginPath``:
            CloudFront asks the second origin for the very path that it asked the first for.
        parts: the ids of the other three documents.
        names: host names of one's own.

    Raises `ValueError` for an ``app_url`` without scheme and host.
    """
    parts = parts or DistributionParts()
    app = app_parts(app_url)
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    origins = [
        {
            "Id": BUCKET,
            "DomainName": f"{bucket}.s3.{region}.{suffix}",
            "OriginPath": "",
            "CustomHeaders": {"Quantity": 0},
            # Empty, since the access control has taken its place; the API wants it there.
            "S3OriginConfig": {"OriginAccessIdentity": ""},
            "OriginAccessControlId": parts.origin_access_control,
        },
        _custom_origin(APP, app.hostname or "", app.scheme, app.port, app.path.rstrip("/")),
    ]
    group = {
        "Id": GROUP,
        "FailoverCriteria": {"StatusCodes": _listed(list(FAILOVER_CODES))},
        "Members": _listed([{"OriginId": BUCKET}, {"OriginId": APP}]),
    }
    config = _distribution(bucket, origins, GROUP, parts, names or Names())
    return {"DistributionConfig": {**config, "OriginGroups": _listed([group])}}


def website_distribution(
    bucket: str, region: str, parts: DistributionParts | None = None, names: Names | None = None
) -> dict[str, Any]:
    """Build the input of CreateDistribution for (b), with `redirecting_policy`."""
    origin = _custom_origin(WEBSITE, website_host(bucket, region), "http", None, "")
    config = _distribution(
        bucket, [origin], WEBSITE, parts or DistributionParts(), names or Names()
    )
    return {"DistributionConfig": config}


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
    bucket: str, origins: list[dict[str, Any]], target: str, parts: DistributionParts, names: Names
) -> dict[str, Any]:
    busy = {"ErrorCode": BUSY, "ErrorCachingMinTTL": BUSY_SECONDS}
    return {
        # The same name for the same bucket, so that asking twice makes one.
        "CallerReference": f"shift-media-{bucket}-{target}",
        "Comment": f"Media of {bucket}"[:128],
        "Enabled": True,
        "HttpVersion": "http2and3",
        "IsIPV6Enabled": True,
        "PriceClass": "PriceClass_All",
        "Aliases": _listed(list(names.aliases)),
        "ViewerCertificate": _certificate(names.certificate_arn),
        "Origins": _listed(origins),
        "DefaultCacheBehavior": {
            "TargetOriginId": target,
            "ViewerProtocolPolicy": "redirect-to-https",
            "AllowedMethods": {
                **_listed(["GET", "HEAD", "OPTIONS"]),
                "CachedMethods": _listed(["GET", "HEAD"]),
            },
            "Compress": False,
            "CachePolicyId": parts.cache_policy,
            "ResponseHeadersPolicyId": parts.response_headers_policy,
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
    """Write a list as CloudFront does: with its length, and without an empty one."""
    return {"Quantity": len(items), **({"Items": list(items)} if items else {})}

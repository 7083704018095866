"""Documents for CloudFront: their exact shape, and validity by botocore's model."""

from __future__ import annotations

from typing import Any

import pytest

from shift_media import http
from shift_media.aws import cloudfront
from shift_media.aws.distributions import CloudFrontIds, CustomDomains
from tests.aws.validation import faults

IDS = CloudFrontIds("E1OAC", "cache-id", "headers-id")
APP = "https://www.example.com/media/"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0123"
DOMAINS = CustomDomains(["media.example.com"], CERTIFICATE)

DOCUMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "origin access control": (
        "CreateOriginAccessControl",
        cloudfront.origin_access_control("b"),
    ),
    "cache policy": ("CreateCachePolicy", cloudfront.caching_policy("b")),
    "cache policy of redirects": ("CreateCachePolicy", cloudfront.redirecting_policy("b")),
    "response headers policy": (
        "CreateResponseHeadersPolicy",
        cloudfront.response_headers_policy("b"),
    ),
    "origin group": (
        "CreateDistribution",
        cloudfront.origin_group_distribution("b", "eu-central-1", APP, IDS, DOMAINS),
    ),
    "website": ("CreateDistribution", cloudfront.website_distribution("b", "eu-central-1", IDS)),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_cloudfront_document_is_valid(name: str) -> None:
    operation, document = DOCUMENTS[name]
    assert faults("cloudfront", operation, document) == ""


@pytest.mark.parametrize("name", DOCUMENTS)
def test_quantity_is_the_number_of_items(name: str) -> None:
    def check(value: Any) -> None:
        if isinstance(value, dict):
            if "Quantity" in value:
                assert value["Quantity"] == len(value.get("Items", []))
            for member in value.values():
                check(member)
        if isinstance(value, list):
            for item in value:
                check(item)

    check(DOCUMENTS[name][1])


def test_origin_group_fails_over_from_bucket_to_app_on_403_and_404() -> None:
    config = DOCUMENTS["origin group"][1]["DistributionConfig"]
    assert config["OriginGroups"] == {
        "Quantity": 1,
        "Items": [
            {
                "Id": "bucket-then-app",
                "FailoverCriteria": {"StatusCodes": {"Quantity": 2, "Items": [403, 404]}},
                "Members": {
                    "Quantity": 2,
                    "Items": [{"OriginId": "bucket"}, {"OriginId": "app"}],
                },
            }
        ],
    }
    bucket, app = config["Origins"]["Items"]
    assert bucket == {
        "Id": "bucket",
        "DomainName": "b.s3.eu-central-1.amazonaws.com",
        "OriginPath": "",
        "CustomHeaders": {"Quantity": 0},
        "S3OriginConfig": {"OriginAccessIdentity": ""},
        "OriginAccessControlId": "E1OAC",
    }
    assert app == {
        "Id": "app",
        "DomainName": "www.example.com",
        "OriginPath": "/media",
        "CustomHeaders": {"Quantity": 0},
        "CustomOriginConfig": {
            "HTTPPort": 80,
            "HTTPSPort": 443,
            "OriginProtocolPolicy": "https-only",
            "OriginSslProtocols": {"Quantity": 1, "Items": ["TLSv1.2"]},
            "OriginReadTimeout": 60,
            "OriginKeepaliveTimeout": 5,
        },
    }
    assert config["DefaultCacheBehavior"] == {
        "TargetOriginId": "bucket-then-app",
        "ViewerProtocolPolicy": "redirect-to-https",
        "AllowedMethods": {
            "Quantity": 3,
            "Items": ["GET", "HEAD", "OPTIONS"],
            "CachedMethods": {"Quantity": 2, "Items": ["GET", "HEAD"]},
        },
        "Compress": False,
        "CachePolicyId": "cache-id",
        "ResponseHeadersPolicyId": "headers-id",
    }
    assert config["Aliases"] == {"Quantity": 1, "Items": ["media.example.com"]}
    assert config["ViewerCertificate"]["ACMCertificateArn"] == CERTIFICATE
    assert config["CustomErrorResponses"]["Items"] == [{"ErrorCode": 503, "ErrorCachingMinTTL": 1}]


def test_origin_access_control_signs_requests_to_bucket() -> None:
    assert cloudfront.origin_access_control("b")["OriginAccessControlConfig"] == {
        "Name": "shift-media-b",
        "Description": "CloudFront reads the private bucket.",
        "SigningProtocol": "sigv4",
        "SigningBehavior": "always",
        "OriginAccessControlOriginType": "s3",
    }


def test_app_url_with_port_and_no_path_sets_origin() -> None:
    made = cloudfront.origin_group_distribution("b", "eu-west-1", "http://app.example:8080/")
    app = made["DistributionConfig"]["Origins"]["Items"][1]
    assert (app["DomainName"], app["OriginPath"]) == ("app.example", "")
    assert app["CustomOriginConfig"]["HTTPPort"] == 8080
    assert app["CustomOriginConfig"]["OriginProtocolPolicy"] == "http-only"
    assert "your-" in made["DistributionConfig"]["DefaultCacheBehavior"]["CachePolicyId"]


@pytest.mark.parametrize(
    ("policy", "default_ttl"),
    [(cloudfront.caching_policy, 86_400), (cloudfront.redirecting_policy, 0)],
)
def test_cache_policy_heeds_no_store(policy: Any, default_ttl: int) -> None:
    config = policy("b")["CachePolicyConfig"]
    assert (config["MinTTL"], config["DefaultTTL"]) == (0, default_ttl)
    assert config["MaxTTL"] == 31_536_000
    keyed = config["ParametersInCacheKeyAndForwardedToOrigin"]
    assert keyed["QueryStringsConfig"] == {"QueryStringBehavior": "none"}
    assert keyed["CookiesConfig"] == {"CookieBehavior": "none"}


def test_website_distribution_has_one_origin_over_http() -> None:
    config = DOCUMENTS["website"][1]["DistributionConfig"]
    (origin,) = config["Origins"]["Items"]
    assert origin["DomainName"] == "b.s3-website.eu-central-1.amazonaws.com"
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "http-only"
    assert config["DefaultCacheBehavior"]["TargetOriginId"] == origin["Id"]
    assert "OriginGroups" not in config
    assert config["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}


def test_response_headers_policy_adds_headers_of_app() -> None:
    assert dict(http.HEADERS) == cloudfront.HEADERS
    policy = cloudfront.response_headers_policy("b")["ResponseHeadersPolicyConfig"]
    security = policy["SecurityHeadersConfig"]
    assert security["ContentTypeOptions"] == {"Override": True}
    csp = http.HEADERS["Content-Security-Policy"]
    assert security["ContentSecurityPolicy"] == {"Override": True, "ContentSecurityPolicy": csp}
    assert policy["CorsConfig"]["AccessControlAllowOrigins"]["Items"] == ["*"]
    exposed = policy["CorsConfig"]["AccessControlExposeHeaders"]["Items"]
    assert ", ".join(exposed) == http.HEADERS["Access-Control-Expose-Headers"]
    (custom,) = policy["CustomHeadersConfig"]["Items"]
    assert (custom["Header"], custom["Value"]) == ("Cross-Origin-Resource-Policy", "cross-origin")


def test_certificate_outside_us_east_1_is_refused() -> None:
    with pytest.raises(ValueError, match=r"is in eu-central-1.*certificates in us-east-1"):
        CustomDomains(["media.example.com"], CERTIFICATE.replace("us-east-1", "eu-central-1"))


@pytest.mark.parametrize("arguments", [(["media.example.com"], ""), ([], CERTIFICATE)])
def test_alias_without_certificate_or_certificate_without_alias_is_refused(arguments: Any) -> None:
    with pytest.raises(ValueError, match="Give both, or neither"):
        CustomDomains(*arguments)

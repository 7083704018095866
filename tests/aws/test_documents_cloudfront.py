"""CloudFront's documents: exact shapes, and valid by botocore's own model."""

from __future__ import annotations

from typing import Any

import pytest

from shift_media import http
from shift_media.aws import cloudfront
from shift_media.aws.cloudfront import DistributionParts, Names
from tests.aws.validation import faults

PARTS = DistributionParts("E1OAC", "cache-id", "headers-id")
APP = "https://www.example.com/media/"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0123"
NAMES = Names(["media.example.com"], CERTIFICATE)

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
        cloudfront.origin_group_distribution("b", "eu-central-1", APP, PARTS, NAMES),
    ),
    "website": ("CreateDistribution", cloudfront.website_distribution("b", "eu-central-1", PARTS)),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_is_valid(name: str) -> None:
    operation, document = DOCUMENTS[name]
    assert faults("cloudfront", operation, document) == ""


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_quantity_is_the_number_of_its_items(name: str) -> None:
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


def test_the_private_bucket_comes_first_and_the_app_where_it_says_403_or_404() -> None:
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


def test_cloudfront_signs_what_it_asks_of_the_bucket() -> None:
    assert cloudfront.origin_access_control("b")["OriginAccessControlConfig"] == {
        "Name": "shift-media-b",
        "Description": "CloudFront reads the private bucket.",
        "SigningProtocol": "sigv4",
        "SigningBehavior": "always",
        "OriginAccessControlOriginType": "s3",
    }


def test_an_app_on_another_port_without_a_path() -> None:
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
def test_nothing_is_kept_that_says_no_store(policy: Any, default_ttl: int) -> None:
    config = policy("b")["CachePolicyConfig"]
    assert (config["MinTTL"], config["DefaultTTL"]) == (0, default_ttl)
    assert config["MaxTTL"] == 31_536_000
    keyed = config["ParametersInCacheKeyAndForwardedToOrigin"]
    assert keyed["QueryStringsConfig"] == {"QueryStringBehavior": "none"}
    assert keyed["CookiesConfig"] == {"CookieBehavior": "none"}


def test_the_website_endpoint_is_one_origin_over_http() -> None:
    config = DOCUMENTS["website"][1]["DistributionConfig"]
    (origin,) = config["Origins"]["Items"]
    assert origin["DomainName"] == "b.s3-website.eu-central-1.amazonaws.com"
    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "http-only"
    assert config["DefaultCacheBehavior"]["TargetOriginId"] == origin["Id"]
    assert "OriginGroups" not in config
    assert config["ViewerCertificate"] == {"CloudFrontDefaultCertificate": True}


def test_what_s3_answers_gets_the_headers_that_the_app_sends() -> None:
    assert dict(http.HEADERS) == cloudfront.HEADERS
    policy = cloudfront.response_headers_policy("b")["ResponseHeadersPolicyConfig"]
    security = policy["SecurityHeadersConfig"]
    assert security["ContentTypeOptions"] == {"Override": True}
    csp = http.HEADERS["Content-Security-Policy"]
    assert security["ContentSecurityPolicy"] == {"Override": True, "ContentSecurityPolicy": csp}
    assert policy["CorsConfig"]["AccessControlAllowOrigins"]["Items"] == ["*"]
    (custom,) = policy["CustomHeadersConfig"]["Items"]
    assert (custom["Header"], custom["Value"]) == ("Cross-Origin-Resource-Policy", "cross-origin")


def test_a_certificate_of_another_region_is_refused() -> None:
    with pytest.raises(ValueError, match=r"lies in eu-central-1.*us-east-1 alone"):
        Names(["media.example.com"], CERTIFICATE.replace("us-east-1", "eu-central-1"))


@pytest.mark.parametrize("names", [(["media.example.com"], ""), ([], CERTIFICATE)])
def test_a_name_needs_a_certificate_and_a_certificate_a_name(names: Any) -> None:
    with pytest.raises(ValueError, match="give both, or neither"):
        Names(*names)

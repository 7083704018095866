"""Documents for S3: their exact shape, and validity by botocore's model."""

from __future__ import annotations

import fnmatch
import json
from typing import Any

import pytest
from hypothesis import given

from shift_media.aws.cors import cors_configuration
from shift_media.aws.lifecycle import expires_noncurrent, lifecycle_configuration
from shift_media.aws.policies import (
    DERIVED,
    cloudfront_read_policy,
    ownership_controls,
    public_access_block,
    public_read_policy,
)
from shift_media.aws.website import website_configuration, website_host
from shift_media.core.keys import OriginalKey
from tests.aws.validation import faults
from tests.strategies import originals, resize_keys

DISTRIBUTION = "arn:aws:cloudfront::123456789012:distribution/EDFDVBD6EXAMPLE"


def test_validation_finds_wrong_documents() -> None:
    """It shows that the other tests can fail."""
    block = {"Bucket": "b", "PublicAccessBlockConfiguration": {"BlockPublicAcl": "yes"}}
    report = faults("s3", "PutPublicAccessBlock", block)
    assert "Unknown parameter" in report
    redirect = {"Protocol": "gopher", "HostName": "h"}
    website = {"RoutingRules": [{"Redirect": redirect}]}
    report = faults("s3", "PutBucketWebsite", {"Bucket": "b", "WebsiteConfiguration": website})
    assert "'gopher' is none of" in report


def test_website_redirects_missing_keys_on_404_and_403() -> None:
    redirect = {
        "Protocol": "https",
        "HostName": "www.example.com:8443",
        "HttpRedirectCode": "307",
        "ReplaceKeyPrefixWith": "media/",
    }
    website = website_configuration("https://www.example.com:8443/media/")
    assert website == {
        "IndexDocument": {"Suffix": "index.html"},
        "RoutingRules": [
            {"Condition": {"HttpErrorCodeReturnedEquals": "404"}, "Redirect": redirect},
            {"Condition": {"HttpErrorCodeReturnedEquals": "403"}, "Redirect": redirect},
        ],
    }
    sent = {"Bucket": "b", "WebsiteConfiguration": website}
    assert faults("s3", "PutBucketWebsite", sent) == ""


def test_include_at_root_has_no_key_prefix() -> None:
    rule = website_configuration("http://localhost:8000/", "302")["RoutingRules"][0]
    assert rule["Redirect"] == {
        "Protocol": "http",
        "HostName": "localhost:8000",
        "HttpRedirectCode": "302",
    }


@pytest.mark.parametrize("code", ["301", "308", "200", ""])
def test_redirect_code_that_browsers_cache_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="use 307 or 302"):
        website_configuration("https://www.example.com/media/", code)


@pytest.mark.parametrize(
    "url", ["", "www.example.com/media/", "ftp://x/", "https://u@evil/", "/m/", "https://a/?b"]
)
def test_app_url_without_scheme_or_host_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is not the URL of the app"):
        website_configuration(url)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("us-east-1", "b.s3-website-us-east-1.amazonaws.com"),
        ("eu-west-1", "b.s3-website-eu-west-1.amazonaws.com"),
        ("eu-central-1", "b.s3-website.eu-central-1.amazonaws.com"),
        ("cn-north-1", "b.s3-website.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_website_endpoint_follows_region(region: str, host: str) -> None:
    assert website_host("b", region) == host


def test_public_policy_allows_reading_but_not_listing() -> None:
    assert public_read_policy("my-bucket") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ShiftMediaPublicRead",
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": ["arn:aws:s3:::my-bucket/*"],
            }
        ],
    }
    assert "List" not in json.dumps(public_read_policy("b", "derived"))


def test_cloudfront_policy_allows_one_distribution_to_read_but_not_list() -> None:
    assert cloudfront_read_policy("my-bucket", DISTRIBUTION, "derived") == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ShiftMediaCloudFrontRead",
                "Effect": "Allow",
                "Principal": {"Service": "cloudfront.amazonaws.com"},
                "Action": "s3:GetObject",
                "Resource": [
                    "arn:aws:s3:::my-bucket/*upscale-*",
                    "arn:aws:s3:::my-bucket/*/_*",
                    "arn:aws:s3:::my-bucket/????????/????/????/????/????????????/*/*upscale-*",
                    "arn:aws:s3:::my-bucket/????????/????/????/????/????????????/*/_*",
                ],
                "Condition": {"StringEquals": {"AWS:SourceArn": DISTRIBUTION}},
            }
        ],
    }
    china = DISTRIBUTION.replace("arn:aws:", "arn:aws-cn:")
    (statement,) = cloudfront_read_policy("b", china)["Statement"]
    assert statement["Resource"] == ["arn:aws-cn:s3:::b/*"]


def matches(key: str) -> bool:
    return any(fnmatch.fnmatchcase(key, pattern) for pattern in DERIVED)


@pytest.mark.slow
@given(originals)
def test_original_matches_no_pattern_of_derived_files(key: OriginalKey) -> None:
    assert not matches(str(key))
    assert matches(f"{key.directory}/_poster.jpg")
    assert matches(f"{key.directory}/_web/720p.mp4")


@pytest.mark.slow
@given(resize_keys)
def test_resize_matches_a_pattern_of_derived_files(key: Any) -> None:
    assert matches(str(key))


def test_public_bucket_blocks_acls_but_not_policies() -> None:
    public, private = public_access_block("public"), public_access_block("private")
    assert public == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": False,
        "RestrictPublicBuckets": False,
    }
    assert private == dict.fromkeys(public, True)
    sent = {"Bucket": "b", "PublicAccessBlockConfiguration": public}
    assert faults("s3", "PutPublicAccessBlock", sent) == ""


def test_ownership_controls_disable_acls() -> None:
    owned = ownership_controls()
    assert owned == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    sent = {"Bucket": "b", "OwnershipControls": owned}
    assert faults("s3", "PutBucketOwnershipControls", sent) == ""


def test_cors_allows_every_origin_to_read_and_given_origins_to_upload() -> None:
    cors = cors_configuration(["https://www.example.com"])
    assert cors == {
        "CORSRules": [
            {
                "ID": "shift-media-direct-upload",
                "AllowedMethods": ["PUT", "GET", "HEAD"],
                "AllowedOrigins": ["https://www.example.com"],
                "AllowedHeaders": [
                    "content-type",
                    "cache-control",
                    "content-disposition",
                    "content-md5",
                    "if-none-match",
                    "x-amz-*",
                    "range",
                ],
                "ExposeHeaders": ["Content-Range", "ETag"],
                "MaxAgeSeconds": 3600,
            },
            {
                "ID": "shift-media-read",
                "AllowedMethods": ["GET", "HEAD"],
                "AllowedOrigins": ["*"],
                "AllowedHeaders": ["range"],
                "ExposeHeaders": ["Content-Range", "ETag"],
                "MaxAgeSeconds": 3600,
            },
        ]
    }
    assert faults("s3", "PutBucketCors", {"Bucket": "b", "CORSConfiguration": cors}) == ""
    assert [rule["ID"] for rule in cors_configuration()["CORSRules"]] == ["shift-media-read"]


@pytest.mark.parametrize("origin", ["*", "https://*.example.com", "www.example.com", "https://a/"])
def test_upload_origin_with_path_or_wildcard_is_refused(origin: str) -> None:
    with pytest.raises(ValueError, match="is not an origin"):
        cors_configuration([origin])


@pytest.mark.acceptance(77)
def test_lifecycle_aborts_unfinished_multipart_uploads() -> None:
    lifecycle = lifecycle_configuration()
    assert lifecycle == {
        "Rules": [
            {
                "ID": "shift-media-abort-multipart",
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
            },
        ]
    }
    sent = {"Bucket": "b", "LifecycleConfiguration": lifecycle}
    assert faults("s3", "PutBucketLifecycleConfiguration", sent) == ""


def test_lifecycle_removes_noncurrent_versions_if_asked() -> None:
    lifecycle = lifecycle_configuration(30)
    assert lifecycle["Rules"][0] == lifecycle_configuration()["Rules"][0]
    assert lifecycle["Rules"][1:] == [
        {
            "ID": "shift-media-expire-noncurrent",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
            "Expiration": {"ExpiredObjectDeleteMarker": True},
        }
    ]
    sent = {"Bucket": "b", "LifecycleConfiguration": lifecycle}
    assert faults("s3", "PutBucketLifecycleConfiguration", sent) == ""


def test_only_an_enabled_rule_for_all_objects_removes_versions() -> None:
    (rule,) = lifecycle_configuration(30)["Rules"][1:]
    assert expires_noncurrent([rule])
    assert expires_noncurrent([{**rule, "Filter": {}}])
    assert not expires_noncurrent([{**rule, "Status": "Disabled"}])
    assert not expires_noncurrent([{**rule, "Filter": {"Prefix": "logs/"}}])
    assert not expires_noncurrent(lifecycle_configuration()["Rules"])


def test_lifecycle_expires_no_objects() -> None:
    assert all("Expiration" not in rule for rule in lifecycle_configuration()["Rules"])

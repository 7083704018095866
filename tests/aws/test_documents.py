"""The documents that AWS takes, in their exact shape, and valid by botocore's own model."""

from __future__ import annotations

import fnmatch
import json
from typing import Any

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from hypothesis import given

from shift_media.aws.policies import DERIVED, public_read_policy
from shift_media.aws.website import website_configuration
from shift_media.core.paths import OriginalKey
from tests.strategies import originals, resize_keys


def validate(operation: str, parameters: dict[str, Any]) -> str:
    shape = Session().get_service_model("s3").operation_model(operation).input_shape
    return ParamValidator().validate(parameters, shape).generate_report()


def test_the_website_redirects_what_is_missing_whether_s3_says_404_or_403() -> None:
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
    assert validate("PutBucketWebsite", sent) == ""


def test_an_include_at_the_root_has_no_prefix() -> None:
    rule = website_configuration("http://localhost:8000/", "302")["RoutingRules"][0]
    assert rule["Redirect"] == {
        "Protocol": "http",
        "HostName": "localhost:8000",
        "HttpRedirectCode": "302",
    }


@pytest.mark.parametrize("code", ["301", "308", "200", ""])
def test_a_redirect_that_browsers_keep_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="use 307 or 302"):
        website_configuration("https://www.example.com/media/", code)


@pytest.mark.parametrize(
    "url", ["", "www.example.com/media/", "ftp://x/", "https://u@evil/", "/m/"]
)
def test_where_the_app_is_needs_a_scheme_and_a_host(url: str) -> None:
    with pytest.raises(ValueError, match="is not where the app is"):
        website_configuration(url)


def test_anybody_may_read_and_nobody_list() -> None:
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


def matches(key: str) -> bool:
    return any(fnmatch.fnmatchcase(key, pattern) for pattern in DERIVED)


@given(originals)
def test_originals_match_no_pattern_of_what_is_derived(key: OriginalKey) -> None:
    assert not matches(str(key))
    assert matches(f"{key.directory}/_poster.jpg")
    assert matches(f"{key.directory}/_web/720p.mp4")


@given(resize_keys)
def test_resizes_match_a_pattern_of_what_is_derived(key: Any) -> None:
    assert matches(str(key))

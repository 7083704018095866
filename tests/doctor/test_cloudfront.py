"""The doctor behind a simulated CloudFront: an origin group, cached redirects, and a loop."""

from __future__ import annotations

import pytest
from django.test import override_settings

from shift_media.aws import cloudfront
from tests.aws.test_cloudfront import WITH_DEFAULTS, Made, Website, app, made, naive, ours, website
from tests.doctor.conftest import Doctor

__all__ = ["app", "made", "website"]


@pytest.mark.s3
def test_origin_group_on_private_bucket_is_healthy_without_redirect(
    made: Made, doctor: Doctor
) -> None:
    site, app, distribution = made
    before = site.stored()
    with override_settings(ALLOWED_HOSTS=["*"]):
        found = {
            one["code"]: one for one in doctor.findings("--site", f"http://127.0.0.1:{app.port}")
        }
    assert {code for code, one in found.items() if one["severity"] == "error"} <= {"signing-keys"}
    assert found["round-trip"]["seen"] == "An image for 64×48: 200 from the public URL."
    assert found["redirect-cached"]["severity"] == "ok"
    assert {id for id, _ in distribution.requests} == {"bucket", "app"}
    assert site.stored() == before


@pytest.mark.acceptance(13)
@pytest.mark.rgw
@pytest.mark.parametrize("website", [naive], indirect=True)
def test_redirect_loop_behind_cloudfront_is_found(website: Website, doctor: Doctor) -> None:
    website.behind(WITH_DEFAULTS)
    found = {one["code"]: one for one in doctor.findings()}
    assert "More than 10 redirects" in found["redirect-loop"]["seen"]
    assert "Hit from cloudfront" in found["redirect-loop"]["seen"]


@pytest.mark.rgw
@pytest.mark.parametrize("website", [ours], indirect=True)
def test_redirect_cached_by_cloudfront_is_found_and_fixed_by_our_cache_policy(
    website: Website, doctor: Doctor
) -> None:
    website.behind(WITH_DEFAULTS)
    assert "redirect-cached" in doctor.codes()
    assert website.distribution
    website.distribution.stop()
    website.behind(cloudfront.redirecting_policy(website.bucket))
    assert doctor.codes() <= {"signing-keys"}
    assert website.site.stored() == set()

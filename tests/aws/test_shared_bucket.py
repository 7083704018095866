"""Sites that share a bucket by their locations: documents, rules and redirects."""

from __future__ import annotations

import copy
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError
from hypothesis import given
from hypothesis import strategies as st

from shift_media.aws import changes, documents
from shift_media.aws.documents import BucketSetup
from shift_media.aws.prefixes import camel_ending, ending, label
from shift_media.core.errors import NotStored, StorageError
from shift_media.storages import S3MediaStorage
from shift_media.testing.steps import fetch_bytes, new_key, put_bytes
from tests.aws.test_media_bucket import AGREED, run
from tests.aws.validation import faults
from tests.resizes.test_redirect_s3 import ask
from tests.servers.fixtures import client_of, media_on, storage_options

DISTRIBUTION = "arn:aws:cloudfront::123456789012:distribution/EDFDVBD6EXAMPLE"
SHOP, BLOG = "http://shop.localhost:8000/media/", "http://blog.localhost:8000/files/"
PREFIXES = st.from_regex(r"([A-Za-z0-9][A-Za-z0-9._-]{0,12}/){1,3}", fullmatch=True)

SHOP_SETUP = BucketSetup(bucket="b", prefix="shop/", app_url=SHOP)


# Names of rules


def test_ending_names_the_prefix() -> None:
    assert ending("shop/") == "-shop-c4d120e6"
    assert camel_ending("sites/shop/") == f"SitesShop{ending('sites/shop/')[-8:]}"
    assert (ending(""), camel_ending(""), label("b", "")) == ("", "", "b")


@pytest.mark.slow
@given(PREFIXES, PREFIXES)
def test_different_prefixes_have_different_names(first: str, second: str) -> None:
    for make in (ending, camel_ending):
        assert (make(first) == make(second)) is (first == second)
    assert camel_ending(first).isalnum()
    assert len(label("b" * 63, first)) <= 52


# Documents


def test_policies_and_rules_are_limited_to_the_prefix() -> None:
    objects = "arn:aws:s3:::b/shop/*"
    app = documents.iam_policy(SHOP_SETUP)["Statement"]
    assert app[0]["Resource"] == objects
    assert app[1]["Condition"] == {"StringLike": {"s3:prefix": "shop/*"}}
    (public,) = documents.bucket_policy(SHOP_SETUP)["Statement"]
    assert (public["Resource"], public["Action"]) == ([objects], "s3:GetObject")
    read, write, location, listing = documents.mediaconvert_role(SHOP_SETUP)["permissions"][
        "Statement"
    ]
    assert (read["Resource"], write["Resource"]) == (objects, "arn:aws:s3:::b/shop/*/_*")
    assert "Condition" not in location
    assert listing["Condition"] == app[1]["Condition"]
    for rule in documents.lifecycle_rules(SHOP_SETUP)["Rules"]:
        assert rule["Filter"] == {"Prefix": "shop/"}
    for rule in documents.website_rules(SHOP_SETUP)["RoutingRules"]:
        assert rule["Condition"]["KeyPrefixEquals"] == "shop/"
        assert rule["Redirect"]["ReplaceKeyPrefixWith"] == "media/"


def test_private_originals_stay_private_below_the_prefix() -> None:
    setup = BucketSetup(bucket="b", prefix="shop/", readable="derived")
    (statement,) = documents.bucket_policy(setup)["Statement"]
    assert statement["Resource"][:2] == [
        "arn:aws:s3:::b/shop/*upscale-*",
        "arn:aws:s3:::b/shop/*/_*",
    ]
    setup = BucketSetup(
        bucket="b",
        prefix="shop/",
        readable="derived",
        reader="cloudfront",
        distribution_arn=DISTRIBUTION,
    )
    (statement,) = documents.bucket_policy(setup)["Statement"]
    assert all(item.startswith("arn:aws:s3:::b/shop/") for item in statement["Resource"])
    assert statement["Sid"].startswith("ShiftMediaCloudFrontReadShop")


@pytest.mark.parametrize("name", sorted(documents.XML))
def test_documents_of_a_prefix_are_valid_input_of_the_api(name: str) -> None:
    setup = BucketSetup(bucket="b" * 63, prefix="sites/shop/", app_url=f"{SHOP}sites/shop/")
    service, operation, member = documents.XML[name]
    made = documents.cloudfront_documents(setup)
    document = made[name] if name in made else documents.DOCUMENTS[name](setup)
    parameters = {"Bucket": setup.bucket, member: document} if member else document
    assert not faults(service, operation, parameters)


def test_cloudfront_resources_of_two_sites_have_different_names() -> None:
    other = BucketSetup(bucket="b" * 63, prefix="blog/", app_url=f"{SHOP}blog/")
    setup = BucketSetup(bucket="b" * 63, prefix="shop/", app_url=f"{SHOP}shop/")
    names = []
    for one in (setup, other):
        made = documents.cloudfront_documents(one)
        control = made["origin-access-control"]["OriginAccessControlConfig"]["Name"]
        reference = made["distribution"]["DistributionConfig"]["CallerReference"]
        names += [control, reference]
    assert len(set(names)) == 4


def test_app_behind_cloudfront_is_asked_for_the_path_without_the_prefix() -> None:
    setup = BucketSetup(bucket="b", prefix="shop/", app_url=f"{SHOP}shop/")
    config = documents.cloudfront_documents(setup)["distribution"]["DistributionConfig"]
    assert [origin["OriginPath"] for origin in config["Origins"]["Items"]] == ["", "/media"]
    with pytest.raises(ValueError, match=r'path\("media/shop/"'):
        documents.cloudfront_documents(SHOP_SETUP)


def test_app_without_path_is_refused_as_target_of_a_prefix() -> None:
    setup = BucketSetup(bucket="b", prefix="shop/", app_url="https://www.example.com/")
    with pytest.raises(ValueError, match=r"such as https://www\.example\.com/media/"):
        documents.website_rules(setup)


# Merging


def rule(prefix: str, host: str, **condition: str) -> dict[str, Any]:
    prefixed = {"KeyPrefixEquals": prefix} if prefix else {}
    return {"Condition": {**prefixed, **condition}, "Redirect": {"HostName": host}}


def merged(prefix: str, *rules: dict[str, Any]) -> list[str]:
    """Return the hosts of the rules after the site's own were merged into them."""
    wanted = documents.website_rules(
        BucketSetup(bucket="b", prefix=prefix, app_url="https://ours/m/")
    )
    current = {"RoutingRules": list(rules)}
    before = copy.deepcopy(current)
    found = changes.merge_website(current, wanted, prefix)
    assert current == before
    again = changes.merge_website(found, wanted, prefix)
    assert again == found
    return [one["Redirect"]["HostName"] for one in found["RoutingRules"]]


def test_rules_of_a_prefix_come_before_those_that_cover_it() -> None:
    missing = {"HttpErrorCodeReturnedEquals": "404"}
    root, other = rule("", "root", **missing), rule("blog/", "blog", **missing)
    assert merged("shop/", root) == ["ours", "ours", "root"]
    assert merged("shop/", other, root) == ["blog", "ours", "ours", "root"]
    assert merged("shop/", other) == ["blog", "ours", "ours"]
    assert merged("shop/", rule("s", "s"), other) == ["ours", "ours", "s", "blog"]
    assert merged("", other) == ["blog", "ours", "ours"]


def test_rule_for_the_same_prefix_is_in_conflict() -> None:
    for theirs in (rule("shop/", "old", HttpErrorCodeReturnedEquals="404"), rule("shop/", "old")):
        with pytest.raises(changes.RuleConflict, match="old"):
            merged("shop/", theirs)


# Two sites on a real server


@pytest.fixture
def shared(rgw: Any) -> Iterator[str]:
    """Create a bucket that the sites shop and blog have configured; yield its name."""
    name = f"shared-{uuid.uuid4().hex[:12]}"
    client_of(rgw).create_bucket(Bucket=name)
    for site, url in (("shop", SHOP), ("blog", BLOG)):
        with media_on(options(rgw, name, site)):
            run("apply", *AGREED, "--app-url", url, "--upload-origin", f"https://{site}.example")
    return name


def options(rgw: Any, bucket: str, site: str) -> dict[str, Any]:
    return {**storage_options(rgw, bucket), "location": site, "public_url": rgw.website(bucket)}


@pytest.mark.rgw
def test_each_site_redirects_its_own_missing_keys_to_its_own_app(rgw: Any, shared: str) -> None:
    for site, url in (("shop", SHOP), ("blog", BLOG)):
        status, headers, _ = ask(f"{rgw.website(shared)}/{site}/a/b.jpg")
        assert (status, headers["location"]) == (307, f"{url}a/b.jpg")
    assert ask(f"{rgw.website(shared)}/other/a/b.jpg")[0] in (403, 404)


@pytest.mark.rgw
def test_second_apply_of_each_site_changes_nothing(rgw: Any, shared: str) -> None:
    for site, url in (("shop", SHOP), ("blog", BLOG)):
        with media_on(options(rgw, shared, site)):
            origin = ("--upload-origin", f"https://{site}.example")
            assert "Nothing differs" in run("plan", "--check", "--app-url", url, *origin)
    client = client_of(rgw)
    policy = json.loads(client.get_bucket_policy(Bucket=shared)["Policy"])
    assert [one["Resource"] for one in policy["Statement"]] == [
        [f"arn:aws:s3:::{shared}/shop/*"],
        [f"arn:aws:s3:::{shared}/blog/*"],
    ]
    cors = client.get_bucket_cors(Bucket=shared)["CORSRules"]
    assert [one["AllowedOrigins"] for one in cors] == [
        ["https://shop.example"],
        ["https://blog.example"],
        ["*"],
    ]
    expiring = client.get_bucket_lifecycle_configuration(Bucket=shared)["Rules"]
    assert sorted(one["Filter"]["Prefix"] for one in expiring) == ["blog/", "shop/"]


@pytest.mark.rgw
def test_correcting_one_site_keeps_the_rules_of_the_other(rgw: Any, shared: str) -> None:
    corrected = "http://new.localhost/media/"
    with media_on(options(rgw, shared, "shop")):
        with pytest.raises(CommandError, match="--replace-rules"):
            run("apply", "--website", *AGREED, "--app-url", corrected)
        run("apply", "--website", *AGREED, "--app-url", corrected, "--replace-rules")
    assert ask(f"{rgw.website(shared)}/shop/a/b.jpg")[1]["location"] == f"{corrected}a/b.jpg"
    assert ask(f"{rgw.website(shared)}/blog/a/b.jpg")[1]["location"] == f"{BLOG}a/b.jpg"


@pytest.mark.rgw
def test_widened_access_names_the_prefix(rgw: Any) -> None:
    name = f"shared-{uuid.uuid4().hex[:12]}"
    client_of(rgw).create_bucket(Bucket=name)
    with media_on(options(rgw, name, "shop")):
        assert f"Everybody may read every object of {name}/shop/." in run("plan", "--policy")


@pytest.mark.rgw
def test_policy_of_a_site_allows_its_own_location_alone(rgw: Any) -> None:
    name = f"shared-{uuid.uuid4().hex[:12]}"
    client = client_of(rgw)
    client.create_bucket(Bucket=name)
    sites, statements = {}, []
    for site in ("shop", "blog"):
        user = f"{site}-{name}"
        rgw.add_user(user, f"AK{site}{name}", "secret")
        setup = BucketSetup(bucket=name, prefix=f"{site}/")
        for statement in documents.iam_policy(setup)["Statement"]:
            principal = {"AWS": [f"arn:aws:iam:::user/{user}"]}
            sid = f"{statement['Sid']}{site.capitalize()}"
            statements.append({**statement, "Sid": sid, "Principal": principal})
        keys = {"access_key": f"AK{site}{name}", "secret_key": "secret"}
        sites[site] = S3MediaStorage(**{**options(rgw, name, site), **keys})
    policy = {"Version": "2012-10-17", "Statement": statements}
    client.put_bucket_policy(Bucket=name, Policy=json.dumps(policy))
    key, missing = str(new_key()), str(new_key())
    for site in sites.values():
        assert put_bytes(site, key, site.location.encode())
        assert fetch_bytes(site, key) == site.location.encode()
        assert [entry.key for entry in site.entries()] == [key]
        assert site.stat(missing) is None
        with pytest.raises(NotStored):
            site.fetch(missing)
    intruder = copy.copy(sites["shop"])
    intruder.key_prefix = "blog/"
    with pytest.raises(StorageError, match="AccessDenied"):
        list(intruder.entries())
    with pytest.raises(StorageError, match="AccessDenied"):
        intruder.delete(key)
    with pytest.raises(StorageError, match="AccessDenied"):
        put_bytes(intruder, missing, b"x")
    with pytest.raises(NotStored):
        intruder.fetch(key)
    assert fetch_bytes(sites["blog"], key) == b"blog"

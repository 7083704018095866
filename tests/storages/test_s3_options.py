"""The options of django-storages: each works, or is refused with its reason."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.config import Config
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.core.exceptions import ImproperlyConfigured
from django.core.files.base import ContentFile
from django.test import override_settings
from storages.backends.s3 import S3Storage

from shift_media.aws.cloudfront import response_headers_policy
from shift_media.checks.storages import check_storages
from shift_media.core.keys import new_original_key
from shift_media.http import HEADERS
from shift_media.storages import LocalMediaStorage, S3MediaStorage
from shift_media.storages.s3 import upload
from shift_media.storages.s3.options import OPTIONS
from tests.servers.faults import FaultProxy
from tests.servers.fixtures import client_of, new_bucket, storage_options

KEY = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"
BASE: dict[str, Any] = {
    "bucket_name": "my-media",
    "region_name": "eu-central-1",
    "public_url": "https://cdn.example/",
    "access_key": "a",
    "secret_key": "b",
}


def make(**options: Any) -> S3MediaStorage:
    return S3MediaStorage(**{**BASE, **options})


# Every option


def test_every_option_of_django_storages_is_explained() -> None:
    assert set(OPTIONS) == {*S3Storage().get_default_settings(), "cloudfront_signer"}
    assert [name for name, o in OPTIONS.items() if bool(o.effect) == bool(o.refused)] == []


def test_reference_page_lists_options_from_the_code() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "storages.rst"
    assert "\n.. media-s3-options::\n" in page.read_text()
    marks = [text for option in OPTIONS.values() for text in (option.effect, option.refused)]
    assert [text for text in marks if text.count("`") % 2] == []


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.refused])
def test_refused_option_is_reported_by_check_with_its_reason(name: str) -> None:
    backend = "shift_media.storages.S3MediaStorage"
    media = {"BACKEND": backend, "OPTIONS": {**BASE, name: "something"}}
    with override_settings(STORAGES={"media": media}):
        (message,) = check_storages(None)
    assert message.id == "shift_media.E002"
    assert name in message.msg
    assert OPTIONS[name].refused in message.msg


@pytest.mark.parametrize(
    ("make", "wrong", "meant"),
    [
        (S3MediaStorage, "bucket", "bucket_name"),
        (S3MediaStorage, "publicurl", "public_url"),
        (LocalMediaStorage, "base_ur", "base_url"),
        (LocalMediaStorage, "mezzanines", "mezzanine"),
    ],
)
def test_unknown_option_names_the_nearest_known_one(make: Any, wrong: str, meant: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=f'{wrong}.*did you mean "{meant}"'):
        make(**{wrong: "x"})


@pytest.mark.acceptance(74)
@pytest.mark.parametrize(
    ("distribution", "disposition"), [("", "attachment"), ("E2QWRUHAPOMQZL", None)]
)
def test_drawing_is_an_attachment_unless_cloudfront_sends_its_policy(
    distribution: str, disposition: str | None
) -> None:
    storage = S3MediaStorage(**BASE, cloudfront_distribution=distribution)
    key = str(new_original_key("logo", "svg"))
    parameters = storage.build_parameters(key, "image/svg+xml", "")
    assert parameters["ContentType"] == "image/svg+xml"
    assert parameters.get("ContentDisposition") == disposition
    config = response_headers_policy("b")["ResponseHeadersPolicyConfig"]
    policy = config["SecurityHeadersConfig"]["ContentSecurityPolicy"]
    assert policy == {
        "Override": True,
        "ContentSecurityPolicy": HEADERS["Content-Security-Policy"],
    }


def test_option_of_subclass_is_known() -> None:
    class Labelled(S3MediaStorage):
        def get_default_settings(self) -> dict[str, Any]:
            return {**super().get_default_settings(), "label": ""}

    assert Labelled(**BASE, label="x").label == "x"  # type: ignore[attr-defined]


# The client


@pytest.mark.parametrize(
    ("s3", "host"),
    [
        ({"use_dualstack_endpoint": True}, "my-media.s3.dualstack.eu-central-1.amazonaws.com"),
        ({"use_accelerate_endpoint": True}, "my-media.s3-accelerate.amazonaws.com"),
        ({"addressing_style": "path"}, "s3.eu-central-1.amazonaws.com"),
    ],
)
def test_client_config_reaches_the_client(s3: Any, host: str) -> None:
    storage = make(originals="private", client_config=Config(s3=s3, read_timeout=7))
    assert urlsplit(storage.url(KEY)).netloc == host
    config: Any = storage.client.meta.config
    assert (config.read_timeout, config.connect_timeout) == (7, 5)
    assert config.s3[next(iter(s3))] == s3[next(iter(s3))]


def test_client_config_keeps_payload_signing_and_options_beside_it() -> None:
    config = Config(s3={"payload_signing_enabled": True})
    proxies = {"https": "http://proxy.example:3128"}
    storage = make(client_config=config, addressing_style="path", proxies=proxies)
    found: Any = storage.client.meta.config
    assert found.s3 == {"payload_signing_enabled": True, "addressing_style": "path"}
    assert found.proxies == proxies
    assert found.signature_version == "s3v4"


def test_client_config_that_is_no_config_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"client_config is a dict: .*Config"):
        make(client_config={"s3": {}})


# Requests


def headers_of(faults: FaultProxy) -> Iterator[tuple[str, dict[str, str]]]:
    for request in faults.requests:
        yield request.method, {name.lower(): v for name, v in request.headers.items()}


@pytest.mark.s3
def test_parameters_of_access_are_sent_with_every_request(
    seaweedfs: Any, bucket: str, faults: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload, "MAX_SINGLE_PUT", 6_000_000)
    monkeypatch.setattr(upload, "PART_BYTES", 5 << 20)
    parameters = {"RequestPayer": "requester", "StorageClass": "STANDARD"}
    storage = S3MediaStorage(
        **storage_options(seaweedfs, bucket, faults.endpoint), object_parameters=parameters
    )
    key = new_original_key("photo.jpg", "jpg")
    storage.put(str(key), ContentFile(b"x" * 7_000_000), content_type="image/jpeg")
    storage.stat(str(key))
    storage.fetch(str(key)).close()
    storage.copy(str(key), f"{key.prefix}copy.jpg")
    list(storage.entries(key.prefix))
    storage.delete(str(key))
    storage.delete_prefix(key.prefix)
    sent = list(headers_of(faults))
    assert {"POST", "PUT", "HEAD", "GET", "DELETE"} == {method for method, _ in sent}
    assert [m for m, headers in sent if headers.get("x-amz-request-payer") != "requester"] == []
    copies = [headers for _, headers in sent if "x-amz-copy-source" in headers]
    assert [headers["x-amz-storage-class"] for headers in copies] == ["STANDARD"]


@pytest.mark.s3
def test_customer_key_is_sent_with_upload_and_reads(
    seaweedfs: Any, bucket: str, faults: FaultProxy
) -> None:
    parameters = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}
    storage = S3MediaStorage(
        **storage_options(seaweedfs, bucket, faults.endpoint), object_parameters=parameters
    )
    key = str(new_original_key("photo.jpg", "jpg"))
    assert storage.put(key, io.BytesIO(b"secret"), content_type="image/jpeg")
    with storage.fetch(key) as source:
        assert source.read() == b"secret"
    assert storage.size(key) == 6
    for _, headers in headers_of(faults):
        assert headers["x-amz-server-side-encryption-customer-algorithm"] == "AES256"


@pytest.mark.rgw
def test_metadata_of_site_is_stored_beside_the_checksum(rgw: Any) -> None:
    options = storage_options(rgw, new_bucket(rgw))
    storage = S3MediaStorage(
        **options, object_parameters={"Metadata": {"by": "me", "sha256": "x"}}
    )
    key = str(new_original_key("photo.jpg", "jpg"))
    storage.put(key, io.BytesIO(b"x"), content_type="image/jpeg")
    head = client_of(rgw).head_object(Bucket=storage.bucket_name, Key=key)
    assert head["Metadata"]["by"] == "me"
    assert len(head["Metadata"]["sha256"]) == 64


# URLs


@pytest.mark.parametrize("name", [KEY, "docs/report.pdf"])
@pytest.mark.parametrize("originals", ["public", "private"])
def test_url_with_arguments_is_that_of_django_storages(name: str, originals: str) -> None:
    ours = make(originals=originals)
    theirs = S3Storage(
        **{k: v for k, v in BASE.items() if k != "public_url"},
        signature_version="s3v4",
        addressing_style="virtual",
    )
    for arguments in (
        {"parameters": {"ResponseContentDisposition": "attachment"}},
        {"expire": 60},
        {"http_method": "HEAD"},
        {"parameters": {"VersionId": "1"}, "expire": 5, "http_method": "GET"},
    ):
        seen = []
        for storage in (ours, theirs):
            parts = urlsplit(storage.url(name, **arguments))  # type: ignore[arg-type]
            query = parse_qs(parts.query)
            query.pop("X-Amz-Date")
            query.pop("X-Amz-Signature")
            seen.append((parts.netloc, parts.path, query))
        assert seen[0] == seen[1]


def test_parameters_with_custom_domain_are_the_query_as_in_django_storages() -> None:
    options = {name: value for name, value in BASE.items() if name != "public_url"}
    pair = [kind(**options, custom_domain="cdn.example") for kind in (S3MediaStorage, S3Storage)]
    urls = [storage.url(KEY, parameters={"v": "2"}) for storage in pair]
    assert urls[0] == urls[1] == f"https://cdn.example/{KEY}?v=2"


@pytest.mark.parametrize(("location", "path"), [("", f"/{KEY}"), ("shop", f"/shop/{KEY}")])
def test_private_original_is_signed_for_cloudfront(location: str, path: str) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    signing = {"cloudfront_key_id": "KID", "cloudfront_key": pem.decode()}
    storage = make(originals="private", location=location, **signing)
    url = urlsplit(storage.url(KEY))
    assert (url.netloc, url.path) == ("cdn.example", path)
    assert parse_qs(url.query)["Key-Pair-Id"] == ["KID"]
    assert set(parse_qs(url.query)) == {"Expires", "Signature", "Key-Pair-Id"}


@pytest.mark.parametrize("name", ["cloudfront_key_id", "cloudfront_key", "cloudfront_signer"])
def test_cloudfront_key_with_public_originals_is_refused(name: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=rf'{name}.*"originals": "private"'):
        make(**{name: "x"})

"""URLs of private files that CloudFront reads by itself, with the app as failover."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from shift_media.storages import S3MediaStorage

pytestmark = [pytest.mark.acceptance(79)]

DIRECTORY = "3c72aedc/ba25/41e6/a569/406c8f413974/clip.mp4"
KEY = f"{DIRECTORY}/_web/720p.mp4"


@pytest.fixture(scope="module")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def storage(private_key: rsa.RSAPrivateKey) -> S3MediaStorage:
    pem = private_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return S3MediaStorage(
        bucket_name="b",
        access_key="a",
        secret_key="s",
        public_url="https://cdn.example/",
        originals="private",
        derived="private",
        cloudfront_key_id="K1",
        cloudfront_key=pem,
    )


def decode(text: str) -> bytes:
    """Decode CloudFront's variant of Base64 (Developer Guide, "canned policy")."""
    return base64.b64decode(text.translate(str.maketrans("-_~", "+=/")))


def test_url_is_signed_for_cloudfront_and_for_the_app(
    storage: S3MediaStorage, private_key: rsa.RSAPrivateKey
) -> None:
    url = storage.derived_url(KEY)
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    assert query["Expires"] == query["expires"]
    assert query["Key-Pair-Id"] == "K1"
    resource = url.partition("&Expires=")[0]
    assert (
        resource
        == f"https://cdn.example/{KEY}?expires={query['expires']}&signature="
        + (query["signature"])
    )
    policy: Any = (
        f'{{"Statement":[{{"Resource":"{resource}","Condition":{{"DateLessThan":'
        f'{{"AWS:EpochTime":{query["Expires"]}}}}}}}]}}'
    )
    signature = decode(query["Signature"])
    private_key.public_key().verify(signature, policy.encode(), padding.PKCS1v15(), hashes.SHA1())


def test_playlist_is_left_to_the_app_alone(storage: S3MediaStorage) -> None:
    url = storage.derived_url(f"{DIRECTORY}/_web/hls.m3u8")
    assert "?" not in url
    token = urlsplit(url).path[1:].partition("/")[0]
    # The path pattern of the guide, /??????????-*, matches it and no key.
    assert (token[:10].isdigit(), token[10]) == (True, "-")
    assert KEY[10] != "-"

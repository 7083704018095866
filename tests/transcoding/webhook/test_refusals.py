"""Messages that the webhook refuses, most of them without a request to AWS."""

from __future__ import annotations

import json
import logging
import tracemalloc
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client, override_settings
from django.urls import reverse

from shift_media.core.errors import MissingExtra
from shift_media.transcoding.webhooks import certificates, sns
from tests.servers.sns import (
    CERTIFICATE_URL,
    HOST,
    PEM_PATH,
    TOPIC,
    Answer,
    Aws,
    certify,
    envelope,
    new_key,
    sign,
    stamp,
)
from tests.transcoding.webhook.conftest import Post

Message = dict[str, Any]
METADATA = "http://169.254.169.254/latest/meta-data/"
READ = {*envelope(), "Signature"} - {"UnsubscribeURL"}
REFUSAL = {"code": "unverified", "message": "This message is not accepted."}


def is_refused(response: Any) -> bool:
    """Return True for the response that all refused messages get."""
    assert response.status_code == 403
    assert response.json() == REFUSAL
    assert set(response.headers) - {"Content-Length"} == {
        "Content-Type",
        "Cache-Control",
        "X-Content-Type-Options",
        "X-Frame-Options",
        "Referrer-Policy",
        "Cross-Origin-Opener-Policy",
    }
    return True


def without(message: Message, *names: str) -> Message:
    return {name: value for name, value in message.items() if name not in names}


@pytest.mark.acceptance(53)
@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("subject", [{}, {"Subject": "Amazon"}])
def test_signed_message_is_accepted(aws: Aws, post: Post, version: str, subject: Any) -> None:
    message = aws.sign(envelope("hello", SignatureVersion=version, **subject))
    response = post(message)
    assert (response.status_code, response.content) == (200, b"")
    assert response["Cache-Control"] == "no-store"
    assert [(method, url) for method, url, _ in aws.requests] == [("GET", CERTIFICATE_URL)]


@pytest.mark.acceptance(53)
@pytest.mark.parametrize(
    "change",
    [
        {"Message": "other"},
        {"Message": "hell\u00f6"},
        {"MessageId": "00000000-0000-0000-0000-000000000000"},
        {"Subject": "other"},
        {"Subject": None},
        {"Timestamp": "2026-01-01T00:00:00.000Z"},
        {"Type": "UnsubscribeConfirmation"},
        {"Type": "SubscriptionConfirmation", "Token": "1", "SubscribeURL": METADATA},
        {"SignatureVersion": "2"},
        {"Signature": "AAAA"},
        {"Signature": ""},
    ],
)
def test_altered_message_is_refused(aws: Aws, post: Post, change: Message) -> None:
    message = aws.sign(envelope("hello", Subject="Amazon"))
    assert is_refused(post(message | change))
    assert {url for _, url, _ in aws.requests} <= {CERTIFICATE_URL}


@pytest.mark.acceptance(53)
@pytest.mark.parametrize("name", sorted(READ))
@pytest.mark.parametrize("value", ["missing", None, 7, ["x"], {"x": 1}, True])
def test_missing_or_non_string_field_is_refused_without_a_request(
    aws: Aws, post: Post, name: str, value: Any
) -> None:
    signed = aws.sign(envelope())
    message = without(signed, name) if value == "missing" else signed | {name: value}
    assert is_refused(post(message))
    assert aws.is_untouched


@pytest.mark.acceptance(53)
@pytest.mark.parametrize(
    "change",
    [
        {"SignatureVersion": "3"},
        {"SignatureVersion": ""},
        {"SignatureVersion": "1 "},
        {"SignatureVersion": "\u0661"},
        {"Signature": "not base64"},
        {"Signature": "\u00e4"},
        {"Type": "notification"},
        {"Type": ""},
        {"MessageId": "a\nb"},
        {"MessageId": "x" * 101},
        {"Timestamp": "yesterday"},
        {"Timestamp": "2026-13-01T00:00:00.000Z"},
        {"Timestamp": "\u0662026-01-01T00:00:00.000Z"},
        {"Message": "\ud800"},
    ],
)
def test_malformed_field_is_refused_without_a_request(
    aws: Aws, post: Post, change: Message
) -> None:
    assert is_refused(post(aws.sign(envelope()) | change))
    assert aws.is_untouched


@pytest.mark.acceptance(53)
@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}{PEM_PATH}",
        f"HTTPS://{HOST}{PEM_PATH}",
        f"https://{HOST}:443{PEM_PATH}",
        f"https://{HOST}:8443{PEM_PATH}",
        f"https://user@{HOST}{PEM_PATH}",
        f"https://{HOST}@evil.example{PEM_PATH}",
        f"https://{HOST}.evil.example{PEM_PATH}",
        f"https://evil.example/{HOST}{PEM_PATH}",
        f"https://evil.example#{HOST}{PEM_PATH}",
        f"https://evil.example\\@{HOST}{PEM_PATH}",
        f"https://snsXeu-west-1.amazonaws.com{PEM_PATH}",
        f"https://sns.eu-west-1.amazonawsXcom{PEM_PATH}",
        f"https://sns-eu-west-1.amazonaws.com{PEM_PATH}",
        f"https://sns.eu-west-1.s3.amazonaws.com{PEM_PATH}",
        f"https://sns.s3.amazonaws.com{PEM_PATH}",
        f"https://sns.s3-eu-west-1.amazonaws.com{PEM_PATH}",
        f"https://s3.eu-west-1.amazonaws.com/bucket{PEM_PATH}",
        f"https://bucket.s3.eu-west-1.amazonaws.com{PEM_PATH}",
        f"https://sns.eu-west-1.amazonaws.com.evil{PEM_PATH}",
        f"https://sns.eu-west-1.amazonaws.com.cn.evil.example{PEM_PATH}",
        f"https://sns.amazonaws.com{PEM_PATH}",
        f"https://sns.\u0435u-west-1.amazonaws.com{PEM_PATH}",
        f"https://{HOST}/other{PEM_PATH}",
        f"https://{HOST}/../bucket{PEM_PATH}",
        f"https://{HOST}{PEM_PATH}?x=1",
        f"https://{HOST}{PEM_PATH}#x",
        f"https://{HOST}{PEM_PATH}\n",
        f"\nhttps://{HOST}{PEM_PATH}",
        f"https://{HOST}{PEM_PATH.upper()}",
        f"https://{HOST}{PEM_PATH[:-5]}.pem",
        f"https://{HOST}/SimpleNotificationService-%30123456789abcdef0123456789abcde.pem",
        "https://169.254.169.254/latest",
        "file:///etc/passwd",
        "",
    ],
)
def test_certificate_url_outside_sns_is_refused_without_a_request(
    aws: Aws, post: Post, url: str
) -> None:
    assert is_refused(post(aws.sign(envelope(SigningCertURL=url))))
    assert aws.is_untouched


@pytest.mark.acceptance(53)
@pytest.mark.parametrize(
    "host",
    [
        "sns.us-east-1.amazonaws.com",
        "sns.us-gov-west-1.amazonaws.com",
        "sns.ap-southeast-3.amazonaws.com",
        "sns.cn-north-1.amazonaws.com.cn",
    ],
)
def test_certificate_urls_of_all_regions_are_accepted(aws: Aws, host: str) -> None:
    url = f"https://{host}{PEM_PATH}"
    message = sns.parse(aws.sign(envelope(SigningCertURL=url)))
    fetched = []

    def certificate(url: str) -> bytes:
        fetched.append(url)
        return aws.signing.pem

    sns.verify(message, [TOPIC], certificate)
    assert fetched == [url]


@pytest.mark.acceptance(53)
@pytest.mark.parametrize("target", [METADATA, f"https://{HOST}/elsewhere.pem"])
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_of_the_certificate_is_not_followed(
    aws: Aws, post: Post, target: str, status: int
) -> None:
    aws.answers[CERTIFICATE_URL] = Answer(status, headers={"Location": target})
    aws.answers[f"https://{HOST}/elsewhere.pem"] = Answer(body=aws.signing.pem)
    assert is_refused(post(aws.sign(envelope())))
    assert [url for _, url, _ in aws.requests] == [CERTIFICATE_URL]
    assert aws.reached == []


def key_of_another_kind() -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


@pytest.mark.acceptance(53)
@pytest.mark.parametrize(
    "made",
    [
        lambda key: certify(HOST, key=new_key()).pem,
        lambda key: certify(HOST, key=key_of_another_kind()).pem,
        lambda key: certify(HOST, key=key, ends=-timedelta(minutes=1)).pem,
        lambda key: certify(HOST, key=key, begins=timedelta(minutes=1)).pem,
        lambda key: b"",
        lambda key: b"<html>",
        lambda key: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        lambda key: certify(HOST, key=key).pem + b"x" * 40_000,
    ],
    ids=["other key", "no RSA", "over", "not yet", "empty", "HTML", "broken", "too long"],
)
def test_invalid_certificate_is_refused(aws: Aws, post: Post, made: Any) -> None:
    aws.answers[CERTIFICATE_URL] = Answer(body=made(aws.signing.key))
    assert is_refused(post(aws.sign(envelope())))


@pytest.mark.acceptance(53)
def test_signature_of_another_key_is_refused(aws: Aws, post: Post) -> None:
    assert is_refused(post(sign(envelope(), new_key())))


@pytest.mark.acceptance(54)
@pytest.mark.parametrize("kind", ["Notification", "SubscriptionConfirmation"])
@pytest.mark.parametrize(
    "topic",
    [
        TOPIC.replace("123456789012", "210987654321"),
        f"{TOPIC}2",
        TOPIC[:-1],
        TOPIC.upper(),
        f"{TOPIC}\n",
        "",
    ],
)
def test_unlisted_topic_is_refused_without_a_request(
    aws: Aws, post: Post, kind: str, topic: str
) -> None:
    assert is_refused(post(aws.sign(envelope(Type=kind, TopicArn=topic))))
    assert aws.is_untouched


@pytest.mark.acceptance(54)
def test_without_topics_each_message_is_refused(aws: Aws, post: Post) -> None:
    with override_settings(SHIFT_MEDIA={}):
        assert is_refused(post(aws.sign(envelope())))
    assert aws.is_untouched


@pytest.mark.acceptance(53)
def test_message_of_another_topic_cannot_be_rearranged_into_one_of_ours(
    aws: Aws, post: Post
) -> None:
    """Fields are joined by line breaks, so a message may hold text like further fields."""
    theirs = TOPIC.replace("123456789012", "210987654321")
    ours = envelope()
    tail = "".join(f"{n}\n{ours[n]}\n" for n in ("MessageId", "Timestamp", "TopicArn"))
    signed = aws.sign(envelope(f"text\n{tail}Type\nNotification", TopicArn=theirs))
    assert is_refused(post(signed | {"TopicArn": TOPIC}))
    assert is_refused(post(signed | without(ours, "Message")))


@pytest.mark.acceptance(54, 55)
@pytest.mark.parametrize("ago", [{"minutes": 61}, {"days": 400}, {"minutes": -20}])
def test_message_of_another_hour_is_refused(aws: Aws, post: Post, ago: Any) -> None:
    assert is_refused(post(aws.sign(envelope(Timestamp=stamp(**ago)))))


@pytest.mark.acceptance(53)
@pytest.mark.parametrize("ago", [{"minutes": 59}, {"minutes": -1}])
def test_message_within_the_hour_is_accepted(aws: Aws, post: Post, ago: Any) -> None:
    assert post(aws.sign(envelope(Timestamp=stamp(**ago)))).status_code == 200


@pytest.mark.acceptance(56)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"hello", 400),
        (b"\xff\xfe", 400),
        (b'{"Type":', 400),
        (b"null", 400),
        (b"7", 400),
        (b"9" * 10_000, 400),
        (b'"Type"', 400),
        (b"[]", 400),
        (b'[{"Type": "Notification"}]', 400),
        (b"[" * 200_000, 400),
        (b'{"a":' * 40_000, 400),
        (b'{"a":' * 30_000 + b"1" + b"}" * 30_000, 400),
        (b'{"a": ' + b"[" * 1000 + b"]" * 1000 + b"}", 400),
        (b'"\\"' * 80_000, 400),
        (b"{}", 403),
        (b'{"Type": "Notification"}', 403),
    ],
)
def test_body_that_is_not_a_message_is_400_or_403(
    aws: Aws, post: Post, body: bytes, status: int
) -> None:
    response = post(body)
    assert response.status_code == status
    assert set(response.json()) == {"code", "message"}
    assert aws.is_untouched


@pytest.mark.acceptance(56)
def test_body_over_the_limit_is_413_and_not_read(aws: Aws, post: Post) -> None:
    body = json.dumps(envelope("x" * 10_000_000)).encode()
    tracemalloc.start()
    try:
        client = Client()
        before = tracemalloc.get_traced_memory()[0]
        response = client.post(reverse("shift_media:sns"), body, content_type="text/plain")
        used = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert response.status_code == 413
    assert used < 2 * len(body)  # The test's own client holds the body once.
    assert aws.is_untouched


@pytest.mark.acceptance(56)
def test_false_content_length_is_refused(aws: Aws, post: Post) -> None:
    signed = json.dumps(aws.sign(envelope())).encode()
    assert post(b"x" * 300_000, CONTENT_LENGTH="300000").status_code == 413
    assert post(signed, CONTENT_LENGTH="10").status_code == 400
    assert post(signed, CONTENT_LENGTH="-1").status_code == 400
    assert post(signed, CONTENT_LENGTH="9" * 5000).status_code in (400, 413)
    assert aws.is_untouched


@pytest.mark.acceptance(56)
@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "patch", "options"])
def test_other_methods_are_405(method: str) -> None:
    response = getattr(Client(), method)(reverse("shift_media:sns"))
    assert (response.status_code, response["Allow"]) == (405, "POST")


@pytest.mark.acceptance(53)
def test_reason_of_a_refusal_is_logged_and_not_in_the_response(
    aws: Aws, post: Post, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "shift_media"):
        response = post(aws.sign(envelope(SigningCertURL="https://evil.example/x.pem")))
    assert is_refused(response)
    assert "evil.example" in caplog.text


@pytest.mark.parametrize("answer", [Answer(500), Answer(503)])
def test_unavailable_certificate_is_503_and_fetched_with_the_next_delivery(
    aws: Aws, post: Post, answer: Answer
) -> None:
    right, message = aws.answers[CERTIFICATE_URL], aws.sign(envelope())
    aws.answers[CERTIFICATE_URL] = answer
    response = post(message)
    assert (response.status_code, response["Retry-After"]) == (503, "20")
    assert response.json()["code"] == "not_yet"
    aws.answers[CERTIFICATE_URL] = right
    assert post(message).status_code == 200


def test_untrusted_or_unreachable_server_is_503(
    aws: Aws, post: Post, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, free_port: Any
) -> None:
    message = aws.sign(envelope())
    (tmp_path / "other.pem").write_bytes(certify("Other CA").pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    assert post(message).status_code == 503
    assert aws.requests == []
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{free_port()}")
    assert post(message).status_code == 503


def test_slow_certificate_is_503(aws: Aws, post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "_FETCH_SECONDS", 0.3)
    aws.answers[CERTIFICATE_URL] = Answer(body=aws.signing.pem, pause=0.05)
    assert post(aws.sign(envelope())).status_code == 503


def test_certificate_is_fetched_once(aws: Aws, post: Post) -> None:
    for _ in range(3):
        assert post(aws.sign(envelope())).status_code == 200
    assert len(aws.requests) == 1


def test_missing_extra_is_503_and_logged_with_what_to_install(
    aws: Aws, post: Post, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sns, "is_available", lambda: False)
    response = post(aws.sign(envelope()))
    assert response.status_code == 503
    assert "pip" not in response.content.decode()
    assert str(MissingExtra("cryptography", "sns")) in caplog.text
    assert aws.is_untouched

"""The commands and outputs in the guides of S3 and CloudFront."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import override_settings

from tests.docs.blocks import DOCS, read_blocks
from tests.parts import ROOT
from tests.servers.fixtures import client_of, media_on, storage_options

BUCKET = "my-site-media"

FAKE_AWS = """\
import json, sys
sys.path.insert(0, {root!r})
from botocore.session import Session
from tests.aws.validation import faults, service
name, verb, *rest = sys.argv[1:]
options = dict(zip(rest[::2], rest[1::2]))
operation = "".join(part.capitalize() for part in verb.split("-"))
if text := options.get("--cli-input-json"):
    wrong = faults(name, operation, json.loads(text))
    if wrong:
        sys.exit(wrong)
else:
    assert operation in service(name).operation_names, operation
with open({log!r}, "a") as log:
    log.write(json.dumps([operation, options]) + "\\n")
print({{
    "RequestCertificate": "arn:aws:acm:us-east-1:123456789012:certificate/0123",
    "CreateDistribution": "arn:aws:cloudfront::123456789012:distribution/EDFDVBD6EXAMPLE",
}}.get(operation, "id-of-" + verb))
"""


def blocks_of(page: str) -> dict[str, str]:
    return {
        block.name: block.text
        for block in read_blocks(DOCS / "how-to" / f"{page}.rst")
        if block.name
    }


def run(*options: str) -> str:
    out = io.StringIO()
    call_command("media_bucket", *options, stdout=out, stderr=out, no_color=True)
    return out.getvalue()


def test_policy_in_guide_equals_printed_policy() -> None:
    assert json.loads(blocks_of("s3-from-zero")["bucket-policy"]) == json.loads(
        run("print", "bucket-policy")
    )


@pytest.mark.rgw
def test_plan_in_guide_equals_plan_on_ceph(rgw: Any) -> None:
    name = f"made-{uuid.uuid4().hex[:12]}"
    site = ("--app-url", "https://www.example.com/media/")
    with media_on(storage_options(rgw, name)):
        run("create")
        first = run("plan", *site)
        run("apply", *site, "--yes", "--widen")
        shown = blocks_of("s3-compatible")["ceph-plan"]
        assert run("plan", *site).replace(name, BUCKET) == shown
        assert first.splitlines()[:2] == shown.splitlines()[:2]


@pytest.mark.s3
def test_cloudfront_commands_in_guide_make_distribution_that_reads_bucket(
    seaweedfs: Any, tmp_path: Path
) -> None:
    """The ``aws`` of this test validates each input against the API's own model."""
    programs, log = tmp_path / "bin", tmp_path / "calls"
    programs.mkdir()
    _program(programs / "aws", FAKE_AWS.format(root=str(ROOT), log=str(log)))
    (tmp_path / "manage.py").symlink_to(ROOT / "manage.py")
    name = f"made-{uuid.uuid4().hex[:12]}"
    environment = {
        "BUCKET": name,
        "ENDPOINT": seaweedfs.endpoint,
        "ACCESS_KEY": seaweedfs.access_key,
        "SECRET_KEY": seaweedfs.secret_key,
        "PUBLIC_URL": "https://media.example.com/",
        "DELIVERY": "content",
    }
    python = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        **{f"SHIFT_MEDIA_DEMO_S3_{key}": value for key, value in environment.items()},
        "DJANGO_SETTINGS_MODULE": "testproject.settings_s3",
        "SHIFT_MEDIA_DEMO_DIR": str(tmp_path / "site"),
        "PYTHONPATH": str(ROOT),
        "PATH": os.pathsep.join([str(programs), python, os.environ["PATH"]]),
    }
    script = "set -e\n" + "".join(
        text for block, text in blocks_of("cloudfront").items() if block.startswith("cloudfront-")
    )
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=environment,
        input="widen\n",
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    assert [operation for operation, _ in calls] == [
        "RequestCertificate",
        "CreateOriginAccessControl",
        "CreateCachePolicy",
        "CreateResponseHeadersPolicy",
        "CreateDistribution",
    ]
    assert calls[0][1]["--region"] == "us-east-1"
    config = json.loads(calls[-1][1]["--cli-input-json"])["DistributionConfig"]
    bucket, app = config["Origins"]["Items"]
    assert bucket["DomainName"] == f"{name}.s3.us-east-1.amazonaws.com"
    assert bucket["OriginAccessControlId"] == "id-of-create-origin-access-control"
    assert (app["DomainName"], app["OriginPath"]) == ("www.example.com", "/media")
    behavior = config["DefaultCacheBehavior"]
    assert behavior["CachePolicyId"] == "id-of-create-cache-policy"
    assert behavior["ResponseHeadersPolicyId"] == "id-of-create-response-headers-policy"
    assert config["Aliases"]["Items"] == ["media.example.com"]
    policy = json.loads(client_of(seaweedfs).get_bucket_policy(Bucket=name)["Policy"])
    (statement,) = policy["Statement"]
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert "distribution/EDFDVBD6EXAMPLE" in json.dumps(statement["Condition"])


def _program(path: Path, code: str) -> None:
    path.write_text(f"#!{sys.executable}\n{code}")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["iam-policy"], "your-bucket-name"),
        (["bucket-policy"], "your-bucket-name"),
        (["website"], "your-host-name.com"),
        (["cors"], "shift-media-read"),
        (["lifecycle"], "AbortIncompleteMultipartUpload"),
        (["cloudfront"], "your-cache-policy-id"),
        (["mediaconvert-role"], "mediaconvert.amazonaws.com"),
        (["event-rule"], "MediaConvert Job State Change"),
        (["topic-policy"], "events.amazonaws.com"),
    ],
)
def test_document_is_printed_with_placeholders_without_bucket(
    arguments: list[str], expected: str
) -> None:
    text = run("print", *arguments)
    assert expected in text
    json.loads(text)


@pytest.mark.parametrize(
    ("arguments", "root"),
    [
        (["website"], "WebsiteConfiguration"),
        (["cors", "--upload-origin", "https://www.example.com"], "CORSConfiguration"),
        (["lifecycle"], "LifecycleConfiguration"),
        (["cloudfront", "--part", "distribution"], "DistributionConfig"),
        (["cloudfront", "--origin", "website", "--part", "cache-policy"], "CachePolicyConfig"),
    ],
)
def test_document_that_aws_takes_as_xml_is_printed_as_xml(arguments: list[str], root: str) -> None:
    import xml.etree.ElementTree as ET

    text = run("print", *arguments, "--format", "xml")
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>\n')
    assert ET.fromstring(text.encode()).tag.rpartition("}")[2] == root


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["iam-policy", "--format", "xml"], "AWS takes iam-policy only as JSON"),
        (["cloudfront", "--format", "xml"], "Choose one of several parts with --part"),
        (["cloudfront", "--part", "x"], "Its parts: origin-access-control, cache-policy"),
        (["cors", "--part", "x"], "none, because it is one document"),
        (["bucket-policy", "--reader", "cloudfront"], "needs the distribution"),
        (["cloudfront", "--alias", "media.example.com"], "Give both, or neither"),
        (["topic-policy", "--topic", "arn:aws:sqs:x:123456789012:q"], "is not an ARN of sns"),
    ],
)
def test_document_that_cannot_be_printed_says_why(arguments: list[str], expected: str) -> None:
    from django.core.management import CommandError

    with pytest.raises(CommandError, match=expected):
        run("print", *arguments)


def test_printed_documents_follow_storage_options() -> None:
    options = {
        "bucket_name": "mine",
        "region_name": "eu-central-1",
        "public_url": "https://cdn.example/",
        "originals": "private",
        "cloudfront_distribution": "EDFDVBD6EXAMPLE",
    }
    with media_on(options):
        policy = run("print", "bucket-policy")
        assert "arn:aws:s3:::mine/*upscale-*" in policy
        assert '"arn:aws:s3:::mine/*"' not in policy
        assert "arn:aws:cloudfront::*:distribution/EDFDVBD6EXAMPLE" in run("print", "iam-policy")
        cloudfront = run("print", "cloudfront")
        assert "mine.s3.eu-central-1.amazonaws.com" in cloudfront
        assert 'This distribution needs "delivery": "content"' in cloudfront


def test_printed_policy_has_role_and_topics_of_settings() -> None:
    role = "arn:aws:iam::123456789012:role/videos"
    topic = "arn:aws:sns:eu-central-1:123456789012:videos"
    mediaconvert = {
        "BACKEND": "shift_media.transcoding.backends.mediaconvert.MediaConvert",
        "OPTIONS": {"role": role, "region": "eu-central-1"},
    }
    elastic = {
        "BACKEND": "shift_media.transcoding.backends.elastic_transcoder.ElasticTranscoder",
        "OPTIONS": {"pipeline_id": "1111111111111-abcde1", "instead": mediaconvert},
    }
    for transcoder in (mediaconvert, elastic):
        with override_settings(SHIFT_MEDIA={"TRANSCODER": transcoder, "SNS_TOPICS": [topic]}):
            statements = json.loads(run("print", "iam-policy"))["Statement"]
            trust = json.loads(run("print", "mediaconvert-role", "--part", "trust"))
            assert topic in run("print", "topic-policy")
        resources = {statement["Sid"]: statement["Resource"] for statement in statements}
        assert resources["ShiftMediaPassRole"] == role
        assert resources["ShiftMediaConfirm"] == [topic]
        condition = trust["Statement"][0]["Condition"]["StringEquals"]
        assert condition == {"aws:SourceAccount": "123456789012"}

"""``SHIFT_MEDIA["SNS_TOPICS"]``: accepted values, and errors for others."""

from __future__ import annotations

import configparser
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import override_settings

from shift_media.conf import settings
from shift_media.transcoding.webhooks import sns
from tests.parts import ROOT
from tests.servers.sns import TOPIC

pytestmark = pytest.mark.django_db


def messages() -> dict[str, str]:
    return {str(m.id): f"{m.msg} {m.hint}" for m in run_checks() if "shift_media" in str(m.id)}


@pytest.mark.parametrize(
    "topics",
    [
        TOPIC,
        7,
        {TOPIC: True},
        [7],
        [None],
        [""],
        ["videos"],
        [f"{TOPIC} "],
        [f"{TOPIC}\n"],
        [f"{TOPIC}:1111-2222"],
        [f"{TOPIC}.fifo"],
        [TOPIC.replace("123456789012", "*")],
        [TOPIC.replace(":sns:", ":sqs:")],
    ],
)
def test_invalid_topics_are_an_error_with_an_example(topics: Any) -> None:
    with override_settings(SHIFT_MEDIA={"SNS_TOPICS": topics}):
        (error,) = settings.errors()
        assert error.key == "SNS_TOPICS"
        assert TOPIC in str(error)
        assert "SNS_TOPICS" in messages()["shift_media.E001"]


def test_topics_of_each_partition_are_accepted() -> None:
    topics = [TOPIC.replace("arn:aws:", f"arn:{name}:") for name in ("aws-cn", "aws-us-gov")]
    with override_settings(SHIFT_MEDIA={"SNS_TOPICS": topics}):
        assert tuple(topics) == settings.SNS_TOPICS
    with override_settings(SHIFT_MEDIA={}):
        assert settings.SNS_TOPICS == ()


def test_topics_without_the_extra_are_e007(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = {"SNS_TOPICS": [TOPIC]}
    with override_settings(SHIFT_MEDIA=chosen):
        assert "shift_media.E007" not in messages()
    monkeypatch.setattr(sns, "is_available", lambda: False)
    with override_settings(SHIFT_MEDIA=chosen):
        assert 'pip install "django-shift-media[sns]"' in messages()["shift_media.E007"]
    with override_settings(SHIFT_MEDIA={}):
        assert "shift_media.E007" not in messages()


def test_extra_is_part_of_all_and_dev() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg")
    extras = parser["options.extras_require"]
    assert all("cryptography" in extras[name] for name in ("sns", "all", "dev"))

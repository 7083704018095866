"""The CORS rule for uploads: it comes from the settings, and is never removed unasked."""

from __future__ import annotations

import io

import pytest
from django.core.management import call_command
from django.test import override_settings

from shift_media.aws import cors
from shift_media.aws.changes import merge_cors
from shift_media.conf import ConfigurationError, settings


def test_rule_for_uploads_stays_without_their_origins_and_comes_from_settings() -> None:
    foreign = {"ID": "of another tool", "AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}
    for prefix in ("", "site/"):
        uploads = cors.cors_configuration(["https://a.example"], prefix)
        current = {"CORSRules": [foreign, *uploads["CORSRules"]]}
        wanted = cors.cors_configuration([], prefix)
        assert merge_cors(current, wanted, prefix) == current
        other = cors.cors_configuration(["https://b.example"], prefix)
        assert merge_cors(current, other, prefix)["CORSRules"] == [foreign, *other["CORSRules"]]
        assert merge_cors({"CORSRules": [foreign]}, wanted, prefix)["CORSRules"][0] == foreign
    with override_settings(SHIFT_MEDIA={"UPLOAD_ORIGINS": ["https://c.example"]}):
        assert "https://c.example" in printed("cors")
        assert "https://c.example" not in printed("cors", "--upload-origin", "https://d.example")
    with (
        override_settings(SHIFT_MEDIA={"UPLOAD_ORIGINS": "https://c.example"}),
        pytest.raises(ConfigurationError, match="a list of origins"),
    ):
        _ = settings.UPLOAD_ORIGINS


def printed(*words: str) -> str:
    out = io.StringIO()
    call_command("media_bucket", "print", *words, stdout=out)
    return out.getvalue()

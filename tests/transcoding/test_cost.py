"""What a job of MediaConvert has cost: minutes of output multiplied by a price."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management.base import OutputWrapper
from django.test import Client, override_settings

from shift_media.conf import ConfigurationError, settings
from shift_media.management.transcode_output import TranscodeReport
from shift_media.transcoding.base import State
from shift_media.transcoding.models import TranscodeJob

PRICE = override_settings(SHIFT_MEDIA={"TRANSCODE_PRICE": 0.02})


def job(*durations: int, **values: Any) -> TranscodeJob:
    """Return a job with outputs in two groups, one of which has not been timed."""
    outputs: list[dict[str, Any]] = [{"DurationInMs": each} for each in durations]
    groups = [{"OutputDetails": outputs[:1]}, {"OutputDetails": [*outputs[1:], {}]}, {}]
    payload = {"OutputGroupDetails": groups, "Warnings": []}
    known = {"original": "a/a.mp4", "profile": "web", "state": State.COMPLETE, "progress": 100}
    return TranscodeJob(payload=payload, **known, **values)


@PRICE
def test_cost_is_the_minutes_of_all_outputs_times_the_price() -> None:
    assert job(60_000, 90_000).billed_minutes == 2.5
    assert job(60_000, 90_000).cost == pytest.approx(0.05)
    assert job(1_000, 60_000).billed_minutes == pytest.approx(70 / 60)  # ten seconds at least


def test_job_without_outputs_or_price_has_no_cost() -> None:
    assert job(60_000).cost is None
    with PRICE:
        assert job().cost is None
        assert TranscodeJob().billed_minutes is None


@pytest.mark.parametrize("price", [-1, "0.02", True, float("inf"), float("nan"), None])
def test_price_that_is_no_amount_is_refused(price: object) -> None:
    with (
        override_settings(SHIFT_MEDIA={"TRANSCODE_PRICE": price}),
        pytest.raises(ConfigurationError, match=r"such as 0\.015"),
    ):
        _ = settings.TRANSCODE_PRICE


@pytest.mark.slow
@pytest.mark.django_db
def test_admin_and_command_show_the_cost() -> None:
    row = job(60_000, 90_000)
    row.save()
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    page = "/admin/shift_media/transcodejob/"
    assert "0.0500" not in client.get(page).content.decode()
    with PRICE:
        assert "0.0500" in client.get(page).content.decode()
        out = io.StringIO()
        TranscodeReport(OutputWrapper(out), OutputWrapper(out)).update(row)
    assert "complete, 100 %, 2.5 min of output for 0.0500" in out.getvalue()

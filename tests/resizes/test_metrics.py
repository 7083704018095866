"""What is reported of requests, and the metrics of Prometheus."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client, override_settings
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from shift_media import metrics
from shift_media.conf import ConfigurationError, settings
from shift_media.contrib import prometheus
from shift_media.core.errors import Busy
from shift_media.metrics import METRICS
from shift_media.models import TranscodeJob
from shift_media.resizes.resize import Resize
from tests.resizes.counting import CountingStorage

Site = Callable[..., CountingStorage]
Add = Callable[..., str]
ResizeOf = Callable[..., Resize]
Reported = list[tuple[str, float, dict[str, str]]]

HERE = "tests.resizes.test_metrics"
PROMETHEUS = "shift_media.contrib.prometheus.report"
DASHBOARD = Path(__file__).parents[2] / "docs/examples/grafana/shift-media.json"

_seen: Reported = []


def record(name: str, value: float, labels: dict[str, str]) -> None:
    _seen.append((name, value, labels))


def fail(name: str, value: float, labels: dict[str, str]) -> None:
    raise RuntimeError(name)


@pytest.fixture
def reported() -> Reported:
    _seen.clear()
    return _seen


def names(reported: Reported) -> list[str]:
    return [name for name, _, _ in reported]


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"shift_media_{name}", labels) or 0


def test_made_resize_reports_render_queue_and_response(
    site: Site, add: Add, resize_of: ResizeOf, reported: Reported
) -> None:
    site(shift_media={"METRICS": f"{HERE}.record"})
    assert Client().get(resize_of(add()).url).status_code == 200
    reported[:] = [one for one in reported if one[0] != "worker_starts"]  # by an earlier test
    assert names(reported) == ["renders_running", "renders", "renders_running", "responses"]
    _, seconds, labels = reported[1]
    assert labels == {"format": "jpg", "outcome": "ok"}
    assert 0 < seconds <= reported[3][1]
    assert [value for name, value, _ in reported if name == "renders_running"] == [1, -1]
    assert reported[3][2] == {"status": "200"}


def test_damaged_original_reports_its_error(
    site: Site, add: Add, resize_of: ResizeOf, reported: Reported
) -> None:
    site(shift_media={"METRICS": f"{HERE}.record"})
    assert Client().get(resize_of(add(b"\xff\xd8\xff" + bytes(99))).url).status_code == 422
    by_name = {name: labels for name, _, labels in reported}
    assert by_name["renders"] == {"format": "jpg", "outcome": "undecodable"}
    assert by_name["failures"] == {"code": "undecodable"}
    assert by_name["responses"] == {"status": "422"}


def test_reported_labels_are_those_of_the_table_and_no_text_of_a_request(
    site: Site, add: Add, resize_of: ResizeOf, reported: Reported
) -> None:
    site(shift_media={"METRICS": f"{HERE}.record"})
    key = add()
    url = resize_of(key).url
    for path in (
        url,
        url.replace("400x300", "400x301"),
        f"/media/{key[:-4]}.png",
        "/media/health",
    ):
        Client().get(path, {"secret": "hunter2"})
    Client().post(url)
    table = {metric.name: set(metric.labels) for metric in METRICS}
    assert all(table[name] == set(labels) for name, _, labels in reported)
    values = {value for _, _, labels in reported for value in labels.values()}
    codes = {"bad_signature", "invalid_key", "not_stored"}
    assert values <= {"200", "404", "405", "jpg", "ok", *codes}


def test_failing_receiver_is_logged_and_the_resize_is_delivered(
    site: Site, add: Add, resize_of: ResizeOf, caplog: pytest.LogCaptureFixture
) -> None:
    site(shift_media={"METRICS": f"{HERE}.fail"})
    with caplog.at_level(logging.ERROR, "shift_media.metrics"):
        assert Client().get(resize_of(add()).url).status_code == 200
    assert f"The function for metrics failed: {HERE}.fail" in caplog.text


@pytest.mark.parametrize("path", ["nowhere.report", f"{HERE}.HERE", "report", 3])
def test_wrong_path_is_a_configuration_error(path: object) -> None:
    with override_settings(SHIFT_MEDIA={"METRICS": path}), pytest.raises(ConfigurationError):
        _ = settings.METRICS


def test_results_are_timed_without_what_is_done_between_them(
    reported: Reported, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(range(100))
    monkeypatch.setattr(metrics.time, "perf_counter", lambda: next(now))
    with override_settings(SHIFT_MEDIA={"METRICS": f"{HERE}.record"}):
        for _ in metrics.timed_results("renders", "ab", format="jpg"):
            next(now)
    # Each of the two results and the end of them took one step of the clock.
    assert reported == [("renders", 3, {"format": "jpg", "outcome": "ok"})]


def test_time_until_a_failure_is_reported(reported: Reported) -> None:
    def results() -> Any:
        yield 1
        raise Busy

    with override_settings(SHIFT_MEDIA={"METRICS": f"{HERE}.record"}):
        with pytest.raises(Busy):
            list(metrics.timed_results("renders", results(), format="png"))
        with pytest.raises(Busy), metrics.timed("renders", format="gif"):
            raise Busy
        with pytest.raises(KeyError), metrics.timed("renders", format="gif"):
            raise KeyError
    assert [labels["outcome"] for _, _, labels in reported] == ["busy", "busy", "crash"]


@pytest.mark.django_db
def test_prometheus_counts_a_request(site: Site, add: Add, resize_of: ResizeOf) -> None:
    site(shift_media={"METRICS": PROMETHEUS})
    before = sample("responses_seconds_count", status="200"), sample("resizes_total", format="jpg")
    assert Client().get(resize_of(add()).url).status_code == 200
    assert sample("responses_seconds_count", status="200") == before[0] + 1
    assert sample("resizes_total", format="jpg") == before[1] + 1
    assert sample("renders_running") == 0


@pytest.mark.django_db
def test_view_exports_all_metrics_and_jobs_by_state(rf: Any) -> None:
    TranscodeJob.objects.create(original="a", profile="web")
    response = prometheus.metrics(rf.get("/metrics"))
    assert response["Cache-Control"] == "no-store"
    families = {f.name: f for f in text_string_to_metric_families(response.content.decode())}
    expected = {f"shift_media_{m.name}{'_seconds' * (m.kind == 'duration')}" for m in METRICS}
    assert expected <= families.keys()
    (jobs,) = families["shift_media_jobs_in_state"].samples
    assert (jobs.labels, jobs.value) == ({"state": "pending"}, 1)


def test_view_exports_the_rest_while_the_database_is_down(
    rf: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise OperationalError

    monkeypatch.setattr(TranscodeJob.objects, "order_by", refuse)
    text = prometheus.metrics(rf.get("/metrics")).content.decode()
    assert "shift_media_responses_seconds" in text
    assert "jobs_in_state" not in text


SEVERAL = """
import os, sys
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "shift_media"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    STORAGES={"media": {"BACKEND": "shift_media.storages.LocalMediaStorage"}},
    MEDIA_URL="/media/", SECRET_KEY="x" * 50,
    SHIFT_MEDIA={"METRICS": "shift_media.contrib.prometheus.report"},
)
django.setup()
from shift_media import metrics
if not os.fork():
    metrics.report("uploads")
    metrics.report("renders_running")
    os._exit(0)
os.wait()
metrics.report("uploads")
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.test import RequestFactory
from shift_media.contrib.prometheus import metrics as view
print(view(RequestFactory().get("/")).content.decode())
"""


@pytest.mark.slow
def test_processes_of_a_server_are_exported_together(tmp_path: Path) -> None:
    environment = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-W", "ignore", "-c", SEVERAL]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "\nshift_media_uploads_total 2.0" in done.stdout
    assert "shift_media_deletions_pending 0.0" in done.stdout


def test_missing_package_is_named_with_its_extra() -> None:
    code = "import sys; sys.modules['prometheus_client'] = None\n" + SEVERAL
    environment = {"PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert "django-shift-media[metrics]" in done.stderr


def test_dashboard_asks_for_metrics_that_are_exported() -> None:
    exported = set()
    for metric in METRICS:
        suffixes = {"counter": ("_total",), "level": ("",)}.get(
            metric.kind, ("_seconds_bucket", "_seconds_count", "_seconds_sum")
        )
        exported |= {f"shift_media_{metric.name}{suffix}" for suffix in suffixes}
    exported |= {"shift_media_jobs_in_state", "shift_media_deletions_pending"}
    dashboard = json.loads(DASHBOARD.read_text())
    queries = [t["expr"] for panel in dashboard["panels"] for t in panel["targets"]]
    asked = {name for query in queries for name in re.findall(r"shift_media_\w+", query)}
    assert asked <= exported
    shown = {m.name for m in METRICS if any(f"shift_media_{m.name}" in name for name in asked)}
    assert shown == {metric.name for metric in METRICS}

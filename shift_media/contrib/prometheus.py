"""Metrics of Prometheus: ``SHIFT_MEDIA = {"METRICS": "shift_media.contrib.prometheus.report"}``.

They stand in the default registry of ``prometheus_client``, so that whatever exports the metrics
of the site exports these too. A site that exports none adds the view of this module::

    path("metrics", shift_media.contrib.prometheus.metrics)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.db.models import Count
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponse

from shift_media import signals
from shift_media.core.errors import MissingExtra
from shift_media.metrics import METRICS
from shift_media.metrics import Metric as Measured
from shift_media.models import PendingDeletion, TranscodeJob

try:
    from prometheus_client import (
        REGISTRY,
        CollectorRegistry,
        Counter,
        Gauge,
        Histogram,
        multiprocess,
    )
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.metrics_core import GaugeMetricFamily, Metric
except ImportError as error:
    raise MissingExtra("prometheus_client", "metrics") from error

PREFIX = "shift_media"

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper bounds of the durations in seconds: some ms for a warm answer, many for a queue."""

_MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"


def _create(metric: Measured) -> Counter | Gauge | Histogram:
    name, text, labels = f"{PREFIX}_{metric.name}", metric.help, metric.labels
    if metric.kind == "counter":
        return Counter(name, text, labels)
    if metric.kind == "level":
        return Gauge(name, text, labels, multiprocess_mode="livesum")
    return Histogram(f"{name}_seconds", text, labels, buckets=BUCKETS)


_metrics = {metric.name: _create(metric) for metric in METRICS}


def report(name: str, value: float, labels: dict[str, str]) -> None:
    """Take a measurement of the app; see `shift_media.metrics.report`."""
    metric = _metrics[name].labels(**labels) if labels else _metrics[name]
    if isinstance(metric, Histogram):
        metric.observe(value)
    else:
        metric.inc(value)


class WorkCollector:
    """Asks the database at each scrape for the jobs in each state and what is left to delete."""

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; none while the database fails, so that the others still come."""
        jobs = GaugeMetricFamily(
            f"{PREFIX}_jobs_in_state", "Video jobs by state.", labels=["state"]
        )
        left = GaugeMetricFamily(f"{PREFIX}_deletions_pending", "Deletions that are left to do.")
        try:
            counted = TranscodeJob.objects.order_by().values_list("state").annotate(Count("pk"))
            for state, count in counted:
                jobs.add_metric([str(state)], count)
            left.add_metric([], PendingDeletion.objects.count())
        except DatabaseError:
            return
        yield from (jobs, left)

    def describe(self) -> list[Metric]:
        """Return nothing, so that the database is not asked when the collector is registered."""
        return []


@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """Respond with all metrics of the site, in the format that the client accepts.

    With ``PROMETHEUS_MULTIPROC_DIR`` they are those of all processes of the server together. Open
    the address for the Prometheus server alone.
    """
    registry = REGISTRY
    if os.environ.get(_MULTIPROCESS):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        registry.register(_work)
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    response = HttpResponse(encode(registry), content_type=content_type)
    response["Cache-Control"] = "no-store"
    return response


def _count(name: str, **labels: str) -> Callable[..., None]:
    def receive(**kwargs: object) -> None:
        report(name, 1, labels)

    return receive


def _count_resize(*, key: str, size: int, **kwargs: object) -> None:
    labels = {"format": key.rpartition(".")[2]}
    report("resizes", 1, labels)
    report("resized_bytes", size, labels)


_RECEIVERS: dict[Signal, Callable[..., None]] = {
    signals.media_saved: _count("uploads"),
    signals.media_deleted: _count("deletions"),
    signals.resize_created: _count_resize,
    signals.transcode_submitted: _count("jobs", event="submitted"),
    signals.transcode_completed: _count("jobs", event="completed"),
    signals.transcode_failed: _count("jobs", event="failed"),
}
for _signal, _receiver in _RECEIVERS.items():
    _signal.connect(_receiver, weak=False, dispatch_uid="shift_media.contrib.prometheus")

_work = WorkCollector()
REGISTRY.register(_work)

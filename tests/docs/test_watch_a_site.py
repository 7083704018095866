"""The guide for operators names each error code, metric and address that there is."""

from __future__ import annotations

import ast
import json
import logging
import logging.config
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import opentelemetry.metrics
import pytest
from django.test import override_settings
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import shift_media
from shift_media import metrics
from shift_media.conf import ConfigurationError
from shift_media.core.errors import BY_CODE
from shift_media.sandbox import process

PAGE = (Path(__file__).parents[2] / "docs/how-to/watch-a-site.rst").read_text()
PACKAGE = Path(shift_media.__file__).parent
_LINES = re.findall(r"^``.*``$", PAGE, re.MULTILINE)
ENTRIES = {code for line in _LINES for code in re.findall(r"``(\w+)``", line)}


def job_codes() -> Iterator[str]:
    """Yield the codes that the source of transcoding and its sandbox write."""
    for path in (*PACKAGE.joinpath("transcoding").rglob("*.py"), Path(process.__file__)):
        for node in ast.walk(ast.parse(path.read_text())):
            is_code = isinstance(node, ast.keyword) and node.arg == "code"
            if is_code and isinstance(node.value, ast.Constant) and node.value.value:
                yield str(node.value.value)


def test_each_error_code_has_an_entry() -> None:
    assert set(job_codes()) >= {"cpu_limit", "incomplete", "bad_settings"}
    assert {*BY_CODE, ConfigurationError.code, *job_codes()} - ENTRIES == set()


def test_no_entry_is_for_a_code_that_does_not_exist() -> None:
    assert ENTRIES - {*BY_CODE, ConfigurationError.code, *job_codes()} == set()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"\.\. code-block:: {kind}\n(?:   :.*\n)?\n((?:   .*\n|\n)+)", PAGE)


def test_logging_of_the_guide_writes_the_id_into_each_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    (block,) = [block for block in blocks("python") if "LOGGING" in block]
    names: dict[str, object] = {}
    exec("if True:\n" + block, names)
    loggers = ["shift_media", "shift_media.s3", "django.request"]
    before = {
        name: (logging.getLogger(name).handlers[:], logging.getLogger(name).level)
        for name in loggers
    }
    try:
        logging.config.dictConfig(names["LOGGING"])  # type: ignore[arg-type]
        logging.getLogger("shift_media.s3").debug("S3 HeadObject: 404 in 3 ms")
        assert capsys.readouterr().err == "DEBUG - shift_media.s3: S3 HeadObject: 404 in 3 ms\n"
    finally:
        for name, (handlers, level) in before.items():
            logging.getLogger(name).handlers[:] = handlers
            logging.getLogger(name).setLevel(level)


def test_function_for_another_library_takes_the_measurements(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    monkeypatch.setattr(opentelemetry.metrics, "get_meter", provider.get_meter)
    site = ModuleType("watched_site")
    monkeypatch.setitem(sys.modules, "watched_site", site)
    (block,) = [block for block in blocks("python") if "opentelemetry" in block]
    exec("if True:\n" + block, vars(site))
    with override_settings(SHIFT_MEDIA={"METRICS": "watched_site.report"}):
        metrics.report("failures", code="busy")
    data = json.loads(reader.get_metrics_data().to_json())
    (metric,) = data["resource_metrics"][0]["scope_metrics"][0]["metrics"]
    assert metric["name"] == "shift_media.failures"
    (point,) = metric["data"]["data_points"]
    assert (point["sum"], point["attributes"]) == (1, {"code": "busy"})
    provider.shutdown()

"""One id for the log lines of a request."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from shift_media.request_ids import RequestIdFilter, current_id, find_id, identified
from shift_media.resizes.resize import Resize
from tests.resizes.counting import CountingStorage

Site = Callable[..., CountingStorage]
Add = Callable[..., str]
ResizeOf = Callable[..., Resize]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"X-Request-ID": "abc-123"}, "abc-123"),
        ({"traceparent": PARENT}, TRACE),
        ({"X-Request-ID": "abc", "traceparent": PARENT}, "abc"),
        ({"X-Request-ID": "a b\tc", "traceparent": PARENT}, TRACE),
    ],
)
def test_id_is_that_of_the_proxy(rf: Any, headers: dict[str, str], expected: str) -> None:
    assert find_id(rf.get("/", headers=headers)) == expected


@pytest.mark.parametrize("given", ["", "x" * 129, "a\nFAKE log line", "<script>", "\u202e", "é"])
def test_id_that_could_forge_a_log_line_is_replaced(rf: Any, given: str) -> None:
    found = find_id(rf.get("/", headers={"X-Request-ID": given, "traceparent": given}))
    assert re.fullmatch("[0-9a-f]{32}", found)


def test_failed_request_names_the_id_that_its_log_lines_have(
    site: Site, add: Add, resize_of: ResizeOf, caplog: pytest.LogCaptureFixture
) -> None:
    site()
    caplog.handler.addFilter(RequestIdFilter())
    response = Client().get(
        resize_of(add(b"\xff\xd8\xff" + bytes(99))).url, headers={"X-Request-ID": "r-7"}
    )
    assert response["X-Request-ID"] == "r-7"
    assert {record.request_id for record in caplog.records} == {"r-7"}  # type: ignore[attr-defined]
    assert current_id() == ""


def test_response_that_caches_keep_has_no_id(
    storage: CountingStorage, add: Add, resize_of: ResizeOf
) -> None:
    response = Client().get(resize_of(add()).url, headers={"X-Request-ID": "r-7"})
    assert response.status_code == 200
    assert "X-Request-ID" not in response


def test_id_ends_with_a_request_that_raises(rf: Any) -> None:
    @identified
    def view(request: object) -> HttpResponse:
        assert current_id() == "r-8"
        raise KeyError

    with pytest.raises(KeyError):
        view(rf.get("/", headers={"X-Request-ID": "r-8"}))
    assert current_id() == ""


def test_id_of_a_filter_of_the_site_stays() -> None:
    record = logging.makeLogRecord({"request_id": "of the site"})
    assert RequestIdFilter().filter(record)
    assert record.request_id == "of the site"  # type: ignore[attr-defined]

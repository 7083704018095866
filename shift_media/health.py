"""The views ``shift_media:health`` and ``shift_media:health_deep``: 200 or 503, for machines.

The first one is for load balancers and looks at this host alone: what all hosts share, such as the
bucket, would take all of them out of service at once. The second one is for monitoring, and asks
what the host depends on, too. Reasons are in the log, not in the answer, which strangers can read.
What was found is kept for some seconds, so that a crowd that asks costs no more than one client.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import cast

from django.contrib.auth.decorators import login_not_required
from django.core.cache import caches
from django.core.signals import setting_changed
from django.db import connections
from django.http import HttpRequest, HttpResponse, JsonResponse

from shift_media import http
from shift_media.conf import settings
from shift_media.core.errors import Busy
from shift_media.request_ids import identified
from shift_media.storages import default_media_storage, get_storage
from shift_media.storages.base import MediaStorage
from shift_media.workers.pool import current_pool

logger = logging.getLogger("shift_media.health")

Check = Callable[[], object]

KEPT_SECONDS = 5.0
"""Seconds for which the outcome of a check is kept."""

LIMIT_SECONDS = 4.0
"""Seconds that a check may take; load balancers wait for 5 by default (AWS, target groups)."""

_ABSENT = "00000000/0000/0000/0000/000000000000/health.jpg"
"""A key that is never stored: new ones are random."""

_PROBE = bytes(1 << 16)


class Health:
    """The outcome of a check, found by one thread at a time and kept for `KEPT_SECONDS`."""

    def __init__(self, name: str, check: Check) -> None:
        self._name = name
        self._check = check
        self._lock = threading.Lock()
        self._running: threading.Event | None = None
        self._found: tuple[float, bool] | None = None

    def is_good(self) -> bool:
        """Return the outcome; False if it takes more than `LIMIT_SECONDS`."""
        with self._lock:
            if self._found is not None and time.monotonic() - self._found[0] < KEPT_SECONDS:
                return self._found[1]
            if self._running is None:
                self._running = threading.Event()
                # A thread of its own: a bucket that hangs must not hold the thread of the server.
                threading.Thread(target=self._run, args=[self._running], daemon=True).start()
            running = self._running
        if not running.wait(LIMIT_SECONDS):
            logger.error("Health check of %s: no answer in %g s.", self._name, LIMIT_SECONDS)
            return False
        return self._found is not None and self._found[1]

    def forget(self) -> None:
        """Forget the outcome, so that the next call finds it anew."""
        with self._lock:
            self._found = None

    def _run(self, done: threading.Event) -> None:
        is_good = False
        try:
            self._check()
            is_good = True
        except Exception as error:
            logger.exception("Health check of %s failed: %s", self._name, error)
        finally:
            connections.close_all()
            with self._lock:
                self._found = (time.monotonic(), is_good)
                self._running = None
            done.set()


def check_host() -> None:
    """Raise an error if this host could store no temporary file or start no worker process."""
    with tempfile.TemporaryFile() as file:
        file.write(_PROBE)
    if settings.WORKERS:
        with suppress(Busy), current_pool().worker():  # A host with much to do is not broken.
            pass


def check_storage(storage: MediaStorage) -> None:
    """Raise an error if a storage does not say that a key is not stored."""
    storage.stat(_ABSENT)


def check_cache() -> None:
    """Raise an error if the shared cache does not answer, or failed some seconds ago."""
    if settings.CACHE is not None:
        caches[settings.CACHE].get("shift_media:health")


@login_not_required
@identified
def health(request: HttpRequest, storage: str | None = None) -> HttpResponse:
    """Respond with 200 if this host can work, else with 503."""
    return _respond(request, [_HOST])


@login_not_required
@identified
def health_deep(request: HttpRequest, storage: str | None = None) -> HttpResponse:
    """Respond with 200 if this host, the storage of the include and the shared cache can work."""
    return _respond(request, [_HOST, _of_storage(storage), _CACHE])


def _respond(request: HttpRequest, checked: Sequence[Health]) -> HttpResponse:
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    is_good = all([one.is_good() for one in checked])  # noqa: C419 (each writes its own log line)
    response = JsonResponse(
        {"status": "ok" if is_good else "unavailable"}, status=200 if is_good else 503
    )
    response["Cache-Control"] = http.NO_STORE
    return response


def _of_storage(alias: str | None) -> Health:
    if alias not in _storages:
        found = default_media_storage if alias is None else get_storage(alias)
        storage = cast("MediaStorage", found)
        _storages[alias] = Health(f"storage {alias or 'media'}", lambda: check_storage(storage))
    return _storages[alias]


def _forget(**kwargs: object) -> None:
    """Forget what was found with other settings, as tests have them."""
    _storages.clear()
    _HOST.forget()
    _CACHE.forget()


_HOST = Health("this host", check_host)
_CACHE = Health("the shared cache", check_cache)
_storages: dict[str | None, Health] = {}

setting_changed.connect(_forget, dispatch_uid="shift_media.health")

"""Parts of a site that misbehave."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

from django.core.cache.backends.locmem import LocMemCache
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden

from shift_media.storages import LocalMediaStorage, Source


class InterruptingStorage(LocalMediaStorage):
    """A storage that interrupts the process when the original with the highest key is read."""

    last = ""

    def fetch(self, key: str) -> Source:
        if key == self.last:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.3)
        return super().fetch(key)


class OwnCache(LocMemCache):
    """A cache of one process whose class name does not show it."""


def refuse_post(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse every POST, as a CSRF check without exemptions does."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.method == "POST":
            return HttpResponseForbidden(b"no")
        return get_response(request)

    return middleware

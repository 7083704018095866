"""The cache: whether another process sees what this one writes."""

from __future__ import annotations

import base64
import pickle
import secrets
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from django.conf import settings as django_settings
from django.core.cache import caches
from django.db import connections

from shift_media.concurrency import shared
from shift_media.conf import settings
from shift_media.doctor.findings import Finding, error, ok, skipped, warning

_SECONDS = 20
_LIVES = 60  # seconds: removed again, and gone soon if that fails
_MEND = (
    "Configure a cache that all processes and hosts share in CACHES, such as "
    '{"BACKEND": "django.core.cache.backends.redis.RedisCache", '
    '"LOCATION": "redis://cache.example:6379/0"}; or set SHIFT_MEDIA["CACHE"] to None where there '
    "is one host."
)

# The settings come by the standard input: what stands on a command line can be read by anybody.
_CHILD = """
import base64, pickle, sys
told = pickle.loads(base64.b64decode(sys.stdin.read()))
sys.path[:] = told.pop("path")
key = told.pop("key")
from django.conf import settings
settings.configure(**told)
import django
django.setup()
from django.core.cache import caches
seen = caches["default"].get(key)
caches["default"].set(key + "-back", seen, 60)
print("seen", seen)
"""


def check_cache() -> Iterator[Finding]:
    """Write to the cache, and let a child process read and answer."""
    alias = settings.CACHE
    if alias is None:
        yield skipped("shared-cache", 'SHIFT_MEDIA["CACHE"] is None: there is one host.')
        return
    kind = type(caches[alias]).__name__
    name = f"CACHES[{alias!r}], a {kind},"
    if shared.shared_cache() is None:
        yield warning("shared-cache", f"{name} lives in one process, or failed just now.", _MEND)
        return
    yield _shared(alias, name)


def _shared(alias: str, name: str) -> Finding:
    key, value = f"shift_media:doctor:{secrets.token_hex(8)}", secrets.token_hex(8)
    cache = caches[alias]
    try:
        cache.set(key, value, _LIVES)
        seen = _child(alias, key)
        back = cache.get(f"{key}-back")
        cache.delete_many([key, f"{key}-back"])
    except subprocess.TimeoutExpired:
        return error("shared-cache", f"{name} gave a child process no answer in time.", _MEND)
    except (pickle.PicklingError, AttributeError, TypeError) as problem:
        kind = type(problem).__name__
        return skipped("shared-cache", f"{name} cannot be told to a child process: {kind}.")
    except Exception as problem:  # each cache client raises errors of its own
        return error("shared-cache", f"{name} failed: {type(problem).__name__}: {problem}", _MEND)
    if (seen, back) != (f"seen {value}", value):
        shown = f"{name} does not show a child process what this one wrote."
        return warning("shared-cache", shown, _MEND)
    return ok("shared-cache", f"{name} is shared: a child process read it, and was read.")


def _child(alias: str, key: str) -> str:
    told: dict[str, Any] = {
        "path": sys.path,
        "key": key,
        "CACHES": {"default": django_settings.CACHES[alias]},
        "DATABASES": {name: connections[name].settings_dict for name in connections},
        "USE_TZ": django_settings.USE_TZ,
    }
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", _CHILD],
        input=base64.b64encode(pickle.dumps(told)),
        capture_output=True,
        timeout=_SECONDS,
        check=False,
    )
    return done.stdout.decode(errors="replace").strip()

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

_TIMEOUT_SECONDS = 20  # for the child process, which imports Django
_TTL_SECONDS = 60  # The entries are removed, and expire soon if that fails.
_FIX = (
    "Configure a cache that all processes and hosts share in CACHES, such as "
    '{"BACKEND": "django.core.cache.backends.redis.RedisCache", '
    '"LOCATION": "redis://cache.example:6379/0"}; or set SHIFT_MEDIA["CACHE"] to None if there '
    "is only one host."
)

# The settings come by standard input, because other users can read a command line.
_CHILD = """
import base64, pickle, sys
options = pickle.loads(base64.b64decode(sys.stdin.read()))
sys.path[:] = options.pop("path")
key = options.pop("key")
from django.conf import settings
settings.configure(**options)
import django
django.setup()
from django.core.cache import caches
value = caches["default"].get(key)
caches["default"].set(key + "-back", value, 60)
print("value", value)
"""


def check_cache() -> Iterator[Finding]:
    """Write to the cache, and let a child process read the value and write another one."""
    alias = settings.CACHE
    if alias is None:
        yield skipped("shared-cache", 'SHIFT_MEDIA["CACHE"] is None: there is one host.')
        return
    kind = type(caches[alias]).__name__
    name = f"CACHES[{alias!r}], a {kind},"
    if shared.shared_cache() is None:
        yield warning("shared-cache", f"{name} lives in one process, or failed just now.", _FIX)
        return
    yield _check_shared(alias, name)


def _check_shared(alias: str, name: str) -> Finding:
    key, value = f"shift_media:doctor:{secrets.token_hex(8)}", secrets.token_hex(8)
    cache = caches[alias]
    try:
        cache.set(key, value, _TTL_SECONDS)
        output = _run_child(alias, key)
        back = cache.get(f"{key}-back")
        cache.delete_many([key, f"{key}-back"])
    except subprocess.TimeoutExpired:
        return error("shared-cache", f"{name} gave a child process no answer in time.", _FIX)
    except (pickle.PicklingError, AttributeError, TypeError) as problem:
        seen = f"{name} cannot be passed to a child process: {type(problem).__name__}."
        return skipped("shared-cache", seen)
    except Exception as problem:  # Each cache client raises errors of its own.
        return error("shared-cache", f"{name} failed: {type(problem).__name__}: {problem}", _FIX)
    if (output, back) != (f"value {value}", value):
        seen = f"{name} does not show a child process what this one wrote."
        return warning("shared-cache", seen, _FIX)
    return ok("shared-cache", f"{name} is shared: it passed values to a child process and back.")


def _run_child(alias: str, key: str) -> str:
    options: dict[str, Any] = {
        "path": sys.path,
        "key": key,
        "CACHES": {"default": django_settings.CACHES[alias]},
        "DATABASES": {name: connections[name].settings_dict for name in connections},
        "USE_TZ": django_settings.USE_TZ,
    }
    done = subprocess.run(  # noqa: S603 (our own program)
        [sys.executable, "-c", _CHILD],
        input=base64.b64encode(pickle.dumps(options)),
        capture_output=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    return done.stdout.decode(errors="replace").strip()

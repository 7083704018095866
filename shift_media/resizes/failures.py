"""Failures of originals that are remembered, so that a resize which cannot be made costs little.

An error of the file is remembered for ten minutes. A decoder that ran out of memory, or was killed
with its process, is the machine's fault, so that the picture is tried again, but after a pause: a
picture that exceeds the memory of a worker would cost a worker at each request. The first such
failure causes no pause, and each further one twice that of the one before, up to two minutes.
"""

from __future__ import annotations

import logging
import time
from typing import Final

from shift_media.concurrency.ttl_cache import TTLCache
from shift_media.core import errors
from shift_media.core.errors import (
    EmptyCrop,
    InvalidSpec,
    MediaError,
    NoSuchPage,
    OutOfResources,
    SourceError,
)
from shift_media.core.keys import ResizeKey

logger = logging.getLogger("shift_media")

_failures: Final = TTLCache("failed", seconds=600)
"""By the key of an original or of a resize: an error code, with count and time for a pause."""

_FIRST_PAUSE: Final = 10.0
_MAX_PAUSE: Final = 120.0
"""Seconds. A machine that is well again makes every picture after the longer one at the latest."""


def raise_recent(key: ResizeKey) -> None:
    """Raise the error that a resize, or every resize of its original, failed with lately."""
    text = _failures.get(key.source) or _failures.get(str(key))
    if text is None:
        return
    code, *numbers = text.split()
    if code == OutOfResources.code:
        _raise_pause(key, *_parse(numbers))
        return
    kind = errors.BY_CODE.get(code, SourceError)
    raise kind(f"It failed with {code} within {_failures.seconds:g} s and is not tried again yet.")


def remember(key: ResizeKey, error: MediaError) -> MediaError:
    """Return the error, remembered if it would come again.

    An error of the original is remembered for all its resizes, one of the spec for this key alone.
    An error of the storage or the machine is not remembered, because the next request may succeed.
    """
    if isinstance(error, SourceError | InvalidSpec):
        logger.info("No resize of %s: %s: %s", key.source, error.code, error)
        is_of_spec = isinstance(error, EmptyCrop | InvalidSpec | NoSuchPage)
        _failures.set(str(key) if is_of_spec else key.source, error.code)
    return error


def pause(source: str, error: OutOfResources, begun: float) -> None:
    """Count a failure of the decoder, and say in the error after which time to try again.

    Args:
        source: the key of the original.
        error: what it failed with, to be raised by the caller.
        begun: when the attempt began. One that began before the last failure is not counted,
            because the attempts of one page fail together.
    """
    code, *numbers = (_failures.get(source) or OutOfResources.code).split()
    if code != OutOfResources.code:
        return  # Meanwhile it has proved to be damaged.
    count, failed = _parse(numbers)
    if begun < failed <= time.time():
        return
    count += 1
    _failures.set(source, f"{code} {count} {time.time():.3f}")
    error.retry_seconds = _pause_of(count)
    if count > 1:
        logger.warning(
            "The decoder ran out of resources %d times for %s. It is not tried again for %g s. "
            'If it is always this picture, raise SHIFT_MEDIA["WORKER_MEMORY"] or delete it.',
            count,
            source,
            error.retry_seconds,
        )


def _raise_pause(key: ResizeKey, count: int, failed: float) -> None:
    left = failed + _pause_of(count) - time.time()
    if 0 < left <= _pause_of(count):  # else it is over, or a clock was set back
        error = OutOfResources(
            f"{key.source!r} failed {count} times for lack of memory or other resources. It is "
            f"tried again in {left:.0f} s."
        )
        error.retry_seconds = left
        raise error


def _pause_of(count: int) -> float:
    """Return the seconds after so many failures."""
    return min(_FIRST_PAUSE * 2 ** min(count - 2, 10), _MAX_PAUSE) if count > 1 else 0.0


def _parse(numbers: list[str]) -> tuple[int, float]:
    """Return the count and the time of the last failure, zeros if there was none."""
    return (int(numbers[0]), float(numbers[1])) if len(numbers) == 2 else (0, 0.0)

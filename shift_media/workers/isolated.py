"""The functions that decode files of any origin, as the rest of the package calls them.

With ``SHIFT_MEDIA["WORKERS"]`` they run in a worker process, else in this thread. A worker that
crashes, hangs, or exceeds its limits is an error of the picture, `Undecodable`; one that the
machine has killed is an `OutOfResources`. Raises `Busy` if no worker becomes free in time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, BinaryIO, TypeVar, cast

from PIL import Image

from shift_media.conf import settings
from shift_media.core.errors import MediaError, Undecodable
from shift_media.core.formats import HEAD_BYTES, detect
from shift_media.core.preset_effects import PresetEffects
from shift_media.core.spec import Focal, Limits, Spec
from shift_media.imaging.calls import CALLS, SANDBOXED, Impressions, Wanted
from shift_media.imaging.engine import Effort, Preview, Result
from shift_media.imaging.exif_facts import ExifFacts
from shift_media.imaging.formats.base import SourceLimits, Span, read_at
from shift_media.imaging.formats.segments import open_parts
from shift_media.workers.failures import WorkerFailed
from shift_media.workers.pool import current_pool
from shift_media.workers.sources import SharedSource, shared

T = TypeVar("T")


def make(
    source: BinaryIO,
    spec: Spec,
    *,
    limits: SourceLimits | None = None,
    output: Limits | None = None,
    effects: PresetEffects | None = None,
) -> Result:
    """Return the resize of an original by a spec, as `engine.make` does."""
    (result,) = make_many(source, [(spec, effects)], limits=limits, output=output)
    if isinstance(result, MediaError):
        raise result
    return result


def make_many(
    source: BinaryIO,
    wanted: Sequence[Wanted],
    *,
    limits: SourceLimits | None = None,
    output: Limits | None = None,
    available: int | None = None,
    effort: Effort = "fast",
) -> Iterator[Result | MediaError]:
    """Yield the resizes of one original, or the error of a spec that does not fit it.

    See `shift_media.imaging.calls.make_many`. The limits are those of the settings by default.
    ``available`` bytes from the beginning of the source suffice; None for all.
    """
    return _call(
        "make_many",
        source,
        available,
        wanted=list(wanted),
        limits=limits or settings.source_limits,
        output=output or settings.limits,
        decoder=settings.ENGINE,
        effort=effort,
    )


def make_preview(source: BinaryIO) -> Preview:
    """Return placeholder and mean colour of an image, for which all of it is decoded."""
    return _call_once(
        Preview, "make_preview", source, limits=settings.source_limits, decoder=settings.ENGINE
    )


def strip_metadata(source: BinaryIO) -> BinaryIO:
    """Open an image without its metadata, as a file that reads from the source.

    It is upright where browsers would ignore its orientation.
    """
    parts = _call_once(tuple, "strip_metadata", source, limits=settings.source_limits)
    kept = sum(part.length for part in parts if isinstance(part, Span))
    size = source.seek(0, os.SEEK_END)
    if kept > size:
        # Of a worker that was taken over: the file might have no end.
        raise Undecodable(f"Without metadata it would keep {kept} bytes, more than its {size}.")
    return open_parts(source, parts)


def read_exif(source: BinaryIO, extension: str) -> ExifFacts:
    """Return the facts in the EXIF block of an image of a format."""
    return _call_once(ExifFacts, "read_exif", source, extension=extension)


def read_impressions(source: BinaryIO) -> Impressions:
    """Return the palette and the BlurHash of an image."""
    return _call_once(
        Impressions,
        "read_impressions",
        source,
        limits=settings.source_limits,
        decoder=settings.ENGINE,
    )


def find_focal(source: BinaryIO) -> Focal | None:
    """Return the point of an image that stands out; None if nothing does."""
    (found,) = _call(
        "find_focal", source, None, limits=settings.source_limits, decoder=settings.ENGINE
    )
    return cast("Focal | None", found)


def read_pixels(source: BinaryIO) -> Image.Image:
    """Return an image, as RGB or RGBA."""
    return _call_once(Image.Image, "read_pixels", source)


def _call_once(kind: type[T], name: str, source: BinaryIO, **arguments: Any) -> T:
    """Return the one result of a call."""
    (result,) = _call(name, source, None, **arguments)
    return cast("T", result)


def _call(name: str, source: BinaryIO, available: int | None, **arguments: Any) -> Iterator[Any]:
    head = read_at(source, 0, HEAD_BYTES)
    if not settings.WORKERS or detect(head).extension in SANDBOXED:
        yield from CALLS[name].run(source, **arguments)
        return
    with shared(source, available) as file:
        yield from _call_worker(name, file, arguments)


def _call_worker(name: str, file: SharedSource, arguments: dict[str, Any]) -> Iterator[Any]:
    """Yield the results of a worker, and the rest by a new one if it fails for another reason."""
    count = 0
    for is_last in (False, True):
        try:
            for index, result in enumerate(_results(name, file, arguments, is_new=is_last)):
                if index >= count:
                    count += 1
                    yield result
        except WorkerFailed as failed:
            if is_last or not failed.is_repeatable:
                raise failed.error from failed
        else:
            return


def _results(
    name: str, file: SharedSource, arguments: dict[str, Any], *, is_new: bool
) -> Iterator[Any]:
    with (
        current_pool().worker(is_new=is_new) as worker,
        closing(worker.call(name, file, arguments)) as results,
    ):
        yield from results

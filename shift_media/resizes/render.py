"""Rendering resizes of one original: one fetch, one decode, each stored as soon as it is made.

Callers see to it that no other caller renders the same keys, and that they hold a slot of the
limiter.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from shift_media import metrics
from shift_media.conf import settings
from shift_media.core.errors import InvalidSpec, MediaError, NoSuchPage, OutOfResources
from shift_media.core.faults import translated_faults
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.keys import MezzanineKey, ResizeKey
from shift_media.core.preset_effects import PresetEffects
from shift_media.core.spec import Spec
from shift_media.imaging import engine
from shift_media.imaging.calls import Wanted
from shift_media.imaging.engine import Effort, Result
from shift_media.resizes import failures, mezzanines
from shift_media.resizes.drawings import draw_pictures
from shift_media.signals import resize_created
from shift_media.storages.streams import SeekableStream
from shift_media.workers import isolated

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

Derived = ResizeKey | MezzanineKey


def render(
    keys: Sequence[ResizeKey], storage: MediaStorage, effort: Effort = "fast"
) -> Iterator[tuple[ResizeKey, bytes | MediaError]]:
    """Make and store resizes of one original, and yield the bytes or the error of each."""
    remaining = dict.fromkeys(keys)
    try:
        with translated_faults():
            for key, result in _render_once(keys, storage, effort):
                outcome = _store(key, result, storage)
                del remaining[key]
                yield key, outcome
    except MediaError as error:
        for key in remaining:
            yield key, failures.remember(key, error)


def _render_once(
    keys: Sequence[ResizeKey], storage: MediaStorage, effort: Effort
) -> Iterator[tuple[ResizeKey, Result | MediaError]]:
    """Render resizes of one original, with a pause before the next time if memory is short."""
    begun = time.time()
    try:
        yield from _render(keys, storage, effort)
    except OutOfResources as error:
        failures.pause(keys[0].source, error, begun)
        raise


def _render(
    keys: Sequence[ResizeKey], storage: MediaStorage, effort: Effort
) -> Iterator[tuple[ResizeKey, Result | MediaError]]:
    """Render from the mezzanine what it is large enough for, and the rest from the original."""
    mezzanine = mezzanines.find(keys, storage)
    remaining = dict.fromkeys(keys)
    if mezzanine is not None:
        for key, result in mezzanine.render(keys, effort):
            del remaining[key]
            yield key, result
    if not remaining:
        return
    with _open_original(keys[0].source, storage) as (source, size):
        specs: dict[Derived, Spec] = {key: key.spec for key in remaining}
        if BY_EXTENSION[keys[0].original.extension].scalable:
            yield from _render_drawn(source, list(remaining), effort)
            return
        if mezzanine is not None and mezzanine.claim(source):
            specs[mezzanine.key] = mezzanine.spec
        available = None
        if isinstance(source, SeekableStream):
            # A progressive JPEG needs only its front for a small resize: the GET is closed early.
            needed = engine.needed_bytes(source, *specs.values(), limits=settings.source_limits)
            source.require(needed)
            available = source.received
        for derived, made in _render_original(source, specs, effort, available):
            if isinstance(derived, ResizeKey):
                yield derived, made
            elif mezzanine is not None:
                mezzanine.store(made, size)


def _render_drawn(
    source: BinaryIO, keys: Sequence[ResizeKey], effort: Effort
) -> Iterator[tuple[ResizeKey, Result | MediaError]]:
    """Render resizes of a drawing or a document from pictures that are drawn of it."""
    specs = {key: key.spec for key in keys}
    for picture, of_picture in draw_pictures(source, keys[0].original.extension, specs):
        if isinstance(picture, NoSuchPage):
            yield from ((key, picture) for key in of_picture)
            continue
        specs_of_picture = cast("dict[Derived, Spec]", of_picture)
        for key, made in _render_original(picture, specs_of_picture, effort):
            yield cast("ResizeKey", key), made


def _render_original(
    source: BinaryIO, specs: Mapping[Derived, Spec], effort: Effort, available: int | None = None
) -> Iterator[tuple[Derived, Result | MediaError]]:
    """Render an original in several specs, and yield the error of each spec that does not fit it.

    ``available`` bytes from the beginning of the source suffice; None for all.
    """
    wanted: dict[Derived, Wanted] = {}
    for key, spec in specs.items():
        try:
            wanted[key] = (spec, _find_effects(spec))
        except InvalidSpec as error:
            yield key, error
    if wanted:
        format = next(iter(wanted)).original.extension
        made = isolated.make_many(
            source, list(wanted.values()), available=available, effort=effort
        )
        made = metrics.timed_results("renders", made, format=format)
        yield from zip(wanted, made, strict=True)


def _find_effects(spec: Spec) -> PresetEffects | None:
    """Return the effects of a spec; raise `InvalidSpec` if no preset has them any more."""
    if spec.digest is None:
        return None
    effects = settings.effects.get(spec.digest)
    if effects is None:
        raise InvalidSpec(f"No preset has the effects {spec.digest} any more.")
    return effects


def _store(
    key: ResizeKey, result: Result | MediaError, storage: MediaStorage
) -> bytes | MediaError:
    """Store a resize, unless another host has stored it meanwhile, and return its bytes."""
    if isinstance(result, MediaError):
        return failures.remember(key, result)
    try:
        created = storage.put(
            str(key),
            io.BytesIO(result.content),
            content_type=BY_EXTENSION[key.spec.format].content_type,
            size=len(result.content),
        )
    except MediaError as error:
        return error
    if created:
        resize_created.send_robust(
            sender=storage.__class__,  # of a lazy storage: the class that it stands for
            key=str(key),
            storage=storage,
            width=result.width,
            height=result.height,
            size=len(result.content),
        )
    return result.content


@contextmanager
def _open_original(key: str, storage: MediaStorage) -> Iterator[tuple[BinaryIO, int]]:
    """Open an original as a seekable file; gives the file and its size in bytes."""
    with storage.fetch(key) as source:
        if source.seekable():
            yield cast("BinaryIO", source), source.size
        else:
            with SeekableStream(cast("BinaryIO", source), source.size) as stream:
                yield cast("BinaryIO", stream), source.size

"""Resizes as URLs: built from the key and the parameters alone, without any I/O."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.core.signals import setting_changed

from shift_media.conf import settings
from shift_media.conf.presets import spec_options
from shift_media.conf.reader import suggest
from shift_media.core import geometry
from shift_media.core.crops import find_crop
from shift_media.core.errors import EmptyCrop, InvalidSpec
from shift_media.core.formats import BY_EXTENSION, FORMATS
from shift_media.core.keys import OriginalKey, parse_original_key
from shift_media.core.metadata import Metadata
from shift_media.core.spec import CENTRE, Spec
from shift_media.core.spec_options import OPTION_NAMES
from shift_media.resizes.resize import NO_FACTS, Facts, Leaf, Resize, build_leaf, known_size
from shift_media.sandbox import documents

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

OPTIONS: Final = OPTION_NAMES

Arguments = tuple[Any, ...]
"""A size, and a value or None for each of `OPTIONS`."""

_SIZE: Final = re.compile(r"[0-9]|x[0-9]|x?$")
"""The beginning of what is meant as a size, right or wrong."""

_VIDEOS: Final = frozenset(f.extension for f in FORMATS if f.kind == "video")
"""Extensions of originals whose resizes are made from a poster, which may be a new one."""

_TRANSPARENT_AS: Final = {f.extension: f.transparent_as for f in FORMATS if f.transparent_as}
"""Extensions of originals of which a transparent one is resized as another format."""


def build(
    file_key: str,
    size: str,
    *,
    storage: MediaStorage,
    facts: Facts = NO_FACTS,
    **options: Any,
) -> Resize:
    """Build the resize of an original, without any I/O.

    Args:
        file_key: the original's key.
        size: ``"400x300"``, ``"400x"``, ``"x300"``, or the name of a preset, whose values hold
            unless given here.
        storage: where the original is.
        facts: what is known of the original; read only where it is needed.
        options: those of `MediaFile.resize`.

    Raises `InvalidSpec` and `LimitExceeded`.
    """
    if unknown := options.keys() - set(OPTIONS):
        raise TypeError(f"A resize has no option {', '.join(sorted(unknown))}.")
    arguments = (size, *map(options.get, OPTIONS))
    return build_from_arguments(file_key, arguments, storage, facts)


def build_from_arguments(
    file_key: str, arguments: Arguments, storage: MediaStorage, facts: Facts
) -> Resize:
    """Build a resize as `build` does, of a tuple of the size and all options.

    A page calls this for each of its pictures, so all that depends on the arguments alone is
    cached, and most calls only look it up: docs/decisions/compiled-tags.rst has the measurements.
    """
    original, extension = _parse_original(file_key)
    if extension in _TRANSPARENT_AS:
        extension = _resized_like(extension, facts)
    try:
        resolved = _resolve(extension, *arguments)
    except TypeError:
        resolved = _resolve_unhashable(extension, arguments)
    spec, leaf, is_complete, follows_framing, _ = resolved
    if not is_complete or (follows_framing and facts.may_have_framing):
        spec = _adapt_to_original(resolved, facts())
        leaf = leaf if spec is resolved.spec else build_leaf(spec)
    if extension in _VIDEOS and (poster := facts.poster) is not None:
        spec = replace(spec, poster=poster)
        leaf = build_leaf(spec)
    return Resize(original, spec, storage, facts, leaf)


def build_scaled(resize: Resize, factor: int) -> Resize:
    """Build the same resize in larger sides. Raises `InvalidSpec` and `LimitExceeded`."""
    spec = resize.spec
    width, height = (factor * side if side else None for side in (spec.width, spec.height))
    spec = replace(spec, width=width, height=height)
    settings.limits.check(width, height)
    larger = Resize(resize.original, spec, resize.storage, resize._facts)
    settings.limits.check(larger.width, larger.height)
    return larger


def build_of_poster(resize: Resize, token: str | None) -> Resize:
    """Build the same resize of the new poster that an attempt has made; None for the first one."""
    if resize.spec.poster == token:
        return resize
    spec = replace(resize.spec, poster=token)
    return Resize(resize.original, spec, resize.storage, resize._facts)


@lru_cache(maxsize=8192)
def _parse_original(key: str) -> tuple[OriginalKey, str]:
    original = parse_original_key(key)
    return original, original.extension


def _resized_like(extension: str, facts: Facts) -> str:
    """Return the extension whose default format a resize of an original has."""
    known = facts()
    transparent_as = _TRANSPARENT_AS[extension]
    return transparent_as if transparent_as and known and known.has_alpha else extension


def resolve_spec(extension: str, arguments: Arguments, facts: Facts) -> Spec:
    """Return the spec of some arguments for an original with an extension."""
    try:
        resolved = _resolve(extension, *arguments)
    except TypeError:
        resolved = _resolve_unhashable(extension, arguments)
    return _adapt_to_original(resolved, facts())


class _ResolvedSpec(NamedTuple):
    """The spec of some arguments, for all originals with one extension.

    Attributes:
        spec: the spec, before an original's own size and focal point are applied.
        leaf: how keys with this spec end.
        is_complete: whether the spec alone limits the size of the resize.
        follows_framing: whether a stored focal point changes the spec.
        follows_crops: whether a stored crop box does, before the focal point.
    """

    spec: Spec
    leaf: Leaf
    is_complete: bool
    follows_framing: bool
    follows_crops: bool


@lru_cache(maxsize=4096, typed=True)
def _resolve(extension: str, size: Any, *values: Any) -> _ResolvedSpec:
    """Return the spec of some arguments. Raises `InvalidSpec` and `LimitExceeded`.

    The types are part of the cache's key: 1 and True are equal, as are 80 and 80.0, and the second
    of each is refused.
    """
    _check_size(size)
    given = {n: v for n, v in zip(OPTIONS, values, strict=True) if v is not None}
    preset = spec_options(settings.PRESETS.get(size, {}))
    effects = settings.effects.get(size) if preset else None
    merged = {"size": size, "format": None, **preset, **given}
    default_format = _default_format(extension)  # raises for an original without resizes
    if merged["format"] is None:
        merged["format"] = default_format
    digest = None if effects is None else effects.digest
    spec = Spec.make(qualities=settings.QUALITY, digest=digest, **merged)
    if spec.crop is not None and effects is not None and effects.trim is not None:
        raise InvalidSpec(f"The preset {size} has trim, which excludes crop: leave crop out.")
    if spec.page > 1 and not documents.has_pages(extension):
        raise InvalidSpec(f"A file of type {extension} has no pages: leave page out.")
    settings.limits.check(spec.width, spec.height)
    follows_framing = spec.mode == "fill" and merged.get("focal") is None
    trims = effects is not None and effects.trim is not None
    return _ResolvedSpec(
        spec,
        build_leaf(spec),
        is_complete=spec.crop is None and spec.width is not None and spec.height is not None,
        follows_framing=follows_framing,
        follows_crops=follows_framing and spec.crop is None and not trims,
    )


def _check_size(size: object) -> None:
    """Raise `InvalidSpec` for a word that is no preset; all else of a size is checked later."""
    if isinstance(size, str) and size not in settings.PRESETS and not _SIZE.match(size):
        near = suggest(size, settings.PRESETS)
        raise InvalidSpec(
            f'{size[:100]!r} is not a size, such as "400x300", and not in '
            f'SHIFT_MEDIA["PRESETS"]{near}'
        )


def _resolve_unhashable(extension: str, arguments: Arguments) -> _ResolvedSpec:
    """Return the spec of arguments that are no key of a cache, such as a list as a crop box."""
    try:
        frozen = tuple(tuple(value) if isinstance(value, list) else value for value in arguments)
        return _resolve(extension, *frozen)
    except TypeError as error:
        raise InvalidSpec(
            f"A size or an option of a resize has a wrong type: {arguments!r}."
        ) from error


def _adapt_to_original(resolved: _ResolvedSpec, known: Metadata | None) -> Spec:
    """Return the spec with the stored framing; check the limits on the original's size."""
    spec, size = resolved.spec, known_size(known) if resolved.spec.page == 1 else None
    follows = known is not None and resolved.follows_framing
    stored = known.focal if known is not None and follows else None
    crops = known.crops if known is not None and resolved.follows_crops else {}
    if size is None or (resolved.is_complete and stored is None and not crops):
        return spec
    try:
        if (crop := find_crop(crops, spec, *size)) is not None:
            spec = replace(spec, crop=crop)
        elif stored is not None:
            # Stored in percent of the whole picture, asked for in percent of what a crop leaves.
            focal = geometry.focal_in_crop(stored, spec, *size)
            spec = spec if focal == CENTRE else replace(spec, focal=focal)
        settings.limits.check(*geometry.output_size(spec, *size))
    except EmptyCrop as error:
        raise InvalidSpec(str(error)) from error
    return spec


def has_resizes(extension: str) -> bool:
    """Return True if files with an extension can be resized here, whatever is in them."""
    format = BY_EXTENSION.get(extension)
    if format is None or format.resized_as is None:
        return False
    return not format.scalable or documents.is_available(extension)


def _default_format(extension: str) -> str:
    """Return the format of a resize for which none is given, from the format table."""
    format = BY_EXTENSION[extension]
    resized_as = format.resized_as
    if format.scalable and not documents.is_available(extension):
        raise InvalidSpec(
            f"Resizes of a file of type {extension} need packages that are not installed. Install "
            f'them with: python -m pip install "django-shift-media[{extension}]".'
        )
    if resized_as is None:
        raise InvalidSpec(
            f"A file of type {extension} has no resizes: it is neither an image nor a video."
        )
    return resized_as


def _clear_resolved(**kwargs: object) -> None:
    _resolve.cache_clear()


# Presets, qualities and limits are part of what is cached.
setting_changed.connect(_clear_resolved, dispatch_uid="shift_media.resizes")

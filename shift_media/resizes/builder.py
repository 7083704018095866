"""Resizes as URLs: built from the key and the parameters alone, without any I/O.

Making one is `delivery`'s; `ensure` is the way in that commands and files use.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from django.core.signals import setting_changed

from shift_media.conf import settings
from shift_media.core import geometry
from shift_media.core.errors import EmptyCrop, InvalidSpec
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.keys import OriginalKey, parse_original_key
from shift_media.core.metadata import Metadata
from shift_media.core.spec import CENTRE, Spec
from shift_media.resizes.resize import NOTHING, Facts, Leaf, Resize, leaf_of, size_of

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

Asked = tuple[Any, ...]
"""A size, and a value or None for each of `OPTIONS`."""


OPTIONS: Final = ("mode", "quality", "upscale", "format", "focal", "crop", "background")
_QUALITY: Final = 1 + OPTIONS.index("quality")


def build(
    file_key: str,
    size: str,
    *,
    storage: MediaStorage,
    facts: Facts = NOTHING,
    mode: str | None = None,
    quality: int | None = None,
    upscale: bool | None = None,
    format: str | None = None,
    focal: tuple[float, float] | None = None,
    crop: tuple[int, int, int, int] | None = None,
    background: str | None = None,
) -> Resize:
    """Build the resize of an original, without any I/O.

    Args:
        file_key: the original's key.
        size: ``"400x300"``, ``"400x"``, ``"x300"``, or the name of a preset, whose values hold
            unless given here.
        storage: where the original is.
        facts: what is known of the original; read only where it is needed.
        mode: as in `Spec`, and so are the next two.
        quality: default: the format's.
        upscale: default: no.
        format: default: the original's.
        focal: x, y in percent, with ``fill``; default: the stored one, else the centre.
        crop: x, y, width, height in pixels of the upright original.
        background: six hex digits, with ``pad`` or ``jpg``.

    Raises `InvalidSpec` and `LimitExceeded`.
    """
    asked = (size, mode, quality, upscale, format, focal, crop, background)
    return build_asked(file_key, asked, storage, facts)


def build_asked(file_key: str, asked: Asked, storage: MediaStorage, facts: Facts) -> Resize:
    """Build a resize as `build` does, of the size and all options in one tuple.

    A page calls this for each of its pictures. Whatever depends on the options alone is
    remembered, so that what is left is to look that up.
    """
    original, extension = _original(file_key)
    try:
        form = _form(extension, asked, asked[_QUALITY].__class__)
    except TypeError:
        form = _unusual_form(extension, asked)
    spec, leaf, whole, follows_focal = form
    if not whole or (follows_focal and facts.may_have_focal):
        spec = _fitted(form, facts())
        leaf = leaf if spec is form.spec else leaf_of(spec)
    return Resize(original, spec, storage, facts, leaf)


@lru_cache(maxsize=8192)
def _original(key: str) -> tuple[OriginalKey, str]:
    original = parse_original_key(key)
    return original, original.extension


class _Form(NamedTuple):
    """What is asked for, of any original of one extension.

    Attributes:
        spec: without what an original's own size and focal point make of it.
        leaf: how keys with this spec end.
        whole: whether the box alone tells how large the resize can be.
        follows_focal: whether a stored focal point moves it.
    """

    spec: Spec
    leaf: Leaf
    whole: bool
    follows_focal: bool


@lru_cache(maxsize=4096)
def _form(extension: str, asked: Asked, quality_type: type) -> _Form:
    """Make the spec of what is asked for; raises `InvalidSpec` and `LimitExceeded`.

    ``quality_type`` only tells 1 from True and 80 from 80.0, which are equal, and wrong.
    """
    size, *values = asked
    given = {n: v for n, v in zip(OPTIONS, values, strict=True) if v is not None}
    preset = settings.PRESETS.get(size, {})
    merged = {"size": size, "format": None, **preset, **given}
    if merged["format"] is None:
        merged["format"] = _default_format(extension)
    spec = Spec.make(qualities=settings.QUALITY, **merged)
    settings.limits.check(spec.width, spec.height)
    whole = spec.crop is None and spec.width is not None and spec.height is not None
    return _Form(spec, leaf_of(spec), whole, spec.mode == "fill" and merged.get("focal") is None)


def _unusual_form(extension: str, asked: Asked) -> _Form:
    """Make the spec of what cannot be looked up as it is: a list where a tuple is meant."""
    try:
        frozen = tuple(tuple(value) if isinstance(value, list) else value for value in asked)
        return _form(extension, frozen, asked[_QUALITY].__class__)
    except TypeError as error:
        raise InvalidSpec(f"{asked!r} is no resize: an option is of a wrong type.") from error


def _fitted(form: _Form, known: Metadata | None) -> Spec:
    """Fill around the stored focal point, and check what comes out of an original of this size."""
    spec, seen = form.spec, size_of(known)
    stored = known.focal if known is not None and form.follows_focal else None
    if seen is None or (form.whole and stored is None):
        return spec
    try:
        if stored is not None:
            # Stored in percent of the whole, asked for in percent of what a crop leaves.
            focal = geometry.focal_in_crop(stored, spec.crop, *seen)
            spec = spec if focal == CENTRE else replace(spec, focal=focal)
        settings.limits.check(*geometry.output_size(spec, *seen))
    except EmptyCrop as error:
        raise InvalidSpec(str(error)) from error
    return spec


def _default_format(extension: str) -> str:
    """Return the format of a resize for which none is given, from the format table."""
    resized_as = BY_EXTENSION[extension].resized_as
    if resized_as is None:
        raise InvalidSpec(
            f"A file of type {extension} has no resizes: it is neither an image nor a video."
        )
    return resized_as


def _forget_specs(**kwargs: object) -> None:
    _form.cache_clear()


setting_changed.connect(_forget_specs, dispatch_uid="shift_media.resizes")

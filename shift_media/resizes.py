"""Resizes as URLs: built from the key and the parameters alone, without any I/O.

Making one is `delivery`'s; `ensure` is the way in that commands and files use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.core.signals import setting_changed

from shift_media import delivery
from shift_media.conf import PRESET_OPTIONS, settings
from shift_media.core import geometry, paths
from shift_media.core.errors import EmptyCrop, InvalidSpec
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.metadata import Metadata
from shift_media.core.paths import OriginalKey
from shift_media.core.spec import CENTRE, Spec

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage


def ensure(key: str, storage: MediaStorage | None = None) -> bool:
    """Make the resize of a signed key unless it is stored; returns whether this call made it.

    ``storage`` defaults to the site's media storage. Raises a `MediaError`: `InvalidKey`,
    `BadSignature`, `LimitExceeded`, `NotStored` (no original), `SourceError` (nothing to be made
    of it), `Busy` or `StorageError` (try again later).
    """
    return delivery.deliver(key, storage, content=False).made


class Resize:
    """One resize of one original: a URL and a size, known without any I/O."""

    __slots__ = ("_key", "_size", "original", "spec", "storage")

    def __init__(
        self,
        original: OriginalKey,
        spec: Spec,
        storage: MediaStorage,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.original = original
        self.spec = spec
        self.storage = storage
        self._size = size
        self._key: str | None = None

    @property
    def key(self) -> str:
        """The signed key."""
        if self._key is None:
            payload = f"{self.original.directory}/{self.spec}.{self.spec.format}"
            stem, _, extension = payload.rpartition(".")
            self._key = f"{stem}-{settings.resize_signer.sign(payload)}.{extension}"
        return self._key

    @property
    def url(self) -> str:
        """The signed URL."""
        return self.storage.derived_url(self.key)

    @property
    def width(self) -> int | None:
        """The made image's width in pixels; None where the original's is not at hand."""
        return self._size[0] if self._size else None

    @property
    def height(self) -> int | None:
        """The made image's height in pixels; None where the original's is not at hand."""
        return self._size[1] if self._size else None

    def ensure(self) -> bool:
        """Make it now unless it is stored; returns whether this call made it."""
        return ensure(self.key, self.storage)

    async def aensure(self) -> bool:
        """Make it now unless it is stored, in a thread; returns whether this call made it."""
        return await sync_to_async(self.ensure, thread_sensitive=False)()

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        return f"<Resize {self.key}>"


def build(
    file_key: str,
    size: str,
    *,
    storage: MediaStorage,
    metadata: Metadata | None = None,
    **options: Any,
) -> Resize:
    """Build the resize of an original, without any I/O.

    Args:
        file_key: the original's key.
        size: ``"400x300"``, ``"400x"``, ``"x300"``, or the name of a preset, whose values hold
            unless given here.
        storage: where the original is.
        metadata: what is known of the original; gives the resize's size and the focal point.
        options: ``mode, quality, upscale, format, focal, crop, background``.

    Raises `InvalidSpec` and `LimitExceeded`.
    """
    original = paths.parse_original(file_key)
    size, options = _expand(size, options)
    if "format" not in options:
        options["format"] = _format_of(original)
    spec = _spec(size, **options)
    settings.limits.check(spec.width, spec.height)
    seen = _size_of(metadata)
    if metadata is None or seen is None:
        return Resize(original, spec, storage)
    try:
        if spec.mode == "fill" and "focal" not in options:
            spec = _stored_focal(spec, metadata, seen)
        promised = geometry.output_size(spec, *seen)
    except EmptyCrop as error:
        raise InvalidSpec(str(error)) from error
    settings.limits.check(*promised)
    return Resize(original, spec, storage, promised)


def _expand(size: str, options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Fill in a preset, leave out what is None, and make the rest hashable."""
    unknown = options.keys() - PRESET_OPTIONS
    if unknown:
        raise InvalidSpec(
            f"{min(unknown)!r} is not an option of a resize: use one of "
            f"{', '.join(sorted(PRESET_OPTIONS - {'size'}))}."
        )
    given = {name: value for name, value in options.items() if value is not None}
    merged = {"size": size, **settings.PRESETS.get(size, {}), **given}
    name: str = merged.pop("size")
    return name, {n: tuple(v) if isinstance(v, list) else v for n, v in merged.items()}


def _format_of(original: OriginalKey) -> str:
    kind = BY_EXTENSION[original.extension].kind
    if kind == "video":
        return "jpg"
    if kind != "image":
        raise InvalidSpec(f"{original.name!r} is no image or video: it has no resizes.")
    return original.extension


def _size_of(metadata: Metadata | None) -> tuple[int, int] | None:
    if metadata is None or not metadata.width or not metadata.height:
        return None
    return metadata.width, metadata.height


def _stored_focal(spec: Spec, metadata: Metadata, seen: tuple[int, int]) -> Spec:
    """Fill around the stored focal point, translated into what a crop leaves."""
    if metadata.focal is None:
        return spec
    focal = geometry.focal_in_crop(metadata.focal, spec.crop, *seen)
    return spec if focal == CENTRE else replace(spec, focal=focal)


@lru_cache(maxsize=4096, typed=True)
def _spec(size: str, **options: Any) -> Spec:
    return Spec.make(size, qualities=settings.QUALITY, **options)


def _forget_specs(**kwargs: object) -> None:
    _spec.cache_clear()


setting_changed.connect(_forget_specs, dispatch_uid="shift_media.resizes")


def srcset(
    file_key: str,
    widths: Sequence[int],
    *,
    storage: MediaStorage,
    metadata: Metadata | None = None,
    size: str | None = None,
    **options: Any,
) -> str:
    """Write a ``srcset`` of several widths: ``"… 320w, … 640w"``.

    Never wider than the original: what would be is replaced by one as wide as the original.
    ``size="400x300"`` gives the ratio, for the modes that need both sides.
    """
    known = _size_of(metadata)
    candidates: dict[int, str] = {}
    for width in sorted(set(widths)):
        seen = min(width, known[0]) if known else width
        text = _scaled(size, seen)
        resize = build(file_key, text, storage=storage, metadata=metadata, **options)
        candidates.setdefault(resize.width or seen, resize.url)
    return ", ".join(f"{url} {width}w" for width, url in candidates.items())


def _scaled(size: str | None, width: int) -> str:
    """Scale a size to a width, keeping its ratio."""
    if size is None:
        return f"{width}x"
    spec = Spec.make(size, format="png")
    if spec.width is None or spec.height is None:
        raise InvalidSpec(f'{size!r} gives no ratio: write both sides, such as "400x300".')
    return f"{width}x{max(1, round(spec.height * width / spec.width))}"

"""Resizes as URLs: built from the key and the parameters alone, without any I/O.

Making one is `delivery`'s; `ensure` is the way in that commands and files use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.core.signals import setting_changed

from shift_media import delivery
from shift_media.conf import settings
from shift_media.core import geometry, paths
from shift_media.core.errors import EmptyCrop, InvalidSpec
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.metadata import Metadata
from shift_media.core.paths import OriginalKey
from shift_media.core.spec import CENTRE, Focal, Spec

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

Facts = Callable[[], Metadata | None]

_OPTIONS = ("mode", "quality", "upscale", "format", "focal", "crop", "background")


def ensure(key: str, storage: MediaStorage | None = None) -> bool:
    """Make the resize of a signed key unless it is stored; returns whether this call made it.

    ``storage`` defaults to the site's media storage. Raises a `MediaError`: `InvalidKey`,
    `BadSignature`, `LimitExceeded`, `NotStored` (no original), `SourceError` (nothing to be made
    of it), `Busy` or `StorageError` (try again later).
    """
    return delivery.deliver(key, storage, content=False).made


class Resize:
    """One resize of one original: a URL and a size, known without any I/O."""

    __slots__ = ("_facts", "_key", "original", "spec", "storage")

    def __init__(
        self,
        original: OriginalKey,
        spec: Spec,
        storage: MediaStorage,
        facts: Facts = lambda: None,
    ) -> None:
        self.original = original
        self.spec = spec
        self.storage = storage
        self._facts = facts
        self._key: str | None = None

    @property
    def key(self) -> str:
        """The signed key."""
        if self._key is None:
            original, (stem, extension) = self.original, _leaf(self.spec)
            path = f"{original.id}/{original.name}/{stem}"
            signature = settings.resize_signer.sign(f"{path}.{extension}")
            self._key = f"{path}-{signature}.{extension}"
        return self._key

    @property
    def url(self) -> str:
        """The signed URL."""
        return self.storage.derived_url(self.key)

    @property
    def size(self) -> tuple[int, int] | None:
        """The made image's width and height; None where the original's are not at hand."""
        seen = _size_of(self._facts())
        return None if seen is None else geometry.output_size(self.spec, *seen)

    @property
    def width(self) -> int | None:
        """The made image's width in pixels; None where the original's is not at hand."""
        size = self.size
        return size[0] if size else None

    @property
    def height(self) -> int | None:
        """The made image's height in pixels; None where the original's is not at hand."""
        size = self.size
        return size[1] if size else None

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
    facts: Facts = lambda: None,
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
        facts: gives what is known of the original, or None; called only where it is needed.
        mode: as in `Spec`, and so are the next two.
        quality: default: the format's.
        upscale: default: no.
        format: default: the original's.
        focal: x, y in percent, with ``fill``; default: the stored one, else the centre.
        crop: x, y, width, height in pixels of the upright original.
        background: six hex digits, with ``pad`` or ``jpg``.

    Raises `InvalidSpec` and `LimitExceeded`.
    """
    original = _original(file_key)
    asked = (size, mode, quality, upscale, format, _frozen(focal), _frozen(crop), background)
    try:
        spec, centred = _asked(original.extension, *asked)
    except TypeError as error:
        raise InvalidSpec(f"{asked!r} is no resize: an option is of a wrong type.") from error
    whole = spec.crop is None and spec.width is not None and spec.height is not None
    known = facts() if centred or not whole else None
    stored = known.focal if known is not None and centred else None
    seen = _size_of(known)
    if seen is not None and not (whole and stored is None):
        spec = _fitted(spec, stored, seen)
    return Resize(original, spec, storage, facts)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


_original = lru_cache(maxsize=8192)(paths.parse_original)


@lru_cache(maxsize=4096, typed=True)
def _asked(extension: str, size: str, *values: Any) -> tuple[Spec, bool]:
    """Make the spec of what is asked for, and tell whether a stored focal point may move it."""
    given = {n: v for n, v in zip(_OPTIONS, values, strict=True) if v is not None}
    preset = settings.PRESETS.get(size, {})
    merged = {"size": size, "format": None, **preset, **given}
    if merged["format"] is None:
        merged["format"] = _format_of(extension)
    spec = Spec.make(qualities=settings.QUALITY, **merged)
    settings.limits.check(spec.width, spec.height)
    return spec, spec.mode == "fill" and merged.get("focal") is None


@lru_cache(maxsize=4096)
def _leaf(spec: Spec) -> tuple[str, str]:
    return str(spec), spec.format


def _fitted(spec: Spec, stored: Focal | None, seen: tuple[int, int]) -> Spec:
    """Fill around the stored focal point, and check what comes out of an original of this size."""
    try:
        if stored is not None:
            # Stored in percent of the whole, asked for in percent of what a crop leaves.
            focal = geometry.focal_in_crop(stored, spec.crop, *seen)
            spec = spec if focal == CENTRE else replace(spec, focal=focal)
        settings.limits.check(*geometry.output_size(spec, *seen))
    except EmptyCrop as error:
        raise InvalidSpec(str(error)) from error
    return spec


def _format_of(extension: str) -> str:
    """Choose the format of a resize that asks for none: the original's."""
    kind = BY_EXTENSION[extension].kind
    if kind == "video":
        return "jpg"
    if kind != "image":
        raise InvalidSpec(f"A file of type {extension} is no image or video: it has no resizes.")
    return extension


def _size_of(metadata: Metadata | None) -> tuple[int, int] | None:
    if metadata is None or not metadata.width or not metadata.height:
        return None
    return metadata.width, metadata.height


def _forget_specs(**kwargs: object) -> None:
    _asked.cache_clear()


setting_changed.connect(_forget_specs, dispatch_uid="shift_media.resizes")


def srcset(
    file_key: str,
    widths: Sequence[int],
    *,
    storage: MediaStorage,
    facts: Facts = lambda: None,
    size: str | None = None,
    **options: Any,
) -> str:
    """Write a ``srcset`` of several widths: ``"… 320w, … 640w"``.

    Never wider than the original: what would be is replaced by one as wide as the original.
    ``size="400x300"`` gives the ratio, for the modes that need both sides.
    """
    known = _size_of(facts())
    candidates: dict[int, str] = {}
    for width in sorted(set(widths)):
        seen = min(width, known[0]) if known else width
        text = _scaled(size, seen)
        resize = build(file_key, text, storage=storage, facts=facts, **options)
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

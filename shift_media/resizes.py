"""Resizes as URLs: built from the key and the parameters alone, without any I/O.

Making one is `delivery`'s; `ensure` is the way in that commands and files use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from asgiref.sync import sync_to_async
from django.core.signals import setting_changed

from shift_media import delivery
from shift_media.conf import settings
from shift_media.core import geometry, paths
from shift_media.core.errors import EmptyCrop, InvalidSpec, MediaError
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.metadata import Metadata
from shift_media.core.paths import OriginalKey
from shift_media.core.spec import CENTRE, Spec
from shift_media.storages import unwrapped

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage

Asked = tuple[Any, ...]
"""A size, and a value or None for each of `OPTIONS`."""

Leaf = tuple[str, str]
"""How a key ends, before and after its signature: ``("/400x300-fill-80-noupscale", ".jpg")``."""

OPTIONS: Final = ("mode", "quality", "upscale", "format", "focal", "crop", "background")
_QUALITY: Final = 1 + OPTIONS.index("quality")


def ensure(key: str, storage: MediaStorage | None = None) -> bool:
    """Make the resize of a signed key unless it is stored; returns whether this call made it.

    ``storage`` defaults to the site's media storage. Raises a `MediaError`: `InvalidKey`,
    `BadSignature`, `LimitExceeded`, `NotStored` (no original), `SourceError` (nothing to be made
    of it), `Busy` or `StorageError` (try again later).
    """
    return delivery.deliver(key, storage, content=False).made


class Outcome(NamedTuple):
    """What became of one resize of many: made now, stored before (neither), or failed."""

    made: bool = False
    error: MediaError | None = None


def ensure_many(keys: Iterable[str], storage: MediaStorage | None = None) -> dict[str, Outcome]:
    """Make the resizes of signed keys, of any originals, unless they are stored.

    Those of one original are made from one reading of it: six widths in two formats in about half
    the time that one by one takes. Gives what became of each key, in the order of ``keys``;
    of what `ensure` would raise, nothing is raised, and the others are made all the same.
    """
    asked = list(keys)
    outcomes = {
        key: Outcome(error=delivered)
        if isinstance(delivered, MediaError)
        else Outcome(delivered.made)
        for key, delivered in delivery.deliver_many(asked, storage)
    }
    return {key: outcomes[key] for key in asked}


class Facts(NamedTuple):
    """What is known of one original without any I/O.

    It is read when somebody asks: most URLs need nothing of it.

    Attributes:
        data: the JSON object of its row.
        key: the key that the object must be of.
        remembered: what is known where the row knows nothing.
    """

    data: object = None
    key: str = ""
    remembered: Metadata | None = None

    def __call__(self) -> Metadata | None:
        """Read them."""
        return Metadata.from_json(self.data, self.key) or self.remembered

    @property
    def may_have_focal(self) -> bool:
        """Tell, for next to nothing, whether it is worth reading them for a focal point."""
        data, _, remembered = self
        if remembered is None and type(data) is dict:
            return bool(data.get("focal"))
        return remembered is not None or bool(data)


NOTHING: Final = Facts()


class Resize:
    """One resize of one original: a URL and a size, known without any I/O."""

    __slots__ = ("_facts", "_key", "_leaf", "original", "spec", "storage")

    def __init__(
        self,
        original: OriginalKey,
        spec: Spec,
        storage: MediaStorage,
        facts: Facts = NOTHING,
        leaf: Leaf | None = None,
    ) -> None:
        self.original = original
        self.spec = spec
        self.storage = storage
        self._facts = facts
        self._leaf = leaf or _leaf(spec)
        self._key: str | None = None

    @property
    def key(self) -> str:
        """The signed key."""
        if self._key is None:
            original, (stem, extension) = self.original, self._leaf
            path = f"{original.id}/{original.name}{stem}"
            signature = settings.resize_signer.sign(path + extension)
            self._key = f"{path}-{signature}{extension}"
        return self._key

    @property
    def url(self) -> str:
        """The signed URL."""
        storage: Any = unwrapped(self.storage)  # Each attribute of a lazy one costs as much.
        url: str = storage.derived_url(self.key)
        return url

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
        leaf = leaf if spec is form.spec else _leaf(spec)
    return Resize(original, spec, storage, facts, leaf)


@lru_cache(maxsize=8192)
def _original(key: str) -> tuple[OriginalKey, str]:
    original = paths.parse_original(key)
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
        merged["format"] = _format_of(extension)
    spec = Spec.make(qualities=settings.QUALITY, **merged)
    settings.limits.check(spec.width, spec.height)
    whole = spec.crop is None and spec.width is not None and spec.height is not None
    return _Form(spec, _leaf(spec), whole, spec.mode == "fill" and merged.get("focal") is None)


def _unusual_form(extension: str, asked: Asked) -> _Form:
    """Make the spec of what cannot be looked up as it is: a list where a tuple is meant."""
    try:
        frozen = tuple(tuple(value) if isinstance(value, list) else value for value in asked)
        return _form(extension, frozen, asked[_QUALITY].__class__)
    except TypeError as error:
        raise InvalidSpec(f"{asked!r} is no resize: an option is of a wrong type.") from error


def _leaf(spec: Spec) -> Leaf:
    return f"/{spec}", f".{spec.format}"


def _fitted(form: _Form, known: Metadata | None) -> Spec:
    """Fill around the stored focal point, and check what comes out of an original of this size."""
    spec, seen = form.spec, _size_of(known)
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
    _form.cache_clear()


setting_changed.connect(_forget_specs, dispatch_uid="shift_media.resizes")


def ladder(
    file_key: str,
    widths: Sequence[int],
    *,
    storage: MediaStorage,
    facts: Facts = NOTHING,
    size: str | None = None,
    **options: Any,
) -> dict[int, Resize]:
    """Build resizes of several widths, by the width that each will have, narrowest first.

    Never wider than the original: what would be is replaced by one as wide as the original.
    ``size="400x300"`` gives the ratio, for the modes that need both sides.
    """
    known = _size_of(facts())
    steps: dict[int, Resize] = {}
    for width in sorted(set(widths)):
        seen = min(width, known[0]) if known else width
        text = _scaled(size, seen)
        resize = build(file_key, text, storage=storage, facts=facts, **options)
        steps.setdefault(resize.width or seen, resize)
    return steps


def joined(steps: Mapping[int, Resize]) -> str:
    """Write a ladder as a ``srcset``: ``"… 320w, … 640w"``."""
    return ", ".join(f"{resize.url} {width}w" for width, resize in steps.items())


def _scaled(size: str | None, width: int) -> str:
    """Scale a size to a width, keeping its ratio."""
    if size is None:
        return f"{width}x"
    spec = Spec.make(size, format="png")
    if spec.width is None or spec.height is None:
        raise InvalidSpec(f'{size!r} gives no ratio: write both sides, such as "400x300".')
    return f"{width}x{max(1, round(spec.height * width / spec.width))}"

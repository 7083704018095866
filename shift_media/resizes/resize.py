"""A resize of one original: its key, its URL and its size, all known without I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from asgiref.sync import sync_to_async

from shift_media.conf import settings
from shift_media.core import geometry
from shift_media.core.keys import OriginalKey
from shift_media.core.metadata import Metadata
from shift_media.core.spec import Spec
from shift_media.resizes.absolute import make_absolute
from shift_media.resizes.service import ensure
from shift_media.storages import unwrap

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage


Leaf = tuple[str, str]
"""How a key ends, before and after its signature: ``("/400x300-fill-80-noupscale", ".jpg")``."""


class Facts(NamedTuple):
    """The known facts of one original, without any I/O. They are read by a call, if at all.

    Pickles of a `Resize` name this class: its name and the order of its fields must stay.

    Attributes:
        data: the JSON object of its row.
        key: the key that the object must describe; that of another key counts as absent.
        remembered: metadata read before, for rows without a metadata field.
    """

    data: object = None
    key: str = ""
    remembered: Metadata | None = None

    def __call__(self) -> Metadata | None:
        """Return the metadata, or None if there is none."""
        return Metadata.from_json(self.data, self.key) or self.remembered

    @property
    def poster(self) -> str | None:
        """The attempt that has made the new poster of a video; None for the first poster."""
        data, _, remembered = self
        if remembered is None and type(data) is dict and "poster" not in data:
            return None  # A cheap check, made for each URL.
        known = self()
        return (known.poster or None) if known else None

    @property
    def may_have_framing(self) -> bool:
        """True if there may be a focal point or crop boxes; a cheap check, made for each URL."""
        data, _, remembered = self
        if remembered is None and type(data) is dict:
            return bool(data.get("focal") or data.get("crops"))
        return remembered is not None or bool(data)


NO_FACTS: Final = Facts()


class Resize:
    """One resize of one original: a URL and a size, known without any I/O.

    Sites keep pickles of it in their caches: the names in ``__slots__`` must stay.
    """

    __slots__ = ("_facts", "_key", "_leaf", "original", "spec", "storage")

    is_legacy: ClassVar[bool] = False
    """True for a file without a key, which is shown in place of a resize of it."""

    def __init__(
        self,
        original: OriginalKey,
        spec: Spec,
        storage: MediaStorage,
        facts: Facts = NO_FACTS,
        leaf: Leaf | None = None,
    ) -> None:
        self.original = original
        self.spec = spec
        self.storage = storage
        self._facts = facts
        self._leaf = leaf or build_leaf(spec)
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
        # Unwrapped once, because each attribute of a lazy storage is looked up through it.
        storage: Any = unwrap(self.storage)
        url: str = storage.derived_url(self.key)
        return url

    @property
    def absolute_url(self) -> str:
        """The signed URL with scheme and host, for e-mail; see ``SHIFT_MEDIA["SITE_URL"]``."""
        return make_absolute(self.url)

    @property
    def size(self) -> tuple[int, int] | None:
        """The width and height that the image will have; None if the original's are not known."""
        # The known size of a document is that of its first page.
        original = known_size(self._facts()) if self.spec.page == 1 else None
        effects = settings.effects.get(self.spec.digest) if self.spec.digest else None
        if effects is not None and effects.trim is not None:
            return None  # It depends on the pixels.
        return None if original is None else geometry.output_size(self.spec, *original)

    @property
    def width(self) -> int | None:
        """The width in pixels that the image will have; None if the original's is not known."""
        size = self.size
        return size[0] if size else None

    @property
    def height(self) -> int | None:
        """The height in pixels that the image will have; None if the original's is not known."""
        size = self.size
        return size[1] if size else None

    def ensure(self) -> bool:
        """Make it now unless it is stored; return whether this call made it."""
        return ensure(self.key, self.storage)

    async def aensure(self) -> bool:
        """Make it now unless it is stored, in a thread; return whether this call made it."""
        return await sync_to_async(self.ensure, thread_sensitive=False)()

    def __str__(self) -> str:
        return self.url

    def __repr__(self) -> str:
        return f"<Resize {self.key}>"


def build_leaf(spec: Spec) -> Leaf:
    """Return how the keys of a spec end."""
    return f"/{spec}", f".{spec.format}"


def known_size(metadata: Metadata | None) -> tuple[int, int] | None:
    """Return the width and height of an upright original; None if they are not known."""
    return None if metadata is None else metadata.resizable_size

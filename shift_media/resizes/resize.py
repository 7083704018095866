"""A resize of one original: its key, its URL and its size, all known without I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from asgiref.sync import sync_to_async

from shift_media.conf import settings
from shift_media.core import geometry
from shift_media.core.keys import OriginalKey
from shift_media.core.metadata import Metadata
from shift_media.core.spec import Spec
from shift_media.resizes.service import ensure
from shift_media.storages import unwrapped

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage


Leaf = tuple[str, str]
"""How a key ends, before and after its signature: ``("/400x300-fill-80-noupscale", ".jpg")``."""


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
        self._leaf = leaf or leaf_of(spec)
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
        seen = size_of(self._facts())
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


def leaf_of(spec: Spec) -> Leaf:
    """Return how the keys of a spec end."""
    return f"/{spec}", f".{spec.format}"


def size_of(metadata: Metadata | None) -> tuple[int, int] | None:
    """Return the width and height of an original, upright; None where they are not known."""
    if metadata is None or not metadata.width or not metadata.height:
        return None
    return metadata.width, metadata.height

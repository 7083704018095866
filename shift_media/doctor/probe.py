"""The doctor's own original and resizes: stored, looked at, and taken away again."""

from __future__ import annotations

import io
import time
from types import TracebackType

from PIL import Image

from shift_media.core.errors import MediaError
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.keys import new_original_key
from shift_media.imaging import engine
from shift_media.resizes import builder
from shift_media.resizes.resize import Resize
from shift_media.storages import MediaStorage

NAME = "media-doctor"
SIZE = (96, 72)

STORED, MISSING = "48x36", "64x48"
"""The sizes of the resize that the doctor stores itself, and of the one that the site makes."""

_SETTLE = 1.0
"""Seconds that a request which was cut off is given to write what it was writing."""


class ProbeImage:
    """An original and what is derived from it, gone when the block ends, however it ends.

    Attributes:
        original: its key, with a random id as every upload has.
        content: its bytes.
        stored: whether anything of it was stored, as far as is known.
        under_way: whether the site may be making a resize of it this moment.
        left: the keys that could not be removed.
    """

    def __init__(self, storage: MediaStorage) -> None:
        self.storage = storage
        self.original = new_original_key(NAME, "jpg")
        self.content = b""
        self.stored = False
        self.under_way = False
        self.left: list[str] = []
        self._keys: list[str] = [str(self.original)]

    def draw(self) -> bytes:
        """Draw its picture; raises what Pillow raises where it cannot write JPEG."""
        file = io.BytesIO()
        Image.linear_gradient("L").resize(SIZE).convert("RGB").save(file, "JPEG")
        self.content = file.getvalue()
        return self.content

    def resize(self, size: str) -> Resize:
        """Build one of its resizes, which is then removed too."""
        resize = builder.build(str(self.original), size, storage=self.storage)
        self._keys.append(resize.key)
        return resize

    def key(self, leaf: str) -> str:
        """Give the key of something else in its directory, which is then removed too."""
        key = f"{self.original.prefix}{leaf}"
        self._keys.append(key)
        return key

    def put(self, key: str, content: bytes) -> bool:
        """Store something of it."""
        kind = BY_EXTENSION[self.original.extension].content_type
        body = io.BytesIO(content)
        written = self.storage.put(key, body, content_type=kind, size=len(content))
        self.stored = True
        return written

    def make(self, resize: Resize) -> bytes:
        """Make a resize here and store it, without the app, its signals and its notes."""
        made = engine.make(io.BytesIO(self.content), resize.spec).content
        self.put(resize.key, made)
        return made

    def remove(self) -> None:
        """Remove everything of it; what cannot be removed is in ``left``."""
        self._remove()
        if self.under_way:
            time.sleep(_SETTLE)
            self._remove()

    def _remove(self) -> None:
        left = []
        for key in dict.fromkeys(self._keys):  # A storage that does not list must lose them too.
            try:
                self.storage.delete(key)
            except MediaError:
                left.append(key)
        try:
            self.storage.delete_prefix(self.original.prefix)
            self.left = [entry.key for entry in self.storage.entries(self.original.prefix)]
        except MediaError:
            self.left = left

    def __enter__(self) -> ProbeImage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()

"""The doctor's own original and resizes: stored for the checks, and removed afterwards."""

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
"""Width and height of the original in pixels."""

STORED_SIZE, MISSING_SIZE = "48x36", "64x48"
"""The sizes of the resize that the doctor stores, and of the one that it lets the site make."""

_SETTLE_SECONDS = 1.0
"""Time for a request that was cut off to finish its write."""


class ProbeImage:
    """An original and its resizes; leaving the ``with`` block removes them.

    Attributes:
        original: The key of the original, with a random id as every upload has.
        content: The bytes of the original.
        stored: True if anything of it was stored, as far as is known.
        in_progress: True while the site may be making a resize of it.
        remaining: The keys that could not be removed.
    """

    def __init__(self, storage: MediaStorage) -> None:
        self.storage = storage
        self.original = new_original_key(NAME, "jpg")
        self.content = b""
        self.stored = False
        self.in_progress = False
        self.remaining: list[str] = []
        self._keys: list[str] = [str(self.original)]

    def draw(self) -> bytes:
        """Draw the original and return its bytes; raises Pillow's errors if it lacks JPEG."""
        picture = Image.linear_gradient("L").resize(SIZE).convert("RGB")
        self.content = engine.save_picture(picture, "jpg")
        return self.content

    def resize(self, size: str) -> Resize:
        """Return a resize of it, and note its key for the removal."""
        resize = builder.build(str(self.original), size, storage=self.storage)
        self._keys.append(resize.key)
        return resize

    def other_key(self, leaf: str) -> str:
        """Return another key in its directory, and note it for the removal."""
        key = f"{self.original.prefix}{leaf}"
        self._keys.append(key)
        return key

    def put(self, key: str, content: bytes) -> bool:
        """Store bytes under a key; return False if something is stored there already."""
        content_type = BY_EXTENSION[self.original.extension].content_type
        body = io.BytesIO(content)
        written = self.storage.put(key, body, content_type=content_type, size=len(content))
        self.stored = True
        return written

    def store_resize(self, resize: Resize) -> bytes:
        """Make a resize, store it and return its bytes, without the app and its signals."""
        content = engine.make(io.BytesIO(self.content), resize.spec).content
        self.put(resize.key, content)
        return content

    def remove(self) -> None:
        """Remove everything of it; ``remaining`` lists what could not be removed."""
        self._remove()
        if self.in_progress:
            time.sleep(_SETTLE_SECONDS)
            self._remove()

    def _remove(self) -> None:
        failed = []
        # Key by key first, because listing a prefix may fail where deleting a key works.
        for key in dict.fromkeys(self._keys):
            try:
                self.storage.delete(key)
            except MediaError:
                failed.append(key)
        try:
            self.storage.delete_prefix(self.original.prefix)
            self.remaining = [entry.key for entry in self.storage.entries(self.original.prefix)]
        except MediaError:
            self.remaining = failed

    def __enter__(self) -> ProbeImage:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()

"""Resizes of files that were there before a field was a media field.

The name of such a file, ``photos/2019/old.jpg``, is not a key, so nothing can be made of it under
a signed URL. A resize of it is the file itself, with the size that a resize would have.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar, Final, cast

from django.core.files.storage import Storage

from shift_media.core.errors import InvalidKey, InvalidSpec
from shift_media.core.formats import BY_EXTENSION
from shift_media.core.keys import parse_original_key
from shift_media.core.spec import Spec
from shift_media.resizes.builder import Arguments, resolve_spec
from shift_media.resizes.resize import Facts, Resize
from shift_media.sandbox.documents import has_pages
from shift_media.storages import resolve

_OTHER_SPELLINGS: Final = {"jpeg": "jpg", "jpe": "jpg", "jfif": "jpg"}
_UNKNOWN_EXTENSION: Final = "jpg"
"""Stands for an extension that the format table lacks: the file was accepted as a picture."""


@lru_cache(maxsize=8192)
def is_legacy_name(name: str) -> bool:
    """Return True if a stored name is not the key of an original."""
    try:
        parse_original_key(name)
    except InvalidKey:
        return True
    return False


def guess_extension(name: str) -> str:
    """Return the extension of the format table for a name: ``"jpg"`` for ``"a/B.JPEG"``."""
    extension = name.rpartition(".")[2].lower()
    extension = _OTHER_SPELLINGS.get(extension, extension)
    return extension if extension in BY_EXTENSION else _UNKNOWN_EXTENSION


def build_legacy(
    name: str, arguments: Arguments, alias: str, source: str, facts: Facts
) -> LegacyResize:
    """Build the resize of a file that has no key; raise `InvalidSpec` and `LimitExceeded`.

    ``alias`` and ``source`` name its storage, as for `shift_media.storages.resolve`.
    """
    extension = guess_extension(name)
    spec = resolve_spec(extension, arguments, facts)
    if has_pages(extension):
        raise InvalidSpec("A document is no picture: its pages have resizes once it has a key.")
    spec = replace(spec, rotate=0, flip=None)  # The file is shown as it is.
    return LegacyResize(name, spec, alias, source, facts)


def shown_size(resize: Resize) -> tuple[int | None, int | None]:
    """Return the width and height of an ``<img>``.

    For a file whose ratio is not known one of them is None, and browsers keep the ratio.
    """
    if resize.is_legacy and resize.size is None:
        spec = resize.spec
        return (spec.width, None) if spec.width else (None, spec.height)
    return resize.width, resize.height


class LegacyResize(Resize):
    """The file itself, in place of a resize of it."""

    __slots__ = ("alias", "name", "source")

    is_legacy: ClassVar[bool] = True

    def __init__(self, name: str, spec: Spec, alias: str, source: str, facts: Facts) -> None:
        self.name, self.spec, self.alias, self.source = name, spec, alias, source
        self._facts, self._key = facts, name

    def __reduce__(self) -> tuple[type[LegacyResize], tuple[Any, ...]]:
        # Not the storage itself, which may be another package's, with secrets in its options.
        return LegacyResize, (self.name, self.spec, self.alias, self.source, self._facts)

    @property
    def storage(self) -> Storage:  # type: ignore[override]  # looked up when it is used
        """The storage of the file."""
        return cast("Storage", resolve(self.alias, self.source))

    @property
    def url(self) -> str:
        """The URL of the file."""
        return str(self.storage.url(self.name))

    @property
    def size(self) -> tuple[int, int] | None:
        """The width and height to show it with; None if they follow from its unknown ratio."""
        size, spec = super().size, self.spec
        if size is None and spec.mode != "fit" and spec.width and spec.height:
            return spec.width, spec.height
        return size

    def ensure(self) -> bool:
        """Return False, because nothing is made."""
        return False

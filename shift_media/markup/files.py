"""The files that tags accept: the file of a media field, or an original's key as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn, cast

from shift_media.core.errors import InvalidSpec
from shift_media.resizes import builder
from shift_media.resizes.resize import Resize
from shift_media.resizes.srcset import build_by_width
from shift_media.storages import default_media_storage

if TYPE_CHECKING:
    from shift_media.storages.base import MediaStorage


class KeyFile:
    """An original in the default media storage, known by its key alone, without metadata.

    Args:
        key: as in a column, such as ``values()`` returns it.
    """

    known_metadata = None

    def __init__(self, key: str) -> None:
        self.key = str(key)

    def resize(self, size: str, **options: Any) -> Resize:
        """Build a resize, as the file of a media field does."""
        return builder.build(self.key, size, storage=_storage(), **options)

    def ladder(self, widths: Sequence[int], **spec: Any) -> dict[int, Resize]:
        """Build resizes of several widths."""
        return build_by_width(self.key, widths, storage=_storage(), **spec)

    @property
    def renditions(self) -> NoReturn:
        """Raise `InvalidSpec`, because renditions are looked up by the field of a row."""
        raise InvalidSpec("A video is rendered of the file of a MediaField, not of a key as text.")


def as_file(value: Any) -> Any:
    """Return a file that can be resized. Raises `InvalidSpec` for any other value."""
    if isinstance(value, str):
        return KeyFile(value)
    if not hasattr(value, "ladder"):
        kind = type(value)
        raise InvalidSpec(
            f"{kind.__module__}.{kind.__qualname__} cannot be resized: pass the file of a "
            "MediaField, or the key of an original in the default media storage."
        )
    return value


def _storage() -> MediaStorage:
    return cast("MediaStorage", default_media_storage)

"""Copies that a storage makes by itself: their bytes do not pass through this process.

Three steps, so that what is stored is what was inspected: begin, which notes the version of the
file; read it; write, which copies that very version.
"""

from __future__ import annotations

from typing import Any, Protocol

from shift_media.core.errors import MediaError, StorageError


class SourceChanged(StorageError):
    """A file that was written to while it was copied: try it again."""

    code = "source_changed"


class CopyUnsupported(MediaError):
    """A copy that the server refuses: read the file and write it instead."""

    code = "copy_unsupported"


class ServerCopy(Protocol):
    """One file, in the version that `begin_copy` has found, to be copied on the server."""

    @property
    def size(self) -> int:
        """The size of the file in bytes."""

    @property
    def requests(self) -> int:
        """How many requests to the server `write` makes."""

    def open(self) -> Any:
        """Open the file to be read, perhaps only once, in this version."""

    def open_range(self, first: int, length: int) -> Any:
        """Open ``length`` bytes from a position on, to be read once, in this version.

        Raises `SourceChanged` if the file is not the same any more.
        """

    def write(self, key: str, *, content_type: str, download_name: str, sha256: str = "") -> bool:
        """Store the file under a key; return False if something was stored there.

        The headers of the copy are those of an original. Raises `SourceChanged` if the file is not
        the same any more, and `CopyUnsupported` if the server makes no such copies.

        Args:
            key: the key of an original.
            content_type: of the file.
            download_name: the client's name of the file.
            sha256: of the file, in hex, if the caller knows it.
        """

"""A stored file under its client's name, for validators that look at the name."""

from __future__ import annotations

from typing import Any

from django.core.files.base import File


class NamedFile(File):  # type: ignore[type-arg]  # Django has no generics at run time
    """A stored file whose name is the client's, not its key.

    All other attributes are those of the file. It is opened when it is read.
    """

    def __init__(self, stored: Any, name: str) -> None:
        self._stored = stored
        self.name = name

    @property
    def file(self) -> Any:  # type: ignore[override]
        """The open file."""
        return self._stored.file

    @property
    def size(self) -> int:
        """The size in bytes."""
        size: int = self._stored.size
        return size

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> NamedFile:
        """Open the file, and return this."""
        self._stored.open(mode or "rb")
        return self

    def close(self) -> None:
        """Close the file."""
        self._stored.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stored, name)

"""Storages that count their calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.files.storage import FileSystemStorage

from benchmarks.site import storage_calls
from shift_media.storages import LocalMediaStorage

_COUNTED = ("stat", "fetch", "put", "entries", "exists", "size", "_open", "_save", "delete")


def _counted(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        storage_calls[name] += 1
        return method(*args, **kwargs)

    return call


def _counting(kind: type) -> dict[str, Callable[..., Any]]:
    return {name: _counted(name, getattr(kind, name)) for name in _COUNTED if hasattr(kind, name)}


CountingFileSystemStorage = type(
    "CountingFileSystemStorage", (FileSystemStorage,), _counting(FileSystemStorage)
)
CountingMediaStorage = type(
    "CountingMediaStorage", (LocalMediaStorage,), _counting(LocalMediaStorage)
)

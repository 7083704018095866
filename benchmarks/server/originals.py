"""Originals that no server has seen before: each is a link to one file."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

SIDE = 300


class Originals:
    """Paths of resizes to a square of `SIDE` pixels of one photograph, under names of their own.

    Args:
        folder: with ``media`` for the app and ``originals`` for thumbor.
        content: the photograph.
    """

    def __init__(self, folder: Path, content: bytes) -> None:
        self._folder = folder
        self._source = folder / "source.jpg"
        self._source.write_bytes(content)
        self._numbers = itertools.count()
        (folder / "originals").mkdir()

    def of_app(self) -> str:
        """Return the path of a missing resize."""
        from shift_media.core.keys import new_original_key
        from shift_media.resizes import builder
        from shift_media.storages import default_media_storage

        key = str(new_original_key("photo", "jpg"))
        path = self._folder / "media" / key
        path.parent.mkdir(parents=True)
        os.link(self._source, path)
        resize = builder.build(key, f"{SIDE}x{SIDE}", storage=default_media_storage)  # type: ignore[arg-type]
        return urlsplit(resize.url).path

    def of_thumbor(self) -> str:
        """Return the path of a resize in thumbor's URLs."""
        name = f"photo-{next(self._numbers)}.jpg"
        os.link(self._source, self._folder / "originals" / name)
        return f"/unsafe/fit-in/{SIDE}x{SIDE}/{name}"


def take(make: Callable[[], str], count: int) -> list[str]:
    """Return so many paths."""
    return [make() for _ in range(count)]


def forever(make: Callable[[], str]) -> Iterator[str]:
    """Yield paths without an end."""
    while True:
        yield make()

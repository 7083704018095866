"""Fixtures: rows and files as an ImageField has left them, and the media storage beside them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from tests.fields.material import picture
from tests.testapp.models import Photo

OldRow = Callable[..., Any]


@pytest.fixture
def old_folder(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of the old storage, ``STORAGES["default"]``."""
    storages: dict[str, Any] = copy.deepcopy(settings.STORAGES)
    for alias in ("default", "media"):
        storages[alias]["OPTIONS"]["location"] = tmp_path / alias
    with override_settings(STORAGES=storages):
        yield tmp_path / "default"


@pytest.fixture
def old_row(old_folder: Path) -> OldRow:
    """Return a function that makes a row with a file of an old name."""

    def make(
        name: str = "photos/lake.jpg",
        content: bytes | None = None,
        *,
        model: Any = Photo,
        field: str = "image",
        missing: bool = False,
    ) -> Any:
        if not missing:
            path = old_folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture() if content is None else content)
        row = model.objects.create()
        model.objects.filter(pk=row.pk).update(**{field: name})
        return model.objects.get(pk=row.pk)

    return make


@pytest.fixture
def stored(tmp_path: Path, old_folder: Path) -> Callable[[], list[str]]:
    """Return a function that lists the keys in the media storage.

    A process that was killed leaves temporary files too, which `media_cleanup` removes.
    """
    folder = tmp_path / "media"

    def keys() -> list[str]:
        files = (path for path in folder.rglob("*") if path.is_file())
        names = sorted(str(path.relative_to(folder)) for path in files)
        return [name for name in names if not name.startswith(".tmp/")]

    return keys

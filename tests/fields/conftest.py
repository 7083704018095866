"""Fixtures: a media storage on disk that counts its calls, and the keys in it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.test import override_settings

from tests.resizes.counting import CountingStorage

Use = Callable[..., CountingStorage]


@pytest.fixture
def use(tmp_path: Path) -> Iterator[Use]:
    """Return a function that replaces the media storage by one in the test's own folder."""
    overrides = []

    def use(backend: str = "tests.resizes.counting.CountingStorage") -> CountingStorage:
        given: dict[str, Any] = copy.deepcopy(settings.STORAGES)
        given["media"] = {
            "BACKEND": backend,
            "OPTIONS": {"location": tmp_path / "media", "base_url": "/media/"},
        }
        given["private"]["OPTIONS"]["location"] = tmp_path / "private"
        override = override_settings(STORAGES=given)
        override.enable()
        overrides.append(override)
        return cast("CountingStorage", storages["media"])

    yield use
    for override in reversed(overrides):
        override.disable()


@pytest.fixture
def media(use: Use) -> CountingStorage:
    """Return the empty media storage of this test."""
    return use()


@pytest.fixture
def stored(tmp_path: Path, media: CountingStorage) -> Callable[[], list[str]]:
    """Return a function that lists the stored keys without a call of the storage."""
    folder = tmp_path / "media"

    def keys() -> list[str]:
        files = (path for path in folder.rglob("*") if path.is_file())
        return sorted(str(path.relative_to(folder)) for path in files)

    return keys

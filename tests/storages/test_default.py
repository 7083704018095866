"""The default storage, storages by alias and the alias of a storage."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import FileSystemStorage, Storage, storages
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings

from shift_media.storages import (
    LocalMediaStorage,
    default_media_storage,
    find_alias,
    get_default_media_storage,
    get_storage,
)

LOCAL = "shift_media.storages.LocalMediaStorage"


def options(location: str) -> dict[str, Any]:
    return {"BACKEND": LOCAL, "OPTIONS": {"location": location, "base_url": "/m/"}}


@pytest.fixture
def two() -> Iterator[None]:
    with override_settings(STORAGES={"default": options("/d"), "media": options("/m")}):
        yield


def location_of(storage: Storage) -> object:
    assert isinstance(storage, LocalMediaStorage)
    return storage.location


def test_default_is_media_else_default_as_settings_change(two: None) -> None:
    assert location_of(default_media_storage) == "/m"
    with override_settings(STORAGES={"default": options("/only")}):
        assert location_of(default_media_storage) == "/only"
    assert location_of(default_media_storage) == "/m"


def test_default_uses_changed_media_root(tmp_path: Path) -> None:
    with override_settings(STORAGES={"default": {"BACKEND": LOCAL}}, MEDIA_ROOT=tmp_path):
        assert location_of(default_media_storage) == str(tmp_path)
    with override_settings(STORAGES={"default": {"BACKEND": LOCAL}}, MEDIA_ROOT="/other"):
        assert location_of(default_media_storage) == "/other"


def test_default_equals_storage_behind_it(two: None) -> None:
    assert default_media_storage == storages["media"]
    assert default_media_storage != storages["default"]


def test_copies_and_pickles_of_default_are_the_default(two: None) -> None:
    location_of(default_media_storage)
    assert copy.copy(default_media_storage) is default_media_storage
    assert copy.deepcopy([default_media_storage])[0] is default_media_storage
    assert pickle.loads(pickle.dumps(default_media_storage)) is default_media_storage
    assert b"/m" not in pickle.dumps(default_media_storage)


def test_migration_names_default_without_its_options(two: None) -> None:
    location_of(default_media_storage)
    source, imports = MigrationWriter.serialize(default_media_storage)
    assert source == "shift_media.storages.get_default_media_storage"
    assert imports == {"import shift_media.storages"}
    assert get_default_media_storage() is default_media_storage


def test_alias_of_storage_is_found(two: None) -> None:
    assert find_alias(storages["default"]) == "default"
    assert find_alias(default_media_storage) == "media"
    assert find_alias(get_storage("default")) == "default"
    assert get_storage("") is default_media_storage
    assert find_alias(LocalMediaStorage("/m", base_url="/m/")) == ""
    assert find_alias(FileSystemStorage()) == ""


def test_alias_is_found_beside_storage_that_cannot_be_created() -> None:
    broken = {"BACKEND": "nowhere.Storage"}
    unknown = {"BACKEND": LOCAL, "OPTIONS": {"unknown": 1}}
    found = {"broken": broken, "unknown": unknown, "default": options("/d"), "own": options("/o")}
    with override_settings(STORAGES=found):
        assert find_alias(storages["own"]) == "own"
        assert find_alias(LocalMediaStorage("/o")) == ""

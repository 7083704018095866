"""The contract on the local storage."""

from __future__ import annotations

import errno
import os
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shift_media.core.keys import new_original_key
from shift_media.storages import LocalMediaStorage
from shift_media.storages.base import MediaStorage
from shift_media.testing import MediaStorageContract
from shift_media.testing.steps import fetch_bytes, put_bytes


class TestLocalStorage(MediaStorageContract):
    options: dict[str, Any] = {}

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_storage(self) -> MediaStorage:
        return LocalMediaStorage(self.folder, base_url="/media/", **self.options)


class TestPrivateLocalStorage(TestLocalStorage):
    options = {"originals": "private", "fsync": False}


@pytest.fixture
def refuse_links(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that makes hard links fail with an error number."""

    def refuse(code: int) -> None:
        def link(*args: Any, **kwargs: Any) -> None:
            raise OSError(code, os.strerror(code))

        monkeypatch.setattr(os, "link", link)

    return refuse


class TestLocalStorageWithoutHardLinks(TestLocalStorage):
    @pytest.fixture(autouse=True)
    def _no_links(self, refuse_links: Callable[[int], None]) -> None:
        refuse_links(errno.EPERM)


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK])
def test_file_system_without_hard_links_stores_and_copies(
    code: int, refuse_links: Callable[[int], None], tmp_path: Path
) -> None:
    refuse_links(code)
    storage = LocalMediaStorage(tmp_path, base_url="/media/")
    key, copy = (str(new_original_key("photo", "jpg")) for _ in range(2))
    assert put_bytes(storage, key, b"first") is True
    assert put_bytes(storage, key, b"second") is False
    assert storage.copy(key, copy) is True
    assert storage.copy(key, copy) is False
    assert fetch_bytes(storage, key) == fetch_bytes(storage, copy) == b"first"
    assert {entry.key for entry in storage.entries()} == {key, copy}


@pytest.mark.usefixtures("_local_folder")
class UnittestLocalStorage(MediaStorageContract, unittest.TestCase):
    """The contract under unittest."""

    folder: Path

    def make_storage(self) -> MediaStorage:
        return LocalMediaStorage(self.folder, base_url="https://cdn.example")


@pytest.fixture
def _local_folder(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    request.instance.folder = tmp_path

"""The contract on the local storage."""

from __future__ import annotations

import unittest
from pathlib import Path
from typing import Any

import pytest

from shift_media.storages import LocalMediaStorage
from shift_media.storages.base import MediaStorage
from shift_media.testing import MediaStorageContract


class TestLocalStorage(MediaStorageContract):
    options: dict[str, Any] = {}

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def make_storage(self) -> MediaStorage:
        return LocalMediaStorage(self.folder, base_url="/media/", **self.options)


class TestPrivateLocalStorage(TestLocalStorage):
    options = {"originals": "private", "fsync": False}


@pytest.mark.usefixtures("_local_folder")
class UnittestLocalStorage(MediaStorageContract, unittest.TestCase):
    """The contract under unittest."""

    folder: Path

    def make_storage(self) -> MediaStorage:
        return LocalMediaStorage(self.folder, base_url="https://cdn.example")


@pytest.fixture
def _local_folder(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    request.instance.folder = tmp_path

"""The storage of the guide: it passes the contract, serves ranges and has resizes made."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.test import Client, override_settings

from shift_media.core.keys import new_original_key
from shift_media.resizes import builder
from shift_media.storages import default_media_storage
from shift_media.storages.base import MediaStorage
from shift_media.testing import MediaStorageContract
from tests.docs.blocks import DOCS, read_blocks
from tests.resizes.conftest import picture

GUIDE = DOCS / "how-to" / "write-a-storage.rst"
MODULE = "mysite.storages"


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Run all blocks of the guide; the one with a name becomes that module."""
    names: dict[str, Any] = {"STORAGES": {**settings.STORAGES}, "BASE_DIR": tmp_path}
    module = ModuleType(MODULE)
    monkeypatch.setitem(sys.modules, "mysite", ModuleType("mysite"))
    monkeypatch.setitem(sys.modules, MODULE, module)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for block in read_blocks(GUIDE):
        code = compile(block.text, str(block), "exec")
        exec(code, vars(module) if block.name == MODULE else names)
    return names


class TestSQLiteMediaStorage(MediaStorageContract):
    """The contract on the storage of the guide."""

    @pytest.fixture(autouse=True)
    def _guide(self, names: dict[str, Any]) -> None:
        self.contract: MediaStorageContract = names["TestSQLiteMediaStorage"]()

    def make_storage(self) -> MediaStorage:
        return self.contract.make_storage()


def use(names: dict[str, Any], folder: Path) -> Any:
    return override_settings(
        STORAGES=names["STORAGES"], SHIFT_MEDIA={"LOCK_DIR": folder / "locks"}
    )


@pytest.mark.django_db
def test_settings_of_guide_pass_the_checks(names: dict[str, Any], tmp_path: Path) -> None:
    with use(names, tmp_path):
        messages = run_checks()
    assert [message for message in messages if message.level >= ERROR] == []


def test_original_and_resize_in_storage_of_guide_are_served(
    names: dict[str, Any], tmp_path: Path
) -> None:
    content, key = picture(), str(new_original_key("photo", "jpg"))
    with use(names, tmp_path):
        storage: Any = default_media_storage
        assert storage.put(key, io.BytesIO(content), content_type="image/jpeg")
        part = Client().get(f"/media/{key}", headers={"Range": "bytes=100-199"})
        assert part.getvalue() == content[100:200]
        resize = builder.build(key, "40x30", storage=storage)
        assert Client().get(resize.url).status_code == 200
        assert resize.ensure() is False

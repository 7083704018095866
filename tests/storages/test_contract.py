"""The contract of storages fails on storages that break one of its promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shift_media.storages import LocalMediaStorage
from shift_media.storages.base import MediaStorage
from shift_media.testing import MediaStorageContract
from tests.storages.broken import BROKEN

CHECKS = [name for name in dir(MediaStorageContract) if name.startswith("test_")]
CASES = [(storage, check) for storage in BROKEN for check in storage.caught_by]  # type: ignore[attr-defined]


class Contract(MediaStorageContract):
    __test__ = False

    def __init__(self, storage: MediaStorage) -> None:
        self.storage = storage

    def make_storage(self) -> MediaStorage:
        return self.storage

    def stored_type(self, storage: MediaStorage, key: str) -> str | None:
        types: dict[str, str] = getattr(storage, "types", {})
        return types.get(key.rpartition(".")[2])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("broken", "check"), CASES, ids=[f"{storage.__name__}-{check}" for storage, check in CASES]
)
def test_broken_storage_fails_the_test_of_its_promise(
    broken: type[LocalMediaStorage], check: str, tmp_path: Path
) -> None:
    contract = Contract(broken(tmp_path, base_url="https://cdn.example/", fsync=False))
    with pytest.raises(AssertionError):
        getattr(contract, check)()


def test_each_test_of_the_contract_has_a_broken_storage() -> None:
    assert {check for _, check in CASES} == set(CHECKS)


def test_contract_without_make_storage_names_the_missing_method() -> None:
    with pytest.raises(NotImplementedError, match="make_storage"):
        MediaStorageContract().test_put_to_taken_key_returns_false_and_keeps_stored_bytes()


@pytest.mark.slow
def test_sound_storage_passes_what_broken_ones_fail(tmp_path: Path) -> None:
    arguments: dict[str, Any] = {"base_url": "https://cdn.example/", "fsync": False}
    contract = Contract(LocalMediaStorage(tmp_path, **arguments))
    for check in {check for _, check in CASES}:
        getattr(contract, check)()

"""The doctor on storages that break the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.doctor.conftest import Doctor, media_storage


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("Overwriting", "conditional-put"),
        ("AlwaysWritten", "conditional-put"),
    ],
)
def test_storage_that_overwrites_is_found_and_nothing_is_left(
    tmp_path: Path, live: str, doctor: Doctor, kind: str, code: str
) -> None:
    options = {"location": tmp_path / "media", "base_url": "/media/"}
    locks = {"LOCK_DIR": tmp_path / "locks", "CACHE": None}
    with media_storage(f"tests.storages.broken.{kind}", options, SHIFT_MEDIA=locks):
        codes = doctor.codes("--site", live)
    assert codes == {code}
    assert [path for path in (tmp_path / "media").rglob("*") if path.is_file()] == []

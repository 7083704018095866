"""A lock folder that cannot be used: resizes may be made twice, and every answer is right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client, override_settings

from shift_media.concurrency import shared
from shift_media.concurrency.ttl_cache import TTLCache
from shift_media.resizes.resize import Resize
from tests.resizes.conftest import picture

Add = Callable[..., str]
ResizeOf = Callable[..., Resize]

KINDS = ("failed", "made", "mezzanine")


@pytest.fixture(autouse=True)
def _warnings_not_logged_yet() -> None:
    shared._warn_once.cache_clear()


def _files_in_place_of_folders(folder: Path) -> None:
    for kind in KINDS:
        (folder / kind).touch()


def _links_to_nowhere_in_place_of_folders(folder: Path) -> None:
    for kind in KINDS:
        (folder / kind).symlink_to(folder / "nowhere")


def _folders_in_place_of_lock_files(folder: Path) -> None:
    for number in range(4096):
        (folder / f"{number:04d}.lock").mkdir()


@pytest.mark.parametrize(
    "obstruct",
    [
        _files_in_place_of_folders,
        _links_to_nowhere_in_place_of_folders,
        _folders_in_place_of_lock_files,
    ],
)
def test_resizes_are_made_and_one_warning_logged_if_lock_folder_is_unusable(
    site: Any,
    add: Add,
    resize_of: ResizeOf,
    lock_dir: Path,
    caplog: pytest.LogCaptureFixture,
    obstruct: Callable[[Path], None],
) -> None:
    lock_dir.mkdir(mode=0o700)
    obstruct(lock_dir)
    site(delivery="redirect", public_url="https://bucket.example/")
    for size in ("100x", "200x", "300x"):
        key = resize_of(add(), size).key
        assert [Client().get(f"/media/{key}").status_code for _ in range(2)] == [302, 200]
    damaged = resize_of(add(picture()[:2000])).key
    assert Client().get(f"/media/{damaged}").status_code == 422
    warnings = [text for text in caplog.messages if "The lock folder" in text]
    assert len(warnings) == 1
    assert "Resizes may be made twice. Set " in warnings[0]


def test_entries_are_kept_in_memory_if_their_folder_cannot_be_created() -> None:
    # A folder of this user alone, in which not even root can create a file.
    with override_settings(SHIFT_MEDIA={"LOCK_DIR": Path("/proc/self/map_files")}):
        cache = TTLCache("made", seconds=60)
        cache.set("key", "text")
        assert cache.get("key") == "text"
        cache.delete("key")
        assert cache.get("key") is None

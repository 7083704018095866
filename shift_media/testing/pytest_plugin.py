"""Fixtures of pytest: ``pytest_plugins = ["shift_media.testing.pytest_plugin"]``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from shift_media.testing import InMemoryMediaStorage


@pytest.fixture
def media_storage() -> Iterator[InMemoryMediaStorage]:
    """Keep all media of a test in memory, and return the storage of ``STORAGES["media"]``."""
    from shift_media.testing import in_memory_media

    with in_memory_media() as storage:
        yield storage


@pytest.fixture
def fake_transcoding() -> Iterator[None]:
    """Let `FakeTranscoder` run the jobs of a test; begin them with `run_transcode_jobs`."""
    from shift_media.testing import fake_transcoding

    with fake_transcoding():
        yield

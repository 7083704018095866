"""Contracts of storages and transcoders, and help for the tests of a site.

The guides "Test your site", "Write a storage" and "Write a transcoder" have examples. Neither
pytest nor another package for tests is imported here; the fixtures of pytest are in
`shift_media.testing.pytest_plugin`.
"""

from __future__ import annotations

from shift_media.testing.client import assert_resized, upload_directly
from shift_media.testing.fake_transcoder import (
    FakeTranscoder,
    fake_transcoding,
    run_transcode_jobs,
)
from shift_media.testing.files import make_image, make_media, make_video
from shift_media.testing.isolation import MediaTestCase, MediaTestMixin, in_memory_media
from shift_media.testing.memory import InMemoryMediaStorage
from shift_media.testing.storages import MediaStorageContract
from shift_media.testing.transcoders import TranscoderContract

__all__ = [
    "FakeTranscoder",
    "InMemoryMediaStorage",
    "MediaStorageContract",
    "MediaTestCase",
    "MediaTestMixin",
    "TranscoderContract",
    "assert_resized",
    "fake_transcoding",
    "in_memory_media",
    "make_image",
    "make_media",
    "make_video",
    "run_transcode_jobs",
    "upload_directly",
]

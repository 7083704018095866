"""The fixtures that a site uses in its tests."""

from __future__ import annotations

from shift_media.testing.pytest_plugin import fake_transcoding, media_storage

__all__ = ["fake_transcoding", "media_storage"]

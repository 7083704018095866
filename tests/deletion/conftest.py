"""The fixtures of the field tests."""

from __future__ import annotations

from tests.fields.conftest import media, stored, use

__all__ = ["media", "stored", "use"]

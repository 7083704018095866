"""The storages of the field tests serve these too."""

from __future__ import annotations

from tests.fields.conftest import media, stored, use

__all__ = ["media", "stored", "use"]

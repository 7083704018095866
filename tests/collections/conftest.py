"""The storage fixtures of the field's tests."""

from tests.fields.conftest import media, stored, use

__all__ = ["media", "stored", "use"]

"""Photos and videos of a Django site's users: one field, signed resize URLs, S3 or local disk."""

from __future__ import annotations

__all__ = ["__version__"]

__version__ = "1.0.0rc1"

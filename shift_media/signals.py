"""What a project can listen to.

``sender`` is the model class, and for `resize_created`, since a URL knows no model, the storage's
class.
"""

from __future__ import annotations

from django.dispatch import Signal

media_saved = Signal()
"""An upload is stored and its row committed: ``instance, field, key``."""

media_deleted = Signal()
"""An original and all that was derived from it are gone: ``key, storage``."""

resize_created = Signal()
"""A resize was made and stored: ``key, storage, width, height, size`` (bytes)."""

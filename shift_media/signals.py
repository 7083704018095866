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

transcode_submitted = Signal()
"""A job is to be done, and its row committed: ``job``, a `TranscodeJob`."""

transcode_progressed = Signal()
"""A job has come further: ``job``, whose ``progress`` is in percent."""

transcode_completed = Signal()
"""All renditions of a job are stored, and its row says so: ``job``."""

transcode_failed = Signal()
"""A job ended in an error that is not tried again: ``job``, with ``error_code`` and ``error``."""

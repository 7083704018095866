"""The admin: a mixin for models with media fields, the library, jobs and pending work.

``class PhotoAdmin(MediaAdmin, admin.ModelAdmin)`` is what a project writes.
"""

from __future__ import annotations

from shift_media.admin import jobs, library, pending
from shift_media.admin.columns import resize_column
from shift_media.admin.media import MediaAdmin, MediaForms

__all__ = ["MediaAdmin", "MediaForms", "jobs", "library", "pending", "resize_column"]

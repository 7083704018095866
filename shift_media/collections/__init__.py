"""Many files of one object: an album's pictures, a product's views, a post's attachments."""

from shift_media.collections.models import MediaItem
from shift_media.collections.rules import Collection

__all__ = ["Collection", "MediaItem"]

"""A picture or a video."""

from django.db import models

from shift_media.fields import MediaField


class Item(models.Model):
    """One file of the album."""

    file = MediaField(
        accept=["image/*", "video/*"],
        max_bytes=200_000_000,
        transcode="web",
        metadata_field="file_meta",
    )
    file_meta = models.JSONField(default=dict, editable=False)

    def __str__(self) -> str:
        return self.file.metadata.original_name or self.file.name

    @property
    def is_video(self) -> bool:
        """True for what the video tag shows."""
        return (self.file.metadata.content_type or "").startswith("video/")

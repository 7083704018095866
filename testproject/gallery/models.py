"""The gallery's models: pictures, videos and albums."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.urls import reverse

from shift_media.collections import Collection, MediaItem
from shift_media.fields import MediaField

MAX_BYTES = 25_000_000
MAX_VIDEO_BYTES = 500_000_000


class Photo(models.Model):
    """A picture that a visitor uploaded."""

    image = MediaField(accept=["image/*"], max_bytes=MAX_BYTES, metadata_field="image_meta")
    image_meta = models.JSONField(default=dict, editable=False)
    title = models.CharField(max_length=200, blank=True)
    alt = models.CharField(
        "description",
        max_length=300,
        blank=True,
        help_text="What the picture shows, for those who cannot see it.",
    )
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        """The newest first."""

        ordering: ClassVar = ["-created", "-pk"]

    def __str__(self) -> str:
        return self.title or self.image.metadata.original_name or f"Picture {self.pk}"

    def get_absolute_url(self) -> str:
        """Return the URL of the picture's page."""
        return reverse("gallery:photo", args=[self.pk])

    @property
    def description(self) -> str:
        """The text for an ``alt`` attribute: the description, else the title."""
        return self.alt or str(self)


class Clip(models.Model):
    """A video that a visitor uploaded."""

    video = MediaField(
        accept=["video/mp4", "video/quicktime", "video/webm"],
        max_bytes=MAX_VIDEO_BYTES,
        transcode="web",
        metadata_field="video_meta",
    )
    video_meta = models.JSONField(default=dict, editable=False)
    title = models.CharField(max_length=200, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        """The newest first."""

        ordering: ClassVar = ["-created", "-pk"]

    def __str__(self) -> str:
        return self.title or self.video.metadata.original_name or f"Video {self.pk}"

    def get_absolute_url(self) -> str:
        """Return the URL of the video's page."""
        return reverse("gallery:clip", args=[self.pk])


class Album(models.Model):
    """Several pictures under one title."""

    title = models.CharField(max_length=200)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        """The newest first."""

        ordering: ClassVar = ["-created", "-pk"]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Return the URL of the album's page."""
        return reverse("gallery:album", args=[self.pk])


class AlbumPicture(MediaItem):
    """A picture in an album."""

    file = MediaField(accept=["image/*"], max_bytes=MAX_BYTES, metadata_field="file_meta")
    album = models.ForeignKey(Album, models.CASCADE, related_name="pictures")
    collection = Collection(owner="album", max=60, require_alt=True)

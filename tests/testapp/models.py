"""Models with media fields of every kind."""
# ruff: noqa: DJ008

from __future__ import annotations

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.files.storage import Storage, storages
from django.db import models

from shift_media.collections import Collection, MediaItem
from shift_media.fields import MediaField
from shift_media.validators import Inspection


def meta() -> models.JSONField[Any, Any]:
    return models.JSONField(default=dict, editable=False)


def side() -> models.PositiveIntegerField[Any, Any]:
    return models.PositiveIntegerField(null=True, editable=False)


class Album(models.Model):
    title = models.CharField(max_length=50, blank=True)


class Photo(models.Model):
    """The usual order: the metadata field is declared after the image."""

    title = models.CharField(max_length=50, blank=True)
    image = MediaField(max_bytes=25_000_000, metadata_field="image_meta", blank=True)
    image_meta = meta()
    album = models.ForeignKey(Album, models.CASCADE, null=True, blank=True)


class PhotoProxy(Photo):
    class Meta:
        proxy = True


class MetaFirst(models.Model):
    """The metadata field and the sides are declared before the image."""

    image_meta = meta()
    width = side()
    height = side()
    code = models.CharField(max_length=50, unique=True, null=True)
    image = MediaField(
        metadata_field="image_meta", width_field="width", height_field="height", blank=True
    )


class Bare(models.Model):
    """A nullable media field without a metadata field."""

    image = MediaField(null=True, blank=True)


class Measured(models.Model):
    """A media field with sides and without a metadata field."""

    image = MediaField(width_field="width", height_field="height", blank=True)
    width = side()
    height = side()


class Scan(models.Model):
    """A media field that takes all images, also those that browsers do not show."""

    image = MediaField(accept=["image/any"], strip=True, metadata_field="image_meta")
    image_meta = meta()


class Converted(models.Model):
    """A media field that stores JPEGs in place of photos that browsers do not show."""

    image = MediaField(
        accept=["image/any"],
        convert={"heic": "jpg", "jxl": "jpg", "tif": "jpg"},
        strip=True,
        metadata_field="image_meta",
    )
    image_meta = meta()


class Anything(models.Model):
    """A media field that takes all files."""

    file = MediaField(accept=["*/*"], metadata_field="file_meta")
    file_meta = meta()


class Portrait(models.Model):
    """A media field with ``strip=True``."""

    image = MediaField(strip=True, metadata_field="image_meta", max_bytes=1_000_000)
    image_meta = meta()


class Clip(models.Model):
    video = MediaField(
        accept=["video/mp4", "video/quicktime", "video/webm"],
        metadata_field="video_meta",
        duration_field="length",
    )
    video_meta = meta()
    length = models.DurationField(null=True, editable=False)


class Film(models.Model):
    """A video that is transcoded."""

    title = models.CharField(max_length=50, blank=True)
    video = MediaField(
        accept=["video/*"], transcode="web", metadata_field="video_meta", blank=True
    )
    video_meta = meta()


class Lecture(models.Model):
    """A video with captions that users upload."""

    video = MediaField(
        accept=["video/*"],
        transcode="web",
        captions={"de": "captions_de", "en": "captions_en"},
        blank=True,
    )
    captions_de = MediaField(
        accept=["text/vtt", "application/x-subrip"], convert={"srt": "vtt"}, blank=True
    )
    captions_en = MediaField(accept=["text/vtt"], blank=True)


class Song(models.Model):
    """A sound that is transcoded."""

    sound = MediaField(accept=["audio/*"], transcode="audio", metadata_field="sound_meta")
    sound_meta = meta()


class OldFilms(models.Manager[Any]):
    def get_queryset(self) -> models.QuerySet[Any]:
        return super().get_queryset().filter(title="old")


class OldFilm(Film):
    """A proxy whose manager selects some of the rows."""

    objects = OldFilms()

    class Meta:
        proxy = True


class Moving(models.Model):
    """A media field beside the image field whose files are imported into it."""

    title = models.CharField(max_length=50, blank=True)
    image = models.ImageField(
        upload_to="photos/", width_field="old_width", height_field="old_height", blank=True
    )
    old_width = side()
    old_height = side()
    photo = MediaField(imported_from="image", metadata_field="photo_meta")
    photo_meta = meta()


class Attachment(models.Model):
    """A file of any type."""

    file = MediaField(accept=["*/*"], metadata_field="file_meta")
    file_meta = meta()


class Drawing(models.Model):
    """A picture or a drawing."""

    image = MediaField(accept=["image/*", "image/svg+xml"], metadata_field="image_meta")
    image_meta = meta()


def describe(inspection: Inspection) -> dict[str, Any]:
    """Return the first byte of a file, and what is known of its frames."""
    assert inspection.file is not None
    return {"first": inspection.file.read(1)[0], "frames": inspection.metadata.frames}


class Kept(models.Model):
    """A picture without its metadata, of which facts are kept in the row."""

    image = MediaField(
        strip=True,
        keep_metadata=["camera", "taken_at", "gps", "palette", "blurhash", describe],
        metadata_field="image_meta",
    )
    image_meta = meta()


def refuse_title(inspection: Inspection, row: Any) -> None:
    """Refuse the files of rows whose title is "refused", and files that begin with "EICAR"."""
    assert inspection.file is not None
    if inspection.file.read(5) == b"EICAR":
        raise ValidationError("The file has a virus.", code="virus")
    if row is not None and row.title == "refused":
        raise ValidationError("%(title)s files are %(title)s.", "title", {"title": row.title})


class Ruled(models.Model):
    """A media field with rules."""

    title = models.CharField(max_length=50, blank=True)
    image = MediaField(
        accept=["image/*", "application/octet-stream"],
        min_bytes=20,
        min_size=(32, 24),
        max_size=(320, None),
        ratio="4:3",
        rules=[refuse_title],
        metadata_field="image_meta",
    )
    image_meta = meta()


class Pair(models.Model):
    """Two media fields."""

    left = MediaField(metadata_field="left_meta", blank=True)
    left_meta = meta()
    right = MediaField(metadata_field="right_meta", blank=True, max_bytes=100_000)
    right_meta = meta()


class Picture(models.Model):
    """An abstract model: its subclasses have the columns."""

    image = MediaField(metadata_field="image_meta", blank=True)
    image_meta = meta()

    class Meta:
        abstract = True


class Stamp(Picture):
    value = models.IntegerField(default=1)


class Base(models.Model):
    """The parent in an inheritance over two tables."""

    image = MediaField(metadata_field="image_meta", blank=True)
    image_meta = meta()


class Child(Base):
    name = models.CharField(max_length=50, blank=True)
    code = models.CharField(max_length=50, unique=True, null=True)
    extra = MediaField(metadata_field="extra_meta", blank=True)
    extra_meta = meta()


class Plain(models.Model):
    """A parent without files."""

    name = models.CharField(max_length=50, blank=True)


class PlainChild(Plain):
    image = MediaField(metadata_field="image_meta", blank=True)
    image_meta = meta()


class Coded(models.Model):
    """A primary key that the user chooses."""

    code = models.CharField(max_length=20, primary_key=True)
    image = MediaField(metadata_field="image_meta", blank=True)
    image_meta = meta()


def private_storage() -> Storage:
    return storages["private"]


class Secret(models.Model):
    document = MediaField(
        accept=["image/*", "application/pdf"], storage=private_storage, metadata_field="meta"
    )
    meta = meta()


DEFAULT_PICTURE = "00000000/0000/4000/8000/000000000000/default.jpg/default.jpg"
OTHER_DEFAULT = "00000000/0000/4000/8000/000000000001/default.jpg/default.jpg"


def other_default() -> str:
    return OTHER_DEFAULT


class Profile(models.Model):
    """Fields with a default picture, which one of them has in a storage of its own."""

    image = MediaField(default=DEFAULT_PICTURE, metadata_field="image_meta", blank=True)
    image_meta = meta()
    scan = MediaField(
        default=other_default, storage=private_storage, metadata_field="scan_meta", blank=True
    )
    scan_meta = meta()


class Gallery(models.Model):
    """A model without media fields, with relations to one."""

    cover = models.ForeignKey(Photo, models.SET_NULL, null=True)
    photos: ClassVar[Any] = models.ManyToManyField(Photo, related_name="galleries")


class Switched(models.Model):
    """A model that is switched in two steps: the old field stays beside the new one."""

    title = models.CharField(max_length=50, blank=True)
    image = models.ImageField(upload_to="photos", max_length=150, blank=True)
    photo = MediaField(metadata_field="photo_meta", blank=True)
    photo_meta = meta()
    changed = models.DateTimeField(auto_now=True)


class Tour(models.Model):
    """An object with collections of files under different rules."""

    title = models.CharField(max_length=50, blank=True)


class View(MediaItem):
    """Some described pictures of a tour, of limited size together."""

    tour = models.ForeignKey(Tour, models.CASCADE, related_name="views")
    collection = Collection(owner="tour", max=4, max_bytes=20_000, require_alt=True)


class Cover(MediaItem):
    """The one picture of a tour."""

    tour = models.ForeignKey(Tour, models.CASCADE, related_name="covers")
    collection = Collection(owner="tour", single=True)


class Track(MediaItem):
    """The latest files of a tour, of any type and at least one."""

    file = MediaField(accept=["*/*"], metadata_field="file_meta")
    tour = models.ForeignKey(Tour, models.CASCADE, related_name="tracks")
    collection = Collection(owner="tour", keep_latest=3, min=1)

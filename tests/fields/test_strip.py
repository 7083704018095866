"""A field with ``strip=True``: stored files have no metadata about place, camera and author."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from PIL import ImageOps

from shift_media.fields import MediaField
from shift_media.imaging.strip import strip
from shift_media.validators import InvalidMedia
from tests.fields.material import upload
from tests.imaging import images
from tests.imaging.test_strip import APPENDED, FORMATS, MARKS, annotated, same_pixels
from tests.testapp.models import Photo, Portrait
from tests.transcoding.conftest import clip, draw

__all__ = ["clip", "draw"]

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]

Stored = Callable[[], list[str]]


class PortraitForm(forms.ModelForm):  # type: ignore[type-arg]  # Django has no generics at run time
    class Meta:
        model = Portrait
        fields = ["image"]


def by_form(content: bytes) -> Portrait:
    form = PortraitForm({}, {"image": upload(content, "photo.jpg")})
    assert form.is_valid(), form.errors
    portrait = form.save()
    assert isinstance(portrait, Portrait)
    return portrait


def by_api(content: bytes) -> Portrait:
    portrait = Portrait()
    portrait.image.save("photo.jpg", ContentFile(content))
    return portrait


def by_assignment(content: bytes) -> Portrait:
    return Portrait.objects.create(image=ContentFile(content, "photo.jpg"))


def stored_bytes(row: Any) -> bytes:
    with row.image.open() as file:
        content: bytes = file.read()
    return content


@pytest.mark.acceptance(36)
@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("way", [by_form, by_api, by_assignment])
def test_stripped_file_has_its_pixels_and_no_metadata(
    way: Callable[[bytes], Portrait], format: str
) -> None:
    content = annotated(format, orientation=1 if format == "webp" else 6)
    stored = stored_bytes(way(content))
    assert [mark for mark in MARKS if mark in stored] == []
    assert same_pixels(stored, content)


@pytest.mark.acceptance(36, 72)
@pytest.mark.parametrize("orientation", range(2, 9))
def test_turned_webp_is_stored_upright_with_its_pixels_and_profile(orientation: int) -> None:
    content = annotated("webp", orientation)
    stored = stored_bytes(by_api(content))
    assert [mark for mark in MARKS if mark in stored] == []
    seen = images.opened(stored)
    assert "exif" not in seen.info
    assert seen.info["icc_profile"] == images.opened(content).info["icc_profile"]
    upright = ImageOps.exif_transpose(images.opened(content))
    assert seen.convert("RGB").tobytes() == upright.convert("RGB").tobytes()


@pytest.mark.acceptance(36, 72)
def test_turned_animation_is_stored_upright_with_its_times() -> None:
    frames = [images.quadrants().rotate(angle) for angle in (0, 180)]
    plain = images.animated("webp", frames, [40, 60], loop=3)
    file = io.BytesIO()
    turned = {"save_all": True, "append_images": frames[1:], "duration": [40, 60], "loop": 3}
    frames[0].save(file, "WEBP", lossless=True, exif=images.exif(3), **turned)
    stored = stored_bytes(by_api(file.getvalue()))
    back = [frame.rotate(180) for frame in frames]
    assert same_pixels(stored, images.animated("webp", back, [40, 60], loop=3))
    assert images.opened(stored).info["loop"] == images.opened(plain).info["loop"] == 3


def test_size_and_checksum_are_those_of_the_stripped_file() -> None:
    portrait = by_form(annotated("jpg"))
    stored = stored_bytes(portrait)
    metadata = Portrait.objects.get().image.metadata
    assert metadata.size == len(stored) == portrait.image.size
    assert metadata.sha256 == hashlib.sha256(stored).hexdigest()
    assert (metadata.width, metadata.height) == (90, 60)
    assert metadata.original_name == "photo.jpg"


def test_file_of_a_field_without_strip_is_stored_unchanged() -> None:
    content = annotated("jpg")
    photo = Photo()
    photo.image.save("photo.jpg", ContentFile(content))
    assert stored_bytes(photo) == content


def test_file_copied_into_a_field_with_strip_is_stripped() -> None:
    content = annotated("jpg")
    photo = Photo()
    photo.image.save("photo.jpg", ContentFile(content))
    portrait = Portrait()
    with photo.image.open() as file:
        portrait.image.save("copy.jpg", file)
    assert stored_bytes(portrait) == strip(io.BytesIO(content)).read()


@pytest.mark.acceptance(36)
@pytest.mark.parametrize("way", [by_api, by_assignment])
def test_file_that_cannot_be_stripped_is_refused_and_not_stored(
    way: Callable[[bytes], Portrait], stored: Stored
) -> None:
    with pytest.raises(InvalidMedia, match="sequence") as error:
        way(sequence())
    assert error.value.code == "not_strippable"
    assert "cannot be removed" in error.value.sentence
    assert stored() == []


def test_form_refuses_a_file_that_cannot_be_stripped() -> None:
    form = PortraitForm({}, {"image": upload(sequence(), "photo.avif")})
    assert form.errors.as_data()["image"][0].code == "not_strippable"
    with pytest.raises(ValidationError) as error:
        Portrait(image=ContentFile(sequence(), "photo.avif")).full_clean()
    assert error.value.error_dict["image"][0].code == "not_strippable"


def test_size_limit_applies_to_the_upload_before_stripping() -> None:
    content = annotated("jpg") + bytes(1_000_000)
    with pytest.raises(InvalidMedia) as error:
        by_api(content)
    assert error.value.code == "too_large"


@pytest.mark.acceptance(36)
@pytest.mark.needs("corpus")
@pytest.mark.parametrize("way", [by_form, by_api])
@pytest.mark.parametrize(
    ("name", "marks"),
    [
        ("python-pillow__Pillow/exif_gps.jpg", (b"1999:99:99", b"XXX-XXX", b"Make")),
        ("image-rs__image/images_jpg_iptc.jpg", (b"8BIM", b"Photoshop")),
        ("image-rs__image/images_jpg_exif-xmp-metadata.jpg", (b"http://ns.adobe", b"xmpmeta")),
        ("thumbor__thumbor/thumbor-exif.png", (b"eXIf",)),
    ],
)
def test_photographs_of_the_corpus_are_stored_without_their_metadata(
    corpus: Path, name: str, marks: tuple[bytes, ...], way: Callable[[bytes], Portrait]
) -> None:
    content = (corpus / "hostile" / name).read_bytes()
    stored = stored_bytes(way(content + APPENDED))
    assert [mark for mark in marks if mark not in content] == []
    assert [mark for mark in (*marks, APPENDED) if mark in stored] == []
    assert same_pixels(stored, content)


@pytest.mark.slow
@pytest.mark.needs("corpus")
def test_stripped_photograph_keeps_its_orientation(corpus: Path) -> None:
    path = corpus / "hostile/recurser__exif-orientation-examples/Portrait_6.jpg"
    portrait = by_api(path.read_bytes())
    assert (portrait.image.width, portrait.image.height) == (1200, 1800)
    assert same_pixels(stored_bytes(portrait), path.read_bytes())


def sequence() -> bytes:
    """Return an AVIF with a track, whose primary item is a picture."""
    return annotated("avif").removesuffix(APPENDED) + b"\0\0\0\x08moov"


@pytest.mark.slow
@pytest.mark.needs("ffmpeg")
def test_video_in_a_field_that_strips_is_refused_with_the_reason(clip: Path) -> None:
    field = MediaField(accept=["video/*"], strip=True)
    with pytest.raises(InvalidMedia) as caught:
        field.prepare_upload(ContentFile(clip.read_bytes(), "clip.mp4"))
    assert caught.value.code == "not_strippable"
    assert "images only, and this file is video/mp4" in str(caught.value)

"""Images that browsers do not show: where they are accepted, stored, shown and resized."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.template import Context, Template
from django.test import Client

from shift_media.core.spec import Spec
from shift_media.fields import MediaField
from shift_media.forms import MediaFormField
from shift_media.imaging import engine
from shift_media.imaging.engine import decoders
from shift_media.sandbox import ffmpeg, jxl
from shift_media.validators import InvalidMedia
from shift_media.workers import isolated
from tests.counting import counted
from tests.fields.test_field import ids
from tests.imaging import heics, images, jxls
from tests.parts import package
from tests.resizes.counting import CountingStorage
from tests.testapp.models import Anything, Converted, Photo, Portrait, Scan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]
package("pi_heif", "heic")

UPRIGHT = images.quadrants(64, 48)


def transparent() -> bytes:
    picture = UPRIGHT.convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 32, 24))
    return heics.heic(picture)


def saved(format: str, **options: Any) -> bytes:
    output = BytesIO()
    UPRIGHT.save(output, format, **options)
    return output.getvalue()


FILES: dict[str, Callable[[], bytes]] = {
    "heic": lambda: heics.heic(UPRIGHT),
    "tif": lambda: saved("TIFF"),
    "bmp": lambda: saved("BMP"),
    "ico": lambda: saved("ICO", sizes=[(64, 48)]),
    "jp2": lambda: saved("JPEG2000"),
    "jxl": lambda: jxls.encoded(UPRIGHT),
}


@pytest.fixture
def without_decoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    decoders.load.cache_clear()
    yield
    decoders.load.cache_clear()


@pytest.mark.acceptance(29)
@pytest.mark.parametrize("extension", FILES)
def test_original_is_stored_as_it_is_and_resized_as_an_image_of_browsers(extension: str) -> None:
    content = FILES[extension]()
    row = Scan.objects.create(image=ContentFile(content, "IMG_1.HEIC"))
    assert row.image.name.endswith(f".{extension}")
    assert row.image.url.endswith(f".{extension}")
    known = Scan.objects.get().image.metadata
    assert (known.width, known.height) == (64, 48)
    assert known.placeholder.startswith("data:image/webp")
    resize = row.image.resize("32x32")
    assert resize.spec.format == ("png" if extension == "ico" else "jpg")
    assert (resize.width, resize.height) == (32, 24)
    assert resize.ensure()
    with row.image.storage.open(resize.key) as file:
        assert images.near(images.corners(images.opened(file.read()))[0], images.RED)
    for format in ("png", "webp", "avif"):
        assert row.image.resize("30x30", format=format).ensure()


@pytest.mark.acceptance(29)
@pytest.mark.parametrize("extension", FILES)
def test_image_that_accept_does_not_name_is_refused(extension: str) -> None:
    with pytest.raises(InvalidMedia, match="Choose JPEG, PNG, GIF, WebP or AVIF") as error:
        Photo().image.save("photo.jpg", ContentFile(FILES[extension]()))
    assert error.value.code == "unsupported_type"


def test_transparent_original_is_resized_as_png_where_its_row_knows() -> None:
    row = Scan.objects.create(image=ContentFile(transparent(), "a.heic"))
    assert row.image.resize("32x32").spec.format == "png"
    assert row.image.resize("32x32", format="jpg").spec.format == "jpg"
    unknown = Scan(image=row.image.name)
    assert unknown.image.resize("32x32").spec.format == "jpg"


def test_tags_and_input_show_a_resize(media: CountingStorage) -> None:
    row = Scan.objects.create(image=ContentFile(heics.heic(UPRIGHT), "a.heic"))
    tag = "{% load shift_media %}{% resize_img scan.image '32x32' %}"
    assert f'src="{row.image.resize("32x32").url}"' in Template(tag).render(Context({"scan": row}))

    class ScanForm(forms.ModelForm):  # type: ignore[type-arg]
        class Meta:
            model = Scan
            fields = ("image",)

    html = str(ScanForm(instance=row)["image"])
    assert f'src="{row.image.resize("240x160").url}"' in html
    assert f'src="{row.image.url}"' not in html


def test_input_names_no_heic() -> None:
    accept = MediaFormField(accept=["image/*", "image/heic"]).widget.attrs["accept"]
    assert "heic" not in accept
    assert {"image/*", "image/jpeg", ".png"} <= set(accept.split(","))
    assert "image/*" not in MediaFormField().widget.attrs["accept"].split(",")


@pytest.mark.acceptance(36)
def test_position_of_a_phone_is_stripped_from_the_original() -> None:
    exif = heics.Item(b"Exif", b"\0\0\0\6Exif\0\0" + images.exif(1, model="Phone 7"))
    content = heics.write([heics.coded_item(heics.coded(UPRIGHT)), exif])
    row = Scan.objects.create(image=ContentFile(content, "a.heic"))
    with row.image.open() as file:
        stored = file.read()
    assert b"Phone 7" in content
    assert b"Phone 7" not in stored
    assert len(stored) == len(content)
    spec = Spec.make("32x32", format="png")
    assert engine.make(BytesIO(stored), spec) == engine.make(BytesIO(content), spec)


# Converted uploads


def test_converted_upload_is_stored_upright_in_its_full_size_without_metadata() -> None:
    exif = heics.Item(b"Exif", b"\0\0\0\6Exif\0\0" + images.exif(1, model="Phone 7"))
    picture = heics.coded_item(heics.coded(UPRIGHT), heics.turn(3))
    content = ContentFile(heics.write([picture, exif]), "IMG_1.HEIC")
    row = Converted.objects.create(image=content)
    assert row.image.name.endswith("/img_1.jpg/img_1.jpg")
    known = Converted.objects.get().image.metadata
    assert (known.content_type, known.width, known.height) == ("image/jpeg", 48, 64)
    assert known.original_name == "IMG_1.HEIC"
    with row.image.open() as file:
        stored = file.read()
    assert (len(stored), hashlib.sha256(stored).hexdigest()) == (known.size, known.sha256)
    assert b"Phone 7" not in stored
    opened = images.opened(stored)
    assert (opened.format, opened.size) == ("JPEG", (48, 64))
    assert images.near(images.corners(opened)[1], images.RED)
    assert row.image.resize("20x").ensure()


def test_transparent_upload_is_converted_to_png() -> None:
    row = Converted.objects.create(image=ContentFile(transparent(), "a.heic"))
    assert row.image.name.endswith(".png")
    with row.image.open() as file:
        assert images.opened(file.read()).mode == "RGBA"


@pytest.mark.parametrize("in_boxes", [False, True])
def test_jpeg_xl_is_converted_to_the_format_that_browsers_show(in_boxes: bool) -> None:
    exif = jxls.box(b"Exif", bytes(4) + images.exif(6, model="Phone 7"))
    content = jxls.encoded(UPRIGHT)
    content = jxls.container(content, exif) if in_boxes else content
    row = Converted.objects.create(image=ContentFile(content, "IMG_1.JXL"))
    assert row.image.name.endswith("/img_1.jpg/img_1.jpg")
    known = Converted.objects.get().image.metadata
    assert (known.content_type, known.width, known.height) == ("image/jpeg", 64, 48)
    with row.image.open() as file:
        stored = file.read()
    assert (len(stored), hashlib.sha256(stored).hexdigest()) == (known.size, known.sha256)
    assert b"Phone 7" not in stored
    opened = images.opened(stored)
    assert (opened.format, opened.size) == ("JPEG", (64, 48))
    assert images.near(images.corners(opened)[0], images.RED)


def test_transparent_jpeg_xl_is_converted_to_png() -> None:
    picture = UPRIGHT.convert("RGBA")
    picture.paste((0, 0, 0, 0), (0, 0, 32, 24))
    row = Converted.objects.create(image=ContentFile(jxls.encoded(picture), "a.jxl"))
    assert row.image.name.endswith(".png")
    with row.image.open() as file:
        assert images.opened(file.read()).getchannel("A").getextrema() == (0, 255)


def test_jpeg_xl_on_a_machine_with_too_much_to_do_is_not_called_damaged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    content = jxls.encoded(UPRIGHT)
    row = Scan.objects.create(image=ContentFile(content, "a.jxl"))
    other = Scan(image=ContentFile(content, "b.jxl"))
    url = row.image.resize("32x32").url
    with monkeypatch.context() as late:
        late.setattr(jxl, "BOUNDS", replace(jxl.BOUNDS, seconds=0.001))
        with pytest.raises(ValidationError) as error:
            other.full_clean()
        response = Client().get(url)
    assert [each.code for each in error.value.error_dict["image"]] == ["upload_unread"]
    assert (response.status_code, response.json()["code"]) == (503, "out_of_resources")
    assert response["Retry-After"]
    assert Client().get(url).status_code == 200
    other.full_clean()
    other.save()
    assert other.image.metadata.placeholder


def test_upload_of_a_format_that_is_not_converted_is_stored_as_it_is() -> None:
    content = saved("JPEG")
    row = Converted.objects.create(image=ContentFile(content, "a.jpg"))
    with row.image.open() as file:
        assert images.opened(file.read()).tobytes() == images.opened(content).tobytes()


def test_converted_upload_passes_a_form() -> None:
    row = Converted(image=ContentFile(heics.heic(UPRIGHT), "a.heic"))
    row.full_clean()
    row.save()
    assert row.image.name.endswith(".jpg")


def test_upload_is_converted_once_by_full_clean_and_save(monkeypatch: pytest.MonkeyPatch) -> None:
    made = counted(monkeypatch, isolated, "make")
    row = Converted(image=ContentFile(heics.heic(UPRIGHT), "a.heic"))
    row.full_clean()
    row.full_clean()
    row.save()
    assert len(made) == 1
    other = Converted.objects.create(image=ContentFile(heics.heic(UPRIGHT), "a.heic"))
    assert len(made) == 2
    assert row.image.metadata.sha256 == other.image.metadata.sha256


def test_upload_is_stripped_once_by_full_clean_and_save(monkeypatch: pytest.MonkeyPatch) -> None:
    stripped = counted(monkeypatch, isolated, "strip_metadata")
    content = images.encoded(images.quadrants(), "jpg", exif=images.exif(1, model="Phone 7"))
    file = ContentFile(content, "a.jpg")
    first, second = Portrait(image=file), Portrait(image=file)
    for row in (first, second):
        row.full_clean()
        row.save()
        with row.image.open() as stored:
            assert b"Phone 7" not in stored.read()
    assert len(stripped) == 1


def test_damaged_upload_is_not_converted() -> None:
    content = heics.heic(UPRIGHT)
    with pytest.raises(InvalidMedia) as error:
        Converted.objects.create(image=ContentFile(content[: len(content) // 2], "a.heic"))
    assert error.value.code == "undecodable"


@pytest.mark.parametrize("convert", [{"heic": "heic"}, {"mp4": "jpg"}, ["heic"], {"heic": 1}])
def test_wrong_conversion_is_reported(convert: Any) -> None:
    assert "E118" in ids(lambda: MediaField(convert=convert))


def test_conversion_is_part_of_the_field() -> None:
    field = Converted._meta.get_field("image")
    assert field.deconstruct()[3]["convert"] == {"heic": "jpg", "jxl": "jpg", "tif": "jpg"}
    assert field.clone().convert == field.convert  # type: ignore[attr-defined]
    assert "convert" not in Scan._meta.get_field("image").deconstruct()[3]


# Without the decoder


@pytest.mark.usefixtures("without_decoder")
def test_check_names_the_extra_of_a_missing_decoder() -> None:
    for accept in (["image/heic"], ["image/any"], ["*/*", "image/heic"]):
        assert "E114" in ids(lambda accept=accept: MediaField(accept=accept))
    for accept in (["image/*"], ["*/*"]):
        assert "E114" not in ids(lambda accept=accept: MediaField(accept=accept))
    assert any("[heic]" in each.msg for each in Scan.check())


def test_check_names_the_extra_of_an_ffmpeg_without_jpeg_xl(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decoders.load.cache_clear()
    monkeypatch.setattr(ffmpeg, "_installed", lambda: iter(()))
    (error,) = (each for each in Scan.check() if each.id == "shift_media.E114")
    assert "django-shift-media[jxl]" in error.msg
    row = Anything.objects.create(file=ContentFile(b"\xff\x0a" + bytes(99), "a.jxl"))
    assert row.file.name.endswith(".bin")


def test_check_passes_with_the_decoder() -> None:
    assert not Scan.check()


@pytest.mark.usefixtures("without_decoder")
def test_field_of_all_files_stores_what_cannot_be_decoded_as_a_file() -> None:
    row = Anything.objects.create(file=ContentFile(heics.heic(UPRIGHT), "a.heic"))
    assert row.file.name.endswith(".bin")


def test_field_of_all_files_stores_an_image_with_its_type() -> None:
    row = Anything.objects.create(file=ContentFile(heics.heic(UPRIGHT), "a.heic"))
    assert row.file.name.endswith(".heic")
    assert row.file.metadata.content_type == "image/heic"

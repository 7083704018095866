"""Two columns side by side: an ImageField, and the MediaField that its files move to."""
# ruff: noqa: DJ008

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core import checks
from django.core.exceptions import FieldError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import models
from django.forms import modelform_factory
from django.template import engines
from django.test import Client, override_settings
from django.test.utils import isolate_apps

from shift_media.core.errors import MediaError
from shift_media.doctor import legacy_names
from shift_media.fields import MediaField, legacy
from shift_media.resizes.legacy import LegacyResize
from shift_media.transcoding.files import prefetch_renditions
from shift_media.transcoding.services.jobs import NotTranscodable
from shift_media.widgets import FocalInput
from tests.fields.material import picture, upload
from tests.parts import package
from tests.resizes.counting import CountingStorage
from tests.testapp.models import Moving

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("old_file"),
    pytest.mark.acceptance(68),
]

Stored = Callable[[], list[str]]
NAME = "photos/A lake.JPG"
URL = "/old/photos/A%20lake.JPG"
CONTENT = picture(size=(400, 300))


@pytest.fixture
def old_file(tmp_path: Path, media: CountingStorage) -> Iterator[Path]:
    """Make the storage of the ImageField, with a file, and return the file's path."""
    old = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": tmp_path / "old", "base_url": "/old/"},
    }
    path = tmp_path / "old" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    legacy._warned.clear()
    with override_settings(STORAGES={**settings.STORAGES, "default": old}):
        media.calls.clear()
        yield path


def moving(**values: Any) -> Moving:
    """Return a row whose file has not been imported yet."""
    given = {"image": NAME, "old_width": 400, "old_height": 300, **values}
    return Moving.objects.get(pk=Moving.objects.create(**given).pk)


# The file.


def test_empty_field_shows_the_old_file(media: CountingStorage) -> None:
    photo = moving().photo
    assert bool(photo)
    assert (photo.name, str(photo)) == ("", "")
    assert photo.is_legacy
    assert (photo.url, photo.size, photo.stored_name) == (URL, len(CONTENT), NAME)
    assert (photo.width, photo.height) == (400, 300)
    assert photo.path.endswith(NAME)
    assert photo.metadata.content_type == "image/jpeg"
    assert b"".join(photo.chunks()) == CONTENT
    with photo.open() as file:
        assert file.read() == CONTENT
    assert not media.calls


def test_key_of_an_old_file_is_refused_with_its_field() -> None:
    with pytest.raises(ValueError, match="shows the file of 'image', which has no key"):
        assert moving().photo.key
    with pytest.raises(ValueError, match="has no file associated"):
        assert Moving().photo.key


def test_field_without_an_old_file_is_empty() -> None:
    photo = moving(image="").photo
    assert not photo
    assert not photo.is_legacy
    for name in ("url", "size", "path", "key", "width"):
        with pytest.raises(ValueError, match="has no file associated"):
            getattr(photo, name)


def test_resize_is_the_old_file_with_the_sides_of_its_columns(media: CountingStorage) -> None:
    resize = moving().photo.resize("100x100")
    assert isinstance(resize, LegacyResize)
    assert (resize.url, resize.size) == (URL, (100, 75))
    assert moving().photo.srcset([100, 200]) == ""
    again = pickle.loads(pickle.dumps(resize))
    assert (again.url, again.size) == (URL, (100, 75))
    assert not media.calls


def test_resize_of_a_picture_with_the_shape_of_a_key_is_the_old_file() -> None:
    name = "3c72aedc/ba25/41e6/a569/406c8f413974/photo.jpg/photo.jpg"
    assert moving(image=name).photo.resize("40x").url == f"/old/{name}"


def test_old_file_without_sides_has_the_size_of_a_box() -> None:
    resize = moving(old_width=None, old_height=None).photo.resize("100x50", mode="fill")
    assert resize.size == (100, 50)


def test_metadata_follows_another_file_of_the_old_field(tmp_path: Path) -> None:
    row = moving()
    assert row.photo.width == 400
    (tmp_path / "old/photos/small.png").write_bytes(picture("PNG", (20, 10)))
    row.image = "photos/small.png"
    assert (row.photo.width, row.photo.url) == (20, "/old/photos/small.png")
    assert row.photo.resize("9x", mode="fit").size in {None, (9, 5)}


def test_upload_to_the_old_field_is_shown_before_and_after_its_save() -> None:
    row = Moving(image=SimpleUploadedFile("b.png", picture("PNG", (20, 10))))
    assert (row.photo.width, row.photo.height) == (20, 10)
    row.save()
    assert Moving.objects.get().photo.url == "/old/photos/b.png"


def test_missing_old_file_is_a_media_error_and_has_its_url(old_file: Path) -> None:
    old_file.unlink()
    photo = moving().photo
    assert photo.url == URL
    with pytest.raises(FileNotFoundError) as raised:
        assert photo.width
    assert isinstance(raised.value, MediaError)


def test_focal_point_of_an_old_file_is_refused() -> None:
    photo = moving().photo
    assert photo.focal is None
    with pytest.raises(FieldError, match="shows the file of 'image'"):
        photo.focal = (10, 20)


def test_old_film_has_no_renditions_and_is_not_transcoded() -> None:
    row = moving()
    assert row.photo.renditions == []
    assert row.photo.poster is None
    assert not row.photo.waits_for_worker
    assert prefetch_renditions([row]) == [row]
    with pytest.raises(NotTranscodable, match=r"media_import testapp\.Moving\.photo"):
        row.photo.transcode("web")


# Rows.


def test_saving_writes_nothing_of_the_old_file(stored: Stored) -> None:
    row = moving()
    assert row.photo.width == 400  # its metadata is remembered
    row.title = "new"
    row.save()
    row.save(update_fields=["photo"])
    row.full_clean()
    assert Moving.objects.values_list("title", "image", "photo", "photo_meta").get() == (
        "new",
        NAME,
        "",
        {},
    )
    assert stored() == []


def test_copies_of_a_row_show_the_old_file_and_write_nothing(stored: Stored) -> None:
    row = moving()
    assert row.photo
    for other in (copy.copy(row), copy.deepcopy(row), pickle.loads(pickle.dumps(row))):
        assert other.photo.url == URL
        other.pk, other._state.adding = None, True
        other.save()
    row.refresh_from_db()
    assert row.photo.url == URL
    assert list(Moving.objects.values_list("photo", flat=True)) == [""] * 4
    assert stored() == []


def test_upload_fills_the_field_and_leaves_the_old_file(old_file: Path, stored: Stored) -> None:
    row = moving()
    row.photo = upload(picture(size=(30, 20)))
    row.save()
    row = Moving.objects.get()
    assert not row.photo.is_legacy
    assert row.photo.width == 30
    assert stored() == [row.photo.name]
    assert row.image.name == NAME
    row.photo.delete()
    row = Moving.objects.get()
    assert (row.photo.url, row.photo_meta) == (URL, {})
    assert stored() == []
    row.photo.delete()
    row.delete()
    assert old_file.read_bytes() == CONTENT


def test_old_file_is_stored_under_a_key_by_saving_it_into_the_field(stored: Stored) -> None:
    row = moving()
    row.photo.save("lake.jpg", row.photo)
    row = Moving.objects.get()
    assert stored() == [row.photo.name]
    with row.photo.open() as file:
        assert file.read() == CONTENT


def test_old_file_that_is_assigned_to_another_row_is_stored_for_it(stored: Stored) -> None:
    other = Moving.objects.create(photo=moving().photo)
    assert stored() == [Moving.objects.get(pk=other.pk).photo.name]
    assert other.photo.metadata.original_name == "A lake.JPG"


def test_deferred_old_field_is_loaded_when_it_is_shown() -> None:
    moving()
    row = Moving.objects.only("photo").get()
    assert row.photo.url == URL


# Forms and pages.


def test_form_without_a_new_file_keeps_the_old_one(stored: Stored) -> None:
    row = moving()
    form = modelform_factory(Moving, fields=["title", "photo"])({"title": "b"}, {}, instance=row)
    assert f'href="{URL}">A lake.JPG</a>' in str(form)
    assert form.is_valid(), form.errors
    form.save()
    assert Moving.objects.values_list("title", "photo").get() == ("b", "")
    assert stored() == []


def test_form_of_an_optional_field_has_no_box_that_clears_the_old_file() -> None:
    form = modelform_factory(Moving, fields=["photo"])(instance=moving())
    form.fields["photo"].required = False
    assert "photo-clear" not in str(form)


def test_form_refuses_a_focal_point_of_an_old_file() -> None:
    kind = modelform_factory(Moving, fields=["photo"], widgets={"photo": FocalInput})
    empty, given = (
        kind({"photo-across": x, "photo-down": x}, {}, instance=moving()) for x in ("", "10")
    )
    assert empty.is_valid(), empty.errors
    assert list(given.errors) == ["photo"]


def test_form_without_any_file_is_refused() -> None:
    form = modelform_factory(Moving, fields=["photo"])({}, {}, instance=moving(image=""))
    assert list(form.errors) == ["photo"]


PAGE = """{% load shift_media %}{% resize_url p.photo "40x30" %}
{% resize_img p.photo "40x30" mode="fill" %}
{% resize_picture p.photo widths="320 640" formats="avif webp" sizes="100vw" %}
{% media_video p.photo controls=True %}
{% if p.photo %}shown{% endif %}"""


@pytest.mark.parametrize("debug", [True, False])
def test_each_tag_shows_the_old_file(debug: bool) -> None:
    with override_settings(DEBUG=debug):
        shown = engines["django"].from_string(PAGE).render({"p": moving()})
    lines = shown.strip().splitlines()
    assert lines[0] == URL
    assert 'height="30"' in lines[1]
    assert f'src="{URL}"' in lines[2]
    assert f'<source src="{URL}">' in lines[3]
    assert lines[4] == "shown"
    assert "srcset" not in shown


@pytest.mark.slow
def test_admin_shows_the_old_file_and_takes_an_upload() -> None:
    row, client = moving(), Client()
    client.force_login(User.objects.create_superuser("ada"))
    changed = f"/admin/testapp/moving/{row.pk}/change/"
    for path in ("/admin/testapp/moving/", changed):
        response = client.get(path)
        assert response.status_code == 200
        assert URL in response.content.decode()
    assert client.post(changed, {"title": "new"}).status_code == 302
    assert Moving.objects.get().photo.url == URL
    file = SimpleUploadedFile("b.png", picture("PNG", (20, 10)))
    assert client.post(changed, {"title": "new", "photo": file}).status_code == 302
    assert Moving.objects.get().photo.width == 20


def test_serializers_show_the_old_file() -> None:
    package("rest_framework", "drf")
    from rest_framework import serializers

    from shift_media.contrib.rest_framework import MediaModelSerializer, MediaSerializerField

    class Photos(MediaModelSerializer):
        photo = MediaSerializerField(presets=["40x30"])
        name = MediaSerializerField(source="photo", use_url=False, read_only=True)

        class Meta:
            model = Moving
            fields = ("photo", "name")

    class PlainPhotos(serializers.ModelSerializer[Moving]):
        class Meta:
            model = Moving
            fields = ("photo",)

    row = moving()
    shown = Photos(row).data
    assert shown["photo"]["url"] == shown["photo"]["resizes"]["40x30"]["url"] == URL
    assert shown["name"] == NAME
    assert PlainPhotos(row).data["photo"] == URL
    changed = Photos(row, data={}, partial=True)
    assert changed.is_valid()
    assert changed.save().photo.name == ""


# The option.


@isolate_apps("tests.testapp")
@pytest.mark.parametrize("source", ["missing", "title", "other", "photo", 3])
def test_source_that_is_no_file_field_is_e113(source: Any) -> None:
    class Wrong(models.Model):
        title = models.CharField(max_length=9)
        other = MediaField(metadata_field="other_meta")
        other_meta = models.JSONField(default=dict)
        photo = MediaField(imported_from=source, metadata_field="photo_meta")
        photo_meta = models.JSONField(default=dict)

        class Meta:
            app_label = "testapp"

    field: Any = Wrong._meta.get_field("photo")
    (error,) = field.check()
    assert error.id == "shift_media.E113"
    assert repr(source) in error.msg
    assert not Wrong().photo


def test_option_is_deconstructed_and_right() -> None:
    field: Any = Moving._meta.get_field("photo")
    assert field.check() == []
    assert field.deconstruct()[3] == {"imported_from": "image", "metadata_field": "photo_meta"}


# Commands and checks.


@pytest.mark.slow
def test_checks_and_the_doctor_count_rows_with_the_command() -> None:
    moving()
    moving()
    moving(photo=upload(), image="photos/other.jpg")
    moving(image="")
    found = checks.run_checks(tags=[checks.Tags.database], databases=["default"])
    (warning,) = (message for message in found if message.id == "shift_media.W103")
    assert warning.msg == (
        f"testapp.Moving.photo: 2 rows show the old file of 'image', such as {NAME!r} (database "
        "'default')."
    )
    assert str(warning.hint).endswith(
        "python manage.py media_import testapp.Moving.photo --from image"
    )
    (finding,) = legacy_names.check_legacy_names()
    assert finding.seen == warning.msg


def test_use_of_old_files_is_logged_with_the_command(caplog: pytest.LogCaptureFixture) -> None:
    str(moving().photo.resize("40x"))
    (record,) = caplog.records
    assert record.getMessage().endswith("media_import testapp.Moving.photo --from image")


def test_media_resize_counts_old_files() -> None:
    moving()
    out = io.StringIO()
    call_command("media_resize", "testapp.Moving.photo", "--sizes", "40x", stdout=out, stderr=out)
    assert "1 row" in out.getvalue()
    assert "names from before the media field" in out.getvalue()
    assert "media_import testapp.Moving.photo --from image" in out.getvalue()


@pytest.mark.slow
def test_clean_up_and_verification_say_which_rows_show_old_files() -> None:
    moving()
    for words in (["media_cleanup", "--dry-run"], ["media_doctor", "--verify"]):
        out = io.StringIO()
        call_command(*words, stdout=out, stderr=out)
        shown = " ".join(out.getvalue().split())
        assert "testapp.Moving.photo: 1 row shows the old file of 'image'" in shown
        assert "media_import testapp.Moving.photo --from image" in shown

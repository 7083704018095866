"""A field that was an ImageField: rows with old names, whose files are in the old storage."""
# ruff: noqa: DJ008

from __future__ import annotations

import copy
import io
import json
import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core import checks
from django.core.exceptions import SuspiciousOperation
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connection, models, transaction
from django.forms import modelform_factory
from django.template import engines
from django.test import Client, override_settings
from django.test.utils import isolate_apps

from shift_media.core.errors import InvalidKey, InvalidSpec, MediaError
from shift_media.deletion.models import PendingDeletion
from shift_media.doctor import legacy_names
from shift_media.fields import MediaField, legacy
from shift_media.models import ImportedFile
from shift_media.resizes.legacy import LegacyResize
from testproject.gallery.models import Photo as GalleryPhoto
from tests.fields.material import picture, upload
from tests.parts import package
from tests.resizes.counting import CountingStorage
from tests.testapp.models import Attachment, Film, Measured, Pair, Photo

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("media", "old_files"),
    pytest.mark.acceptance(68),
]

Stored = Callable[[], list[str]]
NAME = "photos/2019/A lake.JPG"
URL = "/old/photos/2019/A%20lake.JPG"
CONTENT = picture(size=(400, 300))


@pytest.fixture
def old_files(tmp_path: Path, media: CountingStorage) -> Iterator[Path]:
    """Make the storage of an ImageField, with a file, and return the file's path."""
    backend = "django.core.files.storage.FileSystemStorage"
    options = {"location": tmp_path / "old", "base_url": "/old/"}
    path = tmp_path / "old" / NAME
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    legacy._warned.clear()
    old = {"BACKEND": backend, "OPTIONS": options}
    with override_settings(STORAGES={**settings.STORAGES, "default": old}):
        media.calls.clear()
        yield path


def old_row(model: type[Any] = Photo, field: str = "image", **values: Any) -> Any:
    """Return a row as an ImageField has left it."""
    made = model.objects.create()
    model.objects.filter(pk=made.pk).update(**{field: NAME, **values})
    return model.objects.get(pk=made.pk)


def database_checks(databases: Any = ("default",)) -> list[str]:
    found = checks.run_checks(tags=[checks.Tags.database], databases=databases)
    return [str(message.msg) for message in found if message.id == "shift_media.W103"]


def run(*words: str) -> str:
    """Run a command, and return what it prints."""
    out = io.StringIO()
    call_command(*words, stdout=out, stderr=out)
    return out.getvalue()


# The file.


def test_old_file_keeps_its_url_and_is_read_from_the_old_storage(media: CountingStorage) -> None:
    photo = old_row()
    assert photo.image.is_legacy
    assert photo.image.url == URL
    assert photo.image.size == len(CONTENT)
    with photo.image.open() as file:
        assert file.read() == CONTENT
    assert photo.image.path.endswith(NAME)
    assert (photo.image.width, photo.image.height) == (400, 300)
    assert photo.image.metadata.content_type == "image/jpeg"
    assert not media.calls


def test_file_with_a_key_is_not_legacy() -> None:
    photo = Photo(image=upload())
    assert not photo.image.is_legacy  # not stored yet
    photo.save()
    assert not photo.image.is_legacy
    assert not Photo().image.is_legacy


def test_missing_old_file_is_a_media_error_and_has_its_url(old_files: Path) -> None:
    old_files.unlink()
    photo = old_row()
    assert photo.image.url == URL
    with pytest.raises(FileNotFoundError) as raised:
        assert photo.image.width
    assert isinstance(raised.value, MediaError)


def test_another_storage_of_old_files_is_named_by_the_field(tmp_path: Path) -> None:
    archive = {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": tmp_path / "archive", "base_url": "/archive/"},
    }
    with (
        override_settings(STORAGES={**settings.STORAGES, "archive": archive}),
        isolate_apps("tests.testapp"),
    ):

        class Archived(models.Model):
            image = MediaField(legacy_storage="archive", metadata_field="meta")
            meta = models.JSONField(default=dict)

            class Meta:
                app_label = "testapp"

        assert Archived(image="a.jpg").image.url == "/archive/a.jpg"
        field: Any = Archived._meta.get_field("image")
        assert field.check() == []
        assert field.deconstruct()[3]["legacy_storage"] == "archive"
    assert [error.id for error in field.check()] == ["shift_media.E111"]
    assert "legacy_storage" not in Photo._meta.get_field("image").deconstruct()[3]


def test_odd_old_names_raise_only_what_their_storage_raises() -> None:
    for name in ("../up.jpg", "/etc/hostname", "a\x00b.jpg", "no extension", "x" * 200):
        image = Photo(image=name).image
        assert image.is_legacy
        try:
            assert str(image.resize("40x"))
            assert image.width
        except (MediaError, SuspiciousOperation, ValueError, OSError):
            pass


@pytest.mark.slow
def test_default_that_is_not_a_key_is_in_the_storage_of_the_field(
    media: CountingStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    field: Any = Photo._meta.get_field("image")
    monkeypatch.setattr(field, "default", "defaults/nobody.png")
    monkeypatch.delitem(field.__dict__, "_get_default", raising=False)
    path = Path(media.path("defaults/nobody.png"))
    path.parent.mkdir(parents=True)
    path.write_bytes(picture("PNG", (30, 20)))
    photo = Photo.objects.create()
    assert photo.image.name == "defaults/nobody.png"
    assert not photo.image.is_legacy
    assert photo.image.url == str(photo.image.resize("9x")) == "/media/defaults/nobody.png"
    assert photo.image.width == 30
    assert pickle.loads(pickle.dumps(photo.image.resize("9x"))).url == photo.image.url
    assert database_checks() == []


# Names that are given to rows.


@pytest.mark.parametrize("loaded", [True, False])
def test_name_that_is_assigned_is_one_of_the_old_storage(loaded: bool) -> None:
    photo = Photo.objects.get(pk=Photo.objects.create().pk) if loaded else Photo()
    photo.image = NAME
    photo.save()
    photo = Photo.objects.get()
    assert (photo.image.name, photo.image.url, photo.image.width) == (NAME, URL, 400)


def test_name_that_the_old_storage_returned_is_one_of_a_row(stored: Stored) -> None:
    name = storages["default"].save("any/name.jpg", ContentFile(CONTENT))
    photo = Photo.objects.create(image=name)
    assert Client().get(photo.image.url).status_code == 404  # Nothing serves /old/ here.
    with Photo.objects.get().image.open() as file:
        assert file.read() == CONTENT
    assert stored() == []


@pytest.mark.parametrize("loaded", [True, False])
def test_name_of_a_file_in_the_media_storage_is_refused_when_the_row_is_saved(
    loaded: bool, media: CountingStorage
) -> None:
    photo = Photo.objects.get(pk=Photo.objects.create().pk) if loaded else Photo()
    photo.image = media.save("any/name.jpg", ContentFile(CONTENT))
    with pytest.raises(InvalidKey, match=r"Store it under a key: row\.image\.save") as raised:
        photo.save()
    assert "read from STORAGES['default'], which does not have it" in str(raised.value)
    storages["default"].save("any/name.jpg", ContentFile(CONTENT))
    photo.save()
    assert Photo.objects.filter(image="any/name.jpg").exists()


def test_media_storage_that_is_the_old_one_has_both_kinds_of_names(media: CountingStorage) -> None:
    one = {**settings.STORAGES, "default": settings.STORAGES["media"]}
    with override_settings(STORAGES=one):
        name = storages["default"].save("any/name.jpg", ContentFile(CONTENT))
        photo = Photo.objects.create(image=name)
        assert (photo.image.url, photo.image.width) == ("/media/any/name.jpg", 400)
        photo.image.save("b.jpg", photo.image)
        assert not Photo.objects.get().image.is_legacy


def test_fixture_of_an_old_site_is_loaded(tmp_path: Path, stored: Stored) -> None:
    fixture = tmp_path / "photos.json"
    fields = {"title": "a", "image": NAME}
    fixture.write_text(json.dumps([{"model": "testapp.photo", "pk": 7, "fields": fields}]))
    call_command("loaddata", fixture, verbosity=0)
    photo = Photo.objects.get(pk=7)
    assert (photo.image.url, photo.image.width) == (URL, 400)
    dumped = io.StringIO()
    call_command("dumpdata", "testapp.Photo", stdout=dumped)
    assert json.loads(dumped.getvalue())[0]["fields"]["image"] == NAME
    assert stored() == []


# Its resizes.


@pytest.mark.parametrize(
    ("size", "options", "shown"),
    [
        ("100x100", {}, (100, 75)),
        ("100x", {}, (100, 75)),
        ("x30", {}, (40, 30)),
        ("4000x", {}, (400, 300)),
        ("50x50", {"mode": "fill"}, (50, 50)),
        ("50x50", {"mode": "pad", "format": "webp"}, (50, 50)),
    ],
)
def test_resize_is_the_old_file_with_the_size_of_the_resize(
    size: str, options: Any, shown: Any, media: CountingStorage
) -> None:
    """The columns of the sides are those that an ImageField has filled."""
    photo = old_row(Measured, width=400, height=300)
    resize = photo.image.resize(size, **options)
    assert isinstance(resize, LegacyResize)
    assert (resize.url, str(resize), resize.key) == (URL, URL, NAME)
    assert (resize.width, resize.height) == shown
    assert resize.ensure() is False
    assert not media.calls


def test_resize_of_unknown_ratio_has_only_the_size_of_a_box() -> None:
    photo = old_row()
    assert photo.image.resize("100x100").size is None
    assert photo.image.resize("100x100", mode="fill").size == (100, 100)


def test_wrong_options_are_refused_for_old_files_too() -> None:
    photo = old_row()
    with pytest.raises(InvalidSpec):
        photo.image.resize("99999x1")
    with pytest.raises(InvalidSpec):
        photo.image.resize("40x", mode="sideways")
    with pytest.raises(InvalidSpec):
        Attachment(file="old/report.pdf").file.resize("40x")


def test_srcset_and_ladder_offer_the_file_alone() -> None:
    image = old_row().image
    assert image.srcset([100, 200]) == ""
    assert [str(resize) for resize in image.ladder([100, 200]).values()] == [URL]
    assert image.ladder([80], size="4x3", mode="fill")[80].size == (80, 60)


def test_pickle_of_a_row_and_of_its_resize_holds_no_storage() -> None:
    photo = old_row()
    resize = pickle.loads(pickle.dumps(photo.image.resize("40x30", mode="fill")))
    assert (resize.url, resize.size) == (URL, (40, 30))
    again = pickle.loads(pickle.dumps(photo))
    assert (again.image.url, again.image.width) == (URL, 400)
    assert b"FileSystemStorage" not in pickle.dumps(photo.image.resize("40x"))


# Rows.


def test_row_is_saved_copied_and_shared_without_storing_a_file(
    media: CountingStorage, stored: Stored
) -> None:
    photo = old_row()
    photo.title = "a"
    photo.save()
    for other in (copy.copy(photo), copy.deepcopy(photo), Photo(image=photo.image)):
        other.pk, other._state.adding = None, True
        other.save()
    assert list(Photo.objects.values_list("image", flat=True)) == [NAME] * 4
    assert Photo.objects.last().image_meta["width"] == 400  # type: ignore[union-attr]
    assert stored() == []


@pytest.mark.slow
def test_old_file_is_stored_under_a_key_by_saving_it_again(
    stored: Stored, old_files: Path
) -> None:
    photo = old_row()
    photo.image.focal = (10, 20)
    with photo.image.open() as file:
        photo.image.save(file.name, file)
    photo = Photo.objects.get()
    assert photo.image.focal == (10, 20)
    assert not photo.image.is_legacy
    assert photo.image.metadata.original_name == "A lake.JPG"
    assert stored() == [photo.image.name]
    assert old_files.read_bytes() == CONTENT
    assert not PendingDeletion.objects.exists()
    assert database_checks() == []


@pytest.mark.slow
@pytest.mark.parametrize("remove", ["replace", "clear", "delete", "queryset"])
def test_old_file_is_neither_deleted_nor_overwritten(remove: str, old_files: Path) -> None:
    photo = old_row()
    if remove == "replace":
        photo.image = upload(picture(), name=NAME)
        photo.save()
    elif remove == "clear":
        photo.image.delete()
    elif remove == "delete":
        photo.delete()
    else:
        Photo.objects.all().delete()
    call_command("media_cleanup", "--force", stdout=io.StringIO())
    assert old_files.read_bytes() == CONTENT


def test_replaced_old_file_is_noted_for_the_end_of_the_import(
    caplog: pytest.LogCaptureFixture,
) -> None:
    photo = old_row()
    caplog.clear()
    photo.image = upload()
    photo.save()
    noted = ImportedFile.objects.values("source", "row", "old_name", "old_storage", "state").get()
    assert noted == {
        "source": "testapp.Photo.image",
        "row": str(photo.pk),
        "old_name": NAME,
        "old_storage": "default",
        "state": "replaced",
    }
    (record,) = caplog.records
    assert NAME in record.getMessage()
    assert record.getMessage().endswith("media_import testapp.Photo.image --finish")


def test_replaced_old_file_is_not_noted_if_the_row_is_not_written() -> None:
    photo = old_row()
    photo.image = upload()
    with transaction.atomic():
        photo.save()
        transaction.set_rollback(True)
    assert not ImportedFile.objects.exists()


def test_focal_point_of_an_old_file_is_kept_with_its_name() -> None:
    photo = old_row()
    photo.image.focal = (10, 20)
    photo.save()
    assert Photo.objects.get().image.focal == (10, 20)


def test_old_film_is_saved_and_copied_without_a_job() -> None:
    film = Film.objects.create()
    Film.objects.update(video="films/old.mp4")
    film = Film.objects.get()
    film.pk, film._state.adding = None, True
    film.save()
    assert film.video.renditions == []
    with pytest.raises(MediaError, match="was a media field"):
        film.video.transcode("web")


# Pages.

PAGE = """{% load shift_media %}{% resize_url p.image "40x30" mode="fill" %}
{% resize p.image "40x30" as img %}{{ img.url }} {{ img.width }}
{% resize_img p.image "40x30" mode="fill" %}
{% resize_img p.image "40x30" %}
{% resize_picture p.image widths="320 640" formats="avif webp" sizes="100vw" %}
{% media_video f.video controls=True %}"""


@pytest.mark.parametrize("debug", [True, False])
def test_each_tag_shows_the_old_file(debug: bool) -> None:
    with override_settings(DEBUG=debug):
        film = Film(video="films/old.mp4")
        shown = engines["django"].from_string(PAGE).render({"p": old_row(), "f": film})
    lines = shown.strip().splitlines()
    assert lines[0] == URL
    assert lines[1] == f"{URL} None"
    assert 'height="30"' in lines[2]
    assert 'width="40"' in lines[2]
    assert 'style="object-fit: cover"' in lines[2]
    assert 'width="40"' in lines[3]
    assert "height" not in lines[3]
    assert lines[4].startswith("<picture><img ")
    assert f'src="{URL}"' in lines[4]
    assert 'width="640"' in lines[4]
    assert "srcset" not in shown
    assert '<source src="/old/films/old.mp4">' in lines[5]


@pytest.mark.slow
def test_pages_of_the_gallery_and_the_admin_are_whole() -> None:
    old = GalleryPhoto(title="old")
    old.image.name = NAME
    GalleryPhoto.objects.bulk_create([old])
    row, photo = GalleryPhoto.objects.get(), old_row()
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    for path in (
        "/",
        row.get_absolute_url(),
        "/admin/gallery/photo/",
        f"/admin/gallery/photo/{row.pk}/change/",
        "/admin/testapp/photo/",
        f"/admin/testapp/photo/{photo.pk}/change/",
    ):
        response = client.get(path)
        assert response.status_code == 200, path
        assert URL in response.content.decode(), path
    changed = f"/admin/testapp/photo/{photo.pk}/change/"
    assert client.post(changed, {"title": "new"}).status_code == 302
    assert Photo.objects.get().image.name == NAME


def test_form_without_a_new_file_keeps_the_old_one() -> None:
    photo = old_row()
    form = modelform_factory(Photo, fields=["title", "image"])({"title": "b"}, {}, instance=photo)
    assert form.is_valid(), form.errors
    form.save()
    assert Photo.objects.get().image.name == NAME


def test_serializers_show_the_old_file() -> None:
    package("rest_framework", "drf")
    from rest_framework import serializers

    from shift_media.contrib.rest_framework import MediaModelSerializer, MediaSerializerField

    class Photos(MediaModelSerializer):
        image = MediaSerializerField(presets=["40x30"])

        class Meta:
            model = Photo
            fields = ("image",)

    class PlainPhotos(serializers.ModelSerializer[Photo]):
        class Meta:
            model = Photo
            fields = ("image",)

    photo = old_row()
    shown = Photos(photo).data["image"]
    assert shown["url"] == shown["resizes"]["40x30"]["url"] == URL
    assert PlainPhotos(photo).data["image"] == URL
    changed = Photos(photo, data={}, partial=True)
    assert changed.is_valid()
    assert changed.save().image.name == NAME


def test_use_of_old_names_is_logged_once_a_minute_with_what_to_do(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = old_row()
    caplog.clear()
    for _ in range(3):
        str(photo.image.resize("40x"))
    (record,) = caplog.records
    assert "testapp.Photo.image" in record.getMessage()
    assert record.getMessage().endswith("python manage.py media_import testapp.Photo.image")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    str(photo.image.resize("40x"))
    assert len(caplog.records) == 2


# Commands and checks.


@pytest.mark.slow
def test_database_check_counts_rows_with_old_names() -> None:
    assert database_checks() == []
    old_row()
    (found,) = database_checks()
    assert found.startswith(
        "testapp.Photo.image: 1 row has a name that is not a key of shift_media,"
    )
    assert found.endswith(f"such as {NAME!r} (database 'default').")
    old_row(Pair, "left")
    Photo.objects.create(image=upload())
    Photo.objects.bulk_create([Photo(image=f"photos/{n}.jpg") for n in range(2)])
    photos, pairs = database_checks()
    assert photos.startswith("testapp.Photo.image: 3 rows have names that are not keys")
    assert pairs.startswith("testapp.Pair.left: 1 row")


@pytest.mark.slow
def test_database_check_stops_at_a_thousand() -> None:
    Photo.objects.bulk_create([Photo(image=f"photos/{n}.jpg") for n in range(1005)])
    (found,) = database_checks()
    assert "at least 1000 rows" in found


@pytest.mark.slow
def test_database_check_passes_tables_and_columns_that_are_not_migrated_yet() -> None:
    old_row()
    with connection.schema_editor() as editor:
        editor.delete_model(Pair)
        editor.remove_field(Measured, Measured._meta.get_field("image"))
    try:
        assert len(database_checks()) == 1
    finally:
        with connection.schema_editor() as editor:
            editor.create_model(Pair)
            editor.add_field(Measured, Measured._meta.get_field("image"))


def test_check_without_a_database_asks_none(django_assert_num_queries: Any) -> None:
    assert connection.features.supports_json_field  # Django asks SQLite once in each process.
    with django_assert_num_queries(0):
        call_command("check", stdout=io.StringIO(), stderr=io.StringIO())


@pytest.mark.slow
def test_migrate_says_how_many_rows_have_old_names() -> None:
    old_row()
    err = io.StringIO()
    call_command("migrate", skip_checks=False, stdout=io.StringIO(), stderr=err)
    assert "1 row has a name that is not a key" in err.getvalue()


@pytest.mark.slow
def test_doctor_counts_rows_with_old_names() -> None:
    (found,) = legacy_names.check_legacy_names()
    assert found.severity == "ok"
    old_row()
    (found,) = legacy_names.check_legacy_names()
    assert (found.code, found.severity) == ("legacy-names", "warning")
    assert "1 row has a name" in found.seen


def test_doctor_skips_a_database_that_cannot_be_asked() -> None:
    from django.db import DatabaseError

    class Broken:
        def __iter__(self) -> Any:
            raise DatabaseError("the server is down")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(legacy_names, "connections", Broken())
        (found,) = legacy_names.check_legacy_names()
    assert (found.severity, "the server is down" in found.seen) == ("skipped", True)


def test_verification_leaves_out_old_files(media: CountingStorage) -> None:
    from shift_media.doctor.integrity import IntegrityCheck, IntegrityState

    old_row()
    (counts,) = IntegrityCheck(storages["media"]).run()  # type: ignore[arg-type]
    assert counts.by_state[IntegrityState.LEGACY] == 1
    assert (counts.done, counts.originals) == (1, 0)
    assert not media.calls


@pytest.mark.slow
def test_verification_says_which_rows_it_has_not_verified() -> None:
    old_row()
    assert "not healthy" not in run("media_doctor", "--verify").lower()
    found = json.loads(run("media_doctor", "--verify", "--json"))["findings"]
    by_code = {finding["code"]: finding for finding in found}
    assert by_code["legacy-names"]["severity"] == "warning"
    assert "1 row has a name that is not a key" in by_code["legacy-names"]["seen"]
    assert "media_import testapp.Photo.image" in by_code["legacy-names"]["fix"]
    assert by_code["verified"]["severity"] == "skipped"
    Photo.objects.create(image=upload())
    found = json.loads(run("media_doctor", "--verify", "--json"))["findings"]
    assert "1 of 1 original is what was uploaded" in str(found)


@pytest.mark.slow
def test_clean_up_says_which_rows_it_has_not_looked_at() -> None:
    old_row()
    shown = run("media_cleanup", "--dry-run")
    assert "Not looked at: testapp.Photo.image: 1 row has a name that is not a key" in shown
    assert "python manage.py media_import testapp.Photo.image\n" in shown
    assert "Not looked at" not in run("media_cleanup", "--dry-run", "--storage", "private")


def test_media_resize_counts_old_names_of_all_spellings_with_the_command() -> None:
    Photo.objects.bulk_create([Photo(image=f"photos/{n}") for n in ("a.jpg", "b.JPG", "c.PNG")])
    shown = run("media_resize", "testapp.Photo", "--sizes", "40x")
    assert "3 rows: 0 resizes made, 0 were there, 0 failed." in shown
    assert "Skipped: 3 names from before the media field" in shown
    assert "python manage.py media_import testapp.Photo.image\n" in shown


def test_media_transcode_refuses_an_old_film_with_the_command() -> None:
    Film.objects.create()
    Film.objects.update(video="films/old.mp4")
    out = io.StringIO()
    with pytest.raises((CommandError, SystemExit)):
        call_command("media_transcode", "testapp.Film.video", stdout=out, stderr=out)
    assert "before testapp.Film.video was a media field" in out.getvalue()
    assert "media_import testapp.Film.video" in out.getvalue()


@pytest.mark.slow
def test_pages_of_the_media_admin_are_whole_and_change_nothing(
    old_files: Path, stored: Stored
) -> None:
    pair = Pair.objects.create(right=upload())
    Pair.objects.filter(pk=pair.pk).update(left=NAME)
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    changes, library = "/admin/testapp/pair/", "/admin/shift_media/libraryfile/"
    pages = [changes, f"{changes}{pair.pk}/change/", library]
    pages += [f"{library}testapp.pair.left/{pair.pk}/", f"{changes}?left_type=jpg"]
    for page in pages:
        response = client.get(page)
        assert response.status_code == 200, page
        assert URL in response.content.decode(), page
    before = stored()
    for action in ("strip_metadata", "make_resizes"):
        with override_settings(SHIFT_MEDIA={"PRESETS": {"card": {"size": "40x30"}}}):
            data = {"action": action, "_selected_action": pair.pk, "confirmed": "yes"}
            said = client.post(changes, data, follow=True).content.decode()
        assert "Skipped: 1" in said, action
    old = client.post(f"{changes}{pair.pk}/media/left/", {"do": "transcode"})
    assert old.status_code == 404
    assert Pair.objects.get().left.name == NAME
    assert stored() == before
    assert old_files.read_bytes() == CONTENT

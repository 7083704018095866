"""The file of a row: focal point, resizes, srcset and reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import FieldError
from django.db.migrations.state import ProjectState
from django.template import Context, Template
from django.test import override_settings

from shift_media.core.errors import InvalidKey, InvalidSpec, MediaError, Undecodable
from shift_media.deletion.models import PendingDeletion
from tests.fields.material import MP4, picture, upload
from tests.resizes.counting import CountingStorage
from tests.testapp.models import Attachment, Bare, Clip, Photo

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("media")]


@pytest.fixture
def photo() -> Photo:
    return Photo.objects.create(image=upload(picture(size=(400, 300))))


def test_focal_point_is_stored_in_the_metadata_and_used_by_fill(photo: Photo) -> None:
    before = photo.image.resize("100x200", mode="fill")
    photo.image.focal = (20.4, 79.5)
    assert photo.image.focal == (20, 80)
    photo.save()
    loaded = Photo.objects.get().image
    assert loaded.focal == (20, 80)
    assert loaded.metadata.sha256 == photo.image.metadata.sha256
    made = loaded.resize("100x200", mode="fill")
    assert str(made.spec).endswith("-f20.80")
    assert made.url != before.url
    assert loaded.resize("100x200", mode="fill", focal=(50, 50)).url == before.url
    assert loaded.resize("100x200").spec.focal is None
    loaded.focal = None
    assert loaded.focal is None
    assert loaded.resize("100x200", mode="fill").url == before.url


@pytest.mark.parametrize("names", [["image"], ["image_meta"], None])
def test_focal_point_is_saved_with_either_update_field(names: Any, photo: Photo) -> None:
    photo.image.focal = (1, 2)
    photo.save(update_fields=names)
    assert Photo.objects.get().image.focal == (1, 2)


@pytest.mark.parametrize(
    "point", [(-1, 0), (0, 100.6), (1,), (1, 2, 3), "ab", 5, (float("nan"), 1)]
)
def test_invalid_focal_point_is_refused(point: Any, photo: Photo) -> None:
    with pytest.raises(InvalidSpec, match="in percent"):
        photo.image.focal = point
    assert photo.image.focal is None


def test_focal_point_without_a_metadata_field_is_refused() -> None:
    row = Bare.objects.create(image=upload())
    with pytest.raises(FieldError, match='metadata_field="image_meta"'):
        row.image.focal = (1, 2)


def test_replaced_file_loses_the_focal_point(photo: Photo) -> None:
    photo.image.focal = (1, 2)
    photo.image = upload()
    photo.save()
    assert Photo.objects.get().image.focal is None


def test_focal_point_without_metadata_reads_the_header(photo: Photo) -> None:
    Photo.objects.update(image_meta={})
    loaded = Photo.objects.get()
    loaded.image.focal = (1, 2)
    loaded.save()
    again = Photo.objects.get().image
    assert (again.focal, again.width) == ((1, 2), 400)


@override_settings(SHIFT_MEDIA={"PRESETS": {"avatar": {"size": "96x96", "mode": "fill"}}})
def test_resize_is_built_by_size_and_by_preset(photo: Photo) -> None:
    made = photo.image.resize("avatar", quality=50, format="webp")
    assert (made.width, made.height, made.spec.quality) == (96, 96, 50)
    assert made.url.endswith(".webp")
    assert str(made) == made.url
    assert made.ensure()
    assert not made.ensure()


def test_srcset_is_never_wider_than_the_original(photo: Photo) -> None:
    parts = photo.image.srcset([320, 640, 1280]).split(", ")
    assert [part.split()[1] for part in parts] == ["320w", "400w"]


def test_templates_cannot_save_or_delete_a_file(photo: Photo) -> None:
    page = "{{ photo.image.delete }}{{ photo.image.save }}{{ photo.image.width }}"
    assert Template(page).render(Context({"photo": photo})) == "400"
    assert Photo.objects.get().image


def test_file_reads_the_stored_bytes(photo: Photo) -> None:
    with photo.image.open() as file:
        assert file.read() == picture(size=(400, 300))
    assert photo.image.size == len(picture(size=(400, 300)))
    assert photo.image.closed


def test_upload_that_is_not_stored_has_no_resizes() -> None:
    with pytest.raises(InvalidKey):
        Photo(image=upload()).image.resize("40x")


@pytest.mark.slow
def test_videos_and_documents_have_type_and_size_without_being_read(
    media: CountingStorage,
) -> None:
    clip = Clip.objects.create(video=upload(MP4, "a.mp4"))
    file = Attachment.objects.create(file=upload(b"plain text", "a.txt"))
    Clip.objects.update(video_meta={})
    Attachment.objects.update(file_meta={})
    media.calls.clear()
    clip, file = Clip.objects.get(), Attachment.objects.get()
    assert (clip.video.metadata.content_type, clip.video.size) == ("video/mp4", len(MP4))
    assert (clip.video.width, clip.video.duration, clip.length) == (None, None, None)
    assert file.file.metadata.content_type == "text/plain"
    assert media.calls["fetch"] == 0


def test_damaged_stored_image_raises_a_media_error(photo: Photo, media: CountingStorage) -> None:
    from pathlib import Path

    Photo.objects.update(image_meta={})
    Path(media.path(photo.image.name)).write_bytes(picture()[:30])
    with pytest.raises(Undecodable) as caught:
        Photo.objects.get().image.width  # noqa: B018
    assert isinstance(caught.value, MediaError)


@pytest.mark.parametrize("data", [None, [], "x", {"key": 1}, {"key": "KEY", "focal": "abc"}])
def test_invalid_metadata_are_ignored(data: Any, photo: Photo) -> None:
    if isinstance(data, dict) and data.get("key") == "KEY":
        data = {**data, "key": photo.image.name}
    photo.image_meta = data
    assert photo.image.resize("40x").url
    photo.image._metadata_cache = None
    assert photo.image.width == 400


def test_historical_model_stores_files_and_schedules_no_deletion(
    stored: Callable[[], list[str]],
) -> None:
    photo: Any = Photo
    old = ProjectState.from_apps(apps).apps.get_model("testapp", photo.__name__)
    row: Any = old.objects.create(image=upload())
    assert row.image_meta["key"] == row.image.name
    first = row.image.name
    row.image = upload(picture("PNG"))
    row.save()
    row.delete()
    assert first in stored()
    assert not PendingDeletion.objects.exists()


def test_resize_keeps_the_size_of_its_original_after_a_replacement(photo: Photo) -> None:
    first = photo.image.resize("100x")
    photo.image = upload(picture("PNG", (30, 20)))
    photo.save()
    assert (first.width, first.height) == (100, 75)
    second = photo.image.resize("100x")
    photo.image.delete()
    assert (second.width, second.height) == (30, 20)


@pytest.mark.django_db
@pytest.mark.usefixtures("media")
def test_file_can_be_opened_again_after_it_was_closed() -> None:
    Photo.objects.create(image=upload())
    photo = Photo.objects.get()
    for _ in range(2):
        with photo.image.open() as file:
            assert file.read() == picture()
    photo.image.open()
    photo.image.read(3)
    photo.image.open()  # An open file goes to its beginning.
    assert photo.image.read() == picture()
    photo.image.close()

"""Forms and the admin: one readable error, one reading, and the current picture."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django import forms
from django.contrib.admin.sites import site
from django.contrib.auth.models import Permission, User
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template import Context, Template
from django.test import Client
from django.utils import timezone

from shift_media.admin import resize_column
from shift_media.deletion.models import PendingDeletion
from shift_media.fields import MediaField
from shift_media.forms import MediaFilesField, MediaFormField
from shift_media.widgets import MediaInput
from tests.fields.failing import DownStorage
from tests.fields.material import MP4, PDF, picture, upload
from tests.resizes.counting import CountingStorage
from tests.testapp.models import Clip, MetaFirst, Photo

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]


class PhotoForm(forms.ModelForm):  # type: ignore[type-arg]  # Django has no generics at run time
    class Meta:
        model = Photo
        fields = ["title", "image"]


class PlainForm(forms.Form):
    image = MediaFormField(accept=["image/png"], max_bytes=5000, required=False)


def test_model_form_stores_file_and_metadata() -> None:
    form = PhotoForm({"title": "a"}, {"image": upload(name="Ä.png")})
    assert form.is_valid(), form.errors
    photo = form.save()
    assert photo.image.name.endswith("/a.jpg/a.jpg")
    assert Photo.objects.get().image_meta["original_name"] == "Ä.png"


def test_model_form_shows_one_readable_error() -> None:
    form = PhotoForm({}, {"image": upload(PDF)})
    assert form.errors == {
        "image": ["The content of this file is PDF. Choose JPEG, PNG, GIF, WebP or AVIF."]
    }
    assert form.errors.as_data()["image"][0].code == "unsupported_type"
    assert PhotoForm({}, {"image": upload(b"")}).errors["image"] == [
        "The submitted file is empty."
    ]


def test_error_messages_of_a_field_replace_the_default_ones() -> None:
    class Form(forms.Form):
        image = MediaFormField(error_messages={"unsupported_type": "Photographs only."})

    assert Form({}, {"image": upload(PDF)}).errors["image"] == ["Photographs only."]
    field = MediaField(error_messages={"unsupported_type": "Only photographs."})
    with pytest.raises(forms.ValidationError) as caught:
        field.inspect(upload(PDF))
    assert caught.value.messages == ["Only photographs."]
    form = field.formfield(error_messages={"unsupported_type": "Only photographs."})
    with pytest.raises(forms.ValidationError, match="PDF"):
        form.clean(upload(PDF))


def test_field_of_files_like_another_has_its_error_messages() -> None:
    messages = {"unsupported_type": "Pictures only.", "required": "Choose one."}
    single = MediaFormField(accept=["image/jpeg"], error_messages=messages)
    many = MediaFilesField.like(single, error_messages={"required": "Choose some."})
    with pytest.raises(forms.ValidationError, match="Pictures only"):
        many.clean([upload(PDF, "a.pdf")])
    with pytest.raises(forms.ValidationError, match="Choose some"):
        many.clean([])


def test_form_field_outside_a_model_form_refuses_files() -> None:
    assert PlainForm({}, {}).is_valid()
    assert PlainForm({}, {"image": upload(picture("PNG", (8, 8)))}).is_valid()
    assert PlainForm({}, {"image": upload()}).errors["image"] == [
        "The content of this file is JPEG. Choose PNG."
    ]
    large = picture("PNG", (8, 8)) + b"x" * 9000
    assert "at most 5 kB are allowed" in PlainForm({}, {"image": upload(large)}).errors["image"][0]


def test_cleaned_upload_can_be_read_from_its_beginning() -> None:
    form = PlainForm({}, {"image": upload(picture("PNG", (8, 8)))})
    assert form.is_valid()
    assert form.cleaned_data["image"].read() == picture("PNG", (8, 8))


def test_cleared_file_is_removed_and_omitted_file_is_kept() -> None:
    photo = Photo.objects.create(image=upload())
    key = photo.image.name
    form = PhotoForm({"title": "b"}, {}, instance=photo)
    assert form.is_valid()
    assert form.save().image.name == key
    form = PhotoForm({"image-clear": "on"}, {"image": upload()}, instance=photo)
    assert "not both" in form.errors["image"][0]
    form = PhotoForm({"image-clear": "on"}, {}, instance=Photo.objects.get())
    assert form.is_valid()
    form.save()
    cleared = Photo.objects.get()
    assert (cleared.image.name, cleared.image_meta) == ("", {})


def test_accept_attribute_lists_accepted_types_and_extensions() -> None:
    html = str(PlainForm()["image"])
    assert 'accept="image/png,.png"' in html
    every: Any = MediaFormField(accept=["*/*"])
    assert "accept=" not in every.widget.render("file", None)
    images = MediaFormField().widget.attrs["accept"].split(",")
    assert "image/*" not in images
    assert {"image/jpeg", ".jpg", ".avif"} <= set(images)


def test_accept_attribute_of_a_widget_is_kept() -> None:
    field = MediaFormField(widget=MediaInput(attrs={"accept": "image/heic"}))
    assert field.widget.attrs["accept"] == "image/heic"


def test_input_shows_current_picture_as_a_resize(media: CountingStorage) -> None:
    photo = Photo.objects.create(image=upload(picture(size=(800, 400)), name="<b>Boat.jpg"))
    media.calls.clear()
    html = str(PhotoForm(instance=Photo.objects.get())["image"])
    preview = photo.image.resize("240x160")
    assert f'src="{preview.url}" width="240" height="120"' in html
    assert "&lt;b&gt;Boat.jpg" in html
    assert "<b>" not in html
    assert 'name="image-clear"' in html
    assert not media.calls


@pytest.mark.slow
def test_input_shows_current_video_by_its_name() -> None:
    class ClipForm(forms.ModelForm):  # type: ignore[type-arg]
        class Meta:
            model = Clip
            fields = ["video"]

    form = ClipForm({}, {"video": upload(MP4, "Dive.mp4")})
    assert form.is_valid(), form.errors
    form.save()
    html = str(ClipForm(instance=Clip.objects.get())["video"])
    assert "Dive.mp4" in html
    assert "image-clear" not in html


def test_input_of_a_name_that_is_no_key_has_its_link() -> None:
    html = str(PhotoForm(instance=Photo(image="photos/old.jpg"))["image"])
    assert '<a href="/photos/old.jpg">old.jpg</a>' in html
    assert '<img class="shift-media-input-preview" src="/photos/old.jpg"' in html


def test_form_media_has_the_style_sheet_of_the_input() -> None:
    assert "shift_media/media-input.css" in str(PhotoForm().media)


@pytest.mark.acceptance(37)
@pytest.mark.parametrize(
    "name",
    [
        "../../x.jpg",
        "C:\\x.jpg",
        "a\0b.jpg",
        "a\nb.jpg",
        "<img src=x onerror=alert(1)>.jpg",
        "gpj.\u202eexe",
        "x" * 1000 + ".jpg",
        ".htaccess",
        "-version.mp4",
        "%03d.jpg",
        "$(x).mp4",
        "concat:x",
        "con.jpg",
        "400x300-fit-80-noupscale.jpg",
        "...",
        "/",
        "\u0301.jpg",
        "\ud800.jpg",
    ],
)
def test_hostile_file_name_changes_neither_key_nor_page(name: str, media: CountingStorage) -> None:
    photo = Photo()
    photo.image.save(name, upload())
    id, _, leaf = photo.image.name.partition(".jpg/")[0].rpartition("/")
    assert re.fullmatch(r"[0-9a-f/]{36}", id)
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", leaf)
    assert "upscale" not in leaf
    loaded = Photo.objects.get()
    assert loaded.image.name == photo.image.name
    kept = loaded.image.metadata.original_name
    assert len(kept) <= 255
    assert not set(kept) & set("/\\\0\n\u202e\ud800")
    html = str(PhotoForm(instance=loaded)["image"])
    assert "<img src=x" not in html
    page = Template("{{ photo.image.metadata.original_name }}").render(Context({"photo": loaded}))
    assert "<" not in page
    assert media.exists(loaded.image.name)
    assert loaded.image.resize("20x").ensure()


@pytest.mark.acceptance(37)
def test_upload_with_an_empty_name_is_stored() -> None:
    file = ContentFile(picture(), name="")
    assert Photo.objects.create(image=file).image.name.endswith("/file.jpg/file.jpg")
    photo = Photo()
    photo.image.save("", upload(), save=False)
    assert photo.image.name.endswith("/photo.jpg/photo.jpg")


# The admin.


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


def content(response: Any) -> str:
    assert response.status_code == 200
    return unescape(response.content.decode())


@pytest.mark.slow
def test_admin_stores_shows_replaces_and_clears_a_file(admin: Client) -> None:
    add = "/admin/testapp/photo/add/"
    assert 'type="file"' in content(admin.get(add))
    assert admin.post(add, {"title": "a", "image": upload()}).status_code == 302
    photo = Photo.objects.get()
    change = f"/admin/testapp/photo/{photo.pk}/change/"
    page = content(admin.get(change))
    assert photo.image.resize("240x160").url in page
    assert "shift_media/media-input.css" in page
    assert photo.image.resize("96x96", mode="fill").url in content(
        admin.get("/admin/testapp/photo/")
    )
    replaced = {"title": "a", "image": upload(picture("PNG"))}
    assert admin.post(change, replaced).status_code == 302
    loaded = Photo.objects.get()
    assert loaded.image.name != photo.image.name
    assert admin.post(change, {"title": "a", "image-clear": "on"}).status_code == 302
    assert Photo.objects.get().image.name == ""


def test_admin_shows_a_refusal_beside_the_field(admin: Client) -> None:
    page = content(admin.post("/admin/testapp/photo/add/", {"title": "a", "image": upload(PDF)}))
    assert "The content of this file is PDF." in page
    assert not Photo.objects.exists()


@pytest.mark.acceptance(22)
def test_admin_refuses_a_file_with_a_false_name_and_type(admin: Client) -> None:
    lie = SimpleUploadedFile("x.png", picture("GIF"), "text/html")
    assert (
        admin.post("/admin/testapp/metafirst/add/", {"code": "a", "image": lie}).status_code == 302
    )
    row = MetaFirst.objects.get()
    assert row.image.name.endswith("/x.gif/x.gif")
    assert row.image_meta["content_type"] == "image/gif"


def test_resize_column_of_a_file_without_resize_is_empty(admin: Client) -> None:
    Photo.objects.create(title="none")
    rows = content(admin.get("/admin/testapp/photo/")).partition('id="result_list"')[2]
    assert "<img" not in rows.partition("</table>")[0]


def test_resize_column_of_an_old_name_is_as_wide_as_the_resize(admin: Client) -> None:
    Photo.objects.create(title="old", image="photos/old.jpg")
    page = content(admin.get("/admin/testapp/photo/"))
    assert '<img src="/photos/old.jpg" width="96" height="96"' in page
    shown = resize_column("image", "80x60")(Photo(image="photos/old.jpg"))
    assert shown == '<img src="/photos/old.jpg" width="80" height="" alt="" loading="lazy">'


@pytest.mark.slow
def test_admin_shows_and_runs_pending_deletions_but_does_not_edit_them(
    admin: Client, use: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    use("tests.fields.failing.DownStorage")
    photo = Photo.objects.create(image=upload())
    key = photo.image.name
    photo.delete()
    pending = PendingDeletion.objects.get()
    url = "/admin/shift_media/pendingdeletion/"
    page = content(admin.get(url))
    assert "the bucket does not answer" in page
    assert "/pendingdeletion/add/" not in page
    detail = content(admin.get(f"{url}{pending.pk}/change/"))
    assert 'name="_save"' not in detail
    assert admin.get(f"{url}{pending.pk}/delete/").status_code == 403
    run = {"action": "run_now", "_selected_action": [pending.pk]}
    assert "1 deletion failed" in content(admin.post(url, run, follow=True))
    monkeypatch.setattr(DownStorage, "down", False)
    assert "1 deletion succeeded" in content(admin.post(url, run, follow=True))
    assert not photo.image.storage.exists(key)
    assert PendingDeletion.objects.get().stage == PendingDeletion.Stage.SECOND


def test_user_without_delete_permission_cannot_run_deletions(client: Client) -> None:
    user = User.objects.create_user("reader", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_pendingdeletion"))
    client.force_login(user)
    PendingDeletion.objects.create(
        storage="media", source="x", prefix="x/", not_before=timezone.now()
    )
    page = content(client.get("/admin/shift_media/pendingdeletion/"))
    assert "run_now" not in page
    assert site.is_registered(PendingDeletion)

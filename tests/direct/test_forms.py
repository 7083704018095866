"""Tickets in whatever handles a form: the admin, inlines, formsets, APIs, async views."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.test import AsyncRequestFactory, Client, RequestFactory, override_settings
from django.urls import include, path
from django.utils.datastructures import MultiValueDict

from shift_media.admin import MediaAdmin
from shift_media.direct import DirectUploadMiddleware
from shift_media.direct.middleware import current_request
from shift_media.fields import MediaField
from shift_media.widgets import DirectInput, FocalInput, MediaInput
from tests.direct import steps
from tests.fields.material import picture, upload
from tests.testapp.models import Album, Anything, Pair, Photo

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("media", "uploads"),
    pytest.mark.acceptance(78),
]

JPEG = picture()
MIDDLEWARE = "shift_media.direct.middleware.DirectUploadMiddleware"
REFUSED = "The file was uploaded, but this page cannot receive it."


class PointedDirectInput(DirectInput, FocalInput):
    """An input for direct uploads with a focal point."""


class PhotoAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django has no generics at run time
    fields = ("title", "image")
    formfield_overrides: ClassVar[Any] = {MediaField: {"widget": DirectInput}}


class PhotoInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Photo
    fields = ("image",)
    formfield_overrides: ClassVar[Any] = {MediaField: {"widget": PointedDirectInput}}


class AlbumAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    inlines = (PhotoInline,)


class PairAdmin(MediaAdmin, admin.ModelAdmin):  # type: ignore[type-arg]
    crop_ratios = ("1:1",)


class AnythingAdmin(MediaAdmin, admin.ModelAdmin):  # type: ignore[type-arg]
    pass


site = admin.AdminSite()
site.register(Photo, PhotoAdmin)
site.register(Pair, PairAdmin)
site.register(Anything, AnythingAdmin)
site.register(Album, AlbumAdmin)


class DirectForm(steps.PhotoForm):
    """The form of a page, with an input for direct uploads."""

    class Meta(steps.PhotoForm.Meta):
        widgets: ClassVar[Any] = {"image": DirectInput}


DirectFormSet = forms.modelformset_factory(Photo, DirectForm, extra=2)


def page(request: HttpRequest) -> HttpResponse:
    """Save a form that was given ``request.FILES``, or show it again."""
    return answer(DirectForm(request.POST, request.FILES))


def formset_page(request: HttpRequest) -> HttpResponse:
    """Save a formset, or show it again."""
    return answer(DirectFormSet(request.POST, request.FILES, queryset=Photo.objects.none()))


def answer(sent: Any) -> HttpResponse:
    if not sent.is_valid():
        return HttpResponse(sent.as_p())
    sent.save()
    return HttpResponseRedirect("/")


urlpatterns = [
    path("admin/", site.urls),
    path("page/", page),
    path("formset/", formset_page),
    path("", include("tests.urls")),
]


@contextlib.contextmanager
def site_with(middleware: str) -> Iterator[None]:
    installed = [*settings.MIDDLEWARE, *([middleware] if middleware else [])]
    with override_settings(MIDDLEWARE=installed, ROOT_URLCONF=__name__):
        yield


@pytest.fixture
def receiving() -> Iterator[None]:
    """Install the middleware."""
    with site_with(MIDDLEWARE):
        yield


@pytest.fixture
def refusing() -> Iterator[None]:
    """Run the site without the middleware."""
    with site_with(""):
        yield


@pytest.fixture
def client(db: None) -> Client:
    """Return a client of a user of the admin."""
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    return client


def staged(client: Client, content: bytes = JPEG) -> str:
    """Upload a picture, and return its ticket."""
    given = steps.ticket(client, content)
    assert steps.put(client, given, content).status_code == 204
    token: str = given["ticket"]
    return token


def inline(**photo: str) -> dict[str, str]:
    management = {"photo_set-TOTAL_FORMS": "1", "photo_set-INITIAL_FORMS": "0"}
    return {"title": "a", **management, **{f"photo_set-0-{k}": v for k, v in photo.items()}}


def in_inline(token: str) -> dict[str, str]:
    return inline(**{"image-upload": token, "image-across": "", "image-down": ""})


PAGES: dict[str, tuple[str, Callable[[str], dict[str, str]]]] = {
    "admin": ("/admin/testapp/photo/add/", lambda token: {"title": "a", "image-upload": token}),
    "inline": ("/admin/testapp/album/add/", in_inline),
    "view": ("/page/", lambda token: {"title": "a", "image-upload": token}),
}


@pytest.mark.usefixtures("receiving")
@pytest.mark.parametrize("name", PAGES)
def test_file_of_a_ticket_is_saved_by_each_form(client: Client, name: str) -> None:
    url, data = PAGES[name]
    response = client.post(url, data(staged(client)))
    assert response.status_code == 302, response.content
    photo = Photo.objects.get()
    assert photo.image_meta["original_name"] == "Ä lake.JPG"
    with photo.image.open() as file:
        assert file.read() == JPEG


@pytest.mark.usefixtures("refusing")
@pytest.mark.parametrize("name", PAGES)
def test_ticket_is_refused_with_an_error_without_the_middleware(
    client: Client, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    url, data = PAGES[name]
    response = client.post(url, data(staged(client)))
    assert response.status_code == 200
    assert REFUSED in response.content.decode()
    assert not Photo.objects.exists()
    assert "MIDDLEWARE" in caplog.text


@pytest.mark.usefixtures("receiving")
def test_ticket_replaces_the_file_of_a_row_in_the_admin(client: Client) -> None:
    photo = Photo.objects.create(title="old")
    url = f"/admin/testapp/photo/{photo.pk}/change/"
    assert client.post(url, {"image-upload": staged(client)}).status_code == 302
    photo.refresh_from_db()
    assert photo.image.width == 64
    assert client.post(url, {"title": "no ticket", "image-upload": ""}).status_code == 302
    photo.refresh_from_db()
    assert photo.image.width == 64
    both = {"image-upload": staged(client), "image-clear": "on"}
    response = client.post(url, both)
    assert "either submit a file or check the clear checkbox" in response.content.decode()


@pytest.mark.usefixtures("receiving")
def test_ticket_arrives_in_the_input_of_the_mixin_with_focal_point_and_crop(
    client: Client,
) -> None:
    label = "testapp.Pair.left"
    with override_settings(SHIFT_MEDIA={"UPLOADS": {label: "shift_media.direct.may_add"}}):
        url = "/admin/testapp/pair/add/"
        page = client.get(url).content.decode()
        assert 'data-upload-field="testapp.pair.left"' in page
        given = steps.ticket(client, JPEG, field=label)
        assert steps.put(client, given, JPEG).status_code == 204
        square = {"left-1x1-left": "0", "left-1x1-top": "0", "left-1x1-width": "50"}
        sent = {"left-upload": given["ticket"], "left-across": "30", "left-down": "70", **square}
        assert client.post(url, sent).status_code == 302
    image = Pair.objects.get().left
    assert (image.focal, image.crops) == ((30, 70), {"1x1": (0, 0, 32, 32)})


@pytest.mark.usefixtures("receiving")
def test_ticket_of_a_file_dropped_above_a_list_becomes_a_row(client: Client) -> None:
    label = "testapp.Anything.file"
    with override_settings(SHIFT_MEDIA={"UPLOADS": {label: "shift_media.direct.may_add"}}):
        page = client.get("/admin/testapp/anything/").content.decode()
        assert 'data-upload-url="/media/upload/"' in page
        assert "direct-transport.js" in page
        given = steps.ticket(client, JPEG, field=label)
        assert steps.put(client, given, JPEG).status_code == 204
        tokens = [given["ticket"], "wrong.ticket"]
        fetch = {"X-Requested-With": "fetch"}
        url = "/admin/testapp/anything/media-drop/"
        answer = client.post(url, {"file-upload": tokens}, headers=fetch).json()
    assert [len(answer["added"]), len(answer["errors"])] == [1, 1]
    assert Anything.objects.get().file.metadata.original_name == "Ä lake.JPG"


def test_ticket_that_is_sent_many_times_is_one_file() -> None:
    posted = QueryDict(mutable=True)
    posted.setlist("files-upload", ["first.ticket", "second.ticket", *["first.ticket"] * 900])
    found = MediaInput(multiple=True).value_from_datadict(posted, MultiValueDict(), "files")
    assert len(found) == 2


TOO_LONG = "a" * 999


def in_formset(token: str) -> dict[str, str]:
    management = {"form-TOTAL_FORMS": "2", "form-INITIAL_FORMS": "0"}
    return {**management, "form-0-image-upload": token, "form-1-title": "b"}


AGAIN: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "admin": ("/admin/testapp/photo/add/", "image", "title", {}),
    "inline": ("/admin/testapp/album/add/", "photo_set-0-image", "title", in_inline("")),
    "formset": ("/formset/", "form-0-image", "form-1-title", in_formset("")),
    "view": ("/page/", "image", "title", {}),
}


@pytest.mark.usefixtures("receiving")
@pytest.mark.parametrize("name", AGAIN)
def test_form_shown_again_after_an_error_keeps_the_ticket(client: Client, name: str) -> None:
    url, file, other, data = AGAIN[name]
    token = staged(client)
    refused = client.post(url, {**data, f"{file}-upload": token, other: TOO_LONG})
    page = refused.content.decode()
    assert not Photo.objects.exists()
    assert f'name="{file}-upload" value="{token}"' in page
    assert "\u00c4 lake.JPG" in page
    sent = client.post(url, {**data, f"{file}-upload": token, other: "b"})
    assert sent.status_code == 302, sent.content
    with Photo.objects.exclude(image="").get().image.open() as stored:
        assert stored.read() == JPEG


@pytest.mark.usefixtures("receiving")
@pytest.mark.parametrize("token", ["nonsense", "a.b", "bob's"])
def test_ticket_of_nobody_or_of_another_user_is_refused(
    client: Client, other: Client, token: str
) -> None:
    token = staged(other) if token == "bob's" else token
    response = client.post("/admin/testapp/photo/add/", {"image-upload": token})
    assert response.status_code == 200
    assert "This upload is not valid any more." in response.content.decode()
    assert not Photo.objects.exists()


@pytest.mark.usefixtures("receiving")
def test_sent_file_is_preferred_to_a_ticket(client: Client) -> None:
    sent = {"image": upload(picture(size=(9, 9))), "image-upload": staged(client)}
    assert client.post("/admin/testapp/photo/add/", sent).status_code == 302
    assert Photo.objects.get().image.width == 9


@pytest.mark.usefixtures("client")
def test_form_of_a_formset_that_has_only_a_ticket_is_not_left_out() -> None:
    """An empty extra form of a formset is not saved."""
    formset = forms.modelformset_factory(Photo, fields=["image"])
    management = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "0"}
    sent = formset({**management, "form-0-image-upload": "a.b"}, {}, queryset=Photo.objects.none())
    assert not sent.is_valid()
    assert sent.errors[0]["image"][0].startswith(REFUSED)
    empty = {**management, "form-0-image-upload": ""}
    assert formset(empty, {}, queryset=Photo.objects.none()).is_valid()


def test_request_is_known_to_an_async_view_and_forgotten_afterwards() -> None:
    seen: list[HttpRequest | None] = []

    async def view(request: HttpRequest) -> HttpResponse:
        await asyncio.sleep(0)
        seen.append(current_request())
        return HttpResponse()

    async def run() -> None:
        request = AsyncRequestFactory().get("/")
        await DirectUploadMiddleware(view)(request)  # type: ignore[misc]  # awaitable for async
        assert seen == [request]
        assert current_request() is None

    asyncio.run(run())


def test_request_is_forgotten_after_a_view_that_fails() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        assert current_request() is request
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 (raised three lines above)
        DirectUploadMiddleware(view)(RequestFactory().get("/"))
    assert current_request() is None

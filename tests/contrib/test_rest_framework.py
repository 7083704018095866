"""Media fields in Django REST framework: uploads are checked, files are URLs and facts."""

from __future__ import annotations

import importlib
import sys
from base64 import b64encode
from typing import Any, ClassVar

import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory, override_settings

from shift_media.core.errors import InvalidSpec
from shift_media.fields import MediaField
from shift_media.validators import MediaValidator, inspection
from tests.fields.conftest import media, use
from tests.fields.material import HTML, MP4, PDF, picture
from tests.parts import package
from tests.remote.conftest import RawServer, body
from tests.resizes.counting import CountingStorage
from tests.sandbox.pdf import pdf
from tests.testapp.models import Attachment, Photo, Portrait

package("rest_framework", "drf")

from rest_framework import renderers, serializers, viewsets  # noqa: E402 (after the look)

from shift_media.contrib.rest_framework import (  # noqa: E402
    MediaModelSerializer,
    MediaSerializerField,
)
from shift_media.contrib.rest_framework_viewsets import MediaViewSet, _serializer_of  # noqa: E402

__all__ = ["media", "use"]  # fixtures

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

PRESETS = {"avatar": {"size": "16x16", "mode": "fill", "format": "webp"}, "wide": {"size": "32x"}}


class PhotoSerializer(MediaModelSerializer):
    class Meta:
        model = Photo
        fields = ("id", "title", "image")


class Photos(viewsets.ModelViewSet[Photo]):
    queryset = Photo.objects.order_by("pk")
    serializer_class = PhotoSerializer
    renderer_classes = (renderers.JSONRenderer,)
    authentication_classes = ()


def file(content: bytes | None = None, name: str = "photo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, picture() if content is None else content, "text/plain")


def post(**data: Any) -> Any:
    return Photos.as_view({"post": "create"})(RequestFactory().post("/photos/", data))


def test_upload_is_stored_and_represented_by_urls_and_facts() -> None:
    with override_settings(SHIFT_MEDIA={"PRESETS": PRESETS}):
        response = post(title="a", image=file())
        assert response.status_code == 201, response.data
        photo = Photo.objects.get()
        avatar, wide = photo.image.resize("avatar"), photo.image.resize("wide")
    host = "http://testserver"
    assert response.data == {
        "id": photo.pk,
        "title": "a",
        "image": {
            "url": host + photo.image.url, "state": "stored",
            "content_type": "image/jpeg", "size": photo.image.size,
            "width": 64, "height": 48, "duration": None,
            "placeholder": photo.image.placeholder, "color": photo.image.metadata.color,
            "resizes": {
                "avatar": {"url": host + avatar.url, "width": 16, "height": 16},
                "wide": {"url": host + wide.url, "width": 32, "height": 24},
            },
        },
    }  # fmt: skip


def test_list_takes_one_query_and_no_storage_call(
    media: CountingStorage, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        post(image=file())
    media.calls.clear()
    with django_assert_num_queries(1), override_settings(SHIFT_MEDIA={"PRESETS": PRESETS}):
        response = Photos.as_view({"get": "list"})(RequestFactory().get("/photos/"))
    assert [len(row["image"]["resizes"]) for row in response.data] == [2, 2, 2]
    assert not media.calls


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        (PDF, "unsupported_type", "The content of this file is PDF. Choose JPEG"),
        (MP4, "unsupported_type", "The content of this file is MP4."),
        (picture()[:300], "undecodable", "The file is damaged or incomplete. Choose another one."),
        (b"", "empty", "The submitted file is empty."),
    ],
)
def test_refused_file_is_an_error_of_the_serializer_field(
    content: bytes, code: str, sentence: str, media: CountingStorage
) -> None:
    response = post(image=file(content))
    assert response.status_code == 400
    assert [error.code for error in response.data["image"]] == [code]
    assert response.data["image"][0].startswith(sentence)
    assert not Photo.objects.exists()
    assert "put" not in str(media.calls)


class PlainSerializer(serializers.ModelSerializer[Photo]):
    """The framework's own, which knows nothing of media fields."""

    class Meta:
        model = Photo
        fields = ("image",)


@pytest.mark.parametrize(
    ("content", "code"),
    [(HTML, "unsupported_type"), (b"\0" * 99, "unknown_type"), (picture()[:300], "undecodable")],
)
def test_plain_serializer_refuses_what_saving_would_refuse(content: bytes, code: str) -> None:
    serializer = PlainSerializer(data={"image": file(content)})
    assert not serializer.is_valid()
    assert [error.code for error in serializer.errors["image"]] == [code]


def test_plain_serializer_saves_an_accepted_file() -> None:
    serializer = PlainSerializer(data={"image": file()})
    assert serializer.is_valid(), serializer.errors
    assert serializer.save().image.width == 64
    assert serializer.data["image"].endswith("/photo.jpg/photo.jpg")
    again = PlainSerializer(Photo.objects.get(), data={}, partial=True)
    assert again.is_valid()
    assert again.save().image.width == 64


def test_plain_serializer_of_a_field_that_strips_refuses_what_cannot_be_stripped() -> None:
    class Portraits(serializers.ModelSerializer[Portrait]):
        class Meta:
            model = Portrait
            fields = ("image",)

    assert Portraits(data={"image": file()}).is_valid()
    assert not Portraits(data={"image": file(picture("AVIF") + b"\0\0\0\x08moov")}).is_valid()


@pytest.mark.parametrize("serializer", [PhotoSerializer, PlainSerializer])
def test_upload_is_inspected_once_by_a_serializer_and_its_save(
    serializer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspected: list[object] = []
    hashed = inspection._sha256
    monkeypatch.setattr(inspection, "_sha256", lambda f: inspected.append(f) or hashed(f))
    sent = serializer(data={"image": file()})
    assert sent.is_valid()
    sent.save()
    assert len(inspected) == 1


def test_validators_of_the_model_field_run_in_a_serializer() -> None:
    class Small(MediaModelSerializer):
        image = MediaSerializerField(validators=[MediaValidator(max_bytes=10)])

        class Meta:
            model = Photo
            fields = ("image",)

    small = Small(data={"image": file()})
    assert not small.is_valid()
    assert small.errors["image"][0].code == "too_large"


def test_long_file_name_is_accepted() -> None:
    assert post(image=file(name="x" * 240 + ".jpg")).status_code == 201


def test_sent_file_replaces_the_old_one_and_omitted_file_stays() -> None:
    post(title="a", image=file())
    photo = Photo.objects.get()
    key = photo.image.key
    patch = Photos.as_view({"patch": "partial_update"})
    for data, same in (({"title": "b"}, True), ({"image": file(picture("PNG"))}, False)):
        request = RequestFactory().generic("PATCH", "/photos/1/", *_multipart(data))
        assert patch(request, pk=photo.pk).status_code == 200
        assert (Photo.objects.get().image.key == key) is same
    assert Photo.objects.get().title == "b"


def _multipart(data: dict[str, Any]) -> tuple[bytes, str]:
    from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

    return encode_multipart(BOUNDARY, data), MULTIPART_CONTENT


def test_empty_field_is_represented_by_null() -> None:
    assert PhotoSerializer(Photo()).data["image"] is None


def test_presets_and_limits_of_the_serializer_field_apply() -> None:
    class Small(serializers.Serializer[Any]):
        image = MediaSerializerField(presets=["9x"], accept=["image/png"], max_bytes=2000)

    assert Small(data={"image": file(picture("PNG"))}).is_valid()
    refused = Small(data={"image": file()})
    assert not refused.is_valid()
    assert refused.errors["image"][0].code == "unsupported_type"
    large = Small(data={"image": file(picture("PNG", size=(900, 900), compress_level=0))})
    assert not large.is_valid()
    assert large.errors["image"][0].code == "too_large"
    photo = Photo()
    photo.image.save("a.jpg", file(), save=False)
    shown = Small(photo).data["image"]
    assert shown["resizes"]["9x"] == {
        "url": photo.image.resize("9x").url, "width": 9, "height": 7
    }  # fmt: skip


@pytest.mark.slow
def test_file_that_is_no_image_has_no_resizes() -> None:
    class Files(MediaModelSerializer):
        class Meta:
            model = Attachment
            fields = ("file",)

    files = Files(data={"file": file(b"a;b", "a.csv")})
    assert files.is_valid(), files.errors
    files.save()
    with override_settings(SHIFT_MEDIA={"PRESETS": PRESETS}):
        assert Files(Attachment.objects.get()).data["file"]["resizes"] == {}


@pytest.mark.slow
def test_document_with_pages_has_resizes() -> None:
    package("pypdfium2", "pdf")

    class Files(MediaModelSerializer):
        class Meta:
            model = Attachment
            fields = ("file",)

    paper = Files(data={"file": file(pdf(2), "a.pdf")})
    assert paper.is_valid(), paper.errors
    paper.save()
    with override_settings(SHIFT_MEDIA={"PRESETS": PRESETS}):
        shown = Files(Attachment.objects.get()).data["file"]["resizes"]
    assert set(shown) == set(PRESETS)


def test_file_that_cannot_be_stripped_is_an_error_of_the_serializer_field() -> None:
    class Portraits(MediaModelSerializer):
        class Meta:
            model = Portrait
            fields = ("image",)

    assert Portraits(data={"image": file()}).is_valid()
    portrait = Portraits(data={"image": file(picture("AVIF") + b"\0\0\0\x08moov")})
    assert not portrait.is_valid()
    assert portrait.errors["image"][0].code == "not_strippable"


def test_wrong_preset_is_raised_in_debug_and_logged_in_production(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Wrong(MediaModelSerializer):
        image = MediaSerializerField(presets=["huge", "9x"])

        class Meta:
            model = Photo
            fields = ("image",)

    photo = Photo()
    photo.image.save("a.jpg", file(), save=False)
    with override_settings(DEBUG=True), pytest.raises(InvalidSpec):
        assert Wrong(photo).data
    with override_settings(DEBUG=False):
        assert list(Wrong(photo).data["image"]["resizes"]) == ["9x"]
    assert "'huge' is not a size" in caplog.text


def test_import_without_the_framework_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "shift_media.contrib.rest_framework"
    monkeypatch.setitem(sys.modules, "rest_framework", None)
    monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"django-shift-media\[drf\]"):
        importlib.import_module(name)


def test_use_url_false_gives_the_key() -> None:
    class Keys(MediaModelSerializer):
        image = MediaSerializerField(use_url=False)

        class Meta:
            model = Photo
            fields = ("image",)

    post(image=file())
    photo = Photo.objects.get()
    assert Keys(photo).data["image"] == photo.image.key
    assert Keys(Photo()).data["image"] is None


def test_max_length_of_the_serializer_field_limits_the_name_of_the_client() -> None:
    class Short(MediaModelSerializer):
        class Meta:
            model = Photo
            fields = ("image",)
            extra_kwargs: ClassVar[Any] = {"image": {"max_length": 10}}

    long = Short(data={"image": file(name="holidays.jpg")})
    assert not long.is_valid()
    assert long.errors["image"][0].code == "max_length"
    assert Short(data={"image": file(name="lake.jpg")}).is_valid()


def test_empty_file_is_allowed_without_a_model_alone() -> None:
    class Free(serializers.Serializer[Any]):
        image = MediaSerializerField(allow_empty_file=True)

    class Bound(MediaModelSerializer):
        image = MediaSerializerField(allow_empty_file=True)

        class Meta:
            model = Photo
            fields = ("image",)

    assert Free(data={"image": file(b"")}).is_valid()
    assert not Free(data={"image": file(HTML)}).is_valid()
    bound = Bound(data={"image": file(b"")})
    assert not bound.is_valid()
    assert bound.errors["image"][0].code == "empty"


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the app register its field, as on a site that has the framework installed."""
    mapping = dict(serializers.ModelSerializer.serializer_field_mapping)
    monkeypatch.setattr(serializers.ModelSerializer, "serializer_field_mapping", mapping)
    monkeypatch.setattr(apps, "is_installed", lambda name: name == "rest_framework")
    apps.get_app_config("shift_media").ready()


@pytest.mark.usefixtures("registered")
def test_plain_serializer_of_a_site_with_the_framework_has_the_media_field() -> None:
    serializer = PlainSerializer(data={"image": file()})
    assert serializer.is_valid(), serializer.errors
    assert serializer.save().image.width == 64
    assert serializer.data["image"]["width"] == 64


@pytest.mark.usefixtures("registered")
def test_serializer_returns_the_url_alone_where_clients_expect_it() -> None:
    class Old(serializers.ModelSerializer[Photo]):
        class Meta:
            model = Photo
            fields = ("image",)
            extra_kwargs: ClassVar[Any] = {"image": {"url_only": True}}

    assert not Old(data={"image": file(HTML)}).is_valid()
    sent = Old(data={"image": file()}, context={"request": RequestFactory().get("/")})
    assert sent.is_valid()
    photo = sent.save()
    assert sent.data["image"] == f"http://testserver{photo.image.url}"
    assert Old(Photo()).data["image"] is None


def test_site_without_the_framework_registers_nothing() -> None:
    assert MediaField not in serializers.ModelSerializer.serializer_field_mapping


class Anything(serializers.Serializer[Any]):
    image = MediaSerializerField(data_uris=True, remote=True, max_bytes=20_000)
    images = serializers.ListField(child=MediaSerializerField(data_uris=True), required=False)


def data_uri(content: bytes, head: str = "data:image/jpeg;base64") -> str:
    return f"{head},{b64encode(content).decode()}"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        ("data:image/jpeg;base64", "file"),
        ("DATA:;BASE64", "file"),
        ("data:text/html;charset=utf-8;base64", "file"),
        ("data:image/jpeg;name=M%C3%BCritz.jpg;base64", "Müritz.jpg"),
    ],
)
def test_data_uri_is_a_file(head: str, name: str) -> None:
    sent = Anything(data={"image": data_uri(picture(), head)})
    assert sent.is_valid(), sent.errors
    assert sent.validated_data["image"].name == name
    assert sent.validated_data["image"].read() == picture()


def test_data_uris_in_a_list_are_files() -> None:
    sent = Anything(data={"image": data_uri(picture()), "images": [data_uri(picture("PNG"))] * 2})
    assert sent.is_valid(), sent.errors
    assert len(sent.validated_data["images"]) == 2


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (data_uri(HTML), "unsupported_type"),
        (data_uri(b"x" * 20_001), "too_large"),
        (data_uri(b""), "empty"),
        ("data:image/png;base64,%%%", "invalid_data_uri"),
        ("data:image/png;base64,ä", "invalid_data_uri"),
        ("data:image/png,abc", "invalid_data_uri"),
        ("data:" + ";a=b" * 9000 + ";base64,", "invalid_data_uri"),
        ("https://example.org/a.jpg", "invalid_data_uri"),
        ({"ticket": 7}, "invalid"),
        ({"url": "https://example.org/a.jpg"}, "invalid"),
        ({"from_url": "http://127.0.0.1/a.jpg"}, "remote_refused"),
        ([], "invalid"),
        (7, "invalid"),
    ],
)
def test_value_that_is_no_file_is_an_error_of_the_field(value: Any, code: str) -> None:
    sent = Anything(data={"image": value})
    assert not sent.is_valid()
    assert [error.code for error in sent.errors["image"]] == [code]


@pytest.mark.parametrize("value", [data_uri(picture()), {"from_url": "http://127.0.0.1/a.jpg"}])
def test_data_uri_and_url_are_refused_unless_the_field_accepts_them(value: Any) -> None:
    sent = PhotoSerializer(data={"image": value})
    assert not sent.is_valid()
    assert [error.code for error in sent.errors["image"]] == ["invalid"]


def test_remote_file_is_fetched_for_a_field_that_accepts_urls() -> None:
    server = RawServer()
    server.answers["/lake.jpg"] = body(picture())
    allowed = {"REMOTE_PORTS": [server.port], "REMOTE_NETWORKS": ["127.0.0.0/8"]}
    with override_settings(SHIFT_MEDIA=allowed):
        sent = Anything(data={"image": {"from_url": server.url("/lake.jpg", "127.0.0.1")}})
        assert sent.is_valid(), sent.errors
    assert sent.validated_data["image"].name == "lake.jpg"
    server.close()


class PhotoMedia(MediaViewSet):
    queryset = Photo.objects.order_by("pk")
    renderer_classes = (renderers.JSONRenderer,)


def get_media(action: str = "list", query: str = "", **arguments: Any) -> Any:
    view = PhotoMedia.as_view({"get": action})
    with override_settings(SHIFT_MEDIA={"PRESETS": PRESETS}):
        return view(RequestFactory().get(f"/media/{query}"), **arguments)


def test_view_set_lists_facts_and_urls_with_one_query(
    media: CountingStorage, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        post(image=file())
    media.calls.clear()
    with django_assert_num_queries(1):
        response = get_media()
    assert not media.calls
    assert [list(row) for row in response.data] == [["id", "image"]] * 3
    assert list(response.data[0]["image"]["resizes"]) == ["avatar", "wide"]
    row = Photo.objects.latest("pk")
    assert get_media("retrieve", pk=row.pk).data["image"]["width"] == 64


def test_view_set_shows_the_presets_that_the_request_chooses() -> None:
    post(image=file())
    assert list(get_media(query="?presets=wide").data[0]["image"]["resizes"]) == ["wide"]
    assert get_media(query="?presets=").data[0]["image"]["resizes"] == {}
    for unknown in ("900x900", "wide,x"):
        refused = get_media(query=f"?presets={unknown}")
        assert refused.status_code == 400
        assert "The known ones: avatar, wide." in str(refused.data["presets"])


def test_presets_in_another_order_or_twice_need_no_other_serializer() -> None:
    post(image=file())
    _serializer_of.cache_clear()
    for asked in ("avatar,wide", "wide,avatar", "wide,wide,avatar", "avatar,wide,wide"):
        row = get_media(query=f"?presets={asked}").data[0]
        assert list(row["image"]["resizes"]) == ["avatar", "wide"]
    assert _serializer_of.cache_info().currsize == 1
    assert _serializer_of.cache_info().maxsize is not None


def test_view_set_only_reads_the_fields_that_it_names() -> None:
    class Named(PhotoMedia):
        media_fields = ("image",)
        presets = ("9x",)

    post(image=file())
    (row,) = Named.as_view({"get": "list"})(RequestFactory().get("/")).data
    assert list(row["image"]["resizes"]) == ["9x"]
    assert Named.as_view({"get": "list"})(RequestFactory().post("/")).status_code == 405

"""The schema that drf-spectacular makes of a media field."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings
from django.urls import path

from shift_media.markup.representation import FACTS
from tests.parts import package
from tests.testapp.models import Photo

package("rest_framework", "drf")
package("drf_spectacular", "dev")

from drf_spectacular.generators import SchemaGenerator  # noqa: E402 (after the look)
from drf_spectacular.openapi import AutoSchema  # noqa: E402
from drf_spectacular.settings import spectacular_settings  # noqa: E402
from drf_spectacular.validation import validate_schema  # noqa: E402
from rest_framework import generics, serializers, viewsets  # noqa: E402

from shift_media.contrib.rest_framework import (  # noqa: E402
    MediaModelSerializer,
    MediaSerializerField,
)
from shift_media.contrib.rest_framework_viewsets import MediaViewSet  # noqa: E402


class PhotoSerializer(MediaModelSerializer):
    key = MediaSerializerField(source="image", use_url=False, read_only=True)
    url = MediaSerializerField(source="image", url_only=True, read_only=True)
    images = serializers.ListField(child=MediaSerializerField(), read_only=True)

    class Meta:
        model = Photo
        fields = ("title", "image", "key", "url", "images")


class Photos(viewsets.ModelViewSet[Photo]):
    queryset = Photo.objects.all()
    serializer_class = PhotoSerializer
    schema = AutoSchema()


class Received(serializers.Serializer[Any]):
    image = MediaSerializerField(data_uris=True, remote=True)


class Receive(generics.CreateAPIView[Any]):
    serializer_class = Received
    schema = AutoSchema()


class PhotoMedia(MediaViewSet):
    queryset = Photo.objects.all()
    schema = AutoSchema()


urlpatterns = [
    path("photos/", Photos.as_view({"get": "list", "post": "create"})),
    path("receive/", Receive.as_view()),
    path("media/", PhotoMedia.as_view({"get": "list"})),
]


def schema_of(**patches: Any) -> Any:
    """Return the schema of the site above, which is valid, with settings of drf-spectacular."""
    spectacular_settings.apply_patches(patches)
    try:
        with override_settings(ROOT_URLCONF=__name__):
            schema = SchemaGenerator().get_schema(public=True)
    finally:
        spectacular_settings.clear_patches()
    validate_schema(schema)
    return schema


@pytest.fixture(scope="module")
def components() -> Any:
    """Return the components of a site whose requests and responses differ."""
    return schema_of(COMPONENT_SPLIT_REQUEST=True)["components"]["schemas"]


def test_response_is_the_object_that_comes(components: Any) -> None:
    image = components["Photo"]["properties"]["image"]
    assert list(image["properties"]) == ["url", "state", *FACTS, "resizes"]
    assert image["properties"]["state"]["enum"] == ["stored", "pending", "failed", "analysing"]
    assert image["properties"]["width"] == {"type": "integer", "nullable": True}
    assert image["properties"]["duration"]["type"] == "number"
    assert image["nullable"] is True  # The model's field may be empty.
    resize = image["properties"]["resizes"]["additionalProperties"]
    assert list(resize["properties"]) == ["url", "width", "height"]
    images = components["Photo"]["properties"]["images"]
    assert images["items"]["properties"]["url"]["format"] == "uri"


def test_request_has_a_file(components: Any) -> None:
    assert components["PhotoRequest"]["properties"]["image"]["format"] == "binary"


def test_request_of_a_field_with_direct_uploads_has_a_ticket() -> None:
    uploads = {"UPLOADS": {"testapp.Photo.image": "shift_media.direct.may_add"}}
    with override_settings(SHIFT_MEDIA=uploads):
        schemas = schema_of(COMPONENT_SPLIT_REQUEST=True)["components"]["schemas"]
    file, ticket = schemas["PhotoRequest"]["properties"]["image"]["oneOf"]
    assert file["format"] == "binary"
    assert ticket["required"] == ["ticket"]


def test_request_has_the_other_values_that_the_field_accepts(components: Any) -> None:
    _, data, remote = components["ReceivedRequest"]["properties"]["image"]["oneOf"]
    assert data["pattern"] == "^data:"
    assert remote["required"] == ["from_url"]


def test_schema_that_does_not_split_requests_is_that_of_responses() -> None:
    photo = schema_of()["components"]["schemas"]["Photo"]
    assert "resizes" in photo["properties"]["image"]["properties"]


def test_view_set_of_media_has_the_object_for_each_field(components: Any) -> None:
    assert list(components["PhotoMedia"]["properties"]) == ["id", "image"]


def test_response_without_urls_is_a_key(components: Any) -> None:
    assert components["Photo"]["properties"]["key"]["type"] == "string"
    assert "properties" not in components["Photo"]["properties"]["key"]
    assert components["Photo"]["properties"]["url"]["format"] == "uri"

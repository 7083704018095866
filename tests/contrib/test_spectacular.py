"""The schema that drf-spectacular makes of a media field."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings
from django.urls import path

from tests.parts import package
from tests.testapp.models import Photo

package("rest_framework", "drf")
package("drf_spectacular", "dev")

from drf_spectacular.generators import SchemaGenerator  # noqa: E402 (after the look)
from drf_spectacular.openapi import AutoSchema  # noqa: E402
from rest_framework import serializers, viewsets  # noqa: E402

from shift_media.contrib.rest_framework import (  # noqa: E402
    FACTS,
    MediaModelSerializer,
    MediaSerializerField,
)


class PhotoSerializer(MediaModelSerializer):
    key = MediaSerializerField(source="image", use_url=False, read_only=True)
    images = serializers.ListField(child=MediaSerializerField(), read_only=True)

    class Meta:
        model = Photo
        fields = ("title", "image", "key", "images")


class Photos(viewsets.ModelViewSet[Photo]):
    queryset = Photo.objects.all()
    serializer_class = PhotoSerializer
    schema = AutoSchema()


urlpatterns = [path("photos/", Photos.as_view({"get": "list", "post": "create"}))]


@pytest.fixture
def components() -> Any:
    """Return the schemas of a site whose requests and responses differ."""
    from drf_spectacular.settings import spectacular_settings

    spectacular_settings.apply_patches({"COMPONENT_SPLIT_REQUEST": True})
    with override_settings(ROOT_URLCONF=__name__):
        yield SchemaGenerator().get_schema(public=True)["components"]["schemas"]
    spectacular_settings.clear_patches()


def test_response_is_the_object_that_comes(components: Any) -> None:
    image = components["Photo"]["properties"]["image"]
    assert list(image["properties"]) == ["url", *FACTS, "resizes"]
    assert image["properties"]["width"] == {"type": "integer", "nullable": True}
    assert image["properties"]["duration"]["type"] == "number"
    assert image["nullable"] is True  # The model's field may be empty.
    resize = image["properties"]["resizes"]["additionalProperties"]
    assert list(resize["properties"]) == ["url", "width", "height"]
    images = components["Photo"]["properties"]["images"]
    assert images["items"]["properties"]["url"]["format"] == "uri"


def test_request_has_a_file(components: Any) -> None:
    assert components["PhotoRequest"]["properties"]["image"]["format"] == "binary"


def test_response_without_urls_is_a_key(components: Any) -> None:
    assert components["Photo"]["properties"]["key"]["type"] == "string"
    assert "properties" not in components["Photo"]["properties"]["key"]

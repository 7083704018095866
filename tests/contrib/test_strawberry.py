"""Media fields in GraphQL."""

from __future__ import annotations

import importlib
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import RequestFactory, override_settings

from tests.fields.conftest import media, use
from tests.fields.material import upload
from tests.parts import package
from tests.resizes.counting import CountingStorage
from tests.testapp.models import Photo

package("strawberry_django", "strawberry")

import strawberry  # noqa: E402 (after the look)
import strawberry_django  # noqa: E402
from strawberry_django.optimizer import DjangoOptimizerExtension  # noqa: E402

from shift_media.contrib.strawberry import Media, media_field  # noqa: E402

__all__ = ["media", "use"]  # fixtures

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

PRESETS = {"avatar": {"size": "16x16", "mode": "fill"}}


@strawberry_django.type(Photo)
class PhotoType:
    id: strawberry.auto
    image: Media | None = media_field("image", metadata="image_meta")


@strawberry.type
class Query:
    photos: list[PhotoType] = strawberry_django.field()


schema = strawberry.Schema(query=Query, extensions=[DjangoOptimizerExtension])


def ask(query: str) -> Any:
    context = SimpleNamespace(request=RequestFactory().get("/"))
    with override_settings(SHIFT_MEDIA={"PRESETS": PRESETS}):
        return schema.execute_sync(query, context_value=context)


def test_rows_have_urls_facts_and_presets_by_one_query(
    media: CountingStorage, django_assert_num_queries: Any
) -> None:
    for _ in range(3):
        Photo.objects.create(image=upload())
    Photo.objects.create()
    media.calls.clear()
    with django_assert_num_queries(1):
        answer = ask(
            '{ photos { image { url width contentType small: resize(preset: "avatar")'
            " { url width } } } }"
        )
    assert answer.errors is None
    assert not media.calls
    *shown, empty = answer.data["photos"]
    photo = Photo.objects.earliest("pk")
    with override_settings(SHIFT_MEDIA={"PRESETS": PRESETS}):
        small = {"url": f"http://testserver{photo.image.resize('avatar').url}", "width": 16}
    assert shown[0]["image"] == {
        "url": f"http://testserver{photo.image.url}", "width": 64, "contentType": "image/jpeg",
        "small": small,
    }  # fmt: skip
    assert len(shown) == 3
    assert empty["image"] is None


def test_client_cannot_have_other_sizes_signed() -> None:
    Photo.objects.create(image=upload())
    answer = ask('{ photos { image { resize(preset: "4000x4000") { url } } } }')
    assert answer.errors
    assert "The known ones: avatar." in str(answer.errors[0])


def test_import_without_the_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "shift_media.contrib.strawberry"
    monkeypatch.setitem(sys.modules, "strawberry_django", None)
    monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match=r"django-shift-media\[strawberry\]"):
        importlib.import_module(name)

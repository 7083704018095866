"""Direct uploads into a collection, beside files of the form, each with its description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.utils.datastructures import MultiValueDict

from shift_media.collections.forms import collection_formset
from shift_media.direct import DirectUploadMiddleware
from shift_media.widgets import PLACE
from tests.direct import steps
from tests.fields.material import picture, upload
from tests.testapp.models import Tour, View

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("media"),
    pytest.mark.acceptance(78),
]

FIELD = "testapp.View.file"
JPEG = picture()
Views = collection_formset(Tour, View)


@pytest.fixture
def client() -> Iterator[Client]:
    """Return a client of a user who may upload views."""
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    with override_settings(SHIFT_MEDIA={"UPLOADS": {FIELD: "shift_media.direct.may_add"}}):
        yield client


def staged(client: Client, name: str) -> str:
    """Upload a picture and return its ticket."""
    given = steps.ticket(client, JPEG, field=FIELD, name=name)
    assert steps.put(client, given, JPEG).status_code == 204
    token: str = given["ticket"]
    return token


def post(client: Client, tour: Tour, tokens: list[str], alts: list[str], *sent: Any) -> str:
    """Save a formset as a page does; return it as it is shown if it has errors."""
    counts: dict[str, list[Any]] = {"views-TOTAL_FORMS": ["0"], "views-INITIAL_FORMS": ["0"]}
    data = MultiValueDict({**counts, "views-new-upload": tokens, "views-new-alt": alts})

    def view(request: HttpRequest) -> HttpResponse:
        formset = Views(data, MultiValueDict({"views-new": list(sent)}), instance=tour)
        if formset.is_valid():
            formset.save()
            return HttpResponse()
        return HttpResponse(str(formset))

    response: Any = DirectUploadMiddleware(view)(steps.request_of(client, ""))
    page: str = response.content.decode()
    return page


def test_uploads_and_files_of_the_form_keep_their_order_and_descriptions(client: Client) -> None:
    tour = Tour.objects.create(title="Alps")
    tokens = [staged(client, "a.jpg"), PLACE, staged(client, "c.jpg")]
    assert post(client, tour, tokens, ["A", "B", "C"], upload(name="b.jpg")) == ""
    saved = [(item.file.metadata.original_name, item.alt) for item in View.of(tour).all()]
    assert saved == [("a.jpg", "A"), ("b.jpg", "B"), ("c.jpg", "C")]


def test_form_shown_again_keeps_uploads_with_their_descriptions(client: Client) -> None:
    tour = Tour.objects.create(title="Alps")
    token = staged(client, "a.jpg")
    shown = post(client, tour, [PLACE, token], ["", "A lake"], upload(name="b.jpg"))
    assert "Describe the picture" in shown
    assert f'name="views-new-upload" value="{token}"' in shown
    assert 'name="views-new-alt" value="A lake"' in shown
    assert not View.objects.exists()


def test_input_uploads_directly_only_if_the_settings_name_its_field(client: Client) -> None:
    tour = Tour.objects.create(title="Alps")
    assert 'data-upload-field="testapp.view.file"' in str(Views(instance=tour))
    with override_settings(SHIFT_MEDIA={}):
        assert "data-upload-field" not in str(Views(instance=tour))

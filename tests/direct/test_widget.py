"""The input for direct uploads, as it is rendered."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.utils.datastructures import MultiValueDict

from shift_media.direct import DirectUploadMiddleware, files
from shift_media.forms import MediaFilesField, MediaFormField
from shift_media.widgets import PLACE, DirectInput, FocalInput, MediaInput
from tests.direct import steps
from tests.fields.material import picture, upload
from tests.testapp.models import Attachment, Photo

pytestmark = pytest.mark.usefixtures("media", "uploads")

CONTENT = picture()


class PointedDirectInput(DirectInput, FocalInput):
    """An input for direct uploads with a focal point."""


def form_of(request: HttpRequest | None = None, *, widget: Any = DirectInput) -> Any:
    """Return a form class in which the photo is required."""
    fields = ("title", "image")
    kind = forms.modelform_factory(Photo, fields=fields, widgets={"image": widget})
    form = kind() if request is None else kind(request.POST, files(request))
    form.fields["image"].required = form.fields["image"].widget.is_required = True
    return form


def file_input(shown: str) -> str:
    """Return the tag of the input for files."""
    return shown.partition('<input type="file"')[2].partition(">")[0]


@pytest.mark.parametrize("widget", [DirectInput, PointedDirectInput, DirectInput(url="/other/")])
def test_input_has_the_upload_url_and_the_field(client: Client, widget: Any) -> None:
    shown = str(form_of(widget=widget)["image"])
    url = getattr(widget, "url", None) or steps.URL
    assert f'data-upload-url="{url}"' in shown
    assert 'data-upload-field="testapp.photo.image"' in shown
    assert 'name="image-upload"' not in shown
    assert "required" in file_input(shown)
    scripts = str(form_of(widget=widget).media)
    assert "shift_media/picker.js" in scripts
    assert "shift_media/direct-transport.js" in scripts


@pytest.mark.parametrize("widget", [DirectInput, PointedDirectInput])
def test_input_of_a_refused_form_keeps_the_ticket(client: Client, widget: Any) -> None:
    given = steps.ticket(client, CONTENT)
    assert steps.put(client, given, CONTENT).status_code == 204
    request = steps.request_of(client, given["ticket"])
    request.POST = request.POST.copy()  # type: ignore[assignment]
    request.POST.update({"title": "a" * 999, "image-across": "", "image-down": ""})
    form = form_of(request, widget=widget)
    assert not form.is_valid()
    shown = str(form["image"])
    assert f'name="image-upload" value="{given["ticket"]}"' in shown
    assert "Ä lake.JPG" in shown
    assert "required" not in file_input(shown)
    assert 'data-required="True"' in shown


def test_ticket_of_a_refused_file_is_not_shown_again(client: Client) -> None:
    given = steps.ticket(client, CONTENT[:300])
    assert steps.put(client, given, CONTENT[:300]).status_code == 204
    form = form_of(steps.request_of(client, given["ticket"]))
    assert [error.code for error in form.errors.as_data()["image"]] == ["undecodable"]
    shown = str(form["image"])
    assert 'name="image-upload"' not in shown
    assert "required" in file_input(shown)


def test_invalid_ticket_is_not_shown_again(client: Client) -> None:
    form = form_of(steps.request_of(client, "nonsense.<b>"))
    assert not form.is_valid()
    assert 'name="image-upload"' not in str(form["image"])


def test_field_without_direct_uploads_has_an_ordinary_input() -> None:
    kind = forms.modelform_factory(Attachment, fields="__all__", widgets={"file": DirectInput})
    shown = str(kind()["file"])
    assert 'type="file"' in shown
    assert "upload-url" not in shown
    assert "upload-url" not in str(MediaFormField(widget=DirectInput).widget.render("a", None))


def several(client: Client, tokens: list[str], sent: list[Any]) -> tuple[Any, str]:
    """Return a bound form, to which tickets and files were sent, and its input as it is shown."""

    class Form(forms.Form):
        pictures = MediaFilesField(widget=DirectInput, upload_field="testapp.photo.image")

    form = Form(MultiValueDict({"pictures-upload": tokens}), MultiValueDict({"pictures": sent}))

    def view(request: HttpRequest) -> HttpResponse:
        form.full_clean()
        return HttpResponse(str(form["pictures"]))

    response: Any = DirectUploadMiddleware(view)(steps.request_of(client, ""))
    return form, response.content.decode()


def test_files_and_tickets_stay_in_the_order_of_the_list(client: Client) -> None:
    given = [steps.ticket(client, CONTENT, name=f"{n}.jpg") for n in "ab"]
    for each in given:
        assert steps.put(client, each, CONTENT).status_code == 204
    first, second = (each["ticket"] for each in given)
    sent = [upload(name="x.jpg"), upload(name="y.jpg")]
    form, _shown = several(client, [PLACE, second, PLACE, first], sent)
    assert [file.name for file in form.cleaned_data["pictures"]] == [
        "x.jpg",
        "b.jpg",
        "y.jpg",
        "a.jpg",
    ]
    form, _shown = several(client, [first], sent)  # A client without the script names no places.
    assert [file.name for file in form.cleaned_data["pictures"]] == ["x.jpg", "y.jpg", "a.jpg"]


def test_more_places_than_files_are_ignored(client: Client) -> None:
    form, _shown = several(client, [PLACE, PLACE, ""], [upload(name="x.jpg")])
    assert [file.name for file in form.cleaned_data["pictures"]] == ["x.jpg"]


def test_accepted_tickets_of_several_are_shown_again_without_the_refused_one(
    client: Client,
) -> None:
    given = [steps.ticket(client, content, name="a.jpg") for content in (CONTENT, CONTENT[:300])]
    for each, content in zip(given, (CONTENT, CONTENT[:300]), strict=True):
        assert steps.put(client, each, content).status_code == 204
    form, shown = several(client, [each["ticket"] for each in given], [])
    assert "a.jpg: The file is damaged" in form.errors["pictures"][0]
    assert given[0]["ticket"] in shown
    assert given[1]["ticket"] not in shown


def test_field_for_several_files_makes_its_input_take_several() -> None:
    for widget in (MediaInput, DirectInput(), None):
        shown = str(MediaFilesField(widget=widget).widget.render("files", None))
        assert " multiple" in file_input(shown)


def test_form_of_a_set_without_files_counts_as_unchanged() -> None:
    class Form(forms.Form):
        pictures = MediaFilesField()

    data = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "0"}
    formset = forms.formset_factory(Form)(data, MultiValueDict())
    assert formset.is_valid(), formset.errors
    assert not formset.forms[0].has_changed()

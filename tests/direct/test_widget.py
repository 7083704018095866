"""The input for direct uploads, as it is rendered."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.http import HttpRequest
from django.test import Client

from shift_media.direct import files
from shift_media.forms import MediaFormField
from shift_media.widgets import DirectInput, FocalInput
from tests.direct import steps
from tests.fields.material import picture
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


@pytest.mark.parametrize("widget", [DirectInput, PointedDirectInput, DirectInput(url="/other/")])
def test_input_has_the_upload_url_and_the_field(client: Client, widget: Any) -> None:
    shown = str(form_of(widget=widget)["image"])
    url = getattr(widget, "url", None) or steps.URL
    assert f'data-upload-url="{url}"' in shown
    assert 'data-upload-field="testapp.photo.image"' in shown
    assert '<input type="hidden" name="image-upload" value="">' in shown
    assert "required" in shown
    assert "shift_media/direct-upload.js" in str(form_of(widget=widget).media)


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
    assert "required" not in shown


def test_ticket_of_a_refused_file_is_not_shown_again(client: Client) -> None:
    given = steps.ticket(client, CONTENT[:300])
    assert steps.put(client, given, CONTENT[:300]).status_code == 204
    form = form_of(steps.request_of(client, given["ticket"]))
    assert [error.code for error in form.errors.as_data()["image"]] == ["undecodable"]
    shown = str(form["image"])
    assert 'name="image-upload" value=""' in shown
    assert "required" in shown


def test_input_has_the_limit_of_the_field(client: Client) -> None:
    shown = str(form_of()["image"])
    assert 'data-upload-limit="25000000"' in shown
    assert "The file is too large; at most 25 MB are allowed." in shown
    free: Any = MediaFormField(widget=DirectInput, upload_field="testapp.photo.image")
    assert "limit" not in free.widget.render("image", None)


def test_invalid_ticket_is_not_shown_again(client: Client) -> None:
    form = form_of(steps.request_of(client, "nonsense.<b>"))
    assert not form.is_valid()
    assert 'name="image-upload" value=""' in str(form["image"])


def test_field_without_direct_uploads_has_an_ordinary_input() -> None:
    kind = forms.modelform_factory(Attachment, fields="__all__", widgets={"file": DirectInput})
    shown = str(kind()["file"])
    assert 'type="file"' in shown
    assert "upload" not in shown
    assert "upload-url" not in str(MediaFormField(widget=DirectInput).widget.render("a", None))

